"""The scoring stage for objects: one case at a time, its geometry computed once for all generators and metrics."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from bench.cases.case import Case
from bench.errors import BenchError, MeshError
from bench.geometry.cameras import Cameras
from bench.geometry.scene import SceneGeometry
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import Measurement, ObjectMetric, Sample
from bench.results.scores import ScoreRow
from bench.run.error_maps import MapStore, draw, map_identity, mapped_metrics
from bench.run.executors import Executor
from bench.run.failures import Failure, FailureLog
from bench.run.luggage import CarriedSamples, MapParcel, carried
from bench.run.places import share_of
from bench.run.plan import Plan
from bench.run.samples import SampleKey, SampleStore
from bench.run.scores import ScoreTable
from bench.run.survivors import map_surviving
from bench.suite.check import make_metric
from bench.suite.schema import MetricEntry
from bench.threads import alone
from bench.workers.cluster import Share
from bench.workers.limits import Limits, Lost
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


_DRAWING = -1


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
    mapped: tuple[int, ...]  # places of metrics that have error maps
    run: str
    views_signature: str
    share: Share

    @property
    def parts(self) -> list[int]:
        """What is done in it: places of metrics, and `_DRAWING`."""
        places = sorted({place for work in self.samples for place in work.metrics})
        return [*places, _DRAWING] if any(work.draw for work in self.samples) else places

    def travelling(self) -> _Task:
        """As it goes to a machine that does not see the run folder: with the pictures, and error maps come back."""
        samples = CarriedSamples(self.scoring.store, {work.key: work.digest for work in self.samples})
        return replace(self, case=carried(self.case), scoring=replace(self.scoring, store=samples, maps=MapParcel()))

    def only(self, parts: Collection[int]) -> _Task:
        """This task with some of its parts."""
        kept = [
            replace(work, metrics=tuple(p for p in work.metrics if p in parts), draw=work.draw and _DRAWING in parts)
            for work in self.samples
        ]
        return replace(self, samples=tuple(work for work in kept if work.metrics or work.draw))


@dataclass(frozen=True)
class _Answer:
    metrics: frozenset[int]  # places in the suite
    samples: int
    rows: tuple[ScoreRow, ...]
    failures: tuple[Failure, ...]
    maps: Mapping[tuple[SampleKey, str], bytes] = field(default_factory=dict)  # strips that travelled with it


def object_signature(metric: ObjectMetric, name: str, views_signature: str) -> str:
    """The signature of one sample's number; the run's summary adds the number of objects and the cases' digest."""
    return f"{name} {views_signature} {metric.parameters()}"


