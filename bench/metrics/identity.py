"""Do the pictures show what was asked? Kind and colours of the object against the suite's other prompts, offline.

Consistency, realism and the outline are silent about the prompt: a ball for every prompt, or a photograph of something
else on the right shape, can have all three. Here the prompts of the suite compete for the views of an object: how many
of the others fit worse than its own?
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bench.errors import WeightsMissing
from bench.extractors.efficientnet_lite0 import WEIGHTS_SHA256, load_network, weights_path
from bench.extractors.object_frame import VERSION as FRAME_VERSION
from bench.extractors.object_frame import cut_out, framed
from bench.geometry.ground import stands_elsewhere
from bench.identity.colours import (
    Histogram,
    Palette,
    colour_fit,
    colour_shares,
    named_colours,
    own_and_part_colours,
    parts_fit,
)
from bench.identity.kinds import Kinds, kind_fit, kind_scores, kinds_digest, named_kind, pooled_features
from bench.metrics.declaration import SHARE, Measurement, ObjectMetric, Result, Sample
from bench.metrics.pictures import as_pictures
from bench.metrics.prompts import distinct_prompts, wording
from bench.metrics.repainted import not_measurable
from groundwork.hashing import hash_strings
from groundwork.pictures import RGB, PictureRGBA

Named = TypeVar("Named", bound=Hashable)


def share_beaten(own: Named, all_named: Sequence[Named], fit: Callable[[Named], float]) -> float:
    """The share of what others name that fits worse than `own`; ties count half. NaN where all name the same.

    >>> share_beaten("red", ["red", "blue", "green"], {"red": 0.6, "blue": 0.3, "green": 0.6}.__getitem__)
    0.75
    """
    others = [fit(named) for named in dict.fromkeys(all_named) if named != own]
    if not others:
        return math.nan
    mine = fit(own)
    return sum(1.0 if mine > other else 0.5 if mine == other else 0.0 for other in others) / len(others)


class Identity(ObjectMetric):
    """Whether kind and colours of the object are those that its prompt names, rather than another prompt's."""

    class Options(BaseModel):
        """Options of `identity`."""

        model_config = ConfigDict(extra="forbid", frozen=True)
        kinds: Kinds = Field(
            "imagenet", description="who names kinds: ImageNet's classifier, or a layer fitted to the mini-world's"
        )
        palette: Palette = Field("common", description="what colours are called: as things are, or weathered ones")
        parts: bool = Field(
            False,
            description="also ask whether a thing's own colour covers more of it than its parts' do ('a red mug with a "
            "blue handle'): for prompts of which that is true",
        )

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._device = "cpu"
        self._missing: WeightsMissing | None = None
        self._prompts: tuple[str, ...] = ()

    def see_prompts(self, prompts: tuple[str, ...]) -> None:
        """Take note of the suite's prompts, against which each object's own is held."""
        self._prompts = distinct_prompts(prompts)

    def prepare(self, device: str, offline: bool) -> None:
        """Look for the weights, which come with the install."""
        self._device = device
        try:
            load_network(weights_path())
        except WeightsMissing as error:
            self._missing = error

    def missing(self) -> Mapping[str, str]:
        """All results, without the weights."""
        return {result.name: str(self._missing) for result in self.results()} if self._missing else {}

    def results(self) -> tuple[Result, ...]:
        """The mean of what can be asked, then each question alone."""
        whole = "share of the other prompts whose kind and colours fit the views worse"
        asked = {
            "identity": f"{whole}, and of part colours that cover less" if self.options.parts else whole,
            "identity_kind": "share of the suite's other kinds that fit the views worse",
            "identity_colour": "share of the other prompts' colours that fit the views worse",
        }
        if self.options.parts:
            asked["identity_parts"] = "share of part colours that cover less of the object than its own colour"
        return tuple(Result(name, "up", "", what, axis="text", worst=0.0, limits=SHARE) for name, what in asked.items())

    def parameters(self) -> str:
        """Network, words, and the prompts that compete."""
        kinds = self.options.kinds
        parts = "parts=smaller " if self.options.parts else ""
        return (
            f"network=efficientnet_lite0@sha256:{WEIGHTS_SHA256[:12]} kinds={kinds}@sha256:{kinds_digest(kinds)[:12]} "
            f"palette={self.options.palette} {parts}frame={FRAME_VERSION} prompts={len(self._prompts)}"
            f"@sha256:{hash_strings(self._prompts)[:12]} ties=half chance=0.5 other-ground=unmeasurable v3"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """Shares in [0, 1]; guessing reaches 1/2. `identity` is the mean of those that can be asked.

        Not measurable is what the prompt does not name, or every prompt of the suite names alike, and everything of
        views on another plain ground than the suite's: the object cannot be told from it.
        """
        if stands_elsewhere(sample.views, sample.background):
            return not_measurable(self.results())
        prompts, own = distinct_prompts(sample.prompts), wording(sample.prompt)
        cuts = [cut_out(picture, sample.background) for picture in as_pictures(sample.views)]
        painted = self._painted(cuts, own)
        shares = {
            "identity_kind": self._kind(cuts, own, prompts, sample.background),
            "identity_colour": self._colour(painted, own, prompts),
        }
        if self.options.parts:
            shares["identity_parts"] = math.nan if painted is None else parts_fit(painted, *own_and_part_colours(own))
        asked = [share for share in shares.values() if not math.isnan(share)]
        shares["identity"] = math.fsum(asked) / len(asked) if asked else math.nan
        return {
            name: Measurement(share, "not_measurable" if math.isnan(share) else "ok") for name, share in shares.items()
        }

    def _kind(self, cuts: Sequence[PictureRGBA], own: str, prompts: Sequence[str], background: RGB) -> float:
        kinds = self.options.kinds
        words = {prompt: word for prompt in prompts if (word := named_kind(prompt, kinds))}
        if own not in words or len(set(words.values())) < 2:
            return math.nan
        scores = kind_scores(pooled_features(cuts, background, self._device), kinds)
        return share_beaten(words[own], list(words.values()), lambda word: kind_fit(scores, word, kinds))

    def _painted(self, cuts: Sequence[PictureRGBA], own: str) -> Histogram | None:
        """How much of the object's interior has each colour, in all views; None where nobody asks."""
        if not named_colours(own):
            return None
        inside = np.concatenate([pixels[core] for pixels, core in map(framed, cuts)])
        return colour_shares(inside, self.options.palette)

    def _colour(self, painted: Histogram | None, own: str, prompts: Sequence[str]) -> float:
        colours = {prompt: named for prompt in prompts if (named := named_colours(prompt))}
        if painted is None or own not in colours or len(set(colours.values())) < 2:
            return math.nan
        return share_beaten(colours[own], list(colours.values()), lambda named: colour_fit(painted, named))
