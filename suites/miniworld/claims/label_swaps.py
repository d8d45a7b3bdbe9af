"""Swapping two methods' labels object by object: permutations for the claims, which are about paired trainings.

If two methods are alike, the results of each object could as well carry the other's label. Swapping labels of whole
objects keeps the views and seeds of an object together, so it stays valid however correlated they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

EXACT_LIMIT = 2**12
"""Up to this many swaps (12 objects) all of them are enumerated, beyond it they are drawn."""

DRAWS = 9999


@dataclass(frozen=True)
class LabelSwaps:
    """Swaps bool (T, objects): True where an object's labels change places; `exact` when all 2^objects are there."""

    swaps: npt.NDArray[np.bool_]
    exact: bool

    def method(self) -> str:
        """How the p-value is got, for people: 'exact (16)' or '9999 draws'."""
        return f"exact ({len(self.swaps)})" if self.exact else f"{len(self.swaps)} draws"

    def p_value(self, observed: float, permuted: npt.NDArray[np.float64], tolerance: float) -> float:
        """The share of `permuted` (T,) at least as extreme as `observed`; statistics must change sign with the labels.

        `tolerance` is the size of rounding noise in the statistic: within it values count as equal, which never
        makes a p-value smaller. Drawn swaps get the add-one rule of Phipson and Smyth (2010), so p is never 0.
        """
        hits = int(np.count_nonzero(np.abs(permuted) >= abs(observed) - tolerance))
        return hits / len(permuted) if self.exact else (hits + 1) / (len(permuted) + 1)


def label_swaps(n_objects: int, seed: int, draws: int = DRAWS, exact_limit: int = EXACT_LIMIT) -> LabelSwaps:
    """All swaps of `n_objects` when there are at most `exact_limit` of them, else `draws` seeded ones."""
    if 2**n_objects <= exact_limit:
        codes = np.arange(2**n_objects)[:, None]
        return LabelSwaps((codes >> np.arange(n_objects)) & 1 == 1, exact=True)
    return LabelSwaps(np.random.default_rng(seed).random((draws, n_objects)) < 0.5, exact=False)
