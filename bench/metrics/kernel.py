"""Kernel distances (KID and its kin): MMD^2, as a rule unbiased, from sums of kernel values per object pair.

Common tools average over random subsets, so the same pictures give other numbers on another day, and they treat the
views of an object as independent. Here the full Gram matrix is folded once into sums over pairs of objects. The
distance, its value without any object and the variance of a difference are then a few products of small matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import InputError
from bench.metrics.feature_pair import Matrix, feature_pair
from bench.stats.pairs import jackknife_excess as excess_of_pairs

Weights = npt.NDArray[np.float64]  # (T, objects): row t says how often each object is taken in case t, 0 or 1
Codes = npt.NDArray[np.intp]
Kernel = Callable[[Matrix, Matrix], Matrix]  # rows (n, d) and (m, d) to values (n, m)

_CHUNK_VALUES = 2**22  # kernel values held at once: 32 MiB, whatever the size of the reference
_CHUNK_ROWS = 512  # of a set beside itself: what lies before a chunk is known from the chunks before it


def cubic_kernel(x: Matrix, y: Matrix) -> Matrix:
    """(x . y / d + 1)^3 for all rows of x (n, d) and y (m, d), (n, m): the kernel of Bińkowski et al. (2018)."""
    # a cube by multiplication: numpy's general power is an order of magnitude slower
    base: Matrix = x @ y.T / x.shape[1] + 1.0
    return base * base * base


def kernel_distance(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Unbiased MMD^2 of x (n1, d) and y (n2, d) under the cubic kernel, on the full sets: KID without subset sampling.

    mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean k(x_i, y_j). Its expectation is 0 for equal
    distributions, so single values can be negative. Raises `InputError` as `feature_pair` does.
    """
    rows, reference = feature_pair(x, y)
    # one object a side: pictures are told apart anyway, and nothing is left out one by one
    one, other = [""] * len(rows), [""] * len(reference)
    return ObjectGram.fold(rows, one, reference, other, clustered=False, shared=False).distance()


def cluster_kernel_distance(
    x: npt.ArrayLike,
    x_objects: Sequence[Hashable],
    y: npt.ArrayLike,
    y_objects: Sequence[Hashable],
    shared: bool = False,
) -> float:
    """`kernel_distance` without pairs of pictures that show the same object.

    Views of one object resemble each other more than two draws do, which adds a positive bias to the usual estimate;
    between different objects the pairs are independent and the estimate is unbiased again. With `shared` the ids of
    both sides name the same objects, and same-object pairs across the sets are left out as well.

    Raises `InputError` as `feature_pair` does, and for fewer than two objects on a side.
    """
    rows, reference = feature_pair(x, y)
    return ObjectGram.fold(rows, x_objects, reference, y_objects, clustered=True, shared=shared).distance()


@dataclass(frozen=True)
class PairSums:
    """Sums and counts (P, Q) of kernel values over the pairs of pictures of each object pair; excluded ones add 0."""

    sums: Matrix
    counts: Matrix

    def mean(self, left: Weights, right: Weights) -> npt.NDArray[np.float64]:
        """Mean over the pairs of objects that `left` (T, P) and `right` (T, Q) take, (T,); NaN where there is none."""
        total = np.einsum("tp,tp->t", left @ self.sums, right)
        pairs = np.einsum("tp,tp->t", left @ self.counts, right)
        means = np.full(len(pairs), np.nan)
        np.divide(total, pairs, out=means, where=pairs > 0)
        return means

    def means_without(self, rows: Codes, columns: Codes) -> npt.NDArray[np.float64]:
        """Mean over the pairs that are left without row `rows[t]` and column `columns[t]`, (T,); -1 leaves out none.

        NaN where no pair is left.
        """
        total, pairs = (_without(table, rows, columns) for table in (self.sums, self.counts))
        means = np.full(len(pairs), np.nan)
        np.divide(total, pairs, out=means, where=pairs > 0)
        return means


