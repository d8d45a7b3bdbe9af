"""Which objects decide between the two best generators: those with the largest paired differences.

A metric with a value per object decides by the difference of the two. A distance between sets has no value for one
object: there an object's weight is its share of the lead, which is known from what the lead would be without it
(pseudo-values of the jackknife, as in the test of two distances). The run asks, to keep what the page shows of these
objects, and the page asks, to show them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.results.summary import GeneratorInfo, Row

FOR, AGAINST = 2, 1  # objects shown of each duel, at most


@dataclass(frozen=True)
class Decider:
    """An object and how far it speaks for `a`, in the metric's unit (negative: for `b`).

    `values` are those of a and b; None for distances between sets.
    """

    case: str
    gain: float
    values: tuple[float, float] | None


def ranked(rows: Iterable[Row], generators: Iterable[GeneratorInfo], metric: str) -> list[str]:
    """The generators that compete and have a value, best first; all of them where nobody but yardsticks ran."""
    known = list(generators)
    contested = any(not generator.calibration for generator in known)
    names = [generator.name for generator in known if not (contested and generator.calibration)]
    values = {
        row.generator: row.value if row.direction == "up" else -row.value
        for row in rows
        if row.metric == metric and row.status == "ok" and row.value is not None
    }
    return sorted((name for name in names if name in values), key=lambda name: -values[name])


def gains_of_values(a: Mapping[str, float], b: Mapping[str, float], sign: float) -> list[Decider]:
    """From the values by object of both; `sign` is 1 where higher is better, -1 where lower is."""
    return [Decider(case, sign * (a[case] - b[case]), (a[case], b[case])) for case in a if case in b]


def gains_of_distances(a: Mapping[str, float], b: Mapping[str, float], lead: float, sign: float) -> list[Decider]:
    """From both distances without each object, and `sign` times their difference, the `lead` of a."""
    leads = {case: sign * (a[case] - b[case]) for case in a if case in b}
    left = {case: one for case, one in leads.items() if math.isfinite(one)}
    if not left:
        return []
    # pseudo-values around the lead itself: their mean is the lead, whatever the distance's bias at n - 1 objects
    mean = math.fsum(left.values()) / len(left)
    return [Decider(case, lead + (len(left) - 1) * (mean - one), None) for case, one in left.items()]


def loudest(gains: Iterable[Decider]) -> tuple[Decider, ...]:
    """The objects that speak loudest for a, then the loudest that speaks for b."""
    ordered = sorted(gains, key=lambda item: -item.gain)
    chosen = [item for item in ordered[:FOR] if item.gain > 0]
    return (*chosen, *(item for item in ordered[: -AGAINST - 1 : -1] if item.gain < 0))
