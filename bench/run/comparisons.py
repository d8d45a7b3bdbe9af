"""Pairwise comparisons of generators, paired over objects: of means, and of distances to a reference.

Two numbers are compared only when their signatures agree. A pair whose signatures differ is listed all the same, with
the difference of its values withheld and the reason in its place.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from bench.errors import BenchError
from bench.results.scores import ScoreRow, object_values
from bench.results.summary import Row
from bench.run.failures import Failure
from bench.run.plan import Plan, is_calibration
from bench.run.score_sets import SetScores
from bench.stats.comparison import Comparison, compare_distances, compare_means, holm_over_page
from bench.stats.ties import Entry, bold_generators
from groundwork.progress import Reporter, Stage


def compare(
    plan: Plan, rows: Sequence[Row], scores: Sequence[ScoreRow], found: SetScores, reporter: Reporter
) -> tuple[Comparison, ...]:
    """Every pair of generators under every metric that both have a number for."""
    pairs = list(combinations([entry.name for entry in plan.generators], 2))
    comparisons: list[Comparison] = []
    total = len(pairs) * (sum(len(m.results()) for m in plan.object_metrics) + len(plan.set_metrics))
    with reporter.stage("compare generators", total) as stage:
        by_key = {(row.metric, row.generator): row for row in rows}
        for metric in plan.object_metrics:
            for result in metric.results():
                values = object_values(scores, result.name)
                for a, b in pairs:
                    stage.advance()
                    if not _both_ok(by_key, result.name, a, b):
                        continue
                    if by_key[result.name, a].signature != by_key[result.name, b].signature:
                        comparisons.append(_refused(result.name, a, b))
                        continue
                    cases = [case.id for case in plan.cases if case.id in values[a]]
                    first, second = (np.array([values[g][case] for case in cases]) for g in (a, b))
                    comparisons.append(compare_means(result.name, a, b, first, second))
        comparisons += _distances(plan, pairs, found, stage)
    calibration = [entry.name for entry in plan.generators if is_calibration(entry)]
    return holm_over_page(comparisons, plan.suite.primary, calibration)


def best_and_ties(plan: Plan, rows: Sequence[Row], comparisons: Sequence[Comparison]) -> set[tuple[str, str]]:
    """(metric, generator) pairs to print bold. A metric whose signatures differ has none.

    Calibration generators take part only where there is nothing else: a ceiling would win every column.
    """
    bold: set[tuple[str, str]] = set()
    contestants = {entry.name for entry in plan.generators if not is_calibration(entry)}
    contestants = contestants or {entry.name for entry in plan.generators}
    for result in plan.results:
        own = [row for row in rows if row.metric == result.name and row.status == "ok"]
        own = [row for row in own if row.generator in contestants]
        if len(own) < 2 or len({row.signature for row in own}) > 1:
            continue
        entries = [Entry(row.generator, _known(row.value)) for row in own]
        mine = [c for c in comparisons if c.metric == result.name]
        bold |= {(result.name, name) for name in bold_generators(entries, result.direction, mine)}
    return bold


def _distances(plan: Plan, pairs: Sequence[tuple[str, str]], found: SetScores, stage: Stage) -> Iterator[Comparison]:
    for metric in plan.set_metrics:
        result = metric.result().name
        scores = {score.generator: score for score in found.scores if score.metric is metric}
        for a, b in pairs:
            stage.advance()
            first, second = scores[a], scores[b]
            if first.status != "ok" or second.status != "ok":
                continue
            if first.signature != second.signature:
                yield _refused(result, a, b)
                continue
            reference = found.references[metric.reference, metric.extractor]
            ours, theirs = (found.features[name, metric.extractor] for name in (a, b))
            gap = first.value - second.value
            try:
                tested = metric.difference(ours, theirs, reference)
            except BenchError as error:  # a plug-in's own: its distances stand all the same
                found.untested.append(Failure.of(a, "", None, error, f"{result} against {b}"))
                yield Comparison(result, a, b, gap, None, f"the test failed: {error}", 0)
                continue
            if tested is None:
                yield Comparison(result, a, b, gap, None, "not tested: descriptive", first.objects)
            else:
                yield compare_distances(result, a, b, tested)


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def _both_ok(rows: dict[tuple[str, str], Row], metric: str, a: str, b: str) -> bool:
    return all(rows[metric, name].status == "ok" for name in (a, b))


def _refused(metric: str, a: str, b: str) -> Comparison:
    return Comparison(metric, a, b, float("nan"), None, "refused: the signatures differ", 0)
