"""The features that FID and KID mean: Inception of 2015, translated to TorchScript, with clean-fid's resize.

The file is a TorchScript program, and loading one runs code. It is loaded only when its SHA-256 is that of the
published file, wherever it was found. Preparation follows clean-fid (Parmar et al. 2022): Pillow's antialiased bicubic
to 299 x 299 on float channels, clipped to [0, 255] and not rounded.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.errors import WeightsMissing
from bench.extractors.engine import engine_for
from bench.extractors.level import LevelExtractor
from bench.extractors.protocol import Features, Picture
from bench.extractors.resize import resize_bicubic
from bench.extractors.weights import WeightsFile, weights_bytes
from groundwork.hashing import hash_strings

NAME = "inception"
IMAGE_SIZE = 299
DIMENSION = 2048
RESIZE = "clean"
VERSION = "1"  # raised whenever the same weights would give other numbers

# the hash that k-diffusion and other public evaluation code pin for this file
WEIGHTS = WeightsFile(
    name="inception-2015-12-05.pt",
    url="https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/inception-2015-12-05.pt",
    sha256="f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4",
)

GPU_BATCH = 32


def inception_extractor(device: str = "cpu", offline: bool = False) -> LevelExtractor:
    """`inception`: the 2048 pooled features before the classifier. Raises `WeightsMissing`."""
    fingerprint = hash_strings([NAME, WEIGHTS.sha256, RESIZE, VERSION])
    return LevelExtractor(NAME, DIMENSION, backbone(device, offline), fingerprint, RESIZE)


@lru_cache(maxsize=2)
def backbone(device: str, offline: bool) -> InceptionBackbone:
    """The network on `device` ('cpu', 'cuda', 'cuda:1'). Raises `WeightsMissing`."""
    # the file's bytes go before the engine is made, which needs memory of its own
    layers = load_layers(weights_bytes(WEIGHTS, offline), device)
    return InceptionBackbone(layers, device, 1 if device == "cpu" else GPU_BATCH)


def load_layers(program: bytes, device: str) -> Callable[[Tensor], Tensor]:
    """The part `layers` of a TorchScript program, which is trusted: check where it is from before.

    Raises `WeightsMissing` when it cannot be loaded.
    """
    try:
        with warnings.catch_warnings():
            # torch would like everyone to move on; the published file stays what it is
            warnings.simplefilter("ignore", FutureWarning)
            loaded: Any = torch.jit.load(io.BytesIO(program), map_location=device)  # type: ignore[no-untyped-call]
        layers: Callable[[Tensor], Tensor] = loaded.eval().layers
    except (RuntimeError, AttributeError) as error:
        raise WeightsMissing(f"the Inception network cannot be loaded: {error}", where=WEIGHTS.name) from error
    return layers


class InceptionBackbone:
    """A network whose `layers` map float32 (B, 3, 299, 299) in [-1, 1], on `device`, to B x 2048 features.

    Every pass holds `batch` pictures, filled up if need be. `engine` names what runs the network.
    """

    def __init__(self, layers: Callable[[Tensor], Tensor], device: str, batch: int) -> None:
        self.batch = batch

        def network(pictures: Tensor) -> tuple[Tensor]:
            return (layers((pictures - 128.0) / 128.0).view(batch, DIMENSION),)

        self._engine = engine_for(network, torch.device(device), (batch, 3, IMAGE_SIZE, IMAGE_SIZE), np.float32)
        self.engine = self._engine.name

    def prepare(self, picture: Picture) -> npt.NDArray[np.float32]:
        """The picture at 299 x 299 as clean-fid has it, float32 (3, 299, 299) in [0, 255]."""
        return resize_bicubic(picture, IMAGE_SIZE)

    def forward(self, inputs: Sequence[npt.NDArray[np.float32]]) -> Mapping[str, Features]:
        """Features of prepared pictures: 'inception' (n, 2048)."""
        batch = np.zeros((self.batch, 3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.float32)
        batch[: len(inputs)] = inputs
        (features,) = self._engine(batch)
        return {NAME: features[: len(inputs)]}