@dataclass(frozen=True)
class ObjectGram:
    """All that kernel distances between sets of objects need: P objects of the pictures, Q of the reference.

    A reference that shares no objects is never taken apart, so it counts as a single object (Q = 1) and its size
    matters only once. `objects` names the P rows, `reference_objects` the Q columns (empty when nothing is shared).
    """

    within: PairSums  # (P, P)
    across: PairSums  # (P, Q)
    reference: PairSums  # (Q, Q)
    objects: tuple[Hashable, ...]
    reference_objects: tuple[Hashable, ...]

    @classmethod
    def fold(
        cls,
        x: Matrix,
        x_objects: Sequence[Hashable],
        y: Matrix,
        y_objects: Sequence[Hashable],
        *,
        clustered: bool,
        shared: bool,
        methods: Sequence[Hashable] | None = None,
        kernel: Kernel = cubic_kernel,
        biased: bool = False,
        originals: Mapping[Any, Hashable] = MappingProxyType({}),
        reference: PairSums | None = None,
    ) -> ObjectGram:
        """Fold the kernel values of x (n1, d) and y (n2, d), whose pictures show `x_objects` (n1) and `y_objects` (n2).

        Left out are a picture's pair with itself and, when `clustered`, all pairs of the same object. `shared` says
        that the ids of both sides name the same objects. With `methods`, one per picture of x, every (method, object)
        gets a row of its own, so that methods can be mixed. With `biased` nothing is left out: the V-statistic, which
        counts each picture's resemblance to itself. `originals` says which objects of x are objects of y too, when
        `clustered`. `reference` are the sums of an earlier fold with the same y, which do not depend on x. Raises
        `InputError` for fewer than two objects when `clustered`.
        """
        if clustered:
            _need_two_objects(x_objects, "first set")
            _need_two_objects(y_objects, "second set")
            # pairs of equal numbers are left out; ids of different worlds may coincide, numbers may not
            sides = ("", "") if shared else ("x", "y")
            ours = [(sides[1], originals[o]) if o in originals else (sides[0], o) for o in x_objects]
            apart, _ = _codes(ours + [(sides[1], name) for name in y_objects])
        else:
            apart = np.arange(len(x) + len(y))
        # codes that never agree leave out nothing
        left, right = (np.zeros_like(apart), np.ones_like(apart)) if biased else (apart, apart)
        x_groups, objects = _codes(x_objects if methods is None else list(zip(methods, x_objects, strict=True)))
        y_groups, reference_objects = _codes(y_objects) if shared else (np.zeros(len(y), dtype=np.intp), ())
        return cls(
            within=pair_sums(kernel, x, x_groups, left[: len(x)], x, x_groups, right[: len(x)], itself=True),
            across=pair_sums(kernel, x, x_groups, left[: len(x)], y, y_groups, right[len(x) :]),
            reference=reference
            or pair_sums(kernel, y, y_groups, left[len(x) :], y, y_groups, right[len(x) :], itself=True),
            objects=objects,
            reference_objects=reference_objects,
        )

    @classmethod
    def of_blocks(
        cls,
        x: Matrix,
        x_objects: Sequence[Hashable],
        blocks: Iterable[Matrix],
        reference: float,
        *,
        clustered: bool,
        kernel: Kernel = cubic_kernel,
        biased: bool = False,
        originals: Mapping[Any, int] = MappingProxyType({}),
    ) -> ObjectGram:
        """`fold` with a reference that comes in blocks of rows (m, d), each picture an object that x does not show.

        `reference` is the mean over the reference's own pairs (`bench.metrics.pair_means`), `originals` says which
        objects of x are which row of the reference. Raises `InputError` for fewer than two objects when `clustered`.
        """
        if clustered:
            _need_two_objects(x_objects, "first set")
        x_groups, objects = _codes(x_objects)
        apart = _codes(x_objects)[0] if clustered else np.arange(len(x))
        left, right = (np.zeros_like(apart), np.ones_like(apart)) if biased else (apart, apart)
        copied = np.array([originals.get(name, -1) for name in x_objects], dtype=np.intp)
        across = PairSums(np.zeros((len(objects), 1)), np.zeros((len(objects), 1)))
        start = 0
        for block in blocks:
            rows = np.arange(start, start + len(block))
            own = pair_sums(kernel, x, x_groups, copied, block, np.zeros_like(rows), rows)
            across = PairSums(across.sums + own.sums, across.counts + own.counts)
            start += len(block)
        within = pair_sums(kernel, x, x_groups, left, x, x_groups, right, itself=True)
        return cls(within, across, PairSums(np.full((1, 1), reference), np.ones((1, 1))), objects, ())

    @property
    def scale(self) -> float:
        """The size of the terms that cancel in a distance: rounding errors are some 1e-16 of it."""
        return float(np.abs(self.within.sums).sum() / self.within.counts.sum())

    def distance(self) -> float:
        """MMD^2 between all objects and the reference."""
        return float(self.distances(np.ones((1, len(self.objects))))[0])

    def distances(self, take: Weights, take_reference: Weights | None = None) -> npt.NDArray[np.float64]:
        """MMD^2 for each choice of objects, (T,): `take` (T, P) and, unless all are taken, `take_reference` (T, Q).

        NaN where a choice leaves no pair to average over.
        """
        if take_reference is None:
            take_reference = np.ones((len(take), self.across.sums.shape[1]))
        return (
            self.within.mean(take, take)
            + self.reference.mean(take_reference, take_reference)
            - 2 * self.across.mean(take, take_reference)
        )

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return sum(part.sums.nbytes + part.counts.nbytes for part in (self.within, self.across, self.reference))

    def leave_one_object_out(self) -> npt.NDArray[np.float64]:
        """The distance without each object in turn, (P,), on both sides when the reference shows the same objects.

        NaN where too few objects remain.
        """
        return self._without_each

    @cached_property
    def _without_each(self) -> npt.NDArray[np.float64]:
        each, none = np.arange(len(self.objects)), np.full(len(self.objects), -1)
        number = {name: number for number, name in enumerate(self.reference_objects)}
        same = np.array([number.get(name, -1) for name in self.objects]) if number else none
        return (
            self.within.means_without(each, each)
            + self.reference.means_without(same, same)
            - 2 * self.across.means_without(each, same)
        )