def score_objects(
    plan: Plan,
    digests: dict[SampleKey, str],
    scoring: ObjectScoring,
    table: ScoreTable,
    executor: Executor,
    limits: Callable[[int], Limits],
    reporter: Reporter,
    log: FailureLog,
) -> tuple[Failure, ...]:
    """Measure of every stored sample what the table has no valid rows for, and draw the error maps that are missing.

    The table is written after each case.
    """
    token = _keep(plan.object_metrics)
    looks = {case.id: plan.views_signature(case) for case in plan.cases}
    missing = {name for metric in plan.object_metrics for name in metric.missing()}
    prompts = tuple(case.prompt for case in plan.all_cases)
    valid: dict[tuple[SampleKey, str], set[str]] = {}
    for row in table.rows:
        # what failed is tried again, and so is what lacked weights once these are there
        retry = row.status == "failed" or (row.status == "weights_missing" and row.metric not in missing)
        if row.case is not None and row.seed is not None and not retry:
            valid.setdefault((SampleKey(row.generator, row.case, row.seed), row.metric), set()).add(
                row.sample + row.signature
            )
    broken = {place: error for place, metric in enumerate(plan.object_metrics) if (error := _broken(metric))}
    undrawn = _undrawn(plan, digests, looks, scoring)
    mapped = tuple(place for place, m in enumerate(plan.object_metrics) if m.error_scale and place not in broken)
    failures = _unready(plan, digests, looks, broken, table)
    log.add(failures)
    tasks = []
    for case in plan.cases:
        by_metric = [
            {r.name: object_signature(metric, r.name, looks[case.id]) for r in metric.results()}
            for metric in plan.object_metrics
        ]
        work = [
            _Work(
                key,
                digest,
                tuple(
                    place
                    for place, results in enumerate(by_metric)
                    if place not in broken
                    and any(valid.get((key, name)) != {digest + results[name]} for name in results)
                ),
                key in undrawn,
            )
            for key, digest in digests.items()
            if key.case == case.id
        ]
        lacking = tuple(one for one in work if one.metrics or one.draw)
        if lacking and plan.object_metrics:
            tasks.append(
                _Task(
                    case, prompts, plan.cameras_of(case), plan.suite.views.rgb, plan.context.device, scoring, lacking,
                    plan.object_entries, mapped, token, looks[case.id],
                    share_of(plan.suite.resources.measure, plan.context.device),
                )
            )  # fmt: skip
    suspects: set[int] = set()  # metrics that cost a process

    def split(task: _Task) -> list[_Task] | None:
        """A task for each metric, or for each sample of one; error maps apart."""
        if len(task.parts) > 1:
            return [task.only({part}) for part in task.parts]
        return [replace(task, samples=(one,)) for one in task.samples] if len(task.samples) > 1 else None

    def wary(task: _Task) -> list[_Task]:
        lone = [part for part in task.parts if part in suspects]
        if not lone or len(task.parts) == 1:
            return [task]
        return [task.only(set(task.parts) - set(lone)), *(task.only({part}) for part in lone)]

    with reporter.stage("measure objects", sum(len(task.samples) for task in tasks)) as stage:
        found = map_surviving(
            executor, _measure, tasks, lambda task: limits(len(task.samples)), split, _blamed, wary
        )  # fmt: skip
        for answer in found:
            if isinstance(answer, Lost):
                suspects.update(answer.task.parts)
                answer = _lost(plan, answer)
            for (key, result), strip in answer.maps.items():
                scoring.maps.put(key, result, strip)
            table.replace(answer.rows)
            fresh = [failure for failure in answer.failures if failure not in failures]
            failures += fresh
            log.add(fresh)
            write_table(plan, table)
            stage.advance(answer.samples)
    return tuple(failures)


def _blamed(one: _Task | _Answer) -> str:
    return str(sorted(one.parts if isinstance(one, _Task) else one.metrics))


def _lost(plan: Plan, lost: Lost[_Task]) -> _Answer:
    """What a loss cost: the rows of the metric that it stands for, or error maps."""
    rows: list[ScoreRow] = []
    failures: list[Failure] = []
    for work in lost.task.samples:
        where = (work.key.generator, work.key.case, work.key.seed)
        for metric in (plan.object_metrics[place] for place in work.metrics):
            rows += _rows(metric, {}, work.key, work.digest, lost.task.views_signature)
            names = ", ".join(result.name for result in metric.results())
            failures.append(Failure.of(*where, lost.error.about(_name_of(metric)), names))
        if work.draw:
            failures.append(Failure.of(*where, lost.error, "error maps"))
    return _Answer(frozenset(lost.task.parts), 0, tuple(rows), tuple(failures))


def _name_of(metric: ObjectMetric) -> str:
    return str(getattr(metric, "what", "the metric"))


def _broken(metric: ObjectMetric) -> BenchError | None:
    """What kept a metric from being made ready."""
    error: BenchError | None = getattr(metric, "broken", None)
    return error


def _unready(
    plan: Plan,
    digests: Mapping[SampleKey, str],
    looks: Mapping[str, str],
    broken: Mapping[int, BenchError],
    table: ScoreTable,
) -> list[Failure]:
    """The rows of metrics that could not be made ready: no process is asked to try again."""
    failures = []
    for place, error in broken.items():
        metric = plan.object_metrics[place]
        names = ", ".join(result.name for result in metric.results())
        for key, digest in digests.items():
            table.replace(_rows(metric, {}, key, digest, looks[key.case]))
            failures.append(Failure.of(key.generator, key.case, key.seed, error, names))
    return failures


