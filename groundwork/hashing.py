"""One way to turn things into SHA-256, so that the same inputs have the same name everywhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def hash_json(value: Any) -> str:
    """SHA-256 (hex) of a JSON-able value in canonical form (sorted keys, no spaces)."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def hash_array(array: npt.NDArray[Any]) -> str:
    """SHA-256 (hex) of an array's dtype, shape and bytes."""
    head = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()


def hash_bytes(content: bytes) -> str:
    """SHA-256 (hex) of bytes."""
    return hashlib.sha256(content).hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_strings(parts: Iterable[str]) -> str:
    """SHA-256 (hex) of an ordered list of strings (lists that differ only in where a string ends hash differently)."""
    return hash_json(list(parts))


def seed_from(*parts: str | int) -> int:
    """A 63-bit seed that depends on nothing but its parts."""
    return int(hash_json(list(parts))[:16], 16) >> 1


def content_key(*parts: str | bytes) -> str:
    """SHA-256 (hex) of ordered parts; lists that differ only in where a part ends have different keys."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()


def content_seed(*parts: object) -> int:
    """A 63-bit seed that depends on all parts."""
    return int(content_key(*(str(part) for part in parts))[:16], 16) >> 1
