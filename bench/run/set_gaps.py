"""Distances between sets when samples are missing: they count as the floor here too.

A set has no value for a single object that could be put in. What can be measured is the distance of nothing at all: of
pictures that show the background alone. A generator that failed on a share of its samples is moved that share of the
way towards it, and never to the better. Putting empty pictures into the set would not do: a few of them pull the mean
of bad pictures towards the reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.errors import BenchError, InputError
from bench.extractors.feature_cache import features_of
from bench.extractors.protocol import Extractor, Features
from bench.metrics.declaration import FeatureSet, SetMetric, object_order
from bench.references.reference_set import ReferenceFeatures
from groundwork.pictures import RGB


@dataclass(frozen=True)
class Asked:
    """What every generator owes: `seeds` samples of each case; `views` in one, by the cases' ids in order."""

    views: Mapping[str, int]
    seeds: int

    @property
    def cases(self) -> tuple[str, ...]:
        """Their ids, in order."""
        return tuple(self.views)

    @property
    def samples(self) -> int:
        """How many in all."""
        return len(self.cases) * self.seeds


@dataclass(frozen=True)
class Counted:
    """A distance whose `missing` samples count as the floor, and what it is `without` each case that is asked for.

    `measured` is of the pictures that are there. `without` has NaN where too little remains.
    """

    value: float
    measured: float
    without: Mapping[str, float]
    missing: int


def with_gaps(
    metric: SetMetric, generated: FeatureSet, reference: ReferenceFeatures, asked: Asked, empty: Features | None
) -> Counted:
    """The distance of what is there, moved towards that of `empty` pictures, features (1, D), by the share missing.

    Raises `InputError` where there are gaps and no `empty`, and what the metric raises.
    """
    measured = metric.distance(generated, reference)
    made = Counter(generated.objects)
    owed = {case: asked.seeds - made[case] // asked.views[case] for case in asked.cases}
    missing = sum(owed.values())
    names = object_order(generated.objects)
    left = metric.leave_one_object_out(generated, reference) if len(names) > 2 else np.full(len(names), np.nan)
    without = dict(zip(names, left.tolist(), strict=True))
    if not missing:
        return Counted(measured, measured, {case: without[case] for case in asked.cases}, 0)
    if empty is None:
        raise InputError(
            f"{missing} of {asked.samples} samples failed, and {metric.extractor} cannot look at the empty pictures "
            "that stand for them"
        )
    shown = tuple(case for case in asked.cases for _ in range(asked.seeds * asked.views[case]))
    far = metric.distance(FeatureSet(np.repeat(empty, len(shown), axis=0), shown), reference)
    worse = max if metric.result().direction == "down" else min

    def moved(distance: float, missing: int, asked: int) -> float:
        share = missing / asked if asked else 0.0
        return (1 - share) * distance + share * worse(distance, far)

    return Counted(
        moved(measured, missing, asked.samples),
        measured,
        {
            case: moved(without.get(case, measured), missing - owed[case], asked.samples - asked.seeds)
            for case in asked.cases
        },
        missing,
    )


def empty_picture(extractor: Extractor, resolution: int, background: RGB, cache: Path) -> Features | None:
    """Features (1, D) of a picture of nothing but the background; None where the extractor refuses it."""
    colour = np.rint(255 * np.asarray(background)).astype(np.uint8)
    picture = np.tile(colour, (resolution, resolution, 1))
    try:
        return features_of([lambda: picture], [extractor], cache, background=background)[extractor.name]
    except BenchError:
        return None
