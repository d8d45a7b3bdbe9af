"""Each claim under each metric: effect, interval, p-value, and whether it holds.

A claim *holds* when the Holm-adjusted p over objects is below `ALPHA`, the effect goes the way that was claimed, and
every seed's own effect does too. It *does not hold* when the same is true of the opposite direction. All else is
*undecided*, also where a difference is too small to be seen. The family is the page: all claims of all its tables, each
under the metric that decides its topic. A metric that stands beside the one that decides is adjusted as if it did: with
its own claims in their place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bench.stats.paired import holm
from suites.miniworld.claims.crossed import Crossed, crossed, swap_test
from suites.miniworld.claims.measured import Measured
from suites.miniworld.claims.statements import ALPHA, BASE, CLAIMS, Claim, column_of, printed_gain, results_of

Verdict = Literal["holds", "does not hold", "undecided", "not tested"]


@dataclass(frozen=True)
class Judged:
    """A claim under one metric. `effect` is by how much row a is better than b, negative for worse.

    `tested` is what p and the verdict are about: the effect itself, or for 'at least' the effect with what may be lost
    added to it. `decides`: this metric speaks for its topic, the others stand beside it. `printed`: the paper's own
    effect in its `column`, None where it has none. `reason` says why a claim was not tested.
    """

    claim: Claim
    result: str
    decides: bool
    column: str | None
    printed: float | None
    effect: Crossed | None = None
    tested: Crossed | None = None
    p: float = math.nan
    p_holm: float = math.nan
    method: str = ""
    reason: str = ""
    verdict: Verdict = "not tested"


def judge(runs: Sequence[Measured], claims: Sequence[Claim] = CLAIMS) -> list[list[Judged]]:
    """For each run, every claim about its table under every metric of the topic that the run has a number for."""
    groups = [(place, group) for place, run in enumerate(runs) for group in _groups(run, claims)]
    judged: list[list[Judged]] = [[] for _ in runs]
    for place, group in groups:
        topic = group[0].claim.topic
        others = [
            one.p
            for elsewhere, other in groups
            if other[0].decides and (elsewhere, other[0].claim.topic) != (place, topic)
            for one in other
        ]
        adjusted = holm([*(one.p for one in group), *others])
        judged[place] += [_decide(replace(one, p_holm=p)) for one, p in zip(group, adjusted, strict=False)]
    return judged


def _groups(measured: Measured, claims: Sequence[Claim]) -> list[list[Judged]]:
    """The claims of each topic under each of its metrics, with p-values as they are."""
    mine = [claim for claim in claims if claim.table == measured.table]
    groups = []
    for topic in dict.fromkeys(claim.topic for claim in mine):
        results = [name for name in results_of(topic, measured.table, measured.kinds[0]) if measured.has(name)]
        primary = [name for name in measured.run.summary.primary if name in results]
        for result in results:
            decides = result == (primary or results)[0]
            groups.append(
                [_measure(measured, claim, result, decides=decides) for claim in mine if claim.topic == topic]
            )
    return groups


def verdict(p: float, value: float, seeds: Iterable[float], upwards: bool) -> Verdict:
    """See the module's docstring; `p` is adjusted already."""
    if math.isnan(p):
        return "not tested"
    own = [value, *seeds]
    if p >= ALPHA:
        return "undecided"
    if all(one > 0 for one in own):
        return "holds" if upwards else "does not hold"
    if all(one < 0 for one in own):
        return "does not hold" if upwards else "holds"
    return "undecided"


def _measure(measured: Measured, claim: Claim, result: str, *, decides: bool) -> Judged:
    column = column_of(claim.topic, claim.table, result)
    printed = printed_gain(claim.table, column, claim.a, claim.b) if column and BASE not in (claim.a, claim.b) else None
    blank = Judged(claim, result, decides, column, printed)
    rows = (claim.a, claim.b, BASE) if claim.relation == "at least" else (claim.a, claim.b)
    if lacking := [row for row in rows if row not in measured.generators]:
        return replace(blank, reason=f"the run has no {', '.join(lacking)}")
    names = [measured.generators[row] for row in rows]
    gain = measured.gain(names[0], names[1], result)
    tested = measured.retained(names[0], names[1], names[2], result) if len(names) == 3 else gain
    if isinstance(gain, str) or isinstance(tested, str):
        return replace(blank, reason=gain if isinstance(gain, str) else str(tested))
    effect = crossed(gain)
    p, method = swap_test(tested)
    return replace(blank, effect=effect, tested=effect if tested is gain else crossed(tested), p=p, method=method)


def _decide(one: Judged) -> Judged:
    if one.tested is None:
        return one
    return replace(one, verdict=verdict(one.p_holm, one.tested.value, one.tested.seeds, one.claim.upwards()))
