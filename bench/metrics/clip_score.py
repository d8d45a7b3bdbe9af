"""CLIP score (Hessel et al. 2021): how close picture and prompt are in CLIP's space, as papers print it.

The convention is torchmetrics': 100 max(0, cos), without the factor 2.5 of the original.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from bench.errors import WeightsMissing
from bench.extractors.clip import ClipModel
from bench.extractors.protocol import Features
from bench.metrics.clip_views import (
    NOT_PREPARED,
    check_clip,
    clip_signature,
    find_clip,
    text_embeddings,
    view_embeddings,
)
from bench.metrics.declaration import Measurement, ObjectMetric, Result, Sample
from bench.metrics.prompts import prompt_with, suffix_signature


def clip_scores(pictures: Features, text: Features) -> npt.NDArray[np.float64]:
    """100 max(0, cos), (V,), of embeddings of length 1: `pictures` (V, D) and one `text` (D,)."""
    return 100.0 * np.maximum(pictures.astype(np.float64) @ text.astype(np.float64), 0.0)


class ClipScore(ObjectMetric):
    """Cosine between a view's and its prompt's CLIP embeddings, times 100."""

    class Options(BaseModel):
        """Options of `clip_score`."""

        model_config = ConfigDict(extra="forbid", frozen=True)
        model: str = Field("ViT-L-14", description="a CLIP network by open_clip's name: ViT-L-14 or ViT-L-14-336")
        suffix: str = Field("", description="words added to the prompt after a comma; the case's own prompt if empty")
        pooling: Literal["mean", "max"] = Field("mean", description="over the views of an object")

    def __init__(self, options: Options) -> None:
        check_clip(options.model)
        self.options = options
        self._clip: ClipModel | WeightsMissing = NOT_PREPARED

    def prepare(self, device: str, offline: bool) -> None:
        """Load CLIP."""
        self._clip = find_clip(self.options.model, device, offline)

    def missing(self) -> Mapping[str, str]:
        """The score, when CLIP lacks its weights."""
        return {"clip_score": str(self._clip)} if isinstance(self._clip, WeightsMissing) else {}

    def results(self) -> tuple[Result, ...]:
        """One number per view."""
        return (Result("clip_score", "up", "", "CLIP score (x 100)", axis="text", worst=0.0, limits=(0.0, 100.0)),)

    def parameters(self) -> str:
        """Network and fingerprint, the prompt's suffix, pooling."""
        return (
            f"{clip_signature(self.options.model, self._clip)} {suffix_signature(self.options.suffix)} "
            f"scale=100,clipped-at-0 pooling={self.options.pooling}-of-views v1"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The mean over views, with its views, or the best view. Not measurable without a prompt.

        Raises `WeightsMissing` without CLIP.
        """
        if isinstance(self._clip, WeightsMissing):
            raise self._clip
        if not sample.prompt.strip():
            return {"clip_score": Measurement(math.nan, "not_measurable")}
        text = text_embeddings(self._clip, (prompt_with(sample.prompt, self.options.suffix),))[0]
        scores = clip_scores(view_embeddings(self._clip, sample.views), text).tolist()
        if self.options.pooling == "max":
            return {"clip_score": Measurement(max(scores))}
        return {"clip_score": Measurement(math.fsum(scores) / len(scores), per_view=tuple(scores))}
