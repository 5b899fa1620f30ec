"""Envelope files: the format is in examples/README.md."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# The first bytes of an envelope file, and the first string of its authenticated data.
MAGIC = "KPENVF01"
# Plaintext bytes of a segment. Only the last one may be shorter.
SEGMENT_SIZE = 65_536
TAG_SIZE = 16


class EnvelopeError(Exception):
    """An error of the file, not of a call."""


class Header(NamedTuple):
    """The part before the segments."""

    # ID, alias or CRN of the root key.
    key_id: str
    wrapped_data_key: bytes


def encrypt_file(source: str, target: str, header: Header, key: bytearray) -> None:
    """Encrypts a file. A data key must encrypt one file only."""
    aes = AESGCM(key)
    with open(source, "rb") as file, _replacing(target) as output:
        output.write(_encode(header))
        for segment, nonce in _segments(file, SEGMENT_SIZE):
            output.write(aes.encrypt(nonce, segment, None))


def read_header(path: str) -> Header:
    """Reads the header of an envelope file."""
    with open(path, "rb") as file:
        return _next_header(file)


def decrypt_file(source: str, target: str, key: bytearray) -> None:
    """Decrypts a file. Nothing appears at `target` unless the whole file is genuine."""
    aes = AESGCM(key)
    with open(source, "rb") as file, _replacing(target) as output:
        _next_header(file)
        for segment, nonce in _segments(file, SEGMENT_SIZE + TAG_SIZE):
            try:
                output.write(aes.decrypt(nonce, segment, None))
            except InvalidTag:
                raise _damaged() from None


def replace_header(path: str, header: Header) -> None:
    """Replaces the header of a file. The segments and the file's mode stay."""
    with open(path, "rb") as file, _replacing(path) as output:
        _next_header(file)
        output.write(_encode(header))
        shutil.copyfileobj(file, output)
        shutil.copymode(path, output.name)


def _encode(header: Header) -> bytes:
    fields = (header.key_id.encode(), header.wrapped_data_key)
    return MAGIC.encode() + b"".join(len(field).to_bytes(2, "big") + field for field in fields)


def _next_header(file: BinaryIO) -> Header:
    if file.read(len(MAGIC)) != MAGIC.encode():
        raise EnvelopeError("not an envelope file")
    return Header(_next_field(file).decode(errors="replace"), _next_field(file))


def _next_field(file: BinaryIO) -> bytes:
    prefix = file.read(2)
    length = int.from_bytes(prefix, "big")
    field = file.read(length)
    if len(prefix) < 2 or len(field) < length:
        raise _damaged()
    return field


def _segments(file: BinaryIO, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Reads segments of `size` bytes, each with its nonce, which tells the last one."""
    segment = file.read(size)
    number = 0
    while True:
        following = file.read(size)
        is_last = not following
        yield segment, number.to_bytes(11, "big") + bytes([is_last])
        if is_last:
            return
        segment = following
        number += 1


@contextmanager
def _replacing(target: str) -> Iterator[BinaryIO]:
    """Gives a new file beside `target`, readable by its owner alone, and renames it at the end."""
    path = Path(target)
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f"{path.name}.", suffix=".tmp", delete=False
    ) as output:
        try:
            yield output
            output.flush()
            os.fsync(output.fileno())
            os.replace(output.name, target)
        except BaseException:
            os.unlink(output.name)
            raise


def _damaged() -> EnvelopeError:
    return EnvelopeError("the file is damaged or not complete")
