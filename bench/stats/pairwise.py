"""The paired tests of `difference`, of every pair of many generators at once: what a leaderboard of hundreds needs.

The same numbers as one `Difference` for each pair, in a thousandth of the time.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bench.stats.skewed_t import MINIMUM_VALUES, mean_statistics, tails

Matrix = npt.NDArray[np.float64]


def p_values_of_means(values: npt.ArrayLike) -> Matrix:
    """Two-sided p-values (N, N) of equal means, for values (N, objects) on the same objects in the same order.

    As `difference_of_means`: symmetric, 1 on the diagonal, NaN throughout under four objects.
    """
    scores = np.asarray(values, dtype=np.float64)
    count, objects = scores.shape
    found = _blank(count)
    if objects < MINIMUM_VALUES:
        return found
    for first in range(count - 1):
        statistics = mean_statistics(scores[first] - scores[first + 1 :])
        spread = statistics.error > 0
        t = statistics.mean / np.where(spread, statistics.error, 1.0)
        below, above = tails(t, statistics.correction, statistics.freedom)
        p = np.minimum(1.0, 2 * np.minimum(below, above))
        _fill(found, first, np.where(spread, p, _without_spread(statistics.mean, objects)))
    return found


def p_values_of_distances(distances: npt.ArrayLike, without: npt.ArrayLike) -> Matrix:
    """Two-sided p-values (N, N) of equal distances (N,), given those without each object (N, objects).

    As `difference_of_distances` without an excess: symmetric, 1 on the diagonal, NaN where there is no test.
    """
    values, left_out = np.asarray(distances, dtype=np.float64), np.asarray(without, dtype=np.float64)
    count, objects = left_out.shape
    found = _blank(count)
    if objects < MINIMUM_VALUES:
        return found
    sizes = np.abs(left_out).max(axis=1)
    known = np.isfinite(left_out).all(axis=1) & np.isfinite(values)
    for first in range(count - 1):
        rest = slice(first + 1, None)
        moved = left_out[first] - left_out[rest]
        jackknife = (objects - 1) / objects * np.square(moved - moved.mean(axis=1, keepdims=True)).sum(axis=1)
        estimate = values[first] - values[rest]
        size = np.maximum(np.maximum(sizes[first], sizes[rest]), np.abs(estimate))
        spread = jackknife > (1e-12 * size) ** 2
        t = estimate / np.sqrt(np.where(spread, jackknife, 1.0))
        below, above = tails(t, 0.0, objects - 1)
        p = np.where(spread, np.minimum(1.0, 2 * np.minimum(below, above)), _without_spread(estimate, objects))
        _fill(found, first, np.where(known[first] & known[rest], p, math.nan))
    return found


def _without_spread(estimates: Matrix, objects: int) -> Matrix:
    """The sign test of differences that do not vary."""
    return np.where(np.abs(estimates) <= 1e-300, 1.0, min(1.0, 2 * 0.5**objects))


def _blank(count: int) -> Matrix:
    found = np.full((count, count), math.nan)
    np.fill_diagonal(found, 1.0)
    return found


def _fill(found: Matrix, first: int, p: Matrix) -> None:
    found[first, first + 1 :] = found[first + 1 :, first] = p
