"""A difference between two generators, and all that can be asked of it: p-values, intervals, bounds, what it could see.

One class serves means over objects and distances between sets: both come as an estimate, a standard error and a law of
T = (estimate - truth) / error. It answers two-sided questions (is there a difference?), one-sided ones (is `a` worse?)
and non-inferiority (is `a` worse by more than a tolerated `null`?), and a bound excludes a value exactly where the test
at that value rejects.

>>> a, b = [3.0, 4.1, 5.2, 3.9, 4.4, 5.0], [2.0, 3.0, 4.0, 3.1, 3.0, 4.2]
>>> found = difference_of_means(a, b)
>>> round(found.estimate, 3), round(found.p_value(), 5)
(1.05, 0.00039)
>>> found.lower_bound(0.95) > 0 and found.p_value("greater", null=0.5) < 0.05  # beyond 0.5 with 95 % confidence
True
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from bench.errors import InputError
from bench.stats.intervals import Interval
from bench.stats.skewed_t import AMPLIFICATION, MINIMUM_VALUES, critical_values, mean_statistics, tails

Alternative = Literal["two-sided", "greater", "less"]
"""Of the true difference against `null`: `greater` asks whether it exceeds it."""

MOST_SKEWNESS = 2.0
"""Up to that, intervals of means hold what they promise from few objects on."""

ENOUGH_OBJECTS = 40
"""From so many on they do so even where one object in ten is far off."""

_SIMULATED = 20_000  # samples that the power of the skewness-corrected test is taken from


@dataclass(frozen=True)
class Difference:
    """An estimated difference with the law of its error.

    `standard_error` is NaN where there is none and `df` the degrees of freedom of T; with `skewed`, T has the law of
    `skewed_t` with the term `correction`, else Student's. `method` names the test for people. Where nothing can be
    tested, `refusal` says why; p-values are then None and bounds infinite, so that no gate takes them for evidence.
    """

    estimate: float
    standard_error: float
    df: int
    n_objects: int
    method: str
    skewed: bool = False
    correction: float = 0.0
    refusal: str = ""

    def p_value(self, alternative: Alternative = "two-sided", null: float = 0.0) -> float | None:
        """The p-value of the hypothesis that the true difference is `null` (one-sided: not beyond it), or None.

        Differences without any spread have no T. The sign test speaks for them: 1 / 2^objects one-sided.
        """
        if self.refusal or not math.isfinite(null):
            return None
        if self.standard_error == 0:
            below, above = self._without_spread(null)
        else:
            t = (self.estimate - null) / self.standard_error
            below, above = (float(tail) for tail in tails(t, self.correction, self.df))
        return {"greater": above, "less": below, "two-sided": min(1.0, 2 * min(below, above))}[alternative]

    def interval(self, level: float = 0.95) -> Interval:
        """The two-sided confidence interval: what `p_value` does not reject at 1 - level. NaN ends where unknown."""
        low, high = self._ends((1 - level) / 2)
        known = not self.refusal
        return Interval(low if known else math.nan, high if known else math.nan, level, self.method)

    def lower_bound(self, level: float = 0.95) -> float:
        """The true difference is above this with confidence `level`; -inf where nothing is known."""
        return self._ends(1 - level)[0]

    def upper_bound(self, level: float = 0.95) -> float:
        """The true difference is below this with confidence `level`; inf where nothing is known."""
        return self._ends(1 - level)[1]

    def detectable(
        self, power: float = 0.8, level: float = 0.05, alternative: Alternative = "two-sided"
    ) -> float | None:
        """The least true difference, in the unit of `estimate`, that this very test finds with probability `power`.

        For normal values with the spread that was observed. None where there is no test, or no spread to go by.
        """
        if self.refusal or self.standard_error == 0:
            return None
        tail = level / 2 if alternative == "two-sided" else level
        errors = _detectable_mean(self.n_objects, power, tail) if self.skewed else _detectable_t(self.df, power, tail)
        return self.standard_error * errors

    @property
    def skewness(self) -> float:
        """The adjusted sample skewness of the values that the mean is of; 0 for distances, and without any spread."""
        n = self.n_objects
        return self.correction * math.sqrt(n) / (1 + AMPLIFICATION / n)

    @property
    def too_skewed(self) -> bool:
        """Whether the values are so skewed that the interval of their mean may be too narrow (docs/statistics.md)."""
        return self.n_objects < ENOUGH_OBJECTS and abs(self.skewness) > MOST_SKEWNESS

    def reversed(self) -> Difference:
        """b - a in place of a - b."""
        return replace(self, estimate=-self.estimate, correction=-self.correction)

    def _ends(self, tail: float) -> tuple[float, float]:
        if self.refusal:
            return -math.inf, math.inf
        if self.standard_error == 0:
            return self.estimate, self.estimate
        low, high = critical_values(self.correction, self.df, tail)
        return self.estimate - float(high) * self.standard_error, self.estimate - float(low) * self.standard_error

    def _without_spread(self, null: float) -> tuple[float, float]:
        chance = 0.5**self.n_objects
        if math.isclose(self.estimate, null, rel_tol=1e-12, abs_tol=1e-300):
            return 1.0, 1.0
        return (1.0, chance) if self.estimate > null else (chance, 1.0)


def difference_of_means(a: npt.ArrayLike, b: npt.ArrayLike) -> Difference:
    """mean(a) - mean(b) for one value per object from each, (objects,), in the same order; see `skewed_t` for its law.

    Refused under four objects. Raises `InputError` when the values are not finite pairs.
    """
    return mean_difference(paired_differences(a, b))


def mean_difference(differences: npt.ArrayLike) -> Difference:
    """The mean of one value per object, (objects,): of paired differences, or of scores for their interval.

    Raises `InputError` for none, or values that are not finite.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise InputError("a mean met no values, or some that are not finite", expected="one finite value per object")
    n, estimate = len(values), math.fsum(values.tolist()) / len(values)
    if n < MINIMUM_VALUES:
        reason = f"{n} objects are too few to test: at least {MINIMUM_VALUES}"
        return Difference(estimate, math.nan, 0, n, f"none: {reason}", refusal=reason)
    found = mean_statistics(values)
    error = float(found.error)
    method = "paired t, corrected for skewness" if error > 0 else "sign test: the differences do not vary"
    return Difference(estimate, error, found.freedom, n, method, skewed=True, correction=float(found.correction))


