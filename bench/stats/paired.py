"""What stands beside a paired test: the size of an effect in deviations, and p-values of families (Holm)."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from bench.stats.difference import paired_differences


def effect_size(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Cohen's d_z: mean over standard deviation (n - 1) of differences a - b. 0 if all are 0, NaN without spread."""
    differences = paired_differences(a, b)
    if not differences.any():
        return 0.0
    deviation = _deviation(differences)
    return float(differences.mean()) / deviation if deviation > 0 else math.nan


def holm(p_values: Sequence[float], identical: Collection[int] = ()) -> tuple[float, ...]:
    """Holm's (1979) step-down adjusted p-values, in the order given.

    NaN stays NaN but counts as a member of the family: a test that failed does not make the others easier. Tests of
    values that are `identical` on every object, by index, keep their p-value and do not count: it could not have been
    below 1, and what cannot be claimed is not among the claims to correct for (Tarone, 1990).
    """
    adjusted, highest = [math.nan] * len(p_values), 0.0
    size = len(p_values) - len(identical)
    for index in identical:
        adjusted[index] = p_values[index]
    tested = [index for index, p in enumerate(p_values) if not math.isnan(p) and index not in identical]
    for rank, index in enumerate(sorted(tested, key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (size - rank) * p_values[index]))
        adjusted[index] = highest
    return tuple(adjusted)


def _deviation(differences: npt.NDArray[np.float64]) -> float:
    """Standard deviation (n - 1), with mere rounding noise taken for 0; 0 for a single value."""
    if len(differences) < 2:
        return 0.0
    deviation = float(differences.std(ddof=1))
    return deviation if deviation > 1e-12 * float(np.abs(differences).max()) else 0.0
