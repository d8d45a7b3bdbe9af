"""Pairwise comparisons of generators, paired over objects: of means, and of distances to a reference.

Every sample that the suite asks for takes part; those that a generator did not deliver count as the floor
(`bench.stats.gaps`, `bench.run.score_sets`), and the method says so. Two numbers are compared only when their
signatures agree. A pair whose signatures differ is listed all the same, with the difference of its values withheld and
the reason in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from bench.errors import BenchError
from bench.metrics.declaration import SetMetric
from bench.results.summary import Row
from bench.run.failures import Failure
from bench.run.plan import Plan, is_calibration
from bench.run.score_sets import SetScore, SetScores
from bench.run.summary import ObjectValues
from bench.stats.comparison import Comparison, compare_distances, compare_means, holm_over_page
from bench.stats.difference import Difference, difference_of_distances
from bench.stats.ties import Entry, bold_generators
from groundwork.progress import Reporter, Stage


def compare(
    plan: Plan, rows: Sequence[Row], objects: ObjectValues, found: SetScores, reporter: Reporter
) -> tuple[Comparison, ...]:
    """Every pair of generators under every metric that both have a number for."""
    pairs = list(combinations([entry.name for entry in plan.generators], 2))
    comparisons: list[Comparison] = []
    total = len(pairs) * (sum(len(m.results()) for m in plan.object_metrics) + len(plan.set_metrics))
    with reporter.stage("compare generators", total) as stage:
        by_key = {(row.metric, row.generator): row for row in rows}
        for result in (result for metric in plan.object_metrics for result in metric.results()):
            values = {name: completed.values for name, completed in objects.get(result.name, {}).items()}
            for a, b in pairs:
                stage.advance()
                first, second = by_key[result.name, a], by_key[result.name, b]
                if first.status != "ok" or second.status != "ok":
                    continue
                if first.signature != second.signature:
                    comparisons.append(_refused(result.name, a, b))
                    continue
                compared = compare_means(result.name, a, b, list(values[a].values()), list(values[b].values()))
                comparisons.append(_with_gaps(compared, first.n_missing, second.n_missing))
        comparisons += _distances(plan, pairs, found, stage)
    calibration = [entry.name for entry in plan.generators if is_calibration(entry)]
    return holm_over_page(comparisons, plan.suite.primary, calibration)


def best_and_ties(plan: Plan, rows: Sequence[Row], comparisons: Sequence[Comparison]) -> set[tuple[str, str]]:
    """(metric, generator) pairs to print bold. A metric whose signatures differ has none.

    Calibration generators are no contestants: they never win, and their tests decide nothing. Nor do rows without a
    number, or whose every sample showed nothing to measure.
    """
    bold: set[tuple[str, str]] = set()
    contestants = {entry.name for entry in plan.generators if not is_calibration(entry)}
    for result in plan.results:
        own = [row for row in rows if row.metric == result.name and row.status == "ok"]
        own = [row for row in own if row.generator in contestants and row.coverage != 0.0]
        if len(own) < 2 or len({row.signature for row in own}) > 1:
            continue
        entries = [Entry(row.generator, row.value, gaps=row.n_missing > 0) for row in own if row.value is not None]
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
            gap = first.value - second.value
            try:
                tested = _difference(metric, first, second, found)
            except BenchError as error:  # a plug-in's own: its distances stand all the same
                found.untested.append(Failure.of(a, "", None, error, f"{result} against {b}"))
                yield Comparison(result, a, b, gap, None, f"the test failed: {error}", 0)
                continue
            if tested is None:
                yield Comparison(result, a, b, gap, None, "not tested: descriptive", first.objects)
            else:
                yield _with_gaps(compare_distances(result, a, b, tested), first.missing, second.missing)


def _difference(metric: SetMetric, first: SetScore, second: SetScore, found: SetScores) -> Difference | None:
    """The metric's own test where both made every sample; with gaps, that of what stands without each object."""
    reference = found.references[metric.reference, metric.extractor]
    ours, theirs = (found.features[score.generator, metric.extractor] for score in (first, second))
    if not first.missing and not second.missing:
        return metric.difference(ours, theirs, reference)
    if metric.difference(ours, ours, reference) is None:
        return None
    without_a, without_b = (list(score.leave_one_out.values()) for score in (first, second))
    return difference_of_distances(first.value - second.value, without_a, without_b)


def _with_gaps(comparison: Comparison, missing_a: int, missing_b: int) -> Comparison:
    """Its method says which samples count as the floor."""
    gaps = [f"{n} of {name}" for name, n in ((comparison.a, missing_a), (comparison.b, missing_b)) if n]
    if not gaps:
        return comparison
    return replace(comparison, method=f"{comparison.method}; samples that count as the floor: {', '.join(gaps)}")


def _refused(metric: str, a: str, b: str) -> Comparison:
    return Comparison(metric, a, b, float("nan"), None, "refused: the signatures differ", 0)
