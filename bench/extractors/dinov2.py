"""The features of FD-DINOv2 (Stein et al. 2023): the CLS token of DINOv2 ViT-L/14 (Oquab et al. 2023), 1024 values.

Preparation is dgm-eval's with its clean resize: the whole picture to 224 x 224 with Pillow's antialiased bicubic on
float channels, clipped and not rounded, then ImageNet's mean and deviation; a picture that is not square is squeezed.
The network runs through transformers, whose published file holds the same numbers as Meta's. One thing differs there:
Meta's code resamples the position embeddings (37 x 37 at 518 px) to 16 x 16 with an offset of 0.1 in the scale. That is
done here once, as in Meta's code, so that distances stand beside those of tools that run it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from bench.errors import WeightsMissing
from bench.extractors.exact import exact_kernels
from bench.extractors.hub import FoundWeights, HubFile, check_package, find_weights, needed_package
from bench.extractors.level import LevelExtractor
from bench.extractors.protocol import Features, Picture
from bench.extractors.weights import OFFLINE_HINT
from groundwork.hashing import hash_json, hash_strings

NAME = "dinov2"
IMAGE_SIZE = 224
RESIZE = f"clean-{IMAGE_SIZE}"
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
POSITION_OFFSET = 0.1  # `interpolate_offset` of Meta's network
VERSION = "1"  # raised whenever the same weights would give other numbers

WEIGHTS = HubFile(
    repository="facebook/dinov2-large",
    revision="47b73eefe95e8d44ec3623f8890bd894b6ea2d6c",
    name="model.safetensors",
    sha256="399fba97a95f22c36834418bc69373364a99af3a1153da1c0fb31db567c92e23",
    folder="dinov2-large",
    config="config.json",
)
PUBLISHED_CONFIG = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "mlp_ratio": 4,
    "image_size": 518,
    "patch_size": 14,
    "layer_norm_eps": 1e-6,
    "hidden_act": "gelu",
    "use_swiglu_ffn": False,
}

GPU_BATCH = 32


@lru_cache(maxsize=2)
def dinov2_extractor(device: str = "cpu", offline: bool = False) -> LevelExtractor:
    """`dinov2`: the normalised CLS token, 1024 values. Raises `WeightsMissing`."""
    check_package("transformers", "dinov2", "DINOv2")
    found = find_weights(WEIGHTS, offline, OFFLINE_HINT)
    transformers = needed_package("transformers", "dinov2", "DINOv2")  # takes seconds, so only when weights are here
    config = _config(found)
    tower = Dinov2Tower(_network(transformers, found, config), device, 1 if device == "cpu" else GPU_BATCH)
    fingerprint = hash_strings([NAME, found.sha256, hash_json(config), RESIZE, VERSION])
    return LevelExtractor(NAME, tower.dimension, tower, fingerprint, RESIZE)


class Dinov2Tower:
    """A transformers `Dinov2Model` as a `Backbone`. Every pass holds `batch` pictures, filled up if need be.

    `dimension` is the length of a feature vector.
    """

    def __init__(self, network: Any, device: str, batch: int) -> None:
        self.batch, self.dimension = batch, int(network.config.hidden_size)
        self._device = torch.device(device)
        with torch.no_grad():
            embeddings = network.embeddings
            resampled = resampled_positions(embeddings.position_embeddings, IMAGE_SIZE // network.config.patch_size)
            embeddings.position_embeddings = nn.Parameter(resampled)
        self._network = network.float().eval().requires_grad_(False).to(self._device)
        self._mean = torch.tensor(MEAN, device=self._device)[:, None, None]
        self._deviation = torch.tensor(DEVIATION, device=self._device)[:, None, None]

    def prepare(self, picture: Picture) -> npt.NDArray[np.float32]:
        """The picture at 224 x 224, float32 (3, 224, 224) in [0, 1]."""
        channels = [Image.fromarray(picture[..., channel].astype(np.float32)) for channel in range(3)]
        resized = [channel.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC) for channel in channels]
        pixels = np.stack([np.asarray(channel) for channel in resized]).clip(0.0, 255.0)
        return np.asarray(pixels / 255.0, dtype=np.float32)

    def forward(self, inputs: Sequence[npt.NDArray[np.float32]]) -> Mapping[str, Features]:
        """Features of prepared pictures: 'dinov2' (n, dimension)."""
        batch = np.zeros((self.batch, 3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.float32)
        batch[: len(inputs)] = np.stack(inputs)
        with torch.inference_mode(), exact_kernels(self._device):
            pictures = (torch.from_numpy(batch).to(self._device) - self._mean) / self._deviation
            features = self._network(pictures).pooler_output
        return {NAME: features[: len(inputs)].cpu().numpy()}


def resampled_positions(positions: Tensor, side: int) -> Tensor:
    """Position embeddings (1, 1 + n * n, D) for a grid of side x side patches: (1, 1 + side * side, D).

    Bicubic with the scale (side + 0.1) / n, not antialiased, as in Meta's code; the CLS token's stays as it is.
    """
    own, grid = positions[:, :1], positions[:, 1:]
    n = round(grid.shape[1] ** 0.5)
    if n == side:
        return positions.detach().clone()
    planes = grid.reshape(1, n, n, -1).permute(0, 3, 1, 2).float()
    scale = (side + POSITION_OFFSET) / n
    resized = nn.functional.interpolate(planes, scale_factor=(scale, scale), mode="bicubic", align_corners=False)
    if resized.shape[-2:] != (side, side):
        raise ValueError(f"position embeddings of a {n} x {n} grid became {tuple(resized.shape[-2:])}")
    return torch.cat([own.float(), resized.permute(0, 2, 3, 1).reshape(1, side * side, -1)], dim=1)


def _config(found: FoundWeights) -> dict[str, Any]:
    """The published architecture, or the one that a person's own weights come with."""
    own = found.config or {}
    if found.config is not None and own.get("model_type") != "dinov2":
        raise WeightsMissing(
            "the configuration beside the weights is not that of a DINOv2 network",
            where=str(found.path.parent),
            expected='"model_type": "dinov2", as transformers writes it',
        )
    return {key: own.get(key, value) for key, value in PUBLISHED_CONFIG.items()}


def _network(transformers: Any, found: FoundWeights, config: dict[str, Any]) -> Any:
    # transformers renames the published tensors to those of its present version, which is why it reads the file
    bars = transformers.utils.logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        network, report = transformers.Dinov2Model.from_pretrained(
            str(found.path.parent),
            config=transformers.Dinov2Config(**config),
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except Exception as error:  # it raises errors of many kinds, those of safetensors among them
        raise _no_weights(found, str(error).strip().splitlines()[0]) from error
    finally:
        if shown:
            bars.enable_progress_bar()
    if absent := sorted(report["missing_keys"]):
        raise _no_weights(found, f"{len(absent)} tensors are missing, {absent[0]} among them")
    return network


def _no_weights(found: FoundWeights, reason: str) -> WeightsMissing:
    return WeightsMissing(
        f"these are not weights of DINOv2: {reason}",
        where=str(found.path),
        expected=f"SHA-256 {WEIGHTS.sha256}",
        hint=f"fetch {WEIGHTS.url}",
    )
