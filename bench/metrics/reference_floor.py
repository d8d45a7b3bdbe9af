"""What a set metric reads between two halves of the reference itself: the value that a perfect generator would have.

A Fréchet distance between finite sets never reaches 0, and CMMD, recall or coverage depend on the sample size as well.
Two samples of the reference that share no object show how much of a value is just that.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bench.errors import InputError
from bench.metrics.declaration import FeatureSet, SetMetric, object_order
from bench.references.reference_set import ReferenceFeatures
from bench.references.shards import EachItsOwn

Rows = npt.NDArray[np.intp]


def reference_floor(
    metric: SetMetric, reference: ReferenceFeatures, n: int, seed: int = 0, repeats: int = 8
) -> tuple[float, int]:
    """The metric between two random samples of the reference without a common object, and how large each sample is.

    Each takes as many whole objects as come closest to `n` pictures, at most half of them, cut to the same number of
    pictures; among photographs, where each is an object of its own, that is min(n, len(reference) // 2). The value is
    the mean over `repeats` draws. (NaN, 0) where the reference is too small for the metric.
    """
    halves = _halves(reference, n, np.random.default_rng(seed), repeats)
    size = min((min(len(a), len(b)) for a, b in halves), default=0)
    if size < 2:
        return math.nan, 0
    try:
        values = [_distance(metric, reference, a[:size], b[:size]) for a, b in halves]
    except InputError:  # too few pictures or objects, as the metric itself counts them
        return math.nan, 0
    return math.fsum(values) / len(values), size


def _halves(reference: ReferenceFeatures, n: int, random: np.random.Generator, repeats: int) -> list[tuple[Rows, Rows]]:
    if isinstance(reference.clusters, EachItsOwn):
        size = min(len(reference) // 2, n)
        orders = (random.choice(len(reference), 2 * size, replace=False) for _ in range(repeats))
        return [(order[:size], order[size:]) for order in orders] if size else []
    names = object_order(reference.clusters)
    numbers = {name: number for number, name in enumerate(names)}
    owner = np.array([numbers[name] for name in reference.clusters], dtype=np.intp)
    rows = [np.flatnonzero(owner == number) for number in range(len(names))]
    objects = min(len(names) // 2, max(1, round(n * len(names) / len(reference)))) if names else 0
    if not objects:
        return []
    halves = []
    for _ in range(repeats):
        order = random.permutation(len(names))
        first, second = order[:objects], order[objects : 2 * objects]
        halves.append((np.concatenate([rows[i] for i in first])[:n], np.concatenate([rows[i] for i in second])[:n]))
    return halves


def _distance(metric: SetMetric, reference: ReferenceFeatures, a: Rows, b: Rows) -> float:
    sample = FeatureSet(reference.features[a], tuple(reference.clusters[row] for row in a))
    others = tuple(reference.clusters[row] for row in b)
    rest = ReferenceFeatures(reference.name, reference.features[b], others, reference.digest, reference.extractor)
    return metric.distance(sample, rest)
