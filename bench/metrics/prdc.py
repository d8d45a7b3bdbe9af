"""Precision, recall, density and coverage: whether pictures look like the reference, and how much of it they reach.

A Fréchet or kernel distance adds two failures up: pictures that look wrong, and kinds of pictures that never come. Here
they are apart. Each picture of a set has a ball that reaches to its k-th nearest neighbour in the same set, and the
union of the balls stands for the set. Precision and density ask how the generated pictures lie in balls of the
reference, coverage which of these balls they reach, recall how the reference lies in balls of the generated set.

All four are descriptive: they depend on both sets' sizes and on k, and no test of a difference is offered.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections import Counter
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from bench.errors import InputError
from bench.metrics.declaration import FeatureSet, Result, SetMetric, object_order
from bench.metrics.feature_pair import Matrix, feature_pair
from bench.metrics.kept import Kept, array_bytes
from bench.metrics.set_distances import ExtractorOptions
from bench.references.reference_set import ReferenceFeatures
from bench.stats.difference import Difference

BoolArray = npt.NDArray[np.bool_]
Neighbours = tuple[npt.NDArray[np.intp], Matrix]

_CHUNK_VALUES = 2**22  # distances held at once while neighbours are searched: 32 MiB


class Balls:
    """The balls round `centres` (n, d) to their k-th nearest other centre, and which of `points` (m, d) lie in them.

    Distances are measured once; `inside` answers for any choice that leaves out up to `spare` centres. Raises
    `InputError` unless there are more than k centres.
    """

    def __init__(self, centres: Matrix, points: Matrix, k: int, spare: int = 0, near: Neighbours | None = None) -> None:
        """`near`: the `neighbours` of the same centres, k and spare."""
        from scipy.spatial.distance import cdist

        self._k = k
        self._neighbours, self._distances = near or neighbours(centres, k, spare)
        self._across = cdist(centres, points)

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return self._across.nbytes + self._neighbours.nbytes + self._distances.nbytes

    def inside(self, chosen: BoolArray) -> BoolArray:
        """Whether each point lies in or on the ball of each of the `chosen` (n,) centres: bool (chosen, m).

        The others neither have a ball nor count as neighbours. More than k centres must be chosen.
        """
        taken = chosen[self._neighbours[chosen]]
        kth = (np.cumsum(taken, axis=1) == self._k).argmax(axis=1)
        radii = self._distances[chosen, kth]
        held: BoolArray = self._across[chosen] <= radii[:, None]
        return held


def neighbours(centres: Matrix, k: int, spare: int) -> Neighbours:
    """Index and distance (n, k + spare) of each centre's nearest other centres, near to far.

    Raises `InputError` unless there are more than k centres.
    """
    from scipy.spatial.distance import cdist

    if len(centres) <= k:
        raise InputError(
            f"{len(centres)} pictures do not have {k} neighbours each",
            expected=f"more than k = {k} pictures",
            hint="score more objects or views, use a larger reference set, or set a smaller k",
        )
    count = min(k + spare, len(centres) - 1)
    # exact differences rather than a Gram matrix: equal pictures must have distance 0
    order = np.empty((len(centres), count), dtype=np.intp)
    distances = np.empty((len(centres), count))
    step = max(1, _CHUNK_VALUES // len(centres))
    for start in range(0, len(centres), step):
        rows = np.arange(start, min(start + step, len(centres)))
        among = cdist(centres[rows], centres)
        among[rows - start, rows] = np.inf
        order[rows] = np.argsort(among, axis=1, kind="stable")[:, :count]
        distances[rows] = np.take_along_axis(among, order[rows], axis=1)
    return order, distances


# the four statistics look at the same balls, and every generator at those of the reference
_balls, _near = Kept[Balls](array_bytes), Kept[Neighbours](array_bytes)


class NeighbourOptions(ExtractorOptions):
    """Keys of `precision`, `recall`, `density`, `coverage` in a suite."""

    k: int = Field(default=5, ge=1, description="a ball reaches to its picture's k-th nearest neighbour")


class _Neighbourhood(SetMetric):
    """What the four share; a `SetMetric` whose `distance` is a share or a density, higher being better."""

    Options = NeighbourOptions
    symbol: ClassVar[str]
    limits = (0.0, 1.0)
    balls_of: ClassVar[Literal["reference", "generated"]] = "reference"

    def __init__(self, options: NeighbourOptions) -> None:
        self.reference, self.extractor, self.k = options.reference, options.extractor, options.k

    @staticmethod
    @abstractmethod
    def statistic(inside: BoolArray, k: int) -> float:
        """The number, from which points lie in which balls: bool (balls, points)."""

    def result(self) -> Result:
        """`symbol[extractor]@reference`. Higher is better; no unit."""
        name = f"{self.symbol}[{self.extractor}]@{self.reference}"
        return Result(name, "up", "", f"{self.symbol} on {self.extractor} features", axis="realism")

    def parameters(self) -> str:
        """Whose balls, and how far they reach."""
        return f"balls={self.balls_of} k={self.k} v1"

    def distance(self, generated: FeatureSet, reference: ReferenceFeatures) -> float:
        """The statistic of all pictures. Raises `InputError` when either side is too small."""
        balls, rows, others = self._measured(generated, reference)
        return self._value(balls, np.ones(rows, dtype=np.bool_), np.ones(others, dtype=np.bool_))

    def leave_one_object_out(self, generated: FeatureSet, reference: ReferenceFeatures) -> npt.NDArray[np.float64]:
        """The statistic without each object in turn, (objects,); NaN where too little remains.

        When the reference shows the same objects, an object leaves both sides: it is what was drawn.
        """
        owner, clusters = np.array(generated.objects), np.array(reference.clusters)
        balls, _, others = self._measured(generated, reference)
        everything = np.ones(others, dtype=np.bool_)
        return np.array(
            [
                self._value(balls, owner != name, clusters != name if reference.shares_objects else everything)
                for name in object_order(generated.objects)
            ]
        )

    def difference(self, a: FeatureSet, b: FeatureSet, reference: ReferenceFeatures) -> Difference | None:
        """None: descriptive rows are not tested."""
        return None

    def _measured(self, generated: FeatureSet, reference: ReferenceFeatures) -> tuple[Balls, int, int]:
        """The balls, which can do without any one object, and the numbers of generated and of reference pictures."""
        of = generated.identity, reference.identity, self.balls_of, self.k
        balls = _balls.get(of, lambda: self._made(generated, reference))
        return balls, len(generated.features), len(reference)

    def _made(self, generated: FeatureSet, reference: ReferenceFeatures) -> Balls:
        rows, others = feature_pair(generated.features, reference.features)
        if self.balls_of == "generated":
            return Balls(rows, others, self.k, max(Counter(generated.objects).values()))
        spare = max(Counter(reference.clusters).values())
        near = _near.get((reference.identity, self.k, spare), lambda: neighbours(others, self.k, spare))
        return Balls(others, rows, self.k, spare, near)

    def _value(self, balls: Balls, rows: BoolArray, others: BoolArray) -> float:
        """The statistic of a choice of generated and of reference pictures; NaN where too few are chosen."""
        centres, points = (others, rows) if self.balls_of == "reference" else (rows, others)
        if centres.sum() <= self.k or not points.any():
            return float("nan")
        return self.statistic(balls.inside(centres)[:, points], self.k)


class Precision(_Neighbourhood):
    """The share of generated pictures that lie in a ball of the reference (Kynkäänniemi et al. 2019)."""

    symbol = "precision"

    @staticmethod
    def statistic(inside: BoolArray, k: int) -> float:
        """Points in any ball, of all points."""
        return float(inside.any(axis=0).mean())


class Recall(Precision):
    """The share of reference pictures that lie in a ball of the generated set: precision with the roles exchanged."""

    symbol = "recall"
    balls_of = "generated"


class Density(_Neighbourhood):
    """How many balls of the reference hold a generated picture, on average, over k (Naeem et al. 2020).

    1 is expected of equal distributions. It has no upper end: pictures crowded where the reference is dense exceed 1.
    """

    symbol = "density"
    limits = (0.0, math.inf)

    @staticmethod
    def statistic(inside: BoolArray, k: int) -> float:
        """Balls a point, over k."""
        return float(inside.sum(axis=0).mean() / k)


class Coverage(_Neighbourhood):
    """The share of the reference's balls that hold a generated picture (Naeem et al. 2020)."""

    symbol = "coverage"

    @staticmethod
    def statistic(inside: BoolArray, k: int) -> float:
        """Balls with any point, of all balls."""
        return float(inside.any(axis=1).mean())
