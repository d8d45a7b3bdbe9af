"""Rank ranges: which places an entry may hold, given what the paired tests can tell apart.

An entry's best place is one behind all that are *shown* to be better, its worst one before all that are shown to be
worse. Shown means: both publish values on the same objects under the same signature, and the paired test over objects,
corrected by Holm for all pairs of the column that differ at all, falls below 5 %. Those that cannot be told apart share
places. An entry that owes samples is never placed before those that have better values: the floor in their stead
widens its tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.leaderboard.objects import ObjectValue
from bench.results.terms import Direction
from bench.stats.paired import holm
from bench.stats.pairwise import p_values_of_distances, p_values_of_means

LEVEL = 0.05
Tests = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Contestant:
    """An entry in one column. `distance`: its values by object are the distance without each object."""

    id: str
    value: float
    values: Mapping[str, ObjectValue]
    distance: bool = False
    gaps: bool = False


@dataclass(frozen=True)
class Places:
    """The best and the worst place that an entry may hold; `rank` is the one that its value alone would give.

    `level` are those that it is not told apart from, the best value first.
    """

    best: int
    worst: int
    rank: int
    level: tuple[str, ...] = ()

    def words(self) -> str:
        """`1`, or `2–5`."""
        return f"{self.best}" if self.best == self.worst else f"{self.best}–{self.worst}"


def places(contestants: Sequence[Contestant], direction: Direction, p: Tests | None = None) -> dict[str, Places]:
    """The places of each contestant of a column, by id. `p`: `corrected` of them, where that is known already."""
    if not contestants:
        return {}
    sign = 1.0 if direction == "up" else -1.0
    values = sign * np.array([one.value for one in contestants])
    told = np.nan_to_num(corrected(contestants) if p is None else p, nan=1.0) < LEVEL
    order = np.argsort(-values, kind="stable")
    found = {}
    for index, one in enumerate(contestants):
        better = int((told[index] & (values > values[index])).sum())
        worse = int((told[index] & (values < values[index])).sum())
        rank = 1 + int((values > values[index]).sum())
        level = tuple(contestants[i].id for i in order if i != index and not told[index, i])
        found[one.id] = Places(max(1 + better, rank if one.gaps else 1), len(contestants) - worse, rank, level)
    return found


def corrected(contestants: Sequence[Contestant]) -> Tests:
    """p-values of each two, (N, N), corrected over all pairs of the column that differ at all; NaN where none is."""
    count = len(contestants)
    p = np.full((count, count), np.nan)
    identical = np.zeros((count, count), dtype=np.bool_)
    groups: dict[tuple[bool, frozenset[str]], list[int]] = {}
    for index, one in enumerate(contestants):
        groups.setdefault((one.distance, frozenset(one.values)), []).append(index)
    for (distance, cases), members in groups.items():
        order = sorted(cases)
        matrix = np.array([[contestants[i].values[case].value for case in order] for i in members])
        if distance:
            tested = p_values_of_distances([contestants[i].value for i in members], matrix)
        else:
            tested = p_values_of_means(matrix)
        p[np.ix_(members, members)] = tested
        # the same numbers throughout: the sign test of no difference at all
        _, kind = np.unique(
            np.column_stack([[contestants[i].value for i in members], matrix]), axis=0, return_inverse=True
        )
        identical[np.ix_(members, members)] = np.isfinite(tested) & (kind[:, None] == kind[None])
    upper = np.triu_indices(count, 1)
    found = np.full((count, count), np.nan)
    found[upper] = holm(p[upper].tolist(), set(np.flatnonzero(identical[upper]).tolist()))
    found.T[upper] = found[upper]
    return found
