"""Statistics over two crossed factors: objects, and trainings (one for each seed).

Objects are many and trainings few, so the two are not treated alike. Tests permute objects, on means over seeds: they
speak for other objects and for *these* trainings. Whether another training would show the same is told by the spread
over seeds: each seed's own value, and whether all agree in sign. The interval resamples both at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bench.metrics.kernel import ObjectGram, PairSums
from bench.stats.intervals import MINIMUM_OBJECTS, NO_INTERVAL
from suites.miniworld.claims.label_swaps import label_swaps

Array = npt.NDArray[np.float64]
RESAMPLES = 9999
_AT_ONCE = 1024


class Estimate(Protocol):
    """A number for each seed that can be had for any multiset of objects."""

    @property
    def n_objects(self) -> int:
        """How many objects there are."""
        ...

    def per_seed(self, weights: Array) -> Array:
        """(T, seeds) for T multisets: `weights` (T, objects) says how often each object is taken."""
        ...


class Contrast(Estimate, Protocol):
    """The difference of two methods, which changes sign with their labels."""

    @property
    def tolerance(self) -> float:
        """The size of rounding noise."""
        ...

    def swapped(self, swaps: npt.NDArray[np.bool_]) -> Array:
        """(T, seeds) after swapping the two labels of the objects that `swaps` (T, objects) names."""
        ...


@dataclass(frozen=True)
class MeanOf:
    """The mean over objects of `values` (objects, seeds); with differences of two methods also a `Contrast`."""

    values: Array

    @property
    def n_objects(self) -> int:
        """Rows of `values`."""
        return len(self.values)

    @property
    def tolerance(self) -> float:
        """Of a mean of so many values."""
        return 1e-14 * float(np.abs(self.values).mean())

    def per_seed(self, weights: Array) -> Array:
        """Weighted means."""
        means: Array = weights @ self.values / weights.sum(axis=1, keepdims=True)
        return means

    def swapped(self, swaps: npt.NDArray[np.bool_]) -> Array:
        """A swapped difference has the other sign."""
        return np.where(swaps, -1.0, 1.0) @ self.values / len(self.values)


@dataclass(frozen=True)
class DistanceOf:
    """A method's kernel distance between objects to a reference; `grams` one per seed, of that method's rows alone.

    Only where pairs of pictures of the same object are left out: then drawing an object twice adds nothing, and the
    bootstrap, which inflates other distances, does not inflate this one.
    """

    grams: tuple[ObjectGram, ...]

    @property
    def n_objects(self) -> int:
        """Rows of each Gram matrix."""
        return len(self.grams[0].objects)

    def per_seed(self, weights: Array) -> Array:
        """Distances; an object that the reference shows as well is taken as often there."""
        return np.stack([_distances(gram, weights, gram.objects) for gram in self.grams], axis=1)


@dataclass(frozen=True)
class DistanceGain:
    """By how much the second method is farther from the reference than the first: positive when the first is nearer.

    `grams` one per seed, whose rows are the objects of the first method, then the same objects of the second.
    """

    grams: tuple[ObjectGram, ...]

    @property
    def n_objects(self) -> int:
        """Half the rows: each object is there twice."""
        return len(self.grams[0].objects) // 2

    @property
    def tolerance(self) -> float:
        """Of the terms that cancel."""
        return 1e-13 * max(gram.scale for gram in self.grams)

    def per_seed(self, weights: Array) -> Array:
        """Differences with the same objects on both sides."""
        nothing = np.zeros_like(weights)
        return self._gains(np.hstack([weights, nothing]), np.hstack([nothing, weights]), weights)

    def swapped(self, swaps: npt.NDArray[np.bool_]) -> Array:
        """The objects named by `swaps` count for the other method."""
        second = np.hstack([swaps, ~swaps]).astype(np.float64)
        return self._gains(1.0 - second, second, np.ones(swaps.shape))

    def _gains(self, first: Array, second: Array, weights: Array) -> Array:
        found = []
        for gram in self.grams:
            names = gram.objects[: self.n_objects]
            mine, theirs = (_distances(gram, take, names, weights) for take in (first, second))
            found.append(theirs - mine)
        return np.stack(found, axis=1)


@dataclass(frozen=True)
class Crossed:
    """A value over objects and seeds: `low`, `high` of its 95 % interval (NaN: none), and each seed's own value."""

    value: float
    low: float
    high: float
    seeds: tuple[float, ...]
    objects: int


