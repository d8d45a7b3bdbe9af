"""The rule: what a gated result's harm amounts to, given what the team tolerates and how many results are gated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from bench.gate.harm import LEVEL, Harm
from bench.stats.paired import holm
from groundwork.errors import EXIT_INCOMPLETE, EXIT_OK, EXIT_REGRESSION, EXIT_USAGE

Verdict = Literal["pass", "improved", "inconclusive", "regression", "incomparable", "missing"]
"""From the best to the worst. A result that nobody could measure is worse than one that was measured and is worse."""

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

_CODES: dict[Verdict, int] = {
    "pass": EXIT_OK,
    "improved": EXIT_OK,
    "inconclusive": EXIT_OK,
    "regression": EXIT_REGRESSION,
    "incomparable": EXIT_USAGE,
    "missing": EXIT_INCOMPLETE,
}


class GateFailed(AssertionError):
    """A gate did not pass; the text is the verdict with its numbers."""


def judge(harm: Harm, delta: float, p_worse: float, p_better: float) -> Verdict:
    """The verdict of one result; `p_worse` and `p_better` are those of `harm`, corrected for the whole page.

    `delta` is the harm that is tolerated. Exactly equal values on every object pass, however few the objects are.
    """
    if harm.estimate > delta and p_worse <= LEVEL:
        return "regression"
    if p_better <= LEVEL:
        return "improved"
    if harm.unchanged or harm.upper <= delta:
        return "pass"
    return "inconclusive"


def corrected(harms: Sequence[Harm | None]) -> list[tuple[float, float]]:
    """Holm-corrected (p_worse, p_better) of each gated result of a page, NaN where there is no test.

    A result without a test still counts as one of the family: what is missing makes the others no easier. One in which
    no object changed does not (`holm`).
    """
    identical = [index for index, harm in enumerate(harms) if harm is not None and not counts(harm)]
    worse = holm([math.nan if harm is None else harm.p_worse for harm in harms], identical)
    better = holm([math.nan if harm is None else harm.p_better for harm in harms], identical)
    return list(zip(worse, better, strict=True))


def counts(harm: Harm | None) -> bool:
    """Whether a result is one of the page's family of tests: all are but those that were tested and did not change."""
    return harm is None or not harm.unchanged or math.isnan(harm.p_worse)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The overall verdict of a page: its worst one, but `improved` only where nothing merely passed."""
    return max(verdicts, key=lambda verdict: (_CODES[verdict], verdict == "inconclusive", verdict == "pass"))


def exit_code(verdict: Verdict, strict: bool = False) -> int:
    """0 passed, 1 regression (with `strict` also inconclusive), 2 incomparable, 3 missing."""
    return EXIT_REGRESSION if strict and verdict == "inconclusive" else _CODES[verdict]
