"""`efficientnet_lite0_interior`: what an object is painted with, and nothing of how it is framed.

The object is cut out and brought to one size (`object_frame`); mean and deviation of the second and third stages'
channels are taken over the places that lie inside it. Each value is then told in standard deviations of real
photographs, from their mean: the 188 objects of the shipped reference `photo_cutouts`. So no channel decides because it
happens to be loud, and a distance of these features has a unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bench.errors import ExtractorError
from bench.extractors.efficientnet_lite0 import GPU_BATCH, WEIGHTS_SHA256, load_network, weights_path
from bench.extractors.efficientnet_lite0_shape import STAGES
from bench.extractors.engine import engine_for
from bench.extractors.level import LevelExtractor
from bench.extractors.object_frame import SIDE, object_frame
from bench.extractors.object_frame import VERSION as FRAME_VERSION
from bench.extractors.protocol import Features
from groundwork.hashing import hash_array, hash_strings
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from bench.extractors.efficientnet_lite0_network import EfficientNetLite0
else:
    torch = late("torch")

INTERIOR = "efficientnet_lite0_interior"
DIMENSION = 2 * sum(STAGES[stage - 1].channels for stage in (2, 3))
SCALE_FILE = Path(__file__).with_name("interior_scale.npy")  # (2, DIMENSION): the photographs' mean and deviation
VERSION = "1"  # raised whenever the same weights and scale would give other numbers


def interior_extractor(device: str = "cpu", offline: bool = False) -> LevelExtractor:
    """`efficientnet_lite0_interior`: texture of the object's interior, 128 values. Never needs the network."""
    fingerprint = hash_strings([INTERIOR, WEIGHTS_SHA256, FRAME_VERSION, hash_array(scale()), VERSION])
    return LevelExtractor(INTERIOR, DIMENSION, interior_backbone(device), fingerprint, FRAME_VERSION)


@lru_cache(maxsize=2)
def interior_backbone(device: str) -> InteriorBackbone:
    """The network's first stages on `device`, once a process. Raises `WeightsMissing`."""
    return InteriorBackbone(load_network(weights_path()), device, 1 if device == "cpu" else GPU_BATCH)


@lru_cache(maxsize=1)
def scale() -> npt.NDArray[np.float64]:
    """Mean and standard deviation of each raw value over the photographs, float64 (2, 128)."""
    return np.asarray(np.load(SCALE_FILE, allow_pickle=False), dtype=np.float64)


class InteriorBackbone:
    """The second and third stages at the object's own size. `object_only`: it is given cut-outs, never whole pictures.

    `engine` names what runs the network.
    """

    object_only = True

    def __init__(self, network: EfficientNetLite0, device: str, batch: int) -> None:
        self.batch = batch
        target = torch.device(device)
        network = network.to(target).to(memory_format=torch.channels_last)

        def from_pixels(pictures: Tensor) -> tuple[Tensor, Tensor]:
            x = network.stem((pictures.permute(0, 3, 1, 2).float() - 127.0) / 128.0)
            second = network.low[1](network.low[0](x))
            return second, network.low[2](second)

        self._engine = engine_for(from_pixels, target, (batch, SIDE, SIDE, 3), np.uint8)
        self.engine = self._engine.name

    def prepare(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The object of a cut-out (H, W, 4), uint8 (SIDE, SIDE, 4). Raises `ExtractorError` for a whole picture."""
        if picture.ndim != 3 or picture.shape[2] != 4:
            raise ExtractorError(
                f"'{INTERIOR}' was given a picture of shape {picture.shape}",
                expected="a cut-out (H, W, 4), whose alpha says where the object is",
            )
        return object_frame(picture)

    def forward(self, inputs: Sequence[npt.NDArray[np.uint8]]) -> Mapping[str, Features]:
        """Features of prepared cut-outs: 'efficientnet_lite0_interior' (n, 128)."""
        return {INTERIOR: ((self.raw(inputs) - scale()[0]) / scale()[1]).astype(np.float32)}

    def raw(self, inputs: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float64]:
        """Means, then deviations, of the second stage's channels, then of the third's, (n, 128)."""
        # always the same shape, because libraries choose their algorithm, and so their rounding, by the shape
        batch = np.zeros((self.batch, SIDE, SIDE, 3), dtype=np.uint8)
        batch[: len(inputs)] = [one[..., :3] for one in inputs]
        maps = [level[: len(inputs)].astype(np.float64) for level in self._engine(batch)]
        rows = []
        for number, one in enumerate(inputs):
            rows.append(np.concatenate([_pooled(level[number], one[..., 3] > 0) for level in maps]))
        return np.stack(rows) if rows else np.zeros((0, DIMENSION))


def _pooled(level: npt.NDArray[np.float64], inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Mean and deviation of channels (C, h, h) over places, each weighted by how much of it lies inside, (2 C,)."""
    side = level.shape[1]
    weight = inside.reshape(side, SIDE // side, side, SIDE // side).mean(axis=(1, 3))
    weight = weight / weight.sum() if weight.any() else np.full(weight.shape, 1.0 / weight.size)
    mean = (level * weight).sum(axis=(1, 2))
    variance = ((level - mean[:, None, None]) ** 2 * weight).sum(axis=(1, 2))
    return np.concatenate([mean, np.sqrt(variance)])
