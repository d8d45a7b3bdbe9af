"""The mini-world's data sets as one small file of bytes, and what a trainer reads from it instead of rendered folders.

A safetensors file of uint8 tensors, (objects, 4, H, W, 3): `<folder>/views` of each data set that models learn from,
and `synthetic/normals`, `synthetic/positions`. Captions are in its metadata.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from groundwork.hashing import hash_file
from realiz3d.data import MultiviewSamples
from realiz3d.errors import DataError
from realiz3d.training.base import BaseParts
from realiz3d.training.captions import Captions
from realiz3d.training.config import TrainConfig
from realiz3d.training.feed import Material
from realiz3d.training.samples import Item, Latents
from suites.miniworld.captions import captions_of, synthetic_objects

LARGEST = 50 * 2**20  # bytes: what borrowed machines take along
_ABOUT = "miniworld"
_FOLDERS = ("synthetic", "rich")


def pack_world(world: Path, file: Path) -> int:
    """Write the data sets below `world` to `file`; returns its size in bytes. Raises `DataError` above `LARGEST`."""
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    captions: dict[str, list[str]] = {}
    for folder in _FOLDERS:
        samples = MultiviewSamples(world / folder)
        read = [samples[index] for index in range(len(samples))]
        captions[folder] = [sample.caption for sample in read]
        tensors[f"{folder}/views"] = _bytes([sample.views for sample in read])
        if folder == "synthetic":
            tensors["synthetic/normals"] = _bytes([sample.normals for sample in read])
            tensors["synthetic/positions"] = _bytes([sample.positions for sample in read])
    size = sum(tensor.numel() for tensor in tensors.values())
    if size > LARGEST:
        raise DataError(f"the world has {size} bytes", where=str(world), expected=f"at most {LARGEST}")
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file, {_ABOUT: json.dumps(captions)})
    return file.stat().st_size


@dataclass(frozen=True)
class PackedWorld:
    """What `pack_world` wrote: uint8 tensors and captions by data set. digest: SHA-256 (hex) of the file."""

    tensors: dict[str, Tensor]
    captions: dict[str, list[str]]
    digest: str

    @classmethod
    def read(cls, file: Path) -> PackedWorld:
        """Raises `DataError` for another kind of file."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(file, "pt") as opened:
                about = json.loads((opened.metadata() or {})[_ABOUT])
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  not a mapping
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise DataError("this is no packed world", where=str(file), expected="a file of pack-world") from error
        return cls(tensors, about, hash_file(file))

    def material(self, config: TrainConfig, out: Path, base: BaseParts, device: torch.device) -> Material:
        """What a config's folders would be read as; see `realiz3d.training.run.open_material`."""
        real = config.data.real
        pictures = None if real is None else self._pictures(singles=real.kind == "pictures")
        control = config.task == "texturing"
        captions = Captions(base.captions)
        # duck-typed: the trainer asks for items, captions and fingerprints
        return Material(self._objects(control), pictures, Latents(with_control=control), captions)  # type: ignore[arg-type]

    def _objects(self, control: bool) -> _Items:
        names = ["synthetic/views"] + (["synthetic/normals", "synthetic/positions"] if control else [])
        items = []
        for index, caption in enumerate(self.captions["synthetic"]):
            views, *maps = (_floats(self.tensors[name][index]) for name in names)
            tensors = {"latents": views} | ({"control": torch.cat(maps, dim=1)} if maps else {})
            items.append(Item(caption, tensors, encoded=True))
        return _Items(items, f"{self.digest} objects")

    def _pictures(self, *, singles: bool) -> _Items:
        """Views of photographs with plain captions; as `singles`, what the base learns from, which names domains."""
        looks = {"rich": len(self.captions["rich"])}
        if singles:
            looks["synthetic"] = synthetic_objects(looks["rich"])
        items = []
        for look, count in looks.items():
            for index in range(count):
                plain = self.captions[look][index]
                captions: Sequence[str] = captions_of(plain, look) if singles else [plain]
                for view in _floats(self.tensors[f"{look}/views"][index]):
                    items += [Item(caption, {"latents": view[None]}, encoded=True) for caption in captions]
        return _Items(items, f"{self.digest} pictures {singles}")


class _Items(Dataset[Item]):
    """Items that are all there."""

    def __init__(self, items: Sequence[Item], fingerprint: str) -> None:
        self.items, self._fingerprint = items, fingerprint

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Item:
        return self.items[index]

    def captions(self) -> list[str]:
        """All captions."""
        return [item.caption for item in self.items]

    def fingerprint(self) -> str:
        """Of the file, and of what was made of it."""
        return self._fingerprint


def _bytes(pictures: Sequence[Tensor]) -> Tensor:
    """(N, V, H, W, 3) uint8 of N (V, 3, H, W) in [-1, 1]."""
    return ((torch.stack(list(pictures)) + 1) * 127.5).round().to(torch.uint8).permute(0, 1, 3, 4, 2).contiguous()


def _floats(pictures: Tensor) -> Tensor:
    """(V, 3, H, W) in [-1, 1] of (V, H, W, 3) uint8."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1
