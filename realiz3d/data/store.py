"""Samples as named bytes, wherever they lie: a folder a sample, or tar shards. Readers above decode them.

Both are indexed once, when opened, so that a broken data set is found before training starts and any sample can be read
at any time. Objects of these classes travel to the workers of a `DataLoader`: no open files are kept.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from realiz3d.data.layout import MANIFEST
from realiz3d.data.shards import MAX_MEMBER_BYTES, Member, index_shard, read_member
from realiz3d.errors import DataError

_END_BYTES = 4096


@dataclass(frozen=True, eq=False)
class Shards:
    """The samples of all `*.tar` in a folder, by shard name and then in the shard's order.

    `places` int64 (M, 2) are offset and size of every file, `table` int64 (N, 3) each sample's shard, which of
    `layouts` its files are called by, and the row of its first file. Arrays, not objects: there are millions of files,
    and the workers of a `DataLoader` share arrays where counting references would copy objects.
    """

    root: Path
    keys: tuple[str, ...]
    shards: tuple[Path, ...]
    layouts: tuple[tuple[str, ...], ...]
    table: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]

    def names(self, index: int) -> frozenset[str]:
        """Names of the files of a sample, without its key."""
        return frozenset(self.layouts[self.table[index, 1]])

    def where(self, index: int, name: str) -> str:
        """`<root>/shard-000000.tar: key.name`."""
        return f"{self.shards[self.table[index, 0]]}: {self.keys[index]}.{name}"

    def read(self, index: int, names: Sequence[str]) -> list[bytes]:
        """Contents of some files of a sample. Raises `DataError` when one is missing or cut off."""
        shard, layout, first = self.table[index].tolist()
        found = self.layouts[layout]
        for name in names:
            if name not in found:
                raise DataError("a file of the sample is missing", where=self.where(index, name))
        places = (Member(*self.places[first + found.index(name)].tolist()) for name in names)
        try:
            with self.shards[shard].open("rb") as stream:
                return [
                    read_member(stream, place, self.where(index, name))
                    for name, place in zip(names, places, strict=True)
                ]
        except OSError as error:
            raise DataError(f"the shard cannot be read: {error.strerror}", where=self.where(index, names[0])) from error

    def glimpse(self, index: int, name: str) -> bytes:
        """What tells a file from another one without reading all of it: size and both ends. Errors as `read`."""
        shard, layout, first = self.table[index].tolist()
        offset, size = self.places[first + self.layouts[layout].index(name)].tolist()
        try:
            with self.shards[shard].open("rb") as stream:
                return _glimpse(stream, offset, size)
        except OSError as error:
            raise DataError(f"the shard cannot be read: {error.strerror}", where=self.where(index, name)) from error


@dataclass(frozen=True)
class Folders:
    """Samples that are files of a folder: `files[i]` maps names to paths below `root`."""

    root: Path
    keys: tuple[str, ...]
    files: tuple[dict[str, str], ...]

    def names(self, index: int) -> frozenset[str]:
        """Names of the files of a sample."""
        return frozenset(self.files[index])

    def where(self, index: int, name: str) -> str:
        """The file's path."""
        return str(self.root / self.files[index].get(name, f"{self.keys[index]}/{name}"))

    def read(self, index: int, names: Sequence[str]) -> list[bytes]:
        """Contents of some files of a sample. Raises `DataError` when one is missing, or leads out of the data set."""
        return [self._content(index, name) for name in names]

    def glimpse(self, index: int, name: str) -> bytes:
        """What tells a file from another one without reading all of it: size and both ends. Errors as `read`."""
        try:
            path = self._file(index, name)
            with path.open("rb") as stream:
                return _glimpse(stream, 0, path.stat().st_size)
        except OSError as error:
            raise DataError(f"the file cannot be read: {error.strerror}", where=self.where(index, name)) from error

    def _content(self, index: int, name: str) -> bytes:
        try:
            path = self._file(index, name)
            if path.stat().st_size > MAX_MEMBER_BYTES:
                raise DataError("the file is too large", where=str(path), expected=f"at most {MAX_MEMBER_BYTES} bytes")
            return path.read_bytes()
        except OSError as error:
            raise DataError(f"the file cannot be read: {error.strerror}", where=self.where(index, name)) from error

    def _file(self, index: int, name: str) -> Path:
        where = self.where(index, name)
        relative = self.files[index].get(name)
        if relative is None:
            raise DataError("a file of the sample is missing", where=where)
        path = self.root / relative
        # a linked folder was followed on purpose; a linked file can lead a stranger's data set to anything
        there = path.resolve()
        if not any(there.is_relative_to(place.resolve()) for place in (self.root, path.parent)):
            raise DataError("a link leads out of the data set", where=where, hint="copy the files themselves (cp -rL)")
        if not path.is_file():  # named pipes and devices would block
            raise DataError("not a regular file", where=where)
        return path


def _glimpse(stream: BinaryIO, offset: int, size: int) -> bytes:
    stream.seek(offset)
    start = stream.read(min(size, _END_BYTES))
    stream.seek(offset + max(0, size - _END_BYTES))
    return b"%d " % size + hashlib.sha256(start + stream.read(min(size, _END_BYTES))).digest()


Store = Shards | Folders


def is_sharded(root: Path) -> bool:
    """Whether a data set's folder holds tar shards. Raises `DataError` when there is none, or it is not finished."""
    if not root.is_dir():
        raise DataError("there is no such data set", where=str(root), expected="a folder of samples or of *.tar shards")
    _refuse_unfinished(root / MANIFEST)
    packed = [entry.name for entry in os.scandir(root) if entry.name.lower().endswith((".tar.gz", ".tgz", ".tar.zst"))]
    if packed:
        raise DataError(
            "the data set has compressed shards, which cannot be read by position",
            where=str(root / sorted(packed)[0]),
            expected="*.tar",
            hint="decompress them: pictures inside are compressed already",
        )
    return any(entry.name.endswith(".tar") and not entry.name.startswith(".") for entry in os.scandir(root))


def open_shards(root: Path) -> Shards:
    """Index every `*.tar` of a folder. Raises `DataError` for a broken shard or a key that two shards have."""
    paths = tuple(sorted(path for path in root.glob("*.tar") if not path.name.startswith(".")))
    keys: dict[str, int] = {}
    layouts: dict[tuple[str, ...], int] = {}
    table: list[tuple[int, int, int]] = []
    places: list[tuple[int, int]] = []
    for number, path in enumerate(paths):
        for key, files in index_shard(path).items():
            if key in keys:
                twin = paths[keys[key]]
                raise DataError(f"two shards have the sample '{key}'", where=f"{twin} and {path}", hint="keep one")
            keys[key] = number
            table.append((number, layouts.setdefault(tuple(files), len(layouts)), len(places)))
            places += [(member.offset, member.size) for member in files.values()]
    rows = np.array(table, dtype=np.int64).reshape(-1, 3)
    return Shards(root, tuple(keys), paths, tuple(layouts), rows, np.array(places, dtype=np.int64).reshape(-1, 2))


def _refuse_unfinished(manifest: Path) -> None:
    """Half of a data set looks like a whole one; only its manifest tells."""
    if not manifest.is_file():
        return
    try:
        content = json.loads(manifest.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError("the data set's manifest cannot be read", where=str(manifest)) from error
    if isinstance(content, dict) and content.get("complete") is False:
        raise DataError(
            "the data set is not finished",
            where=str(manifest),
            hint="run the command that makes it again: it resumes where it stopped",
        )
