"""Values of the same objects from both sides, in one order. What failed counts as the floor and never vanishes.

Within a run that is settled as its summary settles it (`bench.stats.gaps`), so that a gate's means are those of the
report. What is left is an object that one run judged and the other could not.
"""

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

    An object that one side has no value for counts there as the floor, as the other side knows it, and never better
    than the worst that it scores itself. Objects that neither side has a value for say nothing of a change and are
    left out. Statistics of whole sets count what they lack already.
    """
    if before.whole:
        cases = tuple(case for case in before.values if case in after.values)
        note = "" if cases else _unpaired(before, after)
        return Pairs(cases, _array(before.values, cases), _array(after.values, cases), note=note)
    if not set(before.values) & set(after.values):
        return Pairs((), np.array([]), np.array([]), note="the two share no object that has a value")
    cases = tuple(dict.fromkeys([*before.values, *after.values]))
    notes = {}
    for case in cases:
        failed = [f"{scored.failed[case]} {who}" for scored, who in _named(before, after) if scored.failed.get(case)]
        if failed:
            notes[case] = f"no value: {' and '.join(failed)}; counted as the floor"
    return Pairs(cases, _filled(before, after, cases), _filled(after, before, cases), notes)


def _named(before: Scored, after: Scored) -> tuple[tuple[Scored, str], tuple[Scored, str]]:
    return (before, "of the baseline's samples"), (after, "of the candidate's samples")


def _unpaired(before: Scored, after: Scored) -> str:
    if before.values and after.values:
        return "the two share no object"
    lacking = "baseline" if not before.values else "candidate"
    return f"the {lacking} holds no values by object for it; run it again with this version"


def _filled(scored: Scored, other: Scored, cases: tuple[str, ...]) -> npt.NDArray[np.float64]:
    worse = min if scored.direction == "up" else max
    own = worse(scored.values.values())
    floors = {**other.floors, **scored.floors}
    known = {case: floors[case] for case in cases if math.isfinite(floors.get(case, math.nan))}
    return np.array([scored.values.get(case, worse(known.get(case, own), own)) for case in cases], dtype=np.float64)


def _array(values: Mapping[str, float], cases: tuple[str, ...]) -> npt.NDArray[np.float64]:
    return np.array([values[case] for case in cases], dtype=np.float64)
