"""Verdicts in words: one sentence a gated result, the same on the page, in CI logs and in assertion texts."""

from __future__ import annotations

from bench.gate.document import Difference, Drift, GatedResult, GatePage
from bench.gate.harm import MOST_OBJECTS
from bench.gate.verdicts import Verdict
from bench.results.numbers import format_p, format_value

VERDICT_WORDS: dict[Verdict, str] = {
    "pass": "passed",
    "improved": "better",
    "inconclusive": "undecided",
    "regression": "worse",
    "incomparable": "not comparable",
    "missing": "not measured",
}


def reason(result: GatedResult) -> str:
    """Why a result has its verdict, with the numbers that decided; `result.reason` holds what is known beforehand."""
    match result.verdict:
        case "incomparable":
            parts = "; ".join(difference_words(one) for one in result.differences)
            return f"{result.reason}: {parts}" if parts else result.reason
        case "missing":
            return result.reason if result.harm is None else f"{result.reason}; counted as the floor: {_change(result)}"
    words = f"{_change(result)}; {_tolerated(result)}"
    if result.verdict == "inconclusive" and result.could_fail:
        words += f"; {_needed(result)}"
    if result.verdict == "pass" and not result.could_fail:
        words += f"; this could not have failed: {result.n_objects} objects are too few to show any harm"
    return f"{words} ({result.reason})" if result.reason else words


def headline(page: GatePage) -> str:
    """The overall verdict in one line."""
    counts = [f"{page.count(verdict)} {word}" for verdict, word in VERDICT_WORDS.items() if page.count(verdict)]
    blind = ", and could not have failed" if not page.could_fail and page.verdict in ("pass", "improved") else ""
    return f"{page.verdict}{blind}: {', '.join(reversed(counts))} of {len(page.results)} gated"


def drift_words(drift: Drift) -> str:
    """`cde: 0.61 stored, 0.58 today`."""
    if drift.largest == 0:
        return f"{drift.metric}: measured otherwise today (its signature says how), with the same numbers"
    return f"{drift.metric}: {format_value(drift.stored)} stored, {format_value(drift.today)} today"


def difference_words(difference: Difference) -> str:
    """`resolution: 512 in the baseline, 256 in the candidate`."""
    return f"{difference.part}: {difference.baseline} in the baseline, {difference.candidate} in the candidate"


def amount(value: float | None, unit: str) -> str:
    """A number with its unit."""
    text = format_value(value, unit)
    return f"{text} {unit}" if unit and value is not None else text


def signed(value: float | None, unit: str) -> str:
    """A change with its sign."""
    text = format_value(value, unit, signed=True)
    return f"{text} {unit}" if unit and value is not None else text


def _change(result: GatedResult) -> str:
    harm = result.harm or 0.0
    before, after = format_value(result.baseline, result.unit), amount(result.candidate, result.unit)
    if harm == 0:
        return f"{before} -> {after}: no change on {result.n_objects} objects"
    direction = "worse" if harm > 0 else "better"
    size = amount(abs(harm), result.unit)
    p = result.p_worse_holm if harm > 0 else result.p_better_holm
    if p is None:
        return f"{before} -> {after}: {direction} by {size} on {result.n_objects} objects"
    p_text = format_p(p) if p < 0.001 else f"= {format_p(p)}"
    return f"{before} -> {after}: {direction} by {size} (p {p_text} corrected, n = {result.n_objects})"


def _tolerated(result: GatedResult) -> str:
    tolerated = f"{amount(result.delta, result.unit)} tolerated" if result.delta else "nothing tolerated"
    if result.verdict == "regression":
        return tolerated
    if result.harm_high is None:
        return f"{tolerated}, and so few objects bound no harm"
    if result.harm_high <= 0:
        return f"{tolerated}, and any harm is excluded"
    bound = amount(result.harm_high, result.unit)
    if result.verdict == "inconclusive":
        return f"{tolerated}, and up to {bound} worse is possible"
    return f"{tolerated}, and harm beyond {bound} is excluded"


def _needed(result: GatedResult) -> str:
    if result.objects_needed is None:
        return f"no number of objects up to {MOST_OBJECTS} would decide: the harm is about what is tolerated"
    return f"about {result.objects_needed} objects would decide"
