"""Paired comparisons of two generators on the same objects: tests, effect size, and what could have been detected."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from bench.errors import InputError
from bench.stats.label_swaps import Alternative, label_swaps


def paired_differences(a: npt.ArrayLike, b: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """a - b per object, (objects,). Raises `InputError` when shapes differ or a value is not finite."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape or len(first) == 0:
        raise InputError(
            f"values of shape {first.shape} and {second.shape} are not pairs",
            expected="one value an object from each generator, in the same order, at least one",
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise InputError(
            "a paired test met values that are NaN or infinite",
            hint="compare on the objects that both generators have a value for, and say how many they are",
        )
    return first - second


def paired_t(a: npt.ArrayLike, b: npt.ArrayLike, alternative: Alternative = "two-sided") -> float:
    """P-value of the paired t-test; `greater` tests whether a exceeds b.

    NaN where the test does not exist: one object, or differences that all equal the same number but 0. All 0: 1.
    """
    differences = paired_differences(a, b)
    if not differences.any():
        return 1.0
    if _deviation(differences) == 0 or len(differences) < 2:
        return math.nan
    return float(stats.ttest_1samp(differences, 0.0, alternative=alternative).pvalue)


def sign_flip(
    a: npt.ArrayLike, b: npt.ArrayLike, seed: int = 0, alternative: Alternative = "two-sided"
) -> tuple[float, str]:
    """P-value of the mean difference when the two labels are swapped per object, and how it was got.

    Assumes nothing of the distribution but that labels are exchangeable. Exact up to 12 objects ('sign flip, exact
    (4096)'), 9999 seeded draws beyond ('sign flip, 9999 draws'). The least p is 2 / 2^objects: with 5 objects nothing
    is significant at 5 %, which is the truth about 5 objects.
    """
    differences = paired_differences(a, b)
    swaps = label_swaps(len(differences), seed)
    permuted = np.where(swaps.swaps, -1.0, 1.0) @ differences / len(differences)
    tolerance = 1e-14 * float(np.abs(differences).mean())
    p = swaps.p_value(float(differences.mean()), permuted, tolerance, alternative)
    return p, f"sign flip, {swaps.method()}"


def effect_size(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Cohen's d_z: mean over standard deviation (n - 1) of differences a - b. 0 if all are 0, NaN without spread."""
    differences = paired_differences(a, b)
    if not differences.any():
        return 0.0
    deviation = _deviation(differences)
    return float(differences.mean()) / deviation if deviation > 0 else math.nan


def minimum_detectable_effect(n: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """The least true difference, in standard deviations of the differences, that n objects reveal with this power.

    Solves the power of the two-sided paired t-test (noncentral t, n - 1 degrees of freedom). NaN under two objects.

    >>> round(minimum_detectable_effect(40), 3)
    0.454
    """
    if n < 2:
        return math.nan
    if power <= alpha:  # chance alone rejects as often
        return 0.0
    freedom = n - 1
    critical = float(stats.t.ppf(1 - alpha / 2, freedom))

    def shortfall(effect: float) -> float:
        shift = effect * math.sqrt(n)
        wrong_side = np.nan_to_num(stats.nct.cdf(-critical, freedom, shift))  # scipy's NaN where it underflows
        return float(stats.nct.sf(critical, freedom, shift) + wrong_side) - power

    enough = (critical + 1) / math.sqrt(n)
    while shortfall(enough) < 0:
        enough *= 2
    return float(optimize.brentq(shortfall, 0.0, enough))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's (1979) step-down adjusted p-values, in the order given.

    NaN stays NaN but counts as a member of the family: a test that failed does not make the others easier.
    """
    adjusted, highest = [math.nan] * len(p_values), 0.0
    tested = [index for index, p in enumerate(p_values) if not math.isnan(p)]
    for rank, index in enumerate(sorted(tested, key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return tuple(adjusted)


def _deviation(differences: npt.NDArray[np.float64]) -> float:
    """Standard deviation (n - 1), with mere rounding noise taken for 0; 0 for a single value."""
    if len(differences) < 2:
        return 0.0
    deviation = float(differences.std(ddof=1))
    return deviation if deviation > 1e-12 * float(np.abs(differences).max()) else 0.0
