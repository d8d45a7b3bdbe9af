"""Measures the self-test's pictures and holds the metrics to their properties."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench.cases.case import Case
from bench.cases.miniworld.world import miniworld_cases
from bench.errors import UsageError
from bench.generators.catalogue import GENERATORS
from bench.generators.protocol import GenerationRequest, GeneratorContext
from bench.geometry.cameras import Cameras, view_cameras
from bench.geometry.scene import SceneGeometry
from bench.hashing import seed_from
from bench.metrics.catalogue import METRICS as REGISTRY
from bench.metrics.declaration import Measurement, ObjectMetric, Result, Sample
from bench.metrics.loo_psnr import MIN_COVERAGE
from bench.run.generate import SceneControls
from bench.run.plan import check_device
from bench.selftest.checks import METRICS, PROPERTIES, Property
from bench.selftest.pictures import PICTURES, RING, Pictures
from bench.suite.check import load_plugin, read_options

SMALLEST = 64  # px; below, an object is little more than its outline


@dataclass(frozen=True)
class Verdict:
    """A property and what was found: means over objects of the pictures and of their baseline (NaN: not measurable)."""

    asked: Property
    result: Result
    value: float
    baseline: float

    @property
    def holds(self) -> bool:
        """Whether the metric did as it must."""
        return self.asked.expectation.met(self.value, self.baseline)


@dataclass(frozen=True)
class SelfTest:
    """What was measured: `means[pictures][metric]` over `objects` (NaN unless all are measurable), and the verdicts."""

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
    objects: int = 6, resolution: int = 256, device: str = "cpu", advance: Callable[[], None] = lambda: None
) -> SelfTest:
    """Measure all pictures of the first `objects` measurable objects of the mini-world, and judge.

    `advance` is called after each object. An object is measurable when 10 % of its foreground is seen by two views.
    Raises `UsageError` for an unknown device, a resolution below 64, or more objects than are measurable.
    """
    check_device(device)
    if resolution < SMALLEST:
        raise UsageError(f"{resolution} px show too little of an object", expected=f"--resolution {SMALLEST} or more")
    metrics = [_make(REGISTRY, name) for name in METRICS]
    results = tuple(result for metric in metrics for result in metric.results())
    everyone = miniworld_cases("eval")
    found: list[tuple[str, dict[str, dict[str, Measurement]]]] = []
    for case, scene in _measurable(everyone, view_cameras(RING, resolution=resolution), device):
        found.append((case.id, {p.name: _measure(p, case, everyone, scene, metrics) for p in PICTURES}))
        advance()
        if len(found) == objects:
            break
    if len(found) < objects:
        raise UsageError(
            f"the mini-world has {len(found)} objects that can be measured at {resolution} px",
            where=f"--objects {objects}",
            expected=f"1 to {len(found)}",
        )
    means = {p.name: {r.name: _mean([o[p.name][r.name] for _, o in found]) for r in results} for p in PICTURES}
    return SelfTest(tuple(case for case, _ in found), resolution, device, results, means, judge(results, means))


def judge(results: Sequence[Result], means: Mapping[str, Mapping[str, float]]) -> tuple[Verdict, ...]:
    """Hold `means[pictures][metric]` against every property."""
    by_name = {result.name: result for result in results}
    return tuple(
        Verdict(p, by_name[p.metric], means[p.pictures][p.metric], means[p.baseline][p.metric]) for p in PROPERTIES
    )


def _measurable(cases: Sequence[Case], cameras: Cameras, device: str) -> Iterator[tuple[Case, SceneGeometry]]:
    for case in cases:
        if case.mesh is not None:
            scene = SceneGeometry(case.mesh.load(), cameras, device)
            if scene.correspondence.coverage >= MIN_COVERAGE:
                yield case, scene


def _measure(
    pictures: Pictures, case: Case, everyone: tuple[Case, ...], ring: SceneGeometry, metrics: Sequence[ObjectMetric]
) -> dict[str, Measurement]:
    scene = ring
    if pictures.azimuths != RING:
        cameras = view_cameras(pictures.azimuths, resolution=ring.cameras.resolution)
        scene = SceneGeometry(ring.mesh, cameras, ring.device)
    context = GeneratorContext(everyone, scene.cameras, pictures.background, scene.device, Path())
    factory = load_plugin(GENERATORS, pictures.use)
    generator = factory(pictures.name, read_options(factory, pictures.options), context)
    seeds = tuple(seed_from("noise", 0, case.id, 0, view) for view in range(len(scene.cameras)))
    request = GenerationRequest(case, scene.cameras, 0, pictures.background, seeds, SceneControls(scene.device))
    (made,) = generator.generate([request])
    views = torch.from_numpy(made.views).to(scene.device).float() / 255.0
    sample = Sample(views, scene, pictures.background)
    return {name: value for metric in metrics for name, value in metric.measure(sample).items()}


def _make(registry: Any, name: str) -> ObjectMetric:
    factory = load_plugin(registry, name)
    metric: ObjectMetric = factory(read_options(factory, {}))
    return metric


def _mean(measured: Sequence[Measurement]) -> float:
    """A mean over fewer objects would compare unlike with unlike, so one object without a number leaves none."""
    return math.fsum(m.value for m in measured) / len(measured) if all(m.status == "ok" for m in measured) else math.nan
