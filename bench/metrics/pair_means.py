"""The mean kernel value of pairs of a large reference's pictures: of all pairs, or of those within random blocks.

A reference of N pictures has N^2 / 2 pairs. Beyond `EXACT` pictures the pictures are shuffled, cut into blocks, and
only pairs within a block are taken. Each pair is as likely as any other, so the mean is unbiased. Its standard error is
at most that of a mean over blocks, which is what is told: what single pictures add cancels, since each is in one block.
It is one number a reference: it moves all generators alike, and their order never.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.metrics.feature_pair import Matrix
from bench.references.shards import FeatureShards

EXACT = 20_000  # pictures, of which all pairs are taken
BLOCK = 1000  # pictures of a block beyond that: N blocks of this size cost as much as BLOCK pairs a picture
SEED = 0


@dataclass(frozen=True)
class PairMean:
    """Means over pairs of different pictures and over pictures with themselves; `error` bounds the former's standard
    error, 0 where all pairs were taken.
    """

    apart: float
    same: float
    count: int
    error: float

    def mean(self, biased: bool) -> float:
        """Over the pairs that the estimator counts."""
        if not biased:
            return self.apart
        return ((self.count - 1) * self.apart + self.same) / self.count


def pair_mean(
    features: FeatureShards, kernel: Callable[[Matrix, Matrix], Matrix], prepared: Callable[[Matrix], Matrix],
    exact: int = EXACT, block: int = BLOCK,
) -> PairMean:  # fmt: skip
    """Of the kernel on `prepared` features."""
    count = len(features)
    if count <= exact:
        return _of_all(features, kernel, prepared)
    order = np.random.default_rng(SEED).permutation(count)
    cuts = np.array_split(order, max(2, round(count / block)))
    means, sizes, same = [], [], []
    for rows in cuts:
        values = prepared(np.asarray(features[np.sort(rows)], dtype=np.float64))
        within = kernel(values, values)
        own = float(np.trace(within))
        pairs = len(rows) * (len(rows) - 1)
        means.append((float(within.sum()) - own) / pairs)
        sizes.append(pairs)
        same.append(own)
    apart = float(np.average(means, weights=sizes))
    error = float(np.std(means, ddof=1)) / math.sqrt(len(means))
    return PairMean(apart, math.fsum(same) / count, count, error)


def _of_all(
    features: FeatureShards, kernel: Callable[[Matrix, Matrix], Matrix], prepared: Callable[[Matrix], Matrix]
) -> PairMean:
    count, sums, same = len(features), [], []
    for place, left in enumerate(features.blocks()):
        one = prepared(left)
        for other, right in enumerate(features.blocks()):
            if other < place:
                continue
            values = kernel(one, prepared(right))
            if other == place:
                same.append(float(np.trace(values)))
                sums.append(float(values.sum()) - same[-1])
            else:
                sums.append(2 * float(values.sum()))
    return PairMean(math.fsum(sums) / (count * (count - 1)), math.fsum(same) / count, count, 0.0)
