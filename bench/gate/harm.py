"""How much worse a result got: a difference of `bench.stats`, turned so that positive is worse, and what it could see.

For values by object it is a paired test of means, for distances between sets a paired jackknife over objects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from bench.stats.difference import Difference, difference_of_distances, difference_of_means

LEVEL = 0.05  # of every one-sided test and bound
POWER = 0.8
MOST_OBJECTS = 100_000  # beyond that the answer to "how many would decide" is "none that you have"


@dataclass(frozen=True)
class Harm:
    """The change for the worse of one result, and `by_object`, what each object adds to it: (objects,), mean is all."""

    found: Difference
    by_object: npt.NDArray[np.float64]

    @property
    def estimate(self) -> float:
        """In the result's unit, positive is worse."""
        return self.found.estimate

    @property
    def lower(self) -> float:
        """The true harm is above this with 95 % confidence; -inf where so few objects bound nothing."""
        return self.found.lower_bound(1 - LEVEL)

    @property
    def upper(self) -> float:
        """The true harm is below this with 95 % confidence; inf where so few objects bound nothing."""
        return self.found.upper_bound(1 - LEVEL)

    @property
    def p_worse(self) -> float:
        """One-sided p-value against no harm, NaN where nothing can be tested."""
        return _or_nan(self.found.p_value("greater"))

    @property
    def p_better(self) -> float:
        """One-sided p-value against no improvement, NaN where nothing can be tested."""
        return _or_nan(self.found.p_value("less"))

    @property
    def n_objects(self) -> int:
        """How many objects were paired."""
        return self.found.n_objects

    @property
    def unchanged(self) -> bool:
        """Whether no object contributes any change."""
        return not self.by_object.any()

    def detectable(self, level: float) -> float:
        """The least true harm that a one-sided test at `level` shows with 80 % power; NaN where there is none."""
        return _or_nan(self.found.detectable(POWER, level, "greater"))


def harm_of_means(baseline: npt.ArrayLike, candidate: npt.ArrayLike, higher_is_better: bool) -> Harm:
    """Of values by object, (objects,), in the same order."""
    better, worse = (np.asarray(side, dtype=np.float64) for side in (baseline, candidate))
    if not higher_is_better:
        better, worse = worse, better
    return Harm(difference_of_means(better, worse), better - worse)


def harm_of_distances(
    baseline: float,
    candidate: float,
    baseline_without: npt.ArrayLike,
    candidate_without: npt.ArrayLike,
    higher_is_better: bool,
    excess: float = 0.0,
) -> Harm:
    """Of statistics of whole sets; `..._without` are those without each object in turn, (objects,), in the same order.

    `excess` is what the jackknife overstates (`bench.stats.pairs`), where it is known.

    An object adds to the harm what the jackknife says: how much less there would be of it without that object.
    """
    better, worse = (np.asarray(side, dtype=np.float64) for side in (baseline_without, candidate_without))
    harm = baseline - candidate
    if not higher_is_better:
        better, worse, harm = worse, better, -harm
    without = better - worse
    by_object = harm + (len(without) - 1) * (without.mean() - without)
    return Harm(difference_of_distances(harm, better, worse, excess), by_object)


def objects_to_decide(harm: Harm, delta: float, level: float) -> int | None:
    """How many objects would decide with 80 % power if all went on as it looks: harm excluded beyond delta, or shown.

    `level` is that of the test which has to show harm, after correction. None when no affordable number would: the
    harm is as large as what is tolerated.
    """
    excluding = harm.estimate <= delta
    distance = delta - harm.estimate if excluding else harm.estimate
    deviation = harm.found.standard_error * math.sqrt(harm.n_objects)
    if not math.isfinite(deviation) or distance <= 0:
        return None
    normal = NormalDist()
    reach = normal.inv_cdf(1 - (LEVEL if excluding else level)) + normal.inv_cdf(POWER)
    needed = (reach * deviation / distance) ** 2
    return None if needed > MOST_OBJECTS else max(math.ceil(needed), harm.n_objects + 1)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
