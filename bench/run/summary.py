"""From scores to `summary.json`: one row per generator and metric, with interval, sample size, signature and status."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bench.cases.case import Case
from bench.metrics.declaration import ObjectMetric, Result
from bench.results.scores import ScoreRow, sample_values
from bench.results.summary import (
    CaseInfo,
    Comparison,
    ErrorMapInfo,
    GeneratorInfo,
    MetricInfo,
    PaperInfo,
    PhaseInfo,
    Reference,
    Row,
    SuiteInfo,
    Summary,
    TimingInfo,
    ViewsInfo,
)
from bench.results.summary import Failure as FailureInfo
from bench.run.failures import Failure
from bench.run.normalised import find_yardsticks, normalised_row, role_of
from bench.run.plan import Plan, broken_cases, is_calibration
from bench.run.score_objects import object_signature
from bench.run.score_sets import SetScores
from bench.stats import comparison as stats
from bench.stats.difference import Difference, interval_of_mean, mean_difference
from bench.stats.gaps import Completed, complete, counted, judged_cases
from bench.stats.normalise import NormalisedScore
from bench.suite.schema import FolderReference, GeneratorReference, ShippedReference
from groundwork.hashing import hash_strings

ObjectValues = Mapping[str, Mapping[str, Completed]]
"""Result -> generator -> its objects' values. Generators without any value are not in it."""


def row_of(generator: str, result: Result, **found: Any) -> Row:
    """A row under a result's label; `found` are the row's other fields."""
    return Row(
        generator=generator,
        metric=result.name,
        axis=result.axis,
        direction=result.direction,
        unit=result.unit,
        **found,
    )


def summarise_objects(plan: Plan, rows: Sequence[ScoreRow]) -> tuple[list[Row], ObjectValues]:
    """Rows of the object metrics: mean over objects with its interval, raw and between floor and ceiling.

    Beside them, by result, what each generator has for each object with its gaps filled in: what comparisons take.
    """
    table: list[Row] = []
    objects: dict[str, dict[str, Completed]] = {}
    yardsticks = find_yardsticks(plan.generators)
    broken = broken_cases(plan, {row.case for row in rows if row.status == "ok" and row.case is not None})
    for metric in plan.object_metrics:
        missing = metric.missing()
        for result in metric.results():
            own = [row for row in rows if row.metric == result.name]
            samples = sample_values(own, result.name)
            unmeasurable = {row.case for row in own if row.status == "not_measurable" and row.case is not None}
            judged = judged_cases(samples, unmeasurable | broken, [case.id for case in plan.cases])
            found = complete(
                samples, judged, plan.seeds, result.direction, result.worst, yardsticks.floor, yardsticks.ceiling
            )
            objects[result.name] = found
            values = {name: completed.values for name, completed in found.items()}
            for entry in plan.generators:
                mine = [row for row in own if row.generator == entry.name]
                shares = normalised_row(plan, yardsticks, result, values, entry.name)
                table.append(
                    _object_row(
                        plan,
                        entry.name,
                        metric,
                        result,
                        mine,
                        judged,
                        found.get(entry.name),
                        missing.get(result.name),
                        shares,
                    )
                )
    return table, objects


def _object_row(
    plan: Plan, generator: str, metric: ObjectMetric, result: Result, rows: Sequence[ScoreRow], judged: Sequence[str],
    found: Completed | None, missing: str | None, shares: NormalisedScore,
) -> Row:  # fmt: skip
    views = {case.id: plan.views_of(case) for case in plan.cases}
    coverages = [row.coverage for row in rows if row.coverage is not None]
    base = rows[0].signature if rows else ""
    if base and plan.shared is None:  # a row says its own case's cameras, the mean those of all that are judged
        base = object_signature(metric, result.name, plan.views_signature(among=judged))
    mean = mean_difference(list(found.values.values())) if found is not None else None
    row = {
        "coverage": math.fsum(coverages) / len(coverages) if coverages else None,
        # the objects that can be judged are part of what the mean means; what a generator failed on is its own affair
        "signature": f"{base} n={len(judged)} cases=sha256:{hash_strings(judged)[:12]}" if base else "",
        "note": _note(plan, rows, found, mean) if missing is None else missing,
    }
    if found is None or mean is None:
        unmeasurable = any(row.status == "not_measurable" for row in rows)
        status = "weights_missing" if missing is not None else "not_measurable" if unmeasurable else "failed"
        return row_of(generator, result, status=status, **row)
    interval = interval_of_mean(list(found.values.values()), result.limits)
    return row_of(
        generator,
        result,
        value=mean.estimate,
        ci_low=interval.low,
        ci_high=interval.high,
        measured=found.mean_measured if found.missing else None,
        n_missing=found.missing,
        n_objects=len(judged),
        n_images=sum(views[case] for case, _ in {(row.case or "", row.seed) for row in rows if row.status == "ok"}),
        status="ok",
        normalised=shares.value,
        normalised_ci_low=shares.low,
        normalised_ci_high=shares.high,
        normalised_n=shares.objects or None,
        normalised_note=shares.note,
        **row,
    )


