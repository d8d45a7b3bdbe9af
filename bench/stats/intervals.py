"""Confidence intervals whose unit is the object: average views and seeds within an object before coming here."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MINIMUM_OBJECTS = 3
"""Of repeats and of sets: with two, the t interval spans 25 standard errors, which is not worth printing."""

NO_INTERVAL = (math.nan, math.nan)


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

    @property
    def ends(self) -> tuple[float, float]:
        """(low, high)."""
        return self.low, self.high


def mean_interval(values: npt.ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Student's t interval of the mean of a few repeats of one measurement, (repeats,).

    For repeats, which differ by noise alone; objects differ by nature and take `difference.mean_difference`.
    (NaN, NaN) for fewer than three or any that is not finite.
    """
    from scipy import special

    sample = np.asarray(values, dtype=np.float64).ravel()
    if len(sample) < MINIMUM_OBJECTS or not np.isfinite(sample).all():
        return NO_INTERVAL
    reach = float(special.stdtrit(len(sample) - 1, (1 + level) / 2) * sample.std(ddof=1)) / math.sqrt(len(sample))
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
    from scipy import special

    thetas = np.asarray(leave_one_out, dtype=np.float64).ravel()
    n = len(thetas)
    if n < MINIMUM_OBJECTS or not (math.isfinite(value) and np.isfinite(thetas).all()):
        return NO_INTERVAL
    error = math.sqrt((n - 1) / n * float(np.square(thetas - thetas.mean()).sum()))
    reach = float(special.stdtrit(n - 1, (1 + level) / 2)) * error
    return max(value - reach, limits[0]), min(value + reach, limits[1])
