"""Confidence intervals whose unit is the object: average views and seeds within an object before coming here."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

RESAMPLES = 9999
MINIMUM_OBJECTS = 3
"""Two values have no skewness and their t interval spans 25 standard errors: below three, none is worth printing."""

NO_INTERVAL = (math.nan, math.nan)

_RESAMPLED_VALUES = 2**22  # resampled values held at once, 32 MiB


@dataclass(frozen=True)
class Interval:
    """A confidence interval: `low` and `high` (NaN when there is none), its `level`, and how it was got."""

    low: float
    high: float
    level: float
    method: str

    @property
    def known(self) -> bool:
        """Whether there is an interval at all."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def overlaps(self, other: Interval) -> bool:
        """Whether the two have a point in common; False when either is not known."""
        return self.known and other.known and self.low <= other.high and other.low <= self.high


def bca_interval(values: npt.ArrayLike, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Bias-corrected and accelerated bootstrap interval (Efron 1987) of the mean of `values` (objects,).

    All values equal: the interval is that point. Fewer than three, or any that is not finite: (NaN, NaN). With few
    objects it is too short: of nominal 95 % intervals 73 % hold the mean at n = 3, 83 % at 5, 89 % at 10, 93 % at 20
    (simulated on normal and gamma values). Print n beside it.
    """
    sample = np.asarray(values, dtype=np.float64).ravel()
    if len(sample) < MINIMUM_OBJECTS or not np.isfinite(sample).all():
        return NO_INTERVAL
    if np.ptp(sample) == 0:
        return float(sample[0]), float(sample[0])
    interval = stats.bootstrap(
        (sample,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=max(1, _RESAMPLED_VALUES // len(sample)),
        confidence_level=level,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def mean_interval(values: npt.ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Student's t interval of the mean of a few repeats of one measurement, (repeats,).

    For repeats, which differ by noise alone; objects differ by nature and take `bca_interval`. (NaN, NaN) for fewer
    than three or any that is not finite.
    """
    sample = np.asarray(values, dtype=np.float64).ravel()
    if len(sample) < MINIMUM_OBJECTS or not np.isfinite(sample).all():
        return NO_INTERVAL
    reach = float(stats.t.ppf((1 + level) / 2, len(sample) - 1) * stats.sem(sample))
    return float(sample.mean()) - reach, float(sample.mean()) + reach


def jackknife_interval(
    value: float,
    leave_one_out: npt.ArrayLike,
    level: float = 0.95,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> tuple[float, float]:
    """Delete-one-object interval of a statistic of the whole set, such as FID or KID.

    `value` +- t_{n-1} * SE with SE^2 = (n - 1) / n * sum (theta_i - mean theta)^2 over `leave_one_out` (objects,). The
    bootstrap is no choice here: drawing with replacement repeats pictures and inflates such distances. It tells how far
    the value would move with other objects, not how far bias lifts it (FID): print the floor beside it for that.
    Ends beyond `limits`, the range of the statistic itself, are drawn in to them: shares end at 0 and 1.
    (NaN, NaN) for fewer than three objects or any value that is not finite.
    """
    thetas = np.asarray(leave_one_out, dtype=np.float64).ravel()
    n = len(thetas)
    if n < MINIMUM_OBJECTS or not (math.isfinite(value) and np.isfinite(thetas).all()):
        return NO_INTERVAL
    error = math.sqrt((n - 1) / n * float(np.square(thetas - thetas.mean()).sum()))
    reach = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
    return max(value - reach, limits[0]), min(value + reach, limits[1])
