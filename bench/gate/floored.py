"""Values of the same objects from both sides, in one order. What failed counts as the floor and never vanishes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bench.gate.sides import Scored


@dataclass(frozen=True)
class Pairs:
    """`before` and `after` float64 (objects,), of `cases` in order; `notes` by case, `note` on the whole."""

    cases: tuple[str, ...]
    before: npt.NDArray[np.float64]
    after: npt.NDArray[np.float64]
    notes: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


def pair(before: Scored, after: Scored) -> Pairs:
    """Both sides' values of every object that either has one for.

    An object without a value, or with seeds that failed, counts as what the suite's floor scores on it, and never
    better than the worst that either side scores on any object. Objects that neither side has a value for say nothing
    of a change and are left out. Statistics of whole sets count what they lack already.
    """
    if before.whole:
        cases = tuple(case for case in before.values if case in after.values)
        note = "" if cases else _unpaired(before, after)
        return Pairs(cases, _array(before.values, cases), _array(after.values, cases), note=note)
    if not set(before.values) & set(after.values):
        return Pairs((), np.array([]), np.array([]), note="the two share no object that has a value")
    cases = tuple(dict.fromkeys([*before.values, *after.values]))
    worst = _worst(before, after)
    floors = {case: _floor(case, before, after, worst) for case in cases}
    notes = {}
    for case in cases:
        failed = [f"{scored.failed[case]} {who}" for scored, who in _named(before, after) if scored.failed.get(case)]
        if failed:
            notes[case] = f"no value: {' and '.join(failed)}; counted as the floor"
    return Pairs(cases, _filled(before, cases, floors), _filled(after, cases, floors), notes)


def _named(before: Scored, after: Scored) -> tuple[tuple[Scored, str], tuple[Scored, str]]:
    return (before, "of the baseline's samples"), (after, "of the candidate's samples")


def _unpaired(before: Scored, after: Scored) -> str:
    if before.values and after.values:
        return "the two share no object"
    lacking = "baseline" if not before.values else "candidate"
    return f"the {lacking} holds no values by object for it; run it again with this version"


def _floor(case: str, before: Scored, after: Scored, worst: float) -> float:
    known = after.floors.get(case, before.floors.get(case, math.nan))
    if not math.isfinite(known):
        return worst
    return min(known, worst) if before.direction == "up" else max(known, worst)


def _worst(before: Scored, after: Scored) -> float:
    values = [*before.values.values(), *after.values.values()]
    return min(values) if before.direction == "up" else max(values)


def _filled(scored: Scored, cases: tuple[str, ...], floors: Mapping[str, float]) -> npt.NDArray[np.float64]:
    """The object's value; failed seeds of it count as the floor, each as one of its samples."""
    filled = []
    for case in cases:
        value, failed = scored.values.get(case), scored.failed.get(case, 0)
        if value is None:
            filled.append(floors[case])
        elif failed:
            there = scored.samples - failed
            filled.append((value * there + floors[case] * failed) / scored.samples)
        else:
            filled.append(value)
    return np.array(filled, dtype=np.float64)


def _array(values: Mapping[str, float], cases: tuple[str, ...]) -> npt.NDArray[np.float64]:
    return np.array([values[case] for case in cases], dtype=np.float64)
