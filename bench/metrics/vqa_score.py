"""VQA score: asked whether a view shows what the prompt says, how sure is a network that it does?

VQAScore (Lin et al. 2024): unlike a cosine of two embeddings, a question is answered with the prompt's syntax in mind,
so 'a cat on a chair' is not 'a chair on a cat'. Which network answers is a plug-in; numbers of different ones never
compare.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from bench.errors import UsageError, WeightsMissing
from bench.metrics.declaration import SHARE, Measurement, ObjectMetric, Result, Sample
from bench.metrics.pictures import as_pictures
from bench.metrics.prompts import prompt_with, suffix_signature
from bench.vqa.catalogue import VQA_MODELS, find_vqa
from bench.vqa.protocol import VqaModel

NOT_PREPARED = WeightsMissing("the VQA model has not been loaded", hint="call `prepare` before `measure`")


def vqa_question(prompt: str) -> str:
    """The question of Lin et al. 2024."""
    return f'Does this figure show "{prompt}"? Please answer yes or no.'


class VqaScore(ObjectMetric):
    """Probability that a network answers 'yes' when asked whether a view shows the prompt."""

    class Options(BaseModel):
        """Options of `vqa_score`."""

        model_config = ConfigDict(extra="forbid", frozen=True)
        model: str = Field("blip_vqa", description="a VQA model's name, or module:attribute")
        suffix: str = Field("", description="words added to the prompt after a comma; the case's own prompt if empty")

    def __init__(self, options: Options) -> None:
        VQA_MODELS.target(options.model)  # an unknown name is found before the run starts
        self.options = options
        self._model: VqaModel | WeightsMissing = NOT_PREPARED

    def prepare(self, device: str, offline: bool) -> None:
        """Load the network."""
        self._model = find_vqa(self.options.model, device, offline)

    def missing(self) -> Mapping[str, str]:
        """The score, when the network lacks its weights."""
        return {"vqa_score": str(self._model)} if isinstance(self._model, WeightsMissing) else {}

    def results(self) -> tuple[Result, ...]:
        """One number per view."""
        return (Result("vqa_score", "up", "", "VQA score", axis="text", worst=0.0, limits=SHARE),)

    def parameters(self) -> str:
        """Network and its fingerprint, the question, the prompt's suffix."""
        found = self._model
        weights = "missing" if isinstance(found, WeightsMissing) else f"sha256:{found.fingerprint()[:12]}"
        return (
            f"model={self.options.model}@{weights} question=lin2024 {suffix_signature(self.options.suffix)} "
            "pooling=mean-of-views v1"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The mean over views. Not measurable without a prompt.

        Raises `WeightsMissing` without a network, and `UsageError` for one that gives no probability.
        """
        if isinstance(self._model, WeightsMissing):
            raise self._model
        if not sample.prompt.strip():
            return {"vqa_score": Measurement(math.nan, "not_measurable")}
        question = vqa_question(prompt_with(sample.prompt, self.options.suffix))
        per_view = tuple(float(self._model.probability(view, question)) for view in as_pictures(sample.views))
        if not all(0.0 <= value <= 1.0 for value in per_view):  # NaN is not between them either
            raise UsageError(
                f"the VQA model gave {', '.join(map(str, per_view))}",
                where=self.options.model,
                expected="probabilities in [0, 1]",
            )
        return {"vqa_score": Measurement(math.fsum(per_view) / len(per_view), per_view=per_view)}
