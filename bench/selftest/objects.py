"""Measures the self-test's pictures of one object."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.cases.case import Case
from bench.cases.miniworld.world import miniworld_cases
from bench.extractors.catalogue import load_extractor
from bench.extractors.feature_cache import features_of
from bench.extractors.protocol import Features
from bench.generators.catalogue import GENERATORS
from bench.generators.protocol import GenerationRequest, GeneratorContext
from bench.geometry.cameras import view_cameras
from bench.geometry.scene import SceneGeometry
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import Measurement, ObjectMetric, Sample
from bench.metrics.loo_psnr import loo_psnr
from bench.metrics.repainted import repaint
from bench.metrics.reprojection import psnr_per_view
from bench.plugins.contract import plugin_class
from bench.run.generate import SceneControls
from bench.selftest.checks import EVERYWHERE, EXTRACTORS, FOREGROUND_ONLY, OTHER_ORDERS, PROPERTIES, WHERE_ASKED
from bench.selftest.pictures import CEILING, CUT_OUT, PICTURES, RING, Pictures
from bench.suite.check import read_options
from groundwork.hashing import seed_from


@dataclass(frozen=True)
class ObjectTask:
    """An object of the mini-world, by its number."""

    index: int
    resolution: int
    device: str


@dataclass(frozen=True)
class ObjectAnswer:
    """`values[pictures][metric]`, NaN where not measurable, and `features[pictures][extractor]` of the views."""

    index: int
    case: str
    values: Mapping[str, Mapping[str, float]]
    features: Mapping[str, Mapping[str, Features]]


def object_metrics(names: Sequence[str]) -> dict[str, ObjectMetric]:
    """The metrics as a suite makes them, with their default options."""
    factories = {name: plugin_class(METRICS, name) for name in names}
    return {name: factory(read_options(factory, {})) for name, factory in factories.items()}


def object_scene(case: Case, resolution: int, device: str) -> SceneGeometry | None:
    """The case on the usual ring; None without a mesh."""
    if case.mesh is None:
        return None
    return SceneGeometry(case.mesh.load(), view_cameras(RING, resolution=resolution), device)


def measure_object(task: ObjectTask) -> ObjectAnswer:
    """Make and measure all pictures of one object."""
    everyone = miniworld_cases("eval")
    case = everyone[task.index]
    ring = object_scene(case, task.resolution, task.device)
    assert ring is not None, "objects of the mini-world have meshes"
    metrics = object_metrics([*EVERYWHERE, *WHERE_ASKED])
    extractors = [load_extractor(name, task.device, offline=True) for name in EXTRACTORS]
    controls = SceneControls(task.device)
    values: dict[str, dict[str, float]] = {}
    features: dict[str, dict[str, Features]] = {}
    for pictures in PICTURES:
        sample = _sample(pictures, case, everyone, ring, controls)
        asked = {p.metric for p in PROPERTIES if pictures.name in (p.pictures, p.baseline)}
        values[pictures.name] = {}
        for name, metric in metrics.items():
            own = {result.name for result in metric.results()}
            if own & asked or (name in EVERYWHERE and not pictures.same):
                values[pictures.name] |= _numbers(metric.measure(sample))
        if pictures.realism:
            shown = [*(sample.views * 255).round().to(torch.uint8).cpu().numpy()]
            features[pictures.name] = features_of([partial(np.asarray, view) for view in shown], extractors)
        if pictures.name == CEILING:
            values[OTHER_ORDERS] = {"loo_psnr": best_other_order(sample)}
        if pictures.name == CUT_OUT:
            values[FOREGROUND_ONLY] = {"reprojection_psnr_white": foreground_psnr(sample)}
    return ObjectAnswer(task.index, case.id, values, features)


def best_other_order(sample: Sample) -> float:
    """The best `loo_psnr` among the orders of the views that are no turn of the ring."""
    matches, count = sample.geometry.correspondence, len(sample.views)
    turns = {tuple((view + turn) % count for view in range(count)) for turn in range(count)}
    orders = [order for order in itertools.permutations(range(count)) if order not in turns]
    return max(loo_psnr(sample.views[list(order)], matches).value for order in orders)


def foreground_psnr(sample: Sample) -> float:
    """Re-projection PSNR inside the outline, plus what a matching background adds: -10 log10(share of the frame)."""
    made = repaint(sample, alpha=2.0)
    assert made is not None, "measurable objects are in sight"
    shown = sample.geometry.gbuffer.mask
    inside = psnr_per_view(made.views, made.again, shown)
    shares = shown.double().mean(dim=(1, 2)).tolist()
    return math.fsum(p - 10.0 * math.log10(share) for p, share in zip(inside, shares, strict=True)) / len(inside)


def _sample(
    pictures: Pictures, case: Case, everyone: tuple[Case, ...], ring: SceneGeometry, controls: SceneControls
) -> Sample:
    scene = pictures.scene(ring)
    context = GeneratorContext(everyone, scene.cameras, pictures.background, scene.device, Path())
    factory: Any = plugin_class(GENERATORS, pictures.use)
    generator = factory(pictures.name, read_options(factory, pictures.options), context)
    seeds = tuple(seed_from("noise", 0, case.id, 0, view) for view in range(len(scene.cameras)))
    request = GenerationRequest(case, scene.cameras, 0, pictures.background, seeds, controls)
    (made,) = generator.generate([request])
    views, scene = pictures.measured(torch.from_numpy(made.views).to(scene.device).float() / 255.0, scene)
    return Sample(views, scene, pictures.background, scene.cameras)


def _numbers(measured: Mapping[str, Measurement]) -> dict[str, float]:
    return {name: m.value if m.status == "ok" else math.nan for name, m in measured.items()}