def jackknife_excess(a: ObjectGram, b: ObjectGram) -> float:
    """`bench.stats.pairs.jackknife_excess` of two sums of the same objects, in the same order, to one reference."""
    if a.objects != b.objects:
        raise InputError("the two sums are not of the same objects, or not in the same order")
    return excess_of_pairs(pair_values(a), pair_values(b))


def pair_values(gram: ObjectGram) -> Matrix:
    """What pairs of different objects add to the distance, whose mean over them is taken: (P, P), 0 on the diagonal."""
    values = _apart(gram.within.sums, gram.within.counts)
    if set(gram.objects) <= set(gram.reference_objects):  # a drawn object brings its part of the reference
        own = [gram.reference_objects.index(name) for name in gram.objects]
        across = _apart(gram.across.sums[:, own], gram.across.counts[:, own])
        values = values - across - across.T
    return values


def _apart(sums: Matrix, counts: Matrix) -> Matrix:
    """Means of pairs of different objects, weighted by their share of the mean over all pairs; 0 on the diagonal."""
    others = 1.0 - np.eye(len(sums))
    means: Matrix = others * sums / np.maximum(counts, 1.0)
    return means * float((others * counts).sum() / counts.sum())


def _need_two_objects(names: Sequence[Hashable], side: str) -> None:
    if (number := len(set(names))) < 2:
        raise InputError(
            f"a kernel distance between objects needs at least 2 objects, got {number}",
            where=side,
            hint="score more objects, or use the distance without clusters (kid, kd)",
        )


def _without(table: Matrix, rows: Codes, columns: Codes) -> npt.NDArray[np.float64]:
    """The table's total without row `rows[t]` and column `columns[t]`, (T,); -1 stands for none."""
    by_row, by_column = (np.append(table.sum(axis=axis), 0.0) for axis in (1, 0))  # -1 finds the 0 at the end
    both = np.where((rows < 0) | (columns < 0), 0.0, table[rows, columns])
    return np.asarray(table.sum() - by_row[rows] - by_column[columns] + both)


def _codes(names: Sequence[Hashable]) -> tuple[Codes, tuple[Hashable, ...]]:
    """A number for each name and the distinct names, both in order of first appearance."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.intp), tuple(numbers)


def pair_sums(
    kernel: Kernel,
    x: Matrix,
    x_groups: Codes,
    x_apart: Codes,
    y: Matrix,
    y_groups: Codes,
    y_apart: Codes,
    itself: bool = False,
) -> PairSums:
    """Kernel values of all pairs summed per pair of groups, but for pairs of equal `apart` codes, in chunks of rows.

    Pictures are put in the order of their groups, so that each value is added once, however many groups there are. With
    `itself`, y is x, and the value of two pictures is computed once for both of their places.
    """
    rows, columns = np.argsort(x_groups, kind="stable"), np.argsort(y_groups, kind="stable")
    x_groups, y_groups = x_groups[rows], y_groups[columns]
    y, y_apart = y[columns], y_apart[columns]
    sums, counts = (np.zeros((x_groups[-1] + 1, y_groups[-1] + 1)) for _ in range(2))
    step = max(1, min(_CHUNK_VALUES // len(y), _CHUNK_ROWS if itself else len(x)))
    for start in range(0, len(x), step):
        chunk, stop = rows[start : start + step], min(start + step, len(x))
        left, of = _runs(x_groups[start:stop])
        for first, last in ((start, stop), (stop, len(y))) if itself else ((0, len(y)),):
            if first == last:
                continue
            right, to = _runs(y_groups[first:last])
            apart = x_apart[chunk, None] != y_apart[first:last]
            values = np.where(apart, kernel(x[chunk], y[first:last]), 0.0)
            for total, part in ((sums, values), (counts, apart)):
                found = np.add.reduceat(np.add.reduceat(part, right, axis=1, dtype=np.float64), left)
                total[np.ix_(of, to)] += found
                if first == stop:
                    total[np.ix_(to, of)] += found.T
    return PairSums(sums, counts)


def _runs(groups: Codes) -> tuple[Codes, Codes]:
    """Where each run of equal numbers starts, and the numbers."""
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    return starts, groups[starts]
