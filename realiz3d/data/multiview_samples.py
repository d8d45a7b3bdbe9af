"""Synthetic training samples: the views of one object with its normal and position maps and a caption."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from groundwork.pictures import decode_picture
from groundwork.walk import is_junk
from realiz3d.data.captions import decode_caption
from realiz3d.data.layout import CAPTION, KINDS, MANIFEST, file_name, is_id
from realiz3d.data.maps import decode_map, to_tensor
from realiz3d.data.store import Folders, Store, is_sharded, open_shards
from realiz3d.errors import DataError

_UNIT = (0.9, 1.1)  # interpolated smooth normals, in 16 bits, stay well inside


@dataclass(frozen=True)
class MultiviewSample:
    """One object.

    views      float32 (V, 3, H, W) in [-1, 1]  sRGB on the background of the data set
    normals    float32 (V, 3, H, W) in [-1, 1]  unit normals of the world (x, y up, z front); background -1, -1, -1
    positions  float32 (V, 3, H, W) in [-1, 1]  twice the place in the unit box round the origin; background -1, -1, -1
    """

    id: str
    caption: str
    views: Tensor
    normals: Tensor
    positions: Tensor


@dataclass(frozen=True)
class MultiviewBatch:
    """B samples: tensors as in `MultiviewSample` with a leading B."""

    ids: tuple[str, ...]
    captions: tuple[str, ...]
    views: Tensor
    normals: Tensor
    positions: Tensor

    def pin_memory(self) -> MultiviewBatch:
        """The batch in page-locked memory; `DataLoader(pin_memory=True)` calls it."""
        pinned = (part.pin_memory() for part in (self.views, self.normals, self.positions))
        return MultiviewBatch(self.ids, self.captions, *pinned)


class MultiviewSamples(Dataset[MultiviewSample]):
    """The samples of a data set in folders or tar shards (see `realiz3d.data.layout`), by index.

    `views` and `resolution` are what the training expects; when None, what the first sample has, which all others must
    have too. Opening checks that every sample has all of its files, and looks closely at the first one.
    Raises `InputError`, then and when a sample is read.
    """

    def __init__(self, path: str | Path, *, views: int | None = None, resolution: int | None = None) -> None:
        root = Path(path)
        self.store: Store = open_shards(root) if is_sharded(root) else _open_folders(root)
        self.ids = self.store.keys
        if not self.ids:
            raise DataError(
                "the data set holds no sample",
                where=str(root),
                expected="<id>/view_0.png ... or shard-*.tar",
                hint="make one with `realiz3d-bench render-dataset`",
            )
        self.views = _check_files(self.store, views)
        self.resolution = resolution or decode_picture(*self._read(0, [file_name("view", 0)])[0]).shape[0]
        _check_normals(self[0], self.store.where(0, file_name("normal", 0)))

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> MultiviewSample:
        """Decode a sample. Raises `ImageError` for broken pictures, `DataError` for those of another size."""
        names = [file_name(kind, view) for kind in KINDS for view in range(self.views)]
        (caption, where), *files = self._read(index, [CAPTION, *names])
        pictures = [to_tensor(decode_picture(*file)) for file in files[: self.views]]
        maps = [decode_map(*file).mul_(2.0).sub_(1.0) for file in files[self.views :]]
        for tensor, (_, origin) in zip([*pictures, *maps], files, strict=True):
            if tensor.shape[1:] != (self.resolution, self.resolution):
                raise DataError(
                    f"the picture is {tensor.shape[2]} x {tensor.shape[1]} pixels",
                    where=origin,
                    expected=f"{self.resolution} x {self.resolution}, as all of the data set",
                    hint="pictures are never resized silently: render the data set at one resolution",
                )
        normals, positions = torch.stack(maps[: self.views]), torch.stack(maps[self.views :])
        return MultiviewSample(
            self.ids[index], decode_caption(caption, where), torch.stack(pictures), normals, positions
        )

    def caption(self, index: int) -> str:
        """The caption alone, without decoding pictures."""
        return decode_caption(*self._read(index, [CAPTION])[0])

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the manifest, if there is one, and names and glimpses (`store`) of all files."""
        digest = hashlib.sha256(b"multiview v2")
        manifest = self.store.root / MANIFEST
        if manifest.is_file():
            digest.update(manifest.read_bytes())
        for index, key in enumerate(self.ids):
            for name in sorted(self.store.names(index)):
                digest.update(f"{key!a} {name!a} ".encode() + self.store.glimpse(index, name) + b"\n")
        return digest.hexdigest()

    def _read(self, index: int, names: Sequence[str]) -> list[tuple[bytes, str]]:
        contents = self.store.read(index, names)
        return [(content, self.store.where(index, name)) for name, content in zip(names, contents, strict=True)]


def collate_multiview(samples: Sequence[MultiviewSample]) -> MultiviewBatch:
    """Samples as one batch."""
    return MultiviewBatch(
        tuple(sample.id for sample in samples),
        tuple(sample.caption for sample in samples),
        torch.stack([sample.views for sample in samples]),
        torch.stack([sample.normals for sample in samples]),
        torch.stack([sample.positions for sample in samples]),
    )


def _open_folders(root: Path) -> Folders:
    entries = [e.name for e in os.scandir(root) if e.is_dir() and not e.name.startswith(".") and not is_junk(e.name)]
    keys = tuple(sorted(entries))
    files = tuple({e.name: f"{key}/{e.name}" for e in os.scandir(root / key) if not e.is_dir()} for key in keys)
    return Folders(root, keys, files)


def _check_files(store: Store, views: int | None) -> int:
    first = store.names(0)
    count = views or next(view for view in range(len(first) + 1) if file_name("view", view) not in first)
    if not count:
        raise DataError("the first sample has no view", where=store.where(0, file_name("view", 0)))
    wanted = {CAPTION, *(file_name(kind, view) for kind in KINDS for view in range(count))}
    for index, key in enumerate(store.keys):
        if not is_id(key):
            raise DataError(
                f"'{ascii(key)[1:-1][:80]}' cannot name a sample",
                where=str(store.root),
                expected="letters, digits, '_' and '-', starting with a letter or digit; at most 128",
            )
        names = store.names(index)
        missing = sorted(wanted - names)
        if missing:
            raise DataError(
                f"sample '{key}' lacks {len(missing)} file(s)",
                where=store.where(index, missing[0]),
                expected=f"{count} views, each with its normal and position map, and {CAPTION}",
                hint="finish the data set by running the command that made it again, or remove the sample",
            )
        if file_name("view", count) in names:
            raise DataError(
                f"sample '{key}' has more views than the {count} expected",
                where=store.where(index, file_name("view", count)),
                hint="all samples of a data set have the same views; their order matters",
            )
    return count


def _check_normals(sample: MultiviewSample, where: str) -> None:
    object_pixels = (sample.normals > -1).any(dim=1)
    if not object_pixels.any():
        raise DataError("the normal maps of the first sample show no object", where=where)
    length = sample.normals.norm(dim=1)[object_pixels]
    sound = ((length > _UNIT[0]) & (length < _UNIT[1])).float().mean()
    if sound < 0.99:
        raise DataError(
            f"{1 - float(sound):.0%} of the pixels of the first sample's normal maps hold no unit normal",
            where=where,
            expected="(n + 1) / 2 of the unit normal on the object, 0 on the background",
            hint="maps must be stored as they are rendered: linear, not antialiased, not compressed with loss",
        )
