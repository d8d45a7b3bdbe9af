"""CLIP through open_clip: pictures and texts on one scale, loaded once for every metric that looks through it.

Preparation is open_clip's evaluation transform in our own code (its own needs torchvision): the shorter side to the
network's size with Pillow's antialiased bicubic, 8 bits, then the central square. `clip` and `clip_336` are extractors
of the image tower's embeddings as they come (of any length, as FD on CLIP features uses them); `encode_images` and
`encode_texts` scale them to length 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from bench.errors import ImageError, UsageError, WeightsMissing, nearest
from bench.extractors.exact import exact_kernels
from bench.extractors.hub import FoundWeights, HubFile, check_package, find_weights, needed_package
from bench.extractors.level import LevelExtractor
from bench.extractors.protocol import Features, Picture
from bench.extractors.weights import OFFLINE_HINT
from bench.threads import each_alone
from groundwork.hashing import hash_json, hash_strings
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

# OpenAI's weights of Radford et al. (2021), as open_clip publishes them
CLIP_WEIGHTS = {
    "ViT-L-14": HubFile(
        repository="timm/vit_large_patch14_clip_224.openai",
        revision="18d0535469bb561bf468d76c1d73aa35156c922b",
        name="open_clip_model.safetensors",
        sha256="9ce2e8a8ebfff3793d7d375ad6d3c35cb9aebf3de7ace0fc7308accab7cd207e",
        folder="clip-ViT-L-14",
        config="open_clip_config.json",
    ),
    "ViT-L-14-336": HubFile(
        repository="timm/vit_large_patch14_clip_336.openai",
        revision="81e38efc4637de5023b10e75a7f9bd1c6fa6b010",
        name="open_clip_model.safetensors",
        sha256="fbc415c3d0d7b79faed8f5ccfb740c32b7c4f5ffe7283b851f89c6231c01a8e0",
        folder="clip-ViT-L-14-336",
        config="open_clip_config.json",
    ),
}
EXTRACTORS = {"ViT-L-14": "clip", "ViT-L-14-336": "clip_336"}  # what suites call the image towers
MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
VERSION = "1"  # raised whenever the same weights would give other numbers

GPU_BATCH = 32
MAX_ELONGATION = 64  # beyond, a resize of the shorter side makes pictures of unreasonable size

_CONFIG_KEYS = {"embed_dim", "quick_gelu", "vision_cfg", "text_cfg"}
# these would have open_clip fetch other networks by name
_FOREIGN_KEYS = ("timm_model_name", "hf_model_name", "hf_tokenizer_name")


def clip_extractor(device: str = "cpu", offline: bool = False) -> LevelExtractor:
    """`clip`: embeddings of ViT-L/14 at 224 px, 768 values, not scaled to length 1. Raises `WeightsMissing`."""
    return load_clip("ViT-L-14", device, offline).images


def clip_336_extractor(device: str = "cpu", offline: bool = False) -> LevelExtractor:
    """`clip_336`: embeddings of ViT-L/14 at 336 px, the network of CMMD, 768 values. Raises `WeightsMissing`."""
    return load_clip("ViT-L-14-336", device, offline).images


@lru_cache(maxsize=2)
def load_clip(model: str = "ViT-L-14", device: str = "cpu", offline: bool = False) -> ClipModel:
    """CLIP of OpenAI by open_clip's name for it, one of `CLIP_WEIGHTS`, on `device` ('cpu', 'cuda', 'cuda:1').

    Loaded once: whoever asks again gets the same object. Raises `UsageError` for an unknown name and `WeightsMissing`
    when the package open_clip or the weights are not here.
    """
    if model not in CLIP_WEIGHTS:
        raise UsageError(f"unknown CLIP network '{model}'", hint=nearest(model, CLIP_WEIGHTS))
    check_package("open_clip", "clip", "CLIP")
    file = CLIP_WEIGHTS[model]
    found = find_weights(file, offline, OFFLINE_HINT + "; no offline network judges texts")
    open_clip = needed_package("open_clip", "clip", "CLIP")  # takes seconds, so only when there is something to load
    config = _published_config(open_clip, model) if found.config is None else _own_config(found)
    try:
        network = open_clip.CLIP(**config)
        network.load_state_dict(_tensors(found))
        tokenizer = open_clip.SimpleTokenizer(context_length=network.context_length)
    except (RuntimeError, TypeError, ValueError, KeyError, AttributeError, AssertionError) as error:
        raise WeightsMissing(
            f"these are not weights of {model}: {str(error).splitlines()[0]}",
            where=str(found.path),
            expected=f"SHA-256 {file.sha256}",
            hint=f"fetch {file.url}",
        ) from error
    source = "openai" if found.config is None else "own"
    return ClipModel(
        f"{model}@{source}", EXTRACTORS[model], network, tokenizer, found.sha256, hash_json(config), device
    )


class ClipModel:
    """Both towers of a CLIP network on one device.

    `name` reads such as 'ViT-L-14@openai', `fingerprint` is the SHA-256 (hex) of weights, architecture and preparation,
    `weights_sha256` that of the weights file alone, `dimension` the length of an embedding, `images` the extractor of
    embeddings as they come, and `logit_scale` what CLIP multiplies cosines with (about 100).
    """

    def __init__(
        self, name: str, extractor: str, network: Any, tokenizer: Any, weights: str, architecture: str, device: str
    ) -> None:
        self._network, self._tokenizer = network.float().eval().requires_grad_(False).to(device), tokenizer
        self._device = torch.device(device)
        self._batch = 1 if self._device.type == "cpu" else GPU_BATCH
        size = int(network.visual.image_size[0])
        resize = f"pil-bicubic-{size}-shorter-side"
        self.name, self.weights_sha256 = name, weights
        self.fingerprint = hash_strings([extractor, weights, architecture, resize, VERSION])
        self.dimension, self.logit_scale = int(network.visual.output_dim), float(network.logit_scale.exp())
        tower = ClipImageTower(extractor, network.visual, size, self._device, self._batch)
        self.images = LevelExtractor(extractor, self.dimension, tower, self.fingerprint, resize)

    def encode_images(self, pictures: Sequence[Picture]) -> Features:
        """Embeddings of length 1, float32 (N, D), of uint8 (H, W, 3) pictures; each depends on its picture alone."""
        return unit_length(self.images.extract(pictures))

    def encode_texts(self, texts: Sequence[str]) -> Features:
        """Embeddings of length 1, float32 (N, D). A text beyond the network's 77 tokens is cut off there."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        tokens: Tensor = self._tokenizer(list(texts))
        chunks = [tokens[start : start + self._batch] for start in range(0, len(tokens), self._batch)]
        return unit_length(np.concatenate(each_alone(self._encode_tokens, chunks, self._device)))

    def _encode_tokens(self, tokens: Tensor) -> Features:
        full = torch.zeros((self._batch, tokens.shape[1]), dtype=tokens.dtype)
        full[: len(tokens)] = tokens
        with torch.inference_mode(), exact_kernels(self._device):
            found: Features = self._network.encode_text(full.to(self._device))[: len(tokens)].cpu().numpy()
        return found


