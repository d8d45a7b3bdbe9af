"""What is there, in plain words, for refusals: people see at once which name or folder is the wrong one."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from groundwork.errors import UserError
from groundwork.pictures import SUFFIXES, picture_size
from groundwork.walk import Walk

_FOLDERS, _NAMES = 4, 3


def listing(found: Walk) -> str:
    """Pictures by folder, first names and sizes: `mug/: 4 pictures, 000.png, 001.png, 002.png, ... (64 x 64)`."""
    if not found.files:
        return f"no picture at all{'; ' + found.left_out() if found.left_out() else ''}"
    groups = [(folder, list(files)) for folder, files in groupby(found.files, key=lambda path: path.parent)]
    lines = [_line(found.root, folder, files) for folder, files in groups[:_FOLDERS]]
    more = len(groups) - _FOLDERS
    return "; ".join(lines) + (f"; and {more} more folders" if more > 0 else "")


def _line(root: Path, folder: Path, files: list[Path]) -> str:
    names = ", ".join(path.name for path in files[:_NAMES]) + (", ..." if len(files) > _NAMES else "")
    where = "" if folder == root else f"{folder.relative_to(root).as_posix()}/: "
    return f"{where}{len(files)} picture{'' if len(files) == 1 else 's'}, {names}{_size(files[0])}"


def _size(path: Path) -> str:
    if path.suffix.lower() not in SUFFIXES:
        return ""
    try:
        return " ({} x {})".format(*picture_size(path))
    except UserError:
        return " (unreadable)"
