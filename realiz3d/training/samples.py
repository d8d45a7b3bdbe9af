"""Training samples as the model takes them: latents, control and captions, from cached tensors where there are any.

Readers run in worker processes and never touch a GPU: they hand out what the cache holds, or decoded pictures with the
key under which `Latents` keeps what it makes of them. A key is the hash of the files' bytes and of the autoencoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.data import Dataset

from realiz3d.data import MultiviewSamples, RealImage, RealImages, TensorCache, content_key
from realiz3d.data.layout import KINDS, file_name
from realiz3d.latents import encode_views

Kind = Literal["synthetic", "real"]


@dataclass(frozen=True)
class Item:
    """One object, or one real picture.

    captions: one a synthetic object, one a real picture. tensors: 'latents' (V, c, h, w), V = 1 for a real picture, and
    'control' (V, 2c, h, w) of an object. When `encoded` is false they are still pictures: 'views', 'normals' and
    'positions' (V, 3, H, W). key: where the cache keeps the encoded tensors, '' = nowhere.
    """

    caption: str
    tensors: dict[str, Tensor]
    encoded: bool
    key: str = ""


class Objects(Dataset[Item]):
    """Synthetic objects by index; with a cache, encoded where possible."""

    def __init__(self, samples: MultiviewSamples, *, cache: TensorCache | None = None, encoder: str = "") -> None:
        self.samples, self.cache, self.encoder = samples, cache, encoder

    def __len__(self) -> int:
        return len(self.samples)

    def captions(self) -> list[str]:
        """All captions."""
        return [self.samples.caption(index) for index in range(len(self))]

    def fingerprint(self) -> str:
        """Of the data set."""
        return self.samples.fingerprint()

    def __getitem__(self, index: int) -> Item:
        key = ""
        if self.cache is not None:
            names = [file_name(kind, view) for kind in KINDS for view in range(self.samples.views)]
            key = content_key("object v1", self.encoder, *self.samples.store.read(index, names))
            found = self.cache.get(key)
            if found is not None:
                return Item(self.samples.caption(index), found, encoded=True)
        sample = self.samples[index]
        pictures = {"views": sample.views, "normals": sample.normals, "positions": sample.positions}
        return Item(sample.caption, pictures, encoded=False, key=key)


class Pictures(Dataset[Item]):
    """Real pictures by index; with a cache, encoded where possible."""

    def __init__(
        self,
        images: RealImages | RenderedPictures,
        *,
        cache: TensorCache | None = None,
        encoder: str = "",
    ) -> None:
        self.images, self.cache = images, cache
        # the same file fitted in another way is another picture
        fit = f" {images.fit} {images.resolution}" if isinstance(images, RealImages) else ""
        self.encoder = encoder + fit

    def __len__(self) -> int:
        return len(self.images)

    def captions(self) -> list[str]:
        """All captions."""
        return [self.images.caption(index) for index in range(len(self))]

    def fingerprint(self) -> str:
        """Of the data set."""
        return self.images.fingerprint()

    def __getitem__(self, index: int) -> Item:
        if self.cache is None:
            image = self.images[index]
            return Item(image.caption, {"views": image.image[None]}, encoded=False)
        key = content_key("picture v1", self.encoder, self.images.content(index))
        found = self.cache.get(key)
        if found is not None:
            return Item(self.images.caption(index), found, encoded=True)
        image = self.images[index]
        return Item(image.caption, {"views": image.image[None]}, encoded=False, key=key)


class Remembered(Dataset[Item]):
    """The items of a data set, each read once. Those that have yet to be encoded for the cache are read again."""

    def __init__(self, items: Objects | Pictures) -> None:
        self.items = items
        self._kept: dict[int, Item] = {}

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Item:
        kept = self._kept.get(index)
        if kept is None:
            kept = self.items[index]
            if kept.encoded or not kept.key:
                self._kept[index] = kept
        return kept


class RenderedPictures:
    """The views of a rendered data set as single pictures: object i's view v has index i V + v."""

    def __init__(self, path: str | Path, *, resolution: int, views: int) -> None:
        self.samples = MultiviewSamples(path, views=views, resolution=resolution)

    def __len__(self) -> int:
        return len(self.samples) * self.samples.views

    def __getitem__(self, index: int) -> RealImage:
        number, view = divmod(index, self.samples.views)
        sample = self.samples[number]
        return RealImage(f"{sample.id}_{view}", sample.caption, sample.views[view])

    def caption(self, index: int) -> str:
        """The caption alone."""
        return self.samples.caption(index // self.samples.views)

    def content(self, index: int) -> bytes:
        """The encoded picture's bytes."""
        number, view = divmod(index, self.samples.views)
        return self.samples.store.read(number, [file_name("view", view)])[0]

    def fingerprint(self) -> str:
        """Of the data set, as pictures."""
        return content_key("rendered pictures", self.samples.fingerprint())


class Latents:
    """The frozen autoencoder, or none: then pictures in [-1, 1] are the latents and maps the control."""

    def __init__(self, vae: Any = None, *, cache: TensorCache | None = None, with_control: bool = True) -> None:
        self.vae, self.cache, self.with_control = vae, cache, with_control

    def encode(self, items: Sequence[Item]) -> list[Item]:
        """Items with latents (and control), in float32 on the CPU; what had to be made is put into the cache."""
        return [item if item.encoded else self._encode(item) for item in items]

    def _encode(self, item: Item) -> Item:
        pictures = item.tensors
        tensors = {"latents": self._one(pictures["views"])}
        if "normals" in pictures and self.with_control:
            maps = [self._one(pictures["normals"]), self._one(pictures["positions"])]
            tensors["control"] = torch.cat(maps, dim=1)
        if item.key and self.cache is not None:
            self.cache.put(item.key, tensors)
        return replace(item, tensors=tensors, encoded=True)

    def _one(self, pictures: Tensor) -> Tensor:
        if self.vae is None:
            return pictures
        device = next(self.vae.parameters()).device
        # item by item: what the cache holds must not depend on which items came together
        return encode_views(self.vae, pictures[None].to(device))[0].float().cpu()


@dataclass(frozen=True)
class Samples:
    """B samples of one kind: latents (B, V, c, h, w), control (B, V, 2c, h, w) or None, and captions (B)(V)."""

    kind: Kind
    latents: Tensor
    control: Tensor | None
    captions: tuple[tuple[str, ...], ...]


def objects_of(items: Sequence[Item]) -> Samples:
    """Objects as samples; their views share the caption."""
    latents = torch.stack([item.tensors["latents"] for item in items])
    has_control = "control" in items[0].tensors
    control = torch.stack([item.tensors["control"] for item in items]) if has_control else None
    captions = tuple((item.caption,) * latents.shape[1] for item in items)
    return Samples("synthetic", latents, control, captions)


def grids_of(items: Sequence[Item], views: int) -> Samples:
    """Single pictures as grids of `views` arbitrary ones, in the order they come."""
    latents = torch.cat([item.tensors["latents"] for item in items])
    captions = tuple(
        tuple(item.caption for item in items[start : start + views]) for start in range(0, len(items), views)
    )
    return Samples("real", latents.reshape(-1, views, *latents.shape[1:]), None, captions)
