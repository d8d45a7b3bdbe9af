"""Messages between processes: pickled, each after its length."""

from __future__ import annotations

import pickle
import struct
from typing import Any, BinaryIO

_LENGTH = struct.Struct("!Q")


def seal(message: object) -> bytes:
    """What `unpack` opens."""
    return pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)


def pack(message: object) -> bytes:
    """A message as it is sent on a stream."""
    content = seal(message)
    return _LENGTH.pack(len(content)) + content


def send(stream: BinaryIO, packed: bytes) -> None:
    """Raises `OSError` when the other side is gone."""
    stream.write(packed)
    stream.flush()


def receive(stream: BinaryIO) -> bytes | None:
    """The next message, still pickled; None at the end, also in the middle of a message."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    content = stream.read(length)
    return content if len(content) == length else None


def unpack(content: bytes) -> Any:
    """Only for what our own processes sent: pickles are code."""
    return pickle.loads(content)
