"""Encrypts and decrypts files with data keys of Key Protect.

examples/README.md has the arguments, the environment variables and the format of the files.
"""

import os
import sys

import grpc
from envelope_file import (
    MAGIC,
    EnvelopeError,
    Header,
    decrypt_file,
    encrypt_file,
    read_header,
    replace_header,
)
from gateway import Gateway, UsageError, describe
from keyprotect.v1 import key_actions_service_pb2 as actions_pb

USAGE = """usage: main.py encrypt <key-id> <in> <out>
       main.py decrypt <in> <out>"""

# Bound to the wrapped data key: to unwrap it, Key Protect demands the same strings.
CONTEXT = os.environ.get("ENVELOPE_CONTEXT")
ADDITIONAL_DATA = [MAGIC, CONTEXT] if CONTEXT else [MAGIC]


def wipe(data_key: bytearray) -> None:
    data_key[:] = bytes(len(data_key))


def encrypt(gateway: Gateway, key_id: str, source: str, target: str) -> None:
    generated = gateway.generate_data_key(
        actions_pb.GenerateDataKeyRequest(
            key_id=key_id, additional_authenticated_data=ADDITIONAL_DATA
        )
    )
    data_key = bytearray(generated.plaintext)
    generated.ClearField("plaintext")
    try:
        encrypt_file(source, target, Header(key_id, generated.ciphertext), data_key)
    finally:
        wipe(data_key)
    print(f"encrypted {source} into {target}")


def decrypt(gateway: Gateway, source: str, target: str) -> None:
    header = read_header(source)
    unwrapped = gateway.unwrap_key(
        actions_pb.UnwrapKeyRequest(
            key_id=header.key_id,
            ciphertext=header.wrapped_data_key,
            additional_authenticated_data=ADDITIONAL_DATA,
        )
    )
    data_key = bytearray(unwrapped.plaintext)
    unwrapped.ClearField("plaintext")
    try:
        decrypt_file(source, target, data_key)
    finally:
        wipe(data_key)
    print(f"decrypted {source} into {target}")
    # The root key was rotated: the file gets the data key as the newest version wrapped it.
    if not unwrapped.rewrapped_ciphertext:
        return
    try:
        replace_header(source, Header(header.key_id, unwrapped.rewrapped_ciphertext))
        print(f"rewrapped the data key of {source}")
    except OSError as error:
        print(f"cannot rewrap the data key of {source}: {error}", file=sys.stderr)


def run(arguments: list[str]) -> None:
    match arguments:
        case ["encrypt", _, _, _] | ["decrypt", _, _]:
            gateway = Gateway()
        case _:
            raise UsageError(USAGE)
    try:
        command, *others = arguments
        (encrypt if command == "encrypt" else decrypt)(gateway, *others)
    finally:
        gateway.close()
        print(f"correlation ID: {gateway.correlation_id}", file=sys.stderr)


if __name__ == "__main__":
    try:
        run(sys.argv[1:])
    except grpc.RpcError as error:
        sys.exit(describe(error))
    except (EnvelopeError, OSError) as error:
        sys.exit(str(error))
    except UsageError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
