"""Prompt retrieval: of all the suite's prompts, is the object's own the one that fits its views best?

A CLIP score has no scale: what is high for a chair is low for a fork. Which prompt wins does: 1 is every object
recognised, and guessing reaches 1 / number of prompts, which the signature says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

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
from bench.metrics.declaration import SHARE, Measurement, ObjectMetric, Result, Sample
from bench.metrics.prompts import distinct_prompts, wording
from groundwork.hashing import hash_strings

TIE = 1e-6  # cosines closer than float32's rounding


def pooled_similarity(pictures: Features, texts: Features) -> npt.NDArray[np.float64]:
    """Mean cosine over views, (P,), of embeddings of length 1: `pictures` (V, D), `texts` (P, D)."""
    found: npt.NDArray[np.float64] = (texts.astype(np.float64) @ pictures.astype(np.float64).T).mean(axis=1)
    return found


def retrieval(similarity: npt.NDArray[np.float64], own: int) -> tuple[float, float]:
    """(top-1 hit, reciprocal rank) of prompt number `own` among all prompts, similarities (P,).

    What cannot be told apart is ranked at random, and the expected value is given: of two prompts that tie for the
    first place each has half a hit, and a reciprocal rank of (1 + 1/2) / 2.
    """
    above = int((similarity > similarity[own] + TIE).sum())
    tied = int((np.abs(similarity - similarity[own]) <= TIE).sum())  # itself included
    hit = 0.0 if above else 1.0 / tied
    return hit, math.fsum(1.0 / rank for rank in range(above + 1, above + tied + 1)) / tied


class PromptRetrieval(ObjectMetric):
    """Whether an object's prompt fits its views better than every other prompt of the suite."""

    class Options(BaseModel):
        """Options of `prompt_retrieval`."""

        model_config = ConfigDict(extra="forbid", frozen=True)
        model: str = Field("ViT-L-14", description="a CLIP network by open_clip's name: ViT-L-14 or ViT-L-14-336")

    def __init__(self, options: Options) -> None:
        check_clip(options.model)
        self.options = options
        self._clip: ClipModel | WeightsMissing = NOT_PREPARED
        self._prompts: tuple[str, ...] = ()

    def see_prompts(self, prompts: tuple[str, ...]) -> None:
        """Take note of the suite's prompts, which decide the chance of a hit."""
        self._prompts = distinct_prompts(prompts)

    def prepare(self, device: str, offline: bool) -> None:
        """Load CLIP."""
        self._clip = find_clip(self.options.model, device, offline)

    def missing(self) -> Mapping[str, str]:
        """Both results, when CLIP lacks its weights."""
        clip = self._clip
        return {result.name: str(clip) for result in self.results()} if isinstance(clip, WeightsMissing) else {}

    def results(self) -> tuple[Result, ...]:
        """The share of hits and the mean reciprocal rank."""
        chance = f", chance {1 / len(self._prompts):.3g}" if self._prompts else ""
        return (
            Result(
                "prompt_retrieval",
                "up",
                "",
                f"prompt retrieval, top 1 of the suite's prompts{chance}",
                axis="text",
                worst=0.0,
                limits=SHARE,
            ),
            Result(
                "prompt_reciprocal_rank",
                "up",
                "",
                "reciprocal rank of the prompt",
                axis="text",
                worst=0.0,
                limits=SHARE,
            ),
        )

    def parameters(self) -> str:
        """Network and fingerprint, the prompts and the chance of a hit by guessing."""
        count = len(self._prompts)
        chance = f"{1 / count:.4g}" if count else "none"
        return (
            f"{clip_signature(self.options.model, self._clip)} "
            f"prompts={count}@sha256:{hash_strings(self._prompts)[:12]} chance={chance} "
            "similarity=mean-cosine-of-views ties=expected v1"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """Hit (0 or 1, a fraction for ties) and reciprocal rank. Prompts that say the same count as one.

        Not measurable without a prompt, or with no other prompt in the suite. Raises `WeightsMissing` without CLIP.
        """
        if isinstance(self._clip, WeightsMissing):
            raise self._clip
        prompts, own = distinct_prompts(sample.prompts), wording(sample.prompt)
        if own not in prompts or len(prompts) < 2:
            return {result.name: Measurement(math.nan, "not_measurable") for result in self.results()}
        texts = text_embeddings(self._clip, prompts)
        similarity = pooled_similarity(view_embeddings(self._clip, sample.views), texts)
        hit, reciprocal_rank = retrieval(similarity, prompts.index(own))
        return {"prompt_retrieval": Measurement(hit), "prompt_reciprocal_rank": Measurement(reciprocal_rank)}
