"""From scores to `summary.json`: one row a generator and metric, with interval, sample size, signature and status."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.metrics.declaration import Result, error_scale, missing_results
from bench.run.generate import Failure
from bench.run.normalised import find_yardsticks, normalised_row, role_of
from bench.run.plan import Plan, is_calibration, training_of
from bench.run.score_sets import SetScores
from bench.run.scores import ScoreRow
from bench.stats.difference import mean_difference
from bench.stats.normalise import NormalisedScore
from bench.suite.schema import FolderReference, GeneratorReference, ShippedReference
from groundwork.hashing import hash_strings

SUMMARY_FORMAT = 1


@dataclass(frozen=True)
class SummaryRow:
    """What a table prints of one generator under one metric. NaN where there is nothing to print."""

    generator: str
    result: Result
    value: float
    low: float
    high: float
    objects: int
    images: int
    coverage: float | None
    signature: str
    status: str
    note: str = ""
    normalised: NormalisedScore = field(default_factory=NormalisedScore)
    reference_floor: float | None = None  # of set metrics: two samples of the reference against each other
    reference_floor_n: int | None = None  # how many pictures each of the two has

    def to_dict(self, bold: bool) -> dict[str, Any]:
        """JSON, with null for NaN."""
        return {
            "generator": self.generator,
            "metric": self.result.name,
            "value": number(self.value),
            "ci_low": number(self.low),
            "ci_high": number(self.high),
            "n_objects": self.objects,
            "n_images": self.images,
            "direction": self.result.direction,
            "unit": self.result.unit,
            "signature": self.signature,
            "coverage": number(self.coverage),
            "status": self.status,
            "note": self.note,
            "normalised": number(self.normalised.value),
            "normalised_ci_low": number(self.normalised.low),
            "normalised_ci_high": number(self.normalised.high),
            "normalised_n": self.normalised.objects or None,
            "normalised_note": self.normalised.note,
            "reference_floor": number(self.reference_floor),
            "reference_floor_n": self.reference_floor_n,
            "bold": bold,
        }


def number(value: float | None) -> float | None:
    """A float for JSON: None for NaN and infinities."""
    return None if value is None or not math.isfinite(value) else float(value)


def object_values(rows: Sequence[ScoreRow], metric: str) -> dict[str, dict[str, float]]:
    """generator -> case -> mean over its views, then over its seeds (the object is the unit of all statistics).

    Values that are not 'ok' are left out; `summarise_objects` says how many.
    """
    by_sample: dict[tuple[str, str, int], list[float]] = {}
    for row in rows:
        if row.metric == metric and row.case is not None and row.seed is not None and row.status == "ok":
            by_sample.setdefault((row.generator, row.case, row.seed), []).append(row.value)
    by_object: dict[tuple[str, str], list[float]] = {}
    for (generator, case, _), values in sorted(by_sample.items()):
        by_object.setdefault((generator, case), []).append(math.fsum(values) / len(values))
    found: dict[str, dict[str, float]] = {}
    for (generator, case), values in by_object.items():
        found.setdefault(generator, {})[case] = math.fsum(values) / len(values)
    return found


def summarise_objects(plan: Plan, rows: Sequence[ScoreRow]) -> list[SummaryRow]:
    """Rows of the object metrics: mean over objects with its interval, raw and between floor and ceiling."""
    table: list[SummaryRow] = []
    yardsticks = find_yardsticks(plan.generators)
    for metric in plan.object_metrics:
        missing = missing_results(metric)
        for result in metric.results():
            own = [row for row in rows if row.metric == result.name]
            values = object_values(own, result.name)
            for entry in plan.generators:
                mine = [row for row in own if row.generator == entry.name]
                numbers = values.get(entry.name, {})
                row = _object_row(plan, entry.name, result, mine, numbers, missing.get(result.name))
                if row.status == "ok":
                    row = replace(row, normalised=normalised_row(plan, yardsticks, result, values, entry.name))
                table.append(row)
    return table


def _object_row(
    plan: Plan, generator: str, result: Result, rows: Sequence[ScoreRow], values: Mapping[str, float],
    missing: str | None,
) -> SummaryRow:  # fmt: skip
    judged = [case.id for case in plan.cases if case.id in values]
    numbers: npt.NDArray[np.float64] = np.array([values[case] for case in judged])
    coverages = [row.coverage for row in rows if row.coverage is not None]
    coverage = math.fsum(coverages) / len(coverages) if coverages else None
    base = rows[0].signature if rows else ""
    # which objects were judged is part of what the mean means: another subset is another number
    signature = f"{base} n={len(judged)} cases=sha256:{hash_strings(judged)[:12]}" if base else ""
    images = len({(row.case, row.seed) for row in rows if row.status == "ok"}) * len(plan.cameras)
    note = _note(plan, rows) if missing is None else missing
    if not judged:
        unmeasurable = any(row.status == "not_measurable" for row in rows)
        status = "weights_missing" if missing is not None else "not_measurable" if unmeasurable else "failed"
        return SummaryRow(generator, result, math.nan, math.nan, math.nan, 0, 0, coverage, signature, status, note)
    mean = mean_difference(numbers)
    interval = mean.interval()
    return SummaryRow(
        generator,
        result,
        mean.estimate,
        interval.low,
        interval.high,
        len(judged),
        images,
        coverage,
        signature,
        "ok",
        note,
    )


def _note(plan: Plan, rows: Sequence[ScoreRow]) -> str:
    expected = len(plan.cases) * len(plan.seeds)
    per_sample = {(row.case, row.seed): row.status for row in rows}
    unmeasurable = sum(status == "not_measurable" for status in per_sample.values())
    failed = expected - sum(status in ("ok", "not_measurable", "weights_missing") for status in per_sample.values())
    parts = [f"{failed} of {expected} samples failed"] if failed else []
    parts += [f"{unmeasurable} of {expected} samples not measurable"] if unmeasurable else []
    return "; ".join(parts)


def summarise_sets(found: SetScores) -> list[SummaryRow]:
    """Rows of the set distances, with jackknife intervals over objects."""
    return [
        SummaryRow(
            score.generator, score.metric.result(), score.value, score.low, score.high, score.objects, score.images,
            None, score.signature, score.status, score.note,
            reference_floor=score.reference_floor, reference_floor_n=score.reference_floor_n or None,
        )
        for score in found.scores
    ]  # fmt: skip


def build_summary(
    plan: Plan,
    rows: Sequence[SummaryRow],
    bold: set[tuple[str, str]],
    comparisons: Sequence[dict[str, Any]],
    found: SetScores,
    failures: Sequence[Failure],
    suite_digest: str,
) -> dict[str, Any]:
    """The whole of `summary.json`. `bold` holds (metric, generator) pairs that are best or tie with the best."""
    suite = plan.suite
    results = plan.results
    order = {result.name: i for i, result in enumerate(results)}
    ordered = sorted(rows, key=lambda r: (order[r.result.name], [e.name for e in plan.generators].index(r.generator)))
    used = {(name, reference.digest): reference for (name, _), reference in found.references.items()}
    return {
        "format": SUMMARY_FORMAT,
        "suite": {
            "name": suite.name,
            "version": suite.version,
            "task": suite.task,
            "hash": suite_digest,
            "description": suite.description.strip(),
        },
        "comparable": plan.comparable,
        "n_cases": len(plan.cases),
        "n_cases_of_suite": len(plan.all_cases),
        "seeds": list(plan.seeds),
        "views": suite.views.model_dump(mode="json"),
        "primary": list(suite.primary),
        "metrics": [{"name": r.name, "direction": r.direction, "unit": r.unit, "title": r.title} for r in results],
        "error_maps": [
            {"metric": scale.result, "unit": scale.unit, "top": scale.top}
            for metric in plan.object_metrics
            if (scale := error_scale(metric)) is not None
        ],
        "generators": [
            {
                "name": entry.name,
                "use": entry.use,
                "calibration": is_calibration(entry),
                "role": role_of(entry),
                "paper": entry.paper.model_dump() if entry.paper else None,
                "training": training_of(entry, plan.context),
            }
            for entry in plan.generators
        ],
        "cases": [{"id": case.id, "prompt": case.prompt} for case in plan.cases],
        "rows": [row.to_dict((row.result.name, row.generator) in bold) for row in ordered],
        "comparisons": list(comparisons),
        "references": [
            {"name": name, "digest": digest, "n": len(used[name, digest]), "source": _source(plan, name)}
            for name, digest in sorted(used)
        ],
        "failures": [
            {"generator": f.generator, "case": f.case, "seed": f.seed, "message": f.message} for f in failures
        ],
    }


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
