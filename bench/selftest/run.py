"""Measures the self-test's pictures and holds the metrics to their properties."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from bench.cases.miniworld.world import miniworld_cases
from bench.errors import UsageError
from bench.metrics.declaration import Result
from bench.metrics.loo_psnr import MIN_COVERAGE
from bench.run.executors import make_executor
from bench.run.plan import check_device
from bench.selftest.checks import EVERYWHERE, PROPERTIES, WHERE_ASKED, Property
from bench.selftest.objects import ObjectAnswer, ObjectTask, measure_object, object_metrics, object_scene
from bench.selftest.pictures import CEILING
from bench.selftest.scenes import SCENES
from bench.selftest.sets import measure_sets, set_metrics
from bench.workers.limits import Lost

SMALLEST = 64  # px; below, an object is little more than its outline
FEWEST = 4  # objects: fewer have no neighbours, no halves, and no distribution

Values = Mapping[str, Mapping[str, tuple[float, ...]]]


@dataclass(frozen=True)
class Verdict:
    """A property and what was found. `values` and `baselines` are those of single objects, in the same order.

    Metrics that compare sets have one value.
    """

    asked: Property
    result: Result
    values: tuple[float, ...]
    baselines: tuple[float, ...]

    @property
    def value(self) -> float:
        """The mean over objects; NaN unless all are measurable."""
        return _mean(self.values)

    @property
    def baseline(self) -> float:
        """The same of what the pictures are seen against."""
        return _mean(self.baselines)

    @property
    def holds(self) -> bool:
        """Whether the metric did as it must."""
        met = self.asked.expectation.met
        if self.asked.each:
            return all(met(value, base) for value, base in zip(self.values, self.baselines, strict=True))
        return met(self.value, self.baseline)


@dataclass(frozen=True)
class SelfTest:
    """What was measured: `means[pictures][metric]` over `objects`, and the verdicts."""

    objects: tuple[str, ...]
    resolution: int
    device: str
    results: tuple[Result, ...]
    means: Mapping[str, Mapping[str, float]]
    verdicts: tuple[Verdict, ...]

    @property
    def holds(self) -> bool:
        """Whether every property holds."""
        return all(verdict.holds for verdict in self.verdicts)


def self_test(
    objects: int = 10,
    resolution: int = 256,
    device: str = "cpu",
    workers: int = 1,
    advance: Callable[[], None] = lambda: None,
) -> SelfTest:
    """Measure all pictures of the first `objects` measurable objects of the mini-world, and judge.

    `advance` is called after each object. An object is measurable when 10 % of its foreground is seen by two views.
    Raises `UsageError` for an unknown device, a resolution below 64, fewer than four objects, or more than are
    measurable.
    """
    check_device(device)
    if resolution < SMALLEST:
        raise UsageError(f"{resolution} px show too little of an object", expected=f"--resolution {SMALLEST} or more")
    if objects < FEWEST:
        raise UsageError(f"{objects} objects are too few for a set of pictures", expected=f"--objects {FEWEST} or more")
    tasks = _measurable(objects, resolution, device)
    answers = []
    for answer in make_executor("local", min(workers, objects), device).map(_in_worker, tasks):
        if isinstance(answer, Lost):
            raise answer.error
        answers.append(answer)
        advance()
    answers.sort(key=lambda answer: answer.index)
    results, values = measured(answers, resolution, device)
    means = {pictures: {name: _mean(found) for name, found in row.items()} for pictures, row in values.items()}
    return SelfTest(tuple(a.case for a in answers), resolution, device, results, means, judge(results, values))


def measured(answers: Sequence[ObjectAnswer], resolution: int, device: str) -> tuple[tuple[Result, ...], Values]:
    """The results that properties are about, and `values[pictures][metric]` of objects, tricky scenes and sets.

    An object counts for a metric when its ceiling can be judged: a sphere has no inner edges to recall.
    """
    single, sets = object_metrics([*EVERYWHERE, *WHERE_ASKED]), set_metrics()
    asked = {p.metric for p in PROPERTIES}
    candidates = [*(r for metric in single.values() for r in metric.results()), *(metric.result() for metric in sets)]
    results = tuple(result for result in candidates if result.name in asked)

    values: dict[str, dict[str, tuple[float, ...]]] = {}
    for pictures, row in answers[0].values.items():
        for name in asked & row.keys():
            judged = [a for a in answers if not math.isnan(a.values[CEILING][name])] or answers
            values.setdefault(pictures, {})[name] = tuple(a.values[pictures][name] for a in judged)
    for scene in SCENES:
        found = single["loo_psnr"].measure(scene.make(resolution, device))
        values[scene.name] = {"loo_psnr": (found["loo_psnr"].value,)}
    for pictures, distances in measure_sets(answers, sets).items():
        values.setdefault(pictures, {}).update({name: (value,) for name, value in distances.items()})
    return results, values


def judge(results: Sequence[Result], values: Values) -> tuple[Verdict, ...]:
    """Hold `values[pictures][metric]` against every property."""
    by_name = {result.name: result for result in results}
    return tuple(
        Verdict(p, by_name[p.metric], values[p.pictures][p.metric], values[p.baseline][p.metric]) for p in PROPERTIES
    )


def _measurable(objects: int, resolution: int, device: str) -> list[ObjectTask]:
    tasks: list[ObjectTask] = []
    for index, case in enumerate(miniworld_cases("eval")):
        scene = object_scene(case, resolution, device)
        if scene is not None and scene.correspondence.coverage >= MIN_COVERAGE:
            tasks.append(ObjectTask(index, resolution, device))
        if len(tasks) == objects:
            return tasks
    raise UsageError(
        f"the mini-world has {len(tasks)} objects that can be measured at {resolution} px",
        where=f"--objects {objects}",
        expected=f"{FEWEST} to {len(tasks)}",
    )


def _in_worker(task: ObjectTask) -> ObjectAnswer:
    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(1)  # as in the process that asked: pictures are small, and workers share the cores
    return measure_object(task)


def _mean(values: Sequence[float]) -> float:
    """A mean over fewer objects would compare unlike with unlike, so one object without a number leaves none."""
    return math.fsum(values) / len(values)
