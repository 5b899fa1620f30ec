"""A Python client: creates a root key, wraps and unwraps a data key, and shows the details of an error.

Usage: python client.py [address]   (default 127.0.0.1:50051, where `npm run dev` listens)
"""

import os
import sys
import uuid

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from keyprotect.v1 import (
    key_actions_service_pb2 as actions_pb,
    key_actions_service_pb2_grpc as actions_rpc,
    key_pb2,
    keys_service_pb2 as keys_pb,
    keys_service_pb2_grpc as keys_rpc,
)

# Longer than the deadline that the gateway needs, so that its typed error arrives before the
# time-out of the client.
TIMEOUT_S = 10


def show_error(error: grpc.RpcError) -> None:
    """Prints the details that the gateway adds to status and text."""
    print(f"{error.code().name}: {error.details()}")
    status = rpc_status.from_call(error)
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        bad_request = error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            print(f"  reason          {info.reason}")
            for key, value in sorted(info.metadata.items()):
                print(f"  {key:<15} {value or '-'}")
        elif detail.Unpack(bad_request):
            for violation in bad_request.field_violations:
                print(f"  field           {violation.field}: {violation.description}")
        elif detail.Unpack(retry):
            print(f"  retry after     {retry.retry_delay.ToTimedelta()}")


def main(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        keys = keys_rpc.KeysServiceStub(channel)
        actions = actions_rpc.KeyActionsServiceStub(channel)
        # One ID for all calls of one job. It appears in the logs of the gateway and of Key Protect.
        metadata = [("x-correlation-id", str(uuid.uuid4()))]

        created = keys.CreateKey(
            keys_pb.CreateKeyRequest(name="orders at rest", type=key_pb2.KEY_TYPE_ROOT),
            timeout=TIMEOUT_S,
            metadata=metadata,
        )
        print(f"created   {created.key.id}")

        data_key = os.urandom(32)
        wrapped = actions.WrapKey(
            actions_pb.WrapKeyRequest(
                key_id=created.key.id,
                plaintext=data_key,
                additional_authenticated_data=["orders", "2026"],
            ),
            timeout=TIMEOUT_S,
            metadata=metadata,
        )
        print(f"wrapped   {len(data_key)} bytes into {len(wrapped.ciphertext)}")

        unwrapped = actions.UnwrapKey(
            actions_pb.UnwrapKeyRequest(
                key_id=created.key.id,
                ciphertext=wrapped.ciphertext,
                additional_authenticated_data=["orders", "2026"],
            ),
            timeout=TIMEOUT_S,
            metadata=metadata,
        )
        print(f"unwrapped the same bytes: {unwrapped.plaintext == data_key}")

        try:
            actions.UnwrapKey(
                actions_pb.UnwrapKeyRequest(
                    key_id=created.key.id,
                    ciphertext=wrapped.ciphertext,
                    additional_authenticated_data=["payments"],
                ),
                timeout=TIMEOUT_S,
                metadata=metadata,
            )
        except grpc.RpcError as error:
            show_error(error)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051")