def detectable_effect(n_objects: int, level: float = 0.05, power: float = 0.8) -> float:
    """The least true mean difference that a two-sided paired t over so many objects finds with probability `power`.

    In standard deviations of the objects' differences, for normal ones. Infinite under four objects.

    >>> [round(detectable_effect(n), 2) for n in (8, 20, 40)]
    [1.16, 0.66, 0.45]
    """
    if n_objects < MINIMUM_VALUES:
        return math.inf
    return _detectable_t(n_objects - 1, power, level / 2) / math.sqrt(n_objects)


def interval_of_mean(values: npt.ArrayLike, limits: tuple[float, float], level: float = 0.95) -> Interval:
    """The confidence interval of the mean of one value per object, (objects,), that cannot leave `limits`.

    That of `mean_difference`, with its ends drawn in to the limits, within which the true mean lies. Equal values have
    no spread to go by: what happens to a share q of all objects stays unseen on n of them with probability (1 - q)^n,
    and would move the mean by up to q times the way to a limit. So far the interval reaches, for the q that is
    (1 - level) / 2 likely; on a side without a limit nothing bounds it, and it ends at the value.
    NaN ends under four objects. Raises `InputError` as `mean_difference` does.
    """
    found = mean_difference(values)
    if found.refusal:
        return found.interval(level)
    low, high = found.interval(level).ends
    if found.standard_error == 0:
        unseen = 1.0 - ((1.0 - level) / 2.0) ** (1.0 / found.n_objects)
        ways = (limit - found.estimate if math.isfinite(limit) else 0.0 for limit in limits)
        low, high = (found.estimate + unseen * way for way in ways)
    return Interval(max(low, limits[0]), min(high, limits[1]), level, found.method)


def difference_of_distances(
    estimate: float, a_without: npt.ArrayLike, b_without: npt.ArrayLike, excess: float = 0.0
) -> Difference:
    """distance(a) - distance(b), given both distances without each object in turn, (objects,), in the same order.

    A paired jackknife over objects: SE^2 = (n - 1) / n sum (d_i - mean d)^2 - `excess`, T with n - 1 degrees of
    freedom. The jackknife counts what pairs of objects add to the variance twice over; where the metric knows by how
    much it overstates (`excess`), that is taken off: (n - 2) / n of it, for with few objects an error too small costs
    the level and one too large only power, and never more than half of all. It tests equal *distances*: two generators
    equally far from the reference in different directions are alike to it. Refused under four objects, or when a
    distance without some object does not exist.
    """
    first, second = np.asarray(a_without, dtype=np.float64), np.asarray(b_without, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise InputError(
            f"distances of shape {first.shape} and {second.shape} are not pairs", expected="one per object, same order"
        )
    n = len(first)
    reason = ""
    if n < MINIMUM_VALUES:
        reason = f"{n} objects are too few to test: at least {MINIMUM_VALUES}"
    elif not (math.isfinite(estimate) and np.isfinite(first).all() and np.isfinite(second).all()):
        reason = "a distance without one of the objects does not exist"
    if reason:
        return Difference(estimate, math.nan, 0, n, f"none: {reason}", refusal=reason)
    moved = first - second
    jackknife = (n - 1) / n * float(np.square(moved - moved.mean()).sum())
    size = max(float(np.abs(first).max()), float(np.abs(second).max()), abs(estimate))
    if jackknife <= (1e-12 * size) ** 2:
        return Difference(estimate, 0.0, n - 1, n, "sign test: the distances do not move with the objects")
    error = math.sqrt(max(jackknife - (n - 2) / n * excess, jackknife / 2))
    return Difference(estimate, error, n - 1, n, "paired jackknife t over objects")


def paired_differences(a: npt.ArrayLike, b: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """a - b per object, (objects,). Raises `InputError` when shapes differ or a value is not finite."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape or len(first) == 0:
        raise InputError(
            f"values of shape {first.shape} and {second.shape} are not pairs",
            expected="one value per object from each generator, in the same order, at least one",
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise InputError(
            "a paired test met values that are NaN or infinite",
            hint="compare on the objects that both generators have a value for, and say how many they are",
        )
    return first - second


@lru_cache(maxsize=256)
def _detectable_mean(n: int, power: float, tail: float) -> float:
    """Of the skewness-corrected test on n normal values, in standard errors: by simulation, for its skewness is random.

    T exceeds its upper critical value c where mean + shift > c * error, so the shift is a quantile of c * error - mean.
    """
    values = np.random.default_rng(n).normal(size=(_SIMULATED, n))
    found = mean_statistics(values)
    _, high = critical_values(found.correction, found.freedom, tail)
    return float(np.quantile(high * found.error - found.mean, power)) * math.sqrt(n)


@lru_cache(maxsize=256)
def _detectable_t(freedom: int, power: float, tail: float) -> float:
    """Of Student's t with so many degrees of freedom, in standard errors: its noncentrality at this power."""
    from scipy import special

    return float(special.nctdtrinc(freedom, 1 - power, float(special.stdtrit(freedom, 1 - tail))))
