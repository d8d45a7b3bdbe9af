"""Mean and covariance of features that come in blocks: as much memory as the covariance takes, however many there are.

Means and sums of squares about them merge without cancellation (Chan, Golub and LeVeque 1983): with n_a and n_b rows
and the gap g between the means, S = S_a + S_b + g g^T n_a n_b / (n_a + n_b). Sums of squares about 0 would lose half of
the digits where a mean is large beside the deviation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bench.errors import InputError
from bench.metrics.feature_pair import Matrix


@dataclass(frozen=True)
class Moments:
    """`count` rows, their `mean` (d,), and `scatter` (d, d): the sum of the outer squares of what they are off it."""

    count: int
    mean: Matrix
    scatter: Matrix

    @classmethod
    def of(cls, rows: Matrix) -> Moments:
        """Of rows (n, d) at once."""
        mean = rows.mean(axis=0)
        centred = rows - mean
        return cls(len(rows), mean, centred.T @ centred)

    def merged(self, other: Moments) -> Moments:
        """Of the rows of both."""
        count = self.count + other.count
        gap = other.mean - self.mean
        mean = self.mean + gap * (other.count / count)
        scatter = self.scatter + other.scatter + np.outer(gap, gap) * (self.count * other.count / count)
        return Moments(count, mean, scatter)

    @property
    def trace(self) -> float:
        """Of the covariance, with n - 1."""
        return float(np.trace(self.scatter)) / (self.count - 1)

    def factor(self) -> Matrix:
        """F (d, d) with F^T F the scatter; features that never change, or copies of others, leave it singular."""
        from scipy import linalg

        try:
            return np.asarray(linalg.cholesky(self.scatter), dtype=np.float64)
        except linalg.LinAlgError:
            squares, vectors = np.linalg.eigh(self.scatter)
            return np.asarray(np.sqrt(squares.clip(0.0))[:, None] * vectors.T)


def moments_of(blocks: Iterable[Matrix]) -> Moments:
    """Of all rows of blocks (n, d). Raises `InputError` for fewer than two rows or values that are not finite."""
    found: Moments | None = None
    for block in blocks:
        if not np.isfinite(block).all():
            raise InputError("features of a reference are NaN or infinite", expected="finite features")
        own = Moments.of(block)
        found = own if found is None else found.merged(own)
    if found is None or found.count < 2:
        raise InputError("a distance between sets needs at least 2 pictures", where="reference")
    return found