def _undrawn(
    plan: Plan, digests: Mapping[SampleKey, str], looks: Mapping[str, str], scoring: ObjectScoring
) -> set[SampleKey]:
    """Samples of which an error map is missing; maps that are of something else are removed first."""
    meshes = {case.id: case.mesh is not None for case in plan.cases}
    identities = {
        (key, scale.result): map_identity(digest, object_signature(metric, scale.result, looks[key.case]), scale)
        for key, digest in digests.items()
        for metric, scale in mapped_metrics([m for m in plan.object_metrics if not _broken(m)], meshes[key.case])
    }
    scoring.maps.discard(identities, set(plan.samples), scoring.store)
    return {key for key, result in identities if not scoring.maps.path(key, result).is_file()}


def failed_rows(plan: Plan, failures: Sequence[Failure]) -> list[ScoreRow]:
    """An explicit row a metric for every sample that could not be made: what is missing is shown, never dropped."""
    looks = {case.id: plan.views_signature(case) for case in plan.cases}
    return [
        row
        for failure in failures
        if failure.seed is not None
        for metric in plan.object_metrics
        for row in _rows(metric, {}, SampleKey(failure.generator, failure.case, failure.seed), "", looks[failure.case])
    ]


def write_table(plan: Plan, table: ScoreTable) -> None:
    """Write the table in the suite's order."""
    names = [result.name for result in plan.results]
    table.write([entry.name for entry in plan.suite.generators], [case.id for case in plan.all_cases], names)


def _measure(task: _Task) -> _Answer:
    with alone():  # so that no sum depends on the number of cores
        return _measured(task)


_kept: tuple[str, dict[int, ObjectMetric]] = ("", {})
"""Metrics of the last run that this process measured for, by place, under its token: made ready once a process."""


def _keep(metrics: Sequence[ObjectMetric]) -> str:
    """Where the run's own process measures, it does so with the metrics of its plan. Returns the run's token."""
    global _kept
    _kept = (secrets.token_hex(8), dict(enumerate(metrics)))
    return _kept[0]


def _metrics(task: _Task) -> dict[int, ObjectMetric]:
    """Those that the task asks for: one whose set-up ends the process ends it for its own tasks alone."""
    global _kept
    if _kept[0] != task.run:
        _kept = (task.run, {})
    made = _kept[1]
    places = {place for work in task.samples for place in work.metrics}
    for place in sorted(places.union(task.mapped if _DRAWING in task.parts else ())):
        if place not in made:
            metric: ObjectMetric = make_metric(task.metrics[place], METRICS)
            metric.see_prompts(task.prompts)
            metric.prepare(task.device, task.scoring.offline)
            made[place] = metric
    return made


def _measured(task: _Task) -> _Answer:
    metrics = _metrics(task)
    rows: list[ScoreRow] = []
    failures: list[Failure] = []
    scene: SceneGeometry | None = None
    broken: BenchError | None = None
    if task.case.mesh is not None and any(metric.needs_mesh for metric in metrics.values()):
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
            failures.append(Failure.of(key.generator, key.case, key.seed, error))
            rows += [row for p in work.metrics for row in _rows(metrics[p], {}, key, digest, task.views_signature)]
            continue
        sample = Sample(views, scene, task.background, task.cameras, task.case.prompt, task.prompts)
        if work.draw:
            failures += _draw(task, [metrics[place] for place in task.mapped], sample, key, digest)
        for metric in (metrics[place] for place in work.metrics):
            if len(metric.missing()) == len(metric.results()):
                measured = {}
            elif metric.needs_mesh and scene is None:
                measured = {r.name: Measurement(math.nan, "not_measurable") for r in metric.results()}
            else:
                try:
                    measured = dict(metric.measure(sample))
                except BenchError as error:
                    measured = {}
                    names = ", ".join(r.name for r in metric.results())
                    failures.append(Failure.of(key.generator, key.case, key.seed, error, names))
            rows += _rows(metric, measured, key, digest, task.views_signature)
    strips = task.scoring.maps.strips if isinstance(task.scoring.maps, MapParcel) else {}
    return _Answer(frozenset(task.parts), len(task.samples), tuple(rows), tuple(failures), strips)


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


def _rows(
    metric: ObjectMetric, measured: dict[str, Measurement], key: SampleKey, digest: str, views_signature: str
) -> list[ScoreRow]:
    rows = []
    missing = metric.missing()
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
