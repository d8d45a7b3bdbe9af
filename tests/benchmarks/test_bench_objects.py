"""What a run consists of: rasteriser, correspondences, metrics, features, a test of a distance, the report."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_run import FakeRun
from painted_scenes import WHITE, assembly, render
from torch import Tensor

from bench.extractors.catalogue import load_extractor
from bench.extractors.feature_cache import features_of
from bench.geometry.cameras import view_cameras
from bench.geometry.correspondence import correspond
from bench.geometry.foreground import estimate_foreground
from bench.geometry.rasteriser import rasterise
from bench.geometry.scene import SceneGeometry
from bench.metrics.cce import cce
from bench.metrics.cde import cde
from bench.metrics.colour_drift import colour_drift
from bench.metrics.declaration import FeatureSet
from bench.metrics.loo_psnr import loo_psnr
from bench.metrics.set_distances import KdCluster
from bench.metrics.ssim import ssim_per_view
from bench.metrics.unjudged_seam import unjudged_seam
from bench.references.reference_set import ReferenceFeatures
from reports import write_reports

timed = partial(pytest.mark.benchmark, timer=time.process_time)


@pytest.fixture(scope="module")
def scene() -> SceneGeometry:
    return SceneGeometry(assembly(), view_cameras(azimuths=(0.0, 50.0, 100.0, 230.0), resolution=256))


@pytest.fixture(scope="module")
def views(scene: SceneGeometry) -> Tensor:
    return render(scene.mesh, scene.cameras, supersample=1).float()


@timed(group="geometry")
def test_rasterise_four_views(benchmark, scene) -> None:
    assert benchmark(rasterise, scene.mesh, scene.cameras).mask.any()


@timed(group="geometry")
def test_correspondences_of_four_views(benchmark, scene) -> None:
    assert benchmark(correspond, scene.mesh, scene.gbuffer).visible.any()


@timed(group="metrics, next generator's views")
@pytest.mark.parametrize("metric", [loo_psnr, cde, cce, colour_drift], ids=lambda metric: metric.__name__)
def test_metric(benchmark, scene, views, metric) -> None:
    metric(views, scene.correspondence)
    assert benchmark(metric, views, scene.correspondence)


@timed(group="metrics, next generator's views")
def test_seam(benchmark, scene, views) -> None:
    unjudged_seam(views, scene.correspondence, scene.gbuffer)
    assert benchmark(unjudged_seam, views, scene.correspondence, scene.gbuffer).status == "ok"


@timed(group="metrics, next generator's views")
def test_ssim(benchmark, views) -> None:
    ones = torch.ones(views.shape[:3], dtype=torch.bool)
    assert len(benchmark(ssim_per_view, views, views.flip(2), ones)) == 4


@timed(group="metrics, next generator's views")
def test_outline(benchmark, views) -> None:
    assert benchmark(estimate_foreground, views[0].numpy(), WHITE).any()


@timed(group="features")
def test_features_of_four_pictures(benchmark) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (4, 256, 256, 3), dtype=np.uint8)
    extractor = load_extractor("efficientnet_lite0")
    found = benchmark(features_of, [partial(np.copy, picture) for picture in pictures], [extractor])
    assert len(found["efficientnet_lite0"]) == 4


@timed(group="statistics")
def test_a_difference_of_distances_over_forty_objects(benchmark) -> None:
    x = np.random.default_rng(0).standard_normal((348, 768)).astype(np.float32)
    objects = tuple(f"object-{i // 4}" for i in range(160))
    reference = ReferenceFeatures("photos", x[160:] + 0.1, tuple(map(str, range(188))), "0" * 64, "any")
    metric = KdCluster(KdCluster.Options(reference="photos", extractor="any"))
    found = benchmark(metric.difference, FeatureSet(x[:160], objects), FeatureSet(x[:160] * 1.1, objects), reference)
    assert found.n_objects == 40


@timed(group="report")
def test_report_of_a_run(benchmark, tmp_path: Path) -> None:
    run = FakeRun().write(tmp_path / "run")
    benchmark.pedantic(write_reports, args=([run],), kwargs={"formats": ["html"]}, rounds=3, warmup_rounds=1)
    assert (run / "report" / "index.html").exists()
