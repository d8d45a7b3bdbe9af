"""From two sides to a page of verdicts. Pure: what is compared was read before, and the page is written elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.gate.comparable import differences_of_results, differences_of_sides, lines_of_versions
from bench.gate.document import Difference, GatedResult, GatePage, ObjectHarm, Party
from bench.gate.floored import Pairs, pair
from bench.gate.harm import (
    LEVEL,
    Harm,
    harm_of_distances,
    harm_of_means,
    objects_to_decide,
)
from bench.gate.sides import Scored, Side
from bench.gate.verdicts import Verdict, corrected, counts, exit_code, judge, worst
from bench.gate.words import reason
from bench.stats.pairs import jackknife_excess
from groundwork.errors import UsageError

SHOWN = 10  # objects that got worse
TIMING = (
    "stored timings are never gated: another machine, or the same one on another day, moves them more than most "
    "changes do; time the two in turns in one job (`realiz3d_gate.race`), and take it out of the suite's `gates`"
)


@dataclass(frozen=True)
class Evidence:
    """What a gated result's verdict rests on: the verdict already, where there is nothing to test."""

    metric: str
    delta: float
    before: Scored | None
    after: Scored | None
    verdict: Verdict | None = None
    why: str = ""
    harm: Harm | None = None
    objects: tuple[ObjectHarm, ...] = ()
    differences: tuple[Difference, ...] = ()


def gate_page(
    baseline: Side, candidate: Side, deltas: Mapping[str, float] | None = None, strict: bool = False,
    notes: Sequence[str] = (),
) -> GatePage:  # fmt: skip
    """Every gated result with its verdict, corrected over the page.

    `deltas` replace or add to the gates of the candidate's suite. Raises `UsageError` when nothing is gated.
    """
    gates = {**candidate.gates, **(deltas or {})}
    if not gates:
        raise UsageError(
            "nothing is gated: the suite names no result that has to hold",
            where=candidate.place,
            expected="gates in the suite, such as `gates: {cde: {delta: 0.02}}`",
            hint="add them to the suite and run it again (samples are kept), or try one: --delta cde=0.02",
        )
    differences = differences_of_sides(baseline, candidate)
    found = [_evidence(name, delta, baseline, candidate, differences) for name, delta in gates.items()]
    p_values = corrected([one.harm for one in found])
    family = max(1, sum(counts(one.harm) for one in found))
    results = tuple(_judged(one, p, family) for one, p in zip(found, p_values, strict=True))
    verdict = worst(result.verdict for result in results)
    return GatePage(
        verdict=verdict,
        exit_code=exit_code(verdict, strict),
        strict=strict,
        level=LEVEL,
        baseline=party(baseline),
        candidate=party(candidate),
        results=results,
        could_fail=any(result.could_fail for result in results),
        notes=(*_notes(baseline, candidate, gates), *notes),
        differences=(*differences, *lines_of_versions(baseline, candidate)),
    )


def party(side: Side) -> Party:
    """What the page says of a side."""
    return Party(
        label=f"{side.generator} ({side.place})",
        generator=side.generator,
        kind=side.kind,
        suite=side.suite,
        version=side.version,
        suite_hash=side.suite_hash,
        seeds=side.seeds,
        n_cases=len(side.cases),
        commit=side.commit,
        accepted_by=side.author,
        reason=side.reason,
    )


def _evidence(
    name: str, delta: float, baseline: Side, candidate: Side, differences: tuple[Difference, ...]
) -> Evidence:
    before, after = baseline.results.get(name), candidate.results.get(name)
    empty = Evidence(name, delta, before, after)

    def settled(verdict: Verdict, why: str, found: tuple[Difference, ...] = ()) -> Evidence:
        return Evidence(name, delta, before, after, verdict, why, empty.harm, (), found)

    if any(scored is not None and scored.timing for scored in (before, after)):
        return settled("incomparable", TIMING)
    if differences:
        return settled("incomparable", "the two inputs are not of one question", differences)
    if before is None:
        return settled("incomparable", "the baseline has no such result: accept a new one that has it")
    if after is None:
        return settled("missing", "the candidate has no such result")
    if after.status != "ok":
        return settled("missing", after.note or after.status.replace("_", " "))
    if before.status != "ok":
        return settled("incomparable", f"the baseline has no number: {before.note or before.status.replace('_', ' ')}")
    found = differences_of_results(before, after)
    if found:
        return settled("incomparable", "the two numbers were not measured alike", found)
    pairs = pair(before, after)
    if not pairs.cases:
        return settled("incomparable", pairs.note)
    objects, harm = _harms(before, after, pairs)
    failing = after.lacking > before.lacking
    verdict: Verdict | None = "missing" if failing else None
    why = pairs.note or harm.found.refusal
    if failing:
        lacking = "1 sample has" if after.lacking == 1 else f"{after.lacking} samples have"
        why = f"{lacking} no value, {before.lacking} of the baseline's"
    return Evidence(name, delta, before, after, verdict, why, harm, objects)


