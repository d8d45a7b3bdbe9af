"""CLIP for the metrics that look through it: loaded once, each text and each sample's views embedded once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import UsageError, WeightsMissing, nearest
from bench.extractors.clip import CLIP_WEIGHTS, ClipModel, load_clip
from bench.extractors.protocol import Features
from bench.metrics.pictures import as_pictures
from groundwork.hashing import hash_array
from groundwork.pictures import Picture

if TYPE_CHECKING:
    from torch import Tensor

NOT_PREPARED = WeightsMissing("CLIP has not been loaded", hint="call `prepare` before `measure`")


def check_clip(name: str) -> None:
    """Raises `UsageError` for a CLIP network that nobody knows, before weights are asked for."""
    if name not in CLIP_WEIGHTS:
        raise UsageError(f"unknown CLIP network '{name}'", hint=nearest(name, CLIP_WEIGHTS))


@lru_cache(maxsize=4)
def find_clip(name: str, device: str, offline: bool) -> ClipModel | WeightsMissing:
    """The CLIP network called `name` on `device`, or why it is not available. Asked for once a process."""
    try:
        return load_clip(name, device, offline)
    except WeightsMissing as error:
        return error


def clip_signature(name: str, clip: ClipModel | WeightsMissing) -> str:
    """`model=...` with the weights' source and the fingerprint of weights and preparation."""
    if isinstance(clip, WeightsMissing):
        return f"model={name}@missing"
    return f"model={clip.name}@sha256:{clip.fingerprint[:12]}"


@lru_cache(maxsize=64)
def text_embeddings(clip: ClipModel, texts: tuple[str, ...]) -> Features:
    """Embeddings of length 1, float32 (N, D)."""
    return clip.encode_texts(texts)


def view_embeddings(clip: ClipModel, views: Tensor) -> Features:
    """Embeddings of length 1, float32 (V, D), of views (V, H, W, 3) in [0, 1]."""
    pictures = as_pictures(views)
    return _embedded(clip, _Views(hash_array(np.stack(pictures)), pictures))


@dataclass(frozen=True)
class _Views:
    """Pictures that are told apart by their digest."""

    digest: str
    pictures: list[Picture] = field(compare=False, repr=False)


@lru_cache(maxsize=1)  # metrics look at the same sample one after another
def _embedded(clip: ClipModel, views: _Views) -> Features:
    return clip.encode_images(views.pictures)
