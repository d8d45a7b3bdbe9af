"""The scoring stage for objects: one case at a time, its geometry computed once for all generators and metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from bench.cases.case import Case
from bench.errors import BenchError, MeshError, UsageError
from bench.geometry.cameras import Cameras
from bench.geometry.scene import SceneGeometry
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import (
    Measurement,
    ObjectMetric,
    Sample,
    kind_of,
    missing_results,
    prepare_metric,
    show_prompts,
)
from bench.results.scores import ScoreRow
from bench.run.error_maps import MapStore, draw, map_identity, mapped_metrics
from bench.run.executors import Executor
from bench.run.generate import Failure
from bench.run.plan import Plan
from bench.run.samples import SampleKey, SampleStore
from bench.run.scores import ScoreTable
from bench.suite.check import make_metric
from bench.suite.schema import MetricEntry
from bench.threads import alone
from groundwork.progress import Reporter


@dataclass(frozen=True)
class ObjectScoring:
    """Where samples are read from and error maps are kept, and whether metrics may fetch weights."""

    store: SampleStore
    maps: MapStore
    offline: bool


@dataclass(frozen=True)
class _Work:
    """A sample, its pictures' digest, and what it lacks: scores of `metrics` (places in the suite), error maps."""

    key: SampleKey
    digest: str
    metrics: tuple[int, ...]
    draw: bool


@dataclass(frozen=True)
class _Task:
    """One case: what its samples lack, and everything that a worker process needs."""

    case: Case
    prompts: tuple[str, ...]
    cameras: Cameras
    background: tuple[float, float, float]
    device: str
    scoring: ObjectScoring
    samples: tuple[_Work, ...]
    metrics: tuple[MetricEntry, ...]
    views_signature: str


@dataclass(frozen=True)
class _Answer:
    samples: int
    rows: tuple[ScoreRow, ...]
    failures: tuple[Failure, ...]


def object_signature(metric: ObjectMetric, name: str, views_signature: str) -> str:
    """The signature of one sample's number; the run's summary adds the number of objects and the cases' digest."""
    return f"{name} {views_signature} {metric.parameters()}"


def score_objects(
    plan: Plan,
    digests: dict[SampleKey, str],
    scoring: ObjectScoring,
    table: ScoreTable,
    executor: Executor,
    reporter: Reporter,
) -> tuple[Failure, ...]:
    """Measure of every stored sample what the table has no valid rows for, and draw the error maps that are missing.

    The table is written after each case.
    """
    entries = [e for e in plan.suite.metrics if kind_of(make_metric(e, METRICS)) == "object"]
    by_metric = [
        {r.name: object_signature(metric, r.name, plan.views_signature()) for r in metric.results()}
        for metric in plan.object_metrics
    ]
    signatures = {name: signature for results in by_metric for name, signature in results.items()}
    missing = {name for metric in plan.object_metrics for name in missing_results(metric)}
    prompts = tuple(case.prompt for case in plan.all_cases)
    valid: dict[tuple[SampleKey, str], set[str]] = {}
    for row in table.rows:
        # what failed is tried again, and so is what lacked weights once these are there
        retry = row.status == "failed" or (row.status == "weights_missing" and row.metric not in missing)
        if row.case is not None and row.seed is not None and not retry:
            valid.setdefault((SampleKey(row.generator, row.case, row.seed), row.metric), set()).add(
                row.sample + row.signature
            )
    undrawn = _undrawn(plan, digests, signatures, scoring)
    tasks = []
    for case in plan.cases:
        work = [
            _Work(
                key,
                digest,
                tuple(
                    place
                    for place, results in enumerate(by_metric)
                    if any(valid.get((key, name)) != {digest + results[name]} for name in results)
                ),
                key in undrawn,
            )
            for key, digest in digests.items()
            if key.case == case.id
        ]
        lacking = tuple(one for one in work if one.metrics or one.draw)
        if lacking and entries:
            tasks.append(
                _Task(
                    case, prompts, plan.cameras, plan.suite.views.rgb, plan.context.device, scoring, lacking,
                    tuple(entries), plan.views_signature(),
                )
            )  # fmt: skip
    failures: list[Failure] = []
    with reporter.stage("measure objects", sum(len(task.samples) for task in tasks)) as stage:
        for answer in executor.map(_measure, tasks):
            table.replace(answer.rows)
            failures += answer.failures
            write_table(plan, table)
            stage.advance(answer.samples)
    return tuple(failures)


def _undrawn(
    plan: Plan, digests: Mapping[SampleKey, str], signatures: Mapping[str, str], scoring: ObjectScoring
) -> set[SampleKey]:
    """Samples of which an error map is missing; maps that are of something else are removed first."""
    meshes = {case.id: case.mesh is not None for case in plan.cases}
    identities = {
        (key, scale.result): map_identity(digest, signatures[scale.result], scale)
        for key, digest in digests.items()
        for _, scale in mapped_metrics(plan.object_metrics, meshes[key.case])
    }
    planned = {SampleKey(g.name, case.id, seed) for g in plan.generators for case in plan.cases for seed in plan.seeds}
    scoring.maps.discard(identities, planned, scoring.store)
    return {key for key, result in identities if not scoring.maps.path(key, result).is_file()}