def _harms(before: Scored, after: Scored, pairs: Pairs) -> tuple[tuple[ObjectHarm, ...], Harm]:
    up = before.direction == "up"
    if before.whole:
        excess = _excess(before, after, pairs.cases)
        harm = harm_of_distances(before.value, after.value, pairs.before, pairs.after, up, excess)
        shown = [(None, None)] * len(pairs.cases)
    else:
        harm = harm_of_means(pairs.before, pairs.after, up)
        shown = list(zip(pairs.before.tolist(), pairs.after.tolist(), strict=True))
    order = np.argsort(-harm.by_object, kind="stable")
    objects = tuple(
        ObjectHarm(
            case=pairs.cases[i], before=shown[i][0], after=shown[i][1], harm=float(harm.by_object[i]),
            note=pairs.notes.get(pairs.cases[i], ""),
        )
        for i in order.tolist()
        if harm.by_object[i] > 0
    )  # fmt: skip
    return objects[:SHOWN], harm


def _excess(before: Scored, after: Scored, cases: Sequence[str]) -> float:
    """What makes the test that of a run's own comparisons; 0 where a side does not hold pairs of just these objects."""
    if not all(set(side.pairs) == set(cases) for side in (before, after)):
        return 0.0
    values = []
    for side in (before, after):
        place = {case: number for number, case in enumerate(side.pairs)}
        order = [place[case] for case in cases]
        values.append(np.array([side.pairs[case] for case in cases], dtype=np.float64)[:, order])
    return jackknife_excess(*values)


def _judged(found: Evidence, p_values: tuple[float, float], family: int) -> GatedResult:
    p_worse, p_better = p_values
    harm, label = found.harm, found.after or found.before
    verdict = found.verdict or (judge(harm, found.delta, p_worse, p_better) if harm is not None else "missing")
    level = LEVEL / family
    undecided = harm is not None and verdict == "inconclusive"
    result = GatedResult(
        metric=found.metric,
        title=label.title if label else "",
        direction=label.direction if label else "up",
        unit=label.unit if label else "",
        verdict=verdict,
        reason=found.why,
        delta=found.delta,
        baseline=_number(found.before.value) if found.before else None,
        candidate=_number(found.after.value) if found.after else None,
        harm=harm.estimate if harm else None,
        harm_low=_number(harm.lower) if harm else None,
        harm_high=_number(harm.upper) if harm else None,
        p_worse=harm.p_worse if harm else None,
        p_worse_holm=_number(p_worse),
        p_better_holm=_number(p_better),
        n_objects=harm.n_objects if harm else 0,
        failed=(found.before.lacking if found.before else 0, found.after.lacking if found.after else 0),
        detectable=_number(harm.detectable(level)) if harm else None,
        could_fail=harm is not None and not harm.found.refusal,
        objects_needed=objects_to_decide(harm, found.delta, level) if undecided and harm is not None else None,
        differences=found.differences,
        worst=found.objects,
    )
    return result.model_copy(update={"reason": reason(result)})


def _notes(baseline: Side, candidate: Side, gates: Mapping[str, float]) -> list[str]:
    notes = []
    if not (baseline.comparable and candidate.comparable):
        notes.append("both runs were cut by --limit: good for a smoke test, not for a decision")
    if baseline.seeds != candidate.seeds:
        notes.append(
            f"sample seeds differ ({_listed(baseline.seeds)}; {_listed(candidate.seeds)}): "
            "the noise of sampling is part of every difference"
        )
    for name, delta in baseline.gates.items():
        if name not in gates:
            notes.append(f"{name} was gated when the baseline was made, and no longer is")
        elif gates[name] != delta:
            notes.append(f"{name}: {gates[name]:g} is tolerated, {delta:g} when the baseline was made")
    if zero := [name for name, delta in gates.items() if delta == 0]:
        notes.append(
            f"{', '.join(zero)}: nothing is tolerated (delta 0), so that only what is equal or clearly better passes"
        )
    return notes


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
