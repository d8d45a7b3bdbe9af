"""Writing files so that a kill at any moment leaves the old file or the new one, never half of one."""

from __future__ import annotations

import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

_LEFTOVER = re.compile(r"\..+\.[0-9a-f]{8}\.part")


def is_leftover(name: str) -> bool:
    """Whether a file of this name is one that `write_atomically` had not finished."""
    return _LEFTOVER.fullmatch(name) is not None


def remove_leftovers(root: Path, older_than: float = 10.0) -> int:
    """Delete what a killed `write_atomically` left below `root`; returns how many files that were.

    Only files untouched for `older_than` seconds: what another process is writing right now is not a leftover.
    """
    removed, now = 0, time.time()
    for path in root.rglob(".*.part"):
        with suppress(OSError):
            if is_leftover(path.name) and path.is_file() and now - path.stat().st_mtime >= older_than:
                path.unlink()
                removed += 1
    return removed


def leads_out(root: Path, path: Path) -> bool:
    """Whether links on the way from `root` to `path` below it lead out of `root`, whatever `root` itself is."""
    return not path.resolve().is_relative_to(root.resolve())


def write_atomically(path: Path, content: bytes) -> None:
    """Put `content` at `path`, creating parent folders; readers see all of it or none of it.

    Raises `OSError` that names `path` (a full disk names no file by itself).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # the same folder, because a rename is atomic within one file system only
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):  # what went wrong first is what people have to know
            temporary.unlink()
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