def crossed(estimate: Estimate, seed: int = 0, level: float = 0.95) -> Crossed:
    """The mean over seeds with a two-way bootstrap interval: objects and seeds are both drawn with replacement.

    Owen's (2007) pigeonhole bootstrap, percentile ends. It is wide for what object and training do together and, with
    only three trainings, a third short for what trainings differ by as a whole (its variance is (S - 1) / S of the
    true one); one seed: objects only. No interval for fewer than three objects.
    """
    own = estimate.per_seed(np.ones((1, estimate.n_objects)))[0]
    low, high = NO_INTERVAL
    if estimate.n_objects >= MINIMUM_OBJECTS and np.isfinite(own).all():
        random = np.random.default_rng(seed)
        objects = _draws(random, estimate.n_objects)
        seeds = _draws(random, len(own)) / len(own)
        chunks = [estimate.per_seed(objects[at : at + _AT_ONCE]) for at in range(0, RESAMPLES, _AT_ONCE)]
        drawn = (np.concatenate(chunks) * seeds).sum(axis=1)
        # a draw of one and the same object leaves a distance between objects without a pair
        low, high = (float(end) for end in np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2]))
    return Crossed(math.fsum(own.tolist()) / len(own), low, high, tuple(own.tolist()), estimate.n_objects)


def swap_test(contrast: Contrast, seed: int = 0) -> tuple[float, str]:
    """Two-sided p-value of the mean over seeds when labels are swapped object by object, and how it was got."""
    swaps = label_swaps(contrast.n_objects, seed)
    none = np.zeros((1, contrast.n_objects), dtype=np.bool_)
    observed = float(contrast.swapped(none).mean())
    chunks = [contrast.swapped(swaps.swaps[at : at + _AT_ONCE]) for at in range(0, len(swaps.swaps), _AT_ONCE)]
    return swaps.p_value(observed, np.concatenate(chunks).mean(axis=1), contrast.tolerance), swaps.method()


def rows_of(gram: ObjectGram, rows: Sequence[int], objects: Sequence[str]) -> ObjectGram:
    """The Gram sums of some rows, which show `objects`."""
    chosen = np.asarray(rows, dtype=np.intp)
    return ObjectGram(
        within=PairSums(gram.within.sums[np.ix_(chosen, chosen)], gram.within.counts[np.ix_(chosen, chosen)]),
        across=PairSums(gram.across.sums[chosen], gram.across.counts[chosen]),
        reference=gram.reference,
        objects=tuple(objects),
        reference_objects=gram.reference_objects,
    )


def _distances(gram: ObjectGram, take: Array, names: Sequence[object], weights: Array | None = None) -> Array:
    """Distances for `take` (T, rows). `weights` (T, objects), `take` by default, also hold for the reference's part
    that shows the objects `names`; what only the reference shows is always taken once.
    """
    if not gram.reference_objects:
        return gram.distances(take)
    weights = take if weights is None else weights
    place = {name: number for number, name in enumerate(names)}
    of_reference = np.ones((len(take), len(gram.reference_objects)))
    for column, name in enumerate(gram.reference_objects):
        if name in place:
            of_reference[:, column] = weights[:, place[name]]
    return gram.distances(take, of_reference)


def _draws(random: np.random.Generator, number: int) -> Array:
    """How often each of `number` things is drawn, for each resample: (RESAMPLES, number)."""
    return random.multinomial(number, np.full(number, 1 / number), RESAMPLES).astype(np.float64)
