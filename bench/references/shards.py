"""Features of a large reference in shards on disk, read block by block: a million pictures never lie in memory.

    index.json          width, rows of each shard, SHA-256 of each shard's bytes
    00000.npy ...       float32 (rows, width), in the order of the pictures

The index is written last; a folder without one is nothing.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import InputError, ReferenceSetError
from bench.extractors.protocol import Features
from groundwork.files import write_atomically
from groundwork.hashing import hash_file, hash_strings

ROWS = 4096  # of a shard: 21 MB at 1280 numbers a picture
BLOCK = 2048  # rows that are looked at together
IN_MEMORY = 20_000  # pictures
_INDEX = "index.json"


class FeatureShards:
    """Features (N, D) as an array has them, as far as sets need: `len`, `shape`, rows by index, and `blocks`.

    Raises `ReferenceSetError` for a folder that holds none, or whose shards are not what the index says.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            said = json.loads((folder / _INDEX).read_bytes())
            self._width, self._rows = int(said["width"]), [int(rows) for rows in said["rows"]]
            self._hashes = [str(digest) for digest in said["sha256"]]
            found = [(part.shape, part.dtype.str) for part in map(self._part, range(len(self._rows)))]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ReferenceSetError(
                f"the features of a reference cannot be read: {error}", where=str(folder)
            ) from error
        wanted = [((rows, self._width), "<f4") for rows in self._rows]
        if found != wanted or len(self._hashes) != len(found):
            raise ReferenceSetError("the shards of a reference are not those of its index", where=str(folder))
        self._starts = np.cumsum([0, *self._rows])

    @property
    def shape(self) -> tuple[int, int]:
        """Pictures and numbers of each."""
        return len(self), self._width

    def __len__(self) -> int:
        return sum(self._rows)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of what the shards are said to hold."""
        return hash_strings([str(self._width), *self._hashes])

    def check(self) -> None:
        """Read all shards once. Raises `ReferenceSetError` for one that was changed."""
        for number, digest in enumerate(self._hashes):
            if hash_file(self._path(number)) != digest:
                raise ReferenceSetError("a shard of a reference was changed", where=str(self._path(number)))

    def blocks(self, rows: int = BLOCK) -> Iterator[npt.NDArray[np.float64]]:
        """All features in order, at most `rows` at a time."""
        for part in map(self._part, range(len(self._rows))):
            for start in range(0, len(part), rows):
                yield np.asarray(part[start : start + rows], dtype=np.float64)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """All of them in memory, for what needs that. Raises `InputError` beyond `IN_MEMORY` pictures."""
        if len(self) > IN_MEMORY:
            raise InputError(
                f"the reference has {len(self)} pictures, and this metric needs the features of all at once",
                expected=f"at most {IN_MEMORY} pictures",
                hint="Fréchet and kernel distances take references of any size",
            )
        whole = self[:]
        return whole if dtype is None else whole.astype(dtype)

    def __getitem__(self, rows: npt.NDArray[np.intp] | slice) -> Features:
        """Some rows, by their numbers."""
        asked = np.arange(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows)
        found = np.empty((len(asked), self._width), dtype=np.float32)
        which = np.searchsorted(self._starts, asked, side="right") - 1
        for number in np.unique(which).tolist():
            own = np.flatnonzero(which == number)
            found[own] = self._part(number)[asked[own] - self._starts[number]]
        return found

    def _part(self, number: int) -> Features:
        """A shard, opened anew: what was looked at in one that stays open counts as memory in use."""
        part: Features = np.load(self._path(number), mmap_mode="r", allow_pickle=False)
        return part

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:05d}.npy"


class ShardWriter:
    """Takes features as they come, and writes shards of `ROWS` pictures."""

    def __init__(self, folder: Path, width: int) -> None:
        self._folder, self._width = folder, width
        self._rows: list[int] = []
        self._hashes: list[str] = []
        self._waiting: list[Features] = []
        (folder / _INDEX).unlink(missing_ok=True)

    def add(self, features: Features) -> None:
        """Features (n, width) of the next pictures."""
        self._waiting.append(np.asarray(features, dtype=np.float32))
        while sum(map(len, self._waiting)) >= ROWS:
            together = np.concatenate(self._waiting)
            self._write(together[:ROWS])
            self._waiting = [together[ROWS:]]

    def finish(self) -> FeatureShards:
        """Write what waits, and the index."""
        if left := sum(map(len, self._waiting)):
            self._write(np.concatenate(self._waiting)[:left])
        self._waiting = []
        index = {"width": self._width, "rows": self._rows, "sha256": self._hashes}
        write_atomically(self._folder / _INDEX, json.dumps(index).encode())
        return FeatureShards(self._folder)

    def _write(self, features: Features) -> None:
        encoded = io.BytesIO()
        np.save(encoded, np.ascontiguousarray(features), allow_pickle=False)
        path = self._folder / f"{len(self._rows):05d}.npy"
        write_atomically(path, encoded.getvalue())
        self._rows.append(len(features))
        self._hashes.append(hash_file(path))


class EachItsOwn(Sequence[str]):
    """Names of pictures of which each shows an object of its own: '0', '1', ..., made when they are asked for."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: Any) -> Any:
        numbers = range(self._count)[place]
        return tuple(map(str, numbers)) if isinstance(numbers, range) else str(numbers)


def blocks_of(features: Features | FeatureShards, rows: int = BLOCK) -> Iterator[npt.NDArray[np.float64]]:
    """Features in order, at most `rows` at a time, wherever they are."""
    if isinstance(features, FeatureShards):
        yield from features.blocks(rows)
        return
    for start in range(0, len(features), rows):
        yield np.asarray(features[start : start + rows], dtype=np.float64)