def failed_rows(plan: Plan, failures: Sequence[Failure]) -> list[ScoreRow]:
    """An explicit row a metric for every sample that could not be made: what is missing is shown, never dropped."""
    return [
        row
        for failure in failures
        if failure.seed is not None
        for metric in plan.object_metrics
        for row in _rows(
            metric, {}, SampleKey(failure.generator, failure.case, failure.seed), "", plan.views_signature()
        )
    ]


def write_table(plan: Plan, table: ScoreTable) -> None:
    """Write the table in the plan's order."""
    names = [result.name for result in plan.results]
    table.write([entry.name for entry in plan.generators], [case.id for case in plan.cases], names)


def _measure(task: _Task) -> _Answer:
    with alone():  # so that no sum depends on the number of cores
        return _measured(task)


def _measured(task: _Task) -> _Answer:
    metrics: list[ObjectMetric] = [make_metric(entry, METRICS) for entry in task.metrics]
    for metric in metrics:
        show_prompts(metric, task.prompts)
        prepare_metric(metric, task.device, task.scoring.offline)
    rows: list[ScoreRow] = []
    failures: list[Failure] = []
    scene: SceneGeometry | None = None
    broken: BenchError | None = None
    if task.case.mesh is not None and any(metric.needs_mesh for metric in metrics):
        try:
            scene = SceneGeometry(task.case.mesh.load(), task.cameras, task.device)
        except BenchError as error:
            broken = error
        except Exception as error:  # whatever one mesh sets off costs its own rows
            told = f"the geometry of case '{task.case.id}' cannot be computed: {type(error).__name__}: {error}"
            broken = MeshError(told)
    for work in task.samples:
        key, digest = work.key, work.digest
        try:
            if broken is not None:
                raise broken
            views = torch.from_numpy(task.scoring.store.read(key, digest)).to(task.device).float() / 255.0
        except BenchError as error:
            failures.append(Failure(key.generator, key.case, key.seed, str(error)))
            rows += [row for p in work.metrics for row in _rows(metrics[p], {}, key, digest, task.views_signature)]
            continue
        sample = Sample(views, scene, task.background, task.cameras, task.case.prompt, task.prompts)
        if work.draw:
            failures += _draw(task, metrics, sample, key, digest)
        for metric in (metrics[place] for place in work.metrics):
            if len(missing_results(metric)) == len(metric.results()):
                measured = {}
            elif metric.needs_mesh and scene is None:
                measured = {r.name: Measurement(math.nan, "not_measurable") for r in metric.results()}
            else:
                try:
                    measured = _checked(metric.measure(sample), metric)
                except Exception as error:
                    measured = {}
                    names = ", ".join(r.name for r in metric.results())
                    reason = str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
                    failures.append(Failure(key.generator, key.case, key.seed, f"{names}: {reason}"))
            rows += _rows(metric, measured, key, digest, task.views_signature)
    return _Answer(len(task.samples), tuple(rows), tuple(failures))


def _draw(
    task: _Task, metrics: Sequence[ObjectMetric], sample: Sample, key: SampleKey, digest: str
) -> Iterator[Failure]:
    maps = task.scoring.maps
    for metric, scale in mapped_metrics(metrics, sample.scene is not None):
        signature = object_signature(metric, scale.result, task.views_signature)
        identity = map_identity(digest, signature, scale)
        if not maps.has(key, scale.result, identity):
            failure = draw(maps, metric, scale, sample, key, identity)
            if failure is not None:
                yield failure


def _checked(measured: Mapping[str, Measurement], metric: ObjectMetric) -> dict[str, Measurement]:
    """Hold a metric to its protocol: every declared result is there, and what is 'ok' is a number."""
    found: dict[str, Measurement] = {}
    for result in metric.results():
        if result.name in missing_results(metric):
            continue
        measurement = measured.get(result.name) if isinstance(measured, Mapping) else None
        if not isinstance(measurement, Measurement):
            got = "no answer" if measurement is None else f"an answer of type {type(measurement).__name__}"
            raise UsageError(f"the metric gave {got} for '{result.name}'", expected="a Measurement for each result")
        numbers = (measurement.value, *measurement.per_view)
        if measurement.status == "ok" and not all(map(math.isfinite, numbers)):
            raise UsageError(
                f"the metric gave {', '.join(map(str, numbers))} for '{result.name}'",
                expected="finite numbers, or the status not_measurable",
            )
        found[result.name] = measurement
    return found


def _rows(
    metric: ObjectMetric, measured: dict[str, Measurement], key: SampleKey, digest: str, views_signature: str
) -> list[ScoreRow]:
    rows = []
    missing = missing_results(metric)
    for result in metric.results():
        lacking = Measurement(math.nan, "weights_missing" if result.name in missing else "failed")
        found = measured.get(result.name, lacking)
        values = list(enumerate(found.per_view)) if found.per_view else [(None, found.value)]
        signature = object_signature(metric, result.name, views_signature)
        rows += [
            ScoreRow(
                key.generator, key.case, key.seed, view, result.name, float(value), result.unit, signature,
                found.coverage, found.status, digest,
            )
            for view, value in values
        ]  # fmt: skip
    return rows
