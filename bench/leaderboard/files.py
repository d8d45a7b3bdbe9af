"""JSON files of a board: read with care, for strangers wrote them; written so that git shows what changed."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from groundwork.errors import InputError
from groundwork.files import write_atomically

MOST_BYTES = 10_000_000  # of an entry with all that lies beside it: git keeps every version for ever


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """The content of a plain file. Raises `InputError` for links, what is no file, and what is too large."""
    try:
        info = path.lstat()
        if stat.S_ISLNK(info.st_mode):
            raise InputError("this is a link, and could lead anywhere", where=str(path), expected="a file")
        if not stat.S_ISREG(info.st_mode):
            raise InputError("this is not a file", where=str(path))
        if info.st_size > most:
            raise InputError(f"the file has {info.st_size} bytes", where=str(path), expected=f"at most {most}")
        return path.read_bytes()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        text = "there is no such file" if missing else f"the file cannot be read: {error.strerror}"
        raise InputError(text, where=str(path)) from error


def read_document(path: Path) -> tuple[str, dict[str, Any]]:
    """Text and values of a JSON object. Raises `InputError` for anything else: NaN, a key that comes twice, ..."""
    try:
        text = read_bytes(path).decode("utf-8")
        document = json.loads(text, parse_constant=_no_number, object_pairs_hook=_unique)
    except UnicodeDecodeError as error:
        raise InputError("the file is not UTF-8", where=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"the file is not JSON as it should be: {error}", where=str(path)) from error
    if not isinstance(document, dict):
        raise InputError("the file holds no JSON object", where=str(path))
    return text, document


def document_bytes(document: dict[str, Any]) -> bytes:
    """JSON as a board keeps it: one value a line, so that git shows what changed."""
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def write_document(path: Path, document: dict[str, Any]) -> None:
    """Write a JSON file."""
    write_atomically(path, document_bytes(document))


def _no_number(name: str) -> float:
    raise ValueError(f"JSON has no {name}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:60]!r} comes twice")
    return found
