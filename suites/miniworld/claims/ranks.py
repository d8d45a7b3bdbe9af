"""Do two lists rank the same methods alike? Kendall's tau-b and Spearman's rho, with permutation p-values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from math import nan

import numpy as np
import numpy.typing as npt
from scipy import stats

from suites.miniworld.claims.label_swaps import DRAWS

EXACT_METHODS = 8
"""Up to this many methods (40 320 orders) all orders are enumerated, beyond it they are drawn."""

MINIMUM_METHODS = 4
"""Three methods have six orders: no correlation of theirs says anything."""

Array = npt.NDArray[np.float64]
_ROUNDING = 1e-12


@dataclass(frozen=True)
class RankCorrelation:
    """Correlations of two orders of `methods` methods, with two-sided p-values, NaN where there is none."""

    tau: float
    tau_p: float
    rho: float
    rho_p: float
    methods: int
    how: str


def rank_correlation(first: npt.ArrayLike, second: npt.ArrayLike, seed: int = 0) -> RankCorrelation:
    """Of two values per method, (methods,) each, both with the better end up.

    p is the share of all orders of the methods whose correlation is at least as far from 0 (`EXACT_METHODS`), of seeded
    ones beyond, with the add-one rule. NaN for fewer than `MINIMUM_METHODS` and where one list is constant.
    """
    x, y = (stats.rankdata(np.asarray(values, dtype=np.float64)) for values in (first, second))
    n = len(x)
    if n < MINIMUM_METHODS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return RankCorrelation(nan, nan, nan, nan, n, "too few methods, or all alike")
    exact = n <= EXACT_METHODS
    random = np.random.default_rng(seed)
    orders = (
        np.array(list(permutations(range(n)))) if exact else np.stack([random.permutation(n) for _ in range(DRAWS)])
    )

    def tested(statistic: Callable[[Array, Array], Array]) -> tuple[float, float]:
        observed = float(statistic(x, y[None])[0])
        hits = int(np.count_nonzero(np.abs(statistic(x, y[orders])) >= abs(observed) - _ROUNDING))
        return observed, hits / len(orders) if exact else (hits + 1) / (len(orders) + 1)

    how = f"exact ({len(orders)})" if exact else f"{len(orders)} draws"
    return RankCorrelation(*tested(_taus), *tested(_rhos), n, how)


def _taus(x: Array, y: Array) -> Array:
    """Kendall's tau-b of x (n,) with each row of y (T, n)."""
    above = np.triu_indices(len(x), 1)
    mine = np.sign(x[above[0]] - x[above[1]])
    theirs = np.sign(y[:, above[0]] - y[:, above[1]])
    taus: Array = theirs @ mine / np.sqrt(np.abs(mine).sum() * np.abs(theirs).sum(axis=1))
    return taus


def _rhos(x: Array, y: Array) -> Array:
    """Pearson's correlation of ranks."""
    mine, theirs = x - x.mean(), y - y.mean(axis=1, keepdims=True)
    rhos: Array = theirs @ mine / np.sqrt((mine**2).sum() * (theirs**2).sum(axis=1))
    return rhos