class ClipImageTower:
    """The image tower as a `Backbone`. Every pass holds `batch` pictures, filled up with black ones if need be."""

    def __init__(self, name: str, tower: Any, image_size: int, device: torch.device, batch: int) -> None:
        self.batch, self._name = batch, name
        self._tower, self._size, self._device = tower, image_size, device
        self._mean = torch.tensor(MEAN, device=device)[:, None, None]
        self._deviation = torch.tensor(DEVIATION, device=device)[:, None, None]

    def prepare(self, picture: Picture) -> Picture:
        """The picture as the network sees it, uint8 (image_size, image_size, 3)."""
        return resized_square(picture, self._size)

    def forward(self, inputs: Sequence[Picture]) -> Mapping[str, Features]:
        """Embeddings (n, D) of prepared pictures, as they come."""
        batch = np.zeros((self.batch, self._size, self._size, 3), dtype=np.uint8)
        batch[: len(inputs)] = np.stack(inputs)
        with torch.inference_mode(), exact_kernels(self._device):
            pictures = torch.from_numpy(batch).to(self._device).permute(0, 3, 1, 2).float() / 255.0
            features = self._tower((pictures - self._mean) / self._deviation)
        return {self._name: features[: len(inputs)].cpu().numpy()}


def resized_square(picture: Picture, size: int) -> Picture:
    """The central square of a uint8 (H, W, 3) picture whose shorter side was resized to `size`: (size, size, 3).

    Pillow's antialiased bicubic on 8 bits. Raises `ImageError` for a picture more than 64 times as long as wide.
    """
    height, width = picture.shape[:2]
    short, long = min(height, width), max(height, width)
    if long > MAX_ELONGATION * short:
        raise ImageError(f"a picture of {width} x {height} is too long to be judged", expected="views or photographs")
    scaled = int(size * long / short)
    wanted = (size, scaled) if width <= height else (scaled, size)
    image = Image.fromarray(picture)
    if short != size:
        image = image.resize(wanted, Image.Resampling.BICUBIC)
    left, top = round((image.width - size) / 2), round((image.height - size) / 2)
    return np.asarray(image.crop((left, top, left + size, top + size)))


def unit_length(features: Features) -> Features:
    """Each row scaled to length 1."""
    lengths = np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    scaled: Features = (features / np.maximum(lengths, np.finfo(np.float64).tiny)).astype(np.float32)
    return scaled


def _published_config(open_clip: Any, model: str) -> dict[str, Any]:
    # OpenAI trained with x * sigmoid(1.702 x) for GELU; open_clip's plain name means the exact one
    return {**open_clip.get_model_config(model), "quick_gelu": True}


def _own_config(found: FoundWeights) -> dict[str, Any]:
    """The architecture beside a person's own weights: open_clip's plain CLIP, nothing that names other networks."""
    config = (found.config or {}).get("model_cfg")
    parts = [config.get("vision_cfg"), config.get("text_cfg")] if isinstance(config, dict) else []
    plain = (
        isinstance(config, dict)
        and set(config) <= _CONFIG_KEYS
        and all(isinstance(part, dict) and not any(key in part for key in _FOREIGN_KEYS) for part in parts)
    )
    if not plain:
        raise WeightsMissing(
            "the configuration beside the weights is not that of a plain CLIP",
            where=str(found.path.parent),
            expected=f"an object model_cfg with {', '.join(sorted(_CONFIG_KEYS))}, as open_clip writes it",
        )
    return dict(config or {})


def _tensors(found: FoundWeights) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(found.path)
    except (OSError, SafetensorError) as error:
        raise WeightsMissing(f"the weights cannot be read: {error}", where=str(found.path)) from error
    return tensors
