"""Scores on each object's own scale: 0 is what its floor reaches, 1 what its ceiling reaches.

A PSNR of 25 dB says little by itself: an object with fine texture seen under grazing angles never reaches 40 dB even
when it is perfect. The share of the way from a known floor to a known ceiling can be read, and averaged over objects.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt

from bench.results.terms import Direction, Role
from bench.stats.difference import mean_difference

ROLES: tuple[Role, ...] = get_args(Role)

MIN_SPAN = 0.05
"""Of the larger of |ceiling| and |floor|: where the two are nearer than this, there is nothing to divide by."""

MIN_SHARE = 0.5
"""Of the objects: where fewer can be measured, the mean over them would speak for exceptions."""


@dataclass(frozen=True)
class Yardsticks:
    """Names of the run's ceiling and floor. `problem` says why there is no such pair; the names are then ''."""

    ceiling: str = ""
    floor: str = ""
    problem: str = ""


def yardsticks_of(roles: Mapping[str, Role | None]) -> Yardsticks:
    """The one ceiling and the one floor among the generators of a run, given each one's role."""
    names = {role: [name for name, own in roles.items() if own == role] for role in ROLES}
    problems = [
        f"the run has no {role}" if not found else f"the run has {len(found)} {role}s ({', '.join(found)})"
        for role, found in names.items()
        if len(found) != 1
    ]
    if problems:
        return Yardsticks(problem=" and ".join(problems) + ": one of each is needed")
    return Yardsticks(names["ceiling"][0], names["floor"][0])


@dataclass(frozen=True)
class NormalisedScore:
    """Mean over `objects` of (s - floor) / (ceiling - floor) with its interval; NaN without one (see `note`).

    Not clipped: a generator may do better than the ceiling (above 1) or worse than the floor (below 0).
    """

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    objects: int = 0
    note: str = ""


def normalise(
    scores: npt.ArrayLike, ceilings: npt.ArrayLike, floors: npt.ArrayLike, direction: Direction
) -> npt.NDArray[np.float64]:
    """(s - floor) / (ceiling - floor) for each object, float64 (objects,); all arguments (objects,), NaN for no value.

    NaN where an argument is, where the ceiling is not better than the floor, and where the two differ by less than
    `MIN_SPAN` of the larger one's size.

    >>> normalise([30.0, 10.0], [40.0, 40.0], [20.0, 39.0], "up")
    array([0.5, nan])
    """
    score, ceiling, floor = (np.asarray(values, dtype=np.float64) for values in (scores, ceilings, floors))
    usable = stands_below(floor, ceiling, direction)
    return np.where(usable, (score - floor) / np.where(usable, ceiling - floor, 1.0), np.nan)


def stands_below(floors: npt.ArrayLike, ceilings: npt.ArrayLike, direction: Direction) -> npt.NDArray[np.bool_]:
    """Whether each floor is worse than its ceiling by at least `MIN_SPAN` of the larger one's size; False for NaN."""
    floor, ceiling = (np.asarray(values, dtype=np.float64) for values in (floors, ceilings))
    better = ceiling - floor if direction == "up" else floor - ceiling
    return np.asarray((better > 0) & (better >= MIN_SPAN * np.maximum(np.abs(ceiling), np.abs(floor))))


def normalised_score(
    scores: npt.ArrayLike, ceilings: npt.ArrayLike, floors: npt.ArrayLike, direction: Direction
) -> NormalisedScore:
    """Mean and interval of `normalise` over the objects that have a score (NaN in `scores`: no score, not counted).

    Without a value when under `MIN_SHARE` of them can be measured: the metric does not tell ceiling from floor then.
    """
    scored = np.isfinite(np.asarray(scores, dtype=np.float64))
    shares = normalise(scores, ceilings, floors, direction)
    found = shares[np.isfinite(shares)]
    total = int(scored.sum())
    lacking = total - len(found)
    note = f"{lacking} of {total} objects not measurable: ceiling and floor do not differ enough" if lacking else ""
    if len(found) == 0 or len(found) < MIN_SHARE * total:
        return NormalisedScore(note=note)
    mean = mean_difference(found)
    low, high = mean.interval().ends
    return NormalisedScore(mean.estimate, low, high, len(found), note)
