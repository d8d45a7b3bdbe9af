"""Real training samples: single pictures with captions; four arbitrary ones fill a grid."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from groundwork.notes import tell
from groundwork.pictures import SUFFIXES, Picture, decode_picture
from groundwork.walk import walk
from realiz3d.data.captions import decode_caption, read_table
from realiz3d.data.layout import MANIFEST
from realiz3d.data.maps import to_tensor
from realiz3d.data.store import Folders, Shards, Store, is_sharded, open_shards
from realiz3d.errors import DataError, UsageError, nearest

TABLE = "captions.csv"
GRID = 4
FITS = ("exact", "crop", "pad")
Fit = Literal["exact", "crop", "pad"]


@dataclass(frozen=True)
class RealImage:
    """A picture, float32 (3, H, W) in [-1, 1], sRGB, transparency on white; and what it shows."""

    id: str
    caption: str
    image: Tensor


@dataclass(frozen=True)
class RealBatch:
    """B grids of V arbitrary pictures: `images` float32 (B, V, 3, H, W) in [-1, 1]; captions and ids (B)(V)."""

    ids: tuple[tuple[str, ...], ...]
    captions: tuple[tuple[str, ...], ...]
    images: Tensor

    def pin_memory(self) -> RealBatch:
        """The batch in page-locked memory; `DataLoader(pin_memory=True)` calls it."""
        return RealBatch(self.ids, self.captions, self.images.pin_memory())


class RealImages(Dataset[RealImage]):
    """Pictures with captions below a folder, or in its tar shards, by index, sorted by id.

    Captions: a text file beside each picture (`cat.jpg`, `cat.txt`), or one `captions.csv` (`file,caption`) on top.
    `fit` says what to do with pictures that are not `resolution` x `resolution`: 'exact' refuses them, 'crop' scales
    the shorter side and cuts the middle out, 'pad' scales the longer side and fills up with white.
    Raises `DataError` when opened, for pictures or captions that are missing, and `InputError` when a picture is read.
    """

    def __init__(self, path: str | Path, *, resolution: int, fit: Fit = "exact") -> None:
        if fit not in FITS:
            raise UsageError(f"unknown fit '{fit}'", hint=nearest(fit, FITS))
        root = Path(path)
        self.resolution, self.fit = resolution, fit
        self._captions: dict[str, str] | None = None
        if is_sharded(root):
            self.store: Store = open_shards(root)
        else:
            self.store, self._captions = _open_pictures(root)
        self.ids = self.store.keys
        if not self.ids:
            raise DataError(
                "the data set holds no picture", where=str(root), expected=f"*{', *'.join(SUFFIXES)} or *.tar"
            )
        self._names = tuple(_picture_name(self.store, index) for index in range(len(self.ids)))
        if self._captions is None:
            _check_captions(self.store)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> RealImage:
        """Decode a picture. Raises `ImageError` for a broken one, `DataError` with 'exact' for one of another size."""
        name = self._names[index]
        where = self.store.where(index, name)
        picture = decode_picture(self.store.read(index, [name])[0], where)
        return RealImage(self.ids[index], self.caption(index), to_tensor(self._fitted(picture, where)))

    def caption(self, index: int) -> str:
        """The caption alone."""
        if self._captions is not None:
            return self._captions[self.ids[index]]
        return decode_caption(self.store.read(index, ["txt"])[0], self.store.where(index, "txt"))

    def content(self, index: int) -> bytes:
        """The picture's file as it is."""
        return self.store.read(index, [self._names[index]])[0]

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the manifest, if there is one, captions, how pictures are fitted, and glimpses of them.

        A glimpse, a file's size and both its ends, tells replaced pictures without reading gigabytes.
        """
        digest = hashlib.sha256(f"real v2 {self.resolution} {self.fit}".encode())
        for name in (MANIFEST, TABLE):
            if (self.store.root / name).is_file():
                digest.update((self.store.root / name).read_bytes())
        for index, key in enumerate(self.ids):
            content = self.store.glimpse(index, self._names[index])
            digest.update(f"\n{key!a} {self.caption(index)!a} ".encode() + content)
        return digest.hexdigest()

    def _fitted(self, picture: Picture, where: str) -> Picture:
        height, width = picture.shape[:2]
        size = self.resolution
        if (height, width) == (size, size):
            return picture
        if self.fit == "exact":
            raise DataError(
                f"the picture is {width} x {height} pixels",
                where=where,
                expected=f"{size} x {size}",
                hint="pictures are never resized silently: choose fit 'crop' or 'pad', or make them at that size",
            )
        side = min(height, width) if self.fit == "crop" else max(height, width)
        scaled = (max(1, round(width * size / side)), max(1, round(height * size / side)))
        image = Image.fromarray(picture).resize(scaled, Image.Resampling.LANCZOS)
        canvas = Image.new("RGB", (size, size), "white")
        canvas.paste(image, ((size - scaled[0]) // 2, (size - scaled[1]) // 2))
        return np.array(canvas)


def collate_real(images: Sequence[RealImage], views: int = GRID) -> RealBatch:
    """Pictures as grids of `views`, in the order they come. Raises `UsageError` when they do not fill the last grid."""
    if not images or len(images) % views:
        raise UsageError(
            f"{len(images)} pictures do not fill grids of {views}",
            hint=f"draw batches of a multiple of {views} pictures",
        )
    groups = [images[start : start + views] for start in range(0, len(images), views)]
    return RealBatch(
        tuple(tuple(image.id for image in group) for group in groups),
        tuple(tuple(image.caption for image in group) for group in groups),
        torch.stack([torch.stack([image.image for image in group]) for group in groups]),
    )


def _open_pictures(root: Path) -> tuple[Folders, dict[str, str] | None]:
    pictures: dict[str, dict[str, str]] = {}
    texts: dict[str, str] = {}
    there = walk(root, (*SUFFIXES, ".txt"))
    if there.left_out():
        tell(there.left_out())
    for path in there.files:
        relative = path.relative_to(root)
        suffix, key = relative.suffix.lower(), relative.with_suffix("").as_posix()
        if suffix == ".txt":
            texts[key] = relative.as_posix()
            continue
        files = pictures.setdefault(key, {})
        if files:
            twin = next(iter(files.values()))
            raise DataError(f"two pictures are called '{key}'", where=f"{twin} and {relative} in {root}")
        files[suffix[1:]] = relative.as_posix()
    table = root / TABLE
    keys = tuple(sorted(pictures))
    if not table.is_file():
        for key in keys:
            if key in texts:
                pictures[key]["txt"] = texts[key]
        return Folders(root, keys, tuple(pictures[key] for key in keys)), None
    twice = sorted(set(texts) & set(pictures))
    if twice:
        raise DataError(
            f"captions are given twice: {TABLE} and {texts[twice[0]]}", where=str(root), hint="keep one of the two"
        )
    return Folders(root, keys, tuple(pictures[key] for key in keys)), _table_captions(table, pictures)


def _table_captions(table: Path, pictures: dict[str, dict[str, str]]) -> dict[str, str]:
    by_file = {file: key for key, files in pictures.items() for file in files.values()}
    captions: dict[str, str] = {}
    for row in read_table(table, ("file", "caption")):
        file, caption = row.values
        where = f"{table}:{row.line}"
        if file not in by_file:
            raise DataError(
                f"there is no picture '{ascii(file)[1:-1][:200]}'", where=where, hint=nearest(file, by_file)[:300]
            )
        if by_file[file] in captions:
            raise DataError(f"a second caption for '{file}'", where=where)
        captions[by_file[file]] = caption
    missing = sorted(set(pictures) - set(captions))
    if missing:
        raise DataError(
            f"{len(missing)} picture(s) have no caption", where=f"{table}: {missing[0]}", expected="a line for each"
        )
    return captions


def _picture_name(store: Store, index: int) -> str:
    found = [name for name in sorted(store.names(index)) if f".{name.lower()}" in SUFFIXES]
    if len(found) != 1:
        other = sorted(store.names(index))[0]
        raise DataError(
            f"sample '{store.keys[index]}' has {len(found)} pictures",
            where=store.where(index, found[0] if found else other),
            expected=f"one file {', '.join(SUFFIXES)} and one .txt",
            hint="multiview samples are read with MultiviewSamples" if "caption.txt" in store.names(index) else "",
        )
    return found[0]


def _check_captions(store: Store) -> None:
    for index, key in enumerate(store.keys):
        if "txt" not in store.names(index):
            where = store.where(index, "txt") if isinstance(store, Shards) else f"{store.root / key}.txt"
            raise DataError(
                f"picture '{key}' has no caption",
                where=where,
                expected=f"a text file beside each picture, or one {TABLE} (file,caption)",
            )