def _note(plan: Plan, rows: Sequence[ScoreRow], found: Completed | None, mean: Difference | None) -> str:
    expected = len(plan.cases) * len(plan.seeds)
    per_sample = {(row.case, row.seed): row.status for row in rows}
    unmeasurable = sum(status == "not_measurable" for status in per_sample.values())
    failed = expected - sum(status in ("ok", "not_measurable", "weights_missing") for status in per_sample.values())
    parts = [f"{failed} of {expected} samples failed"] if failed else []
    parts += [f"{unmeasurable} of {expected} samples not measurable"] if unmeasurable else []
    uncovered = len({(row.case, row.seed) for row in rows if row.status == "ok" and row.coverage == 0.0})
    if uncovered:  # the metric gave a constant where it saw nothing: a number that nobody measured
        parts.append(f"{uncovered} of {expected} samples showed nothing to measure and count as the worst")
    if found is not None and found.missing:
        parts.append(counted(found.missing, found.mean_measured))
    if mean is not None and mean.too_skewed:
        parts.append(f"the interval may be too narrow: a skewness of {mean.skewness:.1f} on {mean.n_objects} objects")
    return "; ".join(parts)


def summarise_sets(found: SetScores) -> list[Row]:
    """Rows of the set distances, with jackknife intervals over objects."""
    return [
        row_of(
            score.generator,
            score.metric.result(),
            value=score.value,
            ci_low=score.low,
            ci_high=score.high,
            measured=score.measured,
            n_missing=score.missing,
            n_objects=score.objects,
            n_images=score.images,
            signature=score.signature,
            status=score.status,
            note=score.note,
            reference_floor=score.reference_floor,
            reference_floor_n=score.reference_floor_n or None,
        )
        for score in found.scores
    ]


def build_summary(
    plan: Plan,
    rows: Sequence[Row],
    bold: set[tuple[str, str]],
    comparisons: Sequence[stats.Comparison],
    found: SetScores,
    failures: Sequence[Failure],
    timings: Sequence[TimingInfo],
    trainings: Mapping[str, tuple[PhaseInfo, ...]],
    suite_digest: str,
) -> Summary:
    """The whole of `summary.json`. `bold` holds (metric, generator) pairs that are best or tie with the best."""
    suite = plan.suite
    results = plan.results
    order = {result.name: i for i, result in enumerate(results)}
    names = [entry.name for entry in plan.generators]
    ordered = sorted(rows, key=lambda row: (order[row.metric], names.index(row.generator)))
    used = {(name, reference.digest): reference for (name, _), reference in found.references.items()}
    of_sets = {metric.result().name: metric.limits for metric in plan.set_metrics}
    scales = [scale for metric in plan.object_metrics if (scale := metric.error_scale) is not None]
    return Summary(
        suite=SuiteInfo(
            name=suite.name,
            version=suite.version,
            task=suite.task,
            hash=suite_digest,
            description=suite.description.strip(),
            shown_first=suite.shown_first,
        ),
        comparable=plan.comparable,
        n_cases=len(plan.cases),
        n_cases_of_suite=len(plan.all_cases),
        seeds=plan.seeds,
        views=ViewsInfo(**suite.views.model_dump(exclude={"cameras"}), of_each_case=suite.views.cameras is not None),
        primary=suite.primary,
        metrics=tuple(
            MetricInfo(
                name=r.name,
                direction=r.direction,
                axis=r.axis,
                unit=r.unit,
                title=r.title,
                worst=r.worst,
                limits=of_sets.get(r.name, r.limits),
            )
            for r in results
        ),
        error_maps=tuple(ErrorMapInfo(metric=scale.result, unit=scale.unit, top=scale.top) for scale in scales),
        generators=tuple(
            GeneratorInfo(
                name=entry.name,
                use=entry.use,
                calibration=is_calibration(entry),
                role=role_of(entry),
                paper=PaperInfo(**entry.paper.model_dump()) if entry.paper else None,
                training=trainings[entry.name],
            )
            for entry in plan.generators
        ),
        cases=tuple(CaseInfo(id=case.id, prompt=case.prompt, views=_angles(case)) for case in plan.cases),
        rows=tuple(row.model_copy(update={"bold": (row.metric, row.generator) in bold}) for row in ordered),
        comparisons=tuple(Comparison.model_validate(comparison.to_dict()) for comparison in comparisons),
        references=tuple(
            Reference(name=name, digest=digest, n=len(used[name, digest]), source=_source(plan, name))
            for name, digest in sorted(used)
        ),
        failures=tuple(
            FailureInfo(generator=f.generator, case=f.case, seed=f.seed, message=f.message) for f in failures
        ),
        throughput=tuple(timings),
    )


def _angles(case: Case) -> tuple[tuple[float, float], ...]:
    """(azimuth, elevation) of a case's own views in degrees; empty where it is seen as all others are."""
    if case.cameras is None or case.cameras.found is None:
        return ()
    return tuple((round(float(a), 2) % 360.0, round(float(e), 2) + 0.0) for a, e in case.cameras.found.angles)


def _source(plan: Plan, reference: str) -> str:
    """Where a reference's pictures come from, without the paths of this machine."""
    found = plan.suite.references[reference]
    if isinstance(found, GeneratorReference):
        return f"images of generator {found.generator}"
    if isinstance(found, ShippedReference):
        return f"reference set {found.shipped}"
    if isinstance(found, FolderReference):
        return f"folder {found.folder.name}"
    return f"renders of the mini-world, split {found.miniworld.split}, look {found.miniworld.look}"
