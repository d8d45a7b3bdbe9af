"""CCE against a plain loop in scipy, and the properties that make it worth its name (they are its specification)."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pytest
import torch
import trimesh
from painted_scenes import WHITE, assembly, mesh_of, render
from scipy.ndimage import gaussian_filter
from torch import Tensor

from bench.cases.miniworld.world import miniworld_cases
from bench.errors import ImageError, UsageError
from bench.generators.ground_truth import small_views
from bench.geometry.cameras import Cameras, view_cameras
from bench.geometry.correspondence import Correspondence, correspond
from bench.geometry.mesh import Mesh
from bench.geometry.picture_size import unmixed
from bench.geometry.prediction import predict
from bench.geometry.rasteriser import rasterise
from bench.geometry.scene import SceneGeometry
from bench.metrics.catalogue import METRICS
from bench.metrics.cce import PLAINEST, SHARED, cce, colour_energy, shared_and_present
from bench.metrics.cde import cde
from bench.metrics.declaration import Sample
from bench.metrics.loo_psnr import MIN_COVERAGE

Floats = npt.NDArray[np.float64]


@lru_cache
def scene() -> tuple[Mesh, Cameras, Correspondence, Tensor]:
    mesh, cameras = assembly(), view_cameras(resolution=128)
    return mesh, cameras, correspond(mesh, rasterise(mesh, cameras)), render(mesh, cameras)


def test_against_scipy() -> None:
    _, _, matches, clean = scene()
    gains = torch.tensor([1.0, 0.8, 0.9, 0.75], dtype=clean.dtype)[:, None, None, None]
    views = gains * clean + 0.2 * torch.randn(
        clean.shape, generator=torch.Generator().manual_seed(0), dtype=clean.dtype
    )
    prediction, _ = predict(views, matches)
    sigma = matches.object_size / 16
    low: list[Floats] = []
    for pictures in (views, prediction):
        parts = []
        for picture, shown in zip(pictures.numpy(), matches.scoring_mask.numpy(), strict=True):
            weight = gaussian_filter(shown.astype(np.float64), sigma, mode="constant")
            total = gaussian_filter(picture * shown[..., None], (sigma, sigma, 0), mode="constant")
            parts.append((total / np.maximum(weight, 1e-300)[..., None])[shown])
        low.append(np.concatenate(parts))
    energy = ((low[0] - low[0].mean(0)) ** 2).sum(1).mean()
    assert colour_energy(views, matches.scoring_mask, matches.object_size) == pytest.approx(energy, rel=1e-9)
    x, y = (part - np.concatenate(low).mean(0) for part in low)
    share = (x * y).sum(1).mean() / (((x**2).sum(1).mean() + (y**2).sum(1).mean()) / 2)
    assert (
        energy > PLAINEST
        and 0.0 < share < SHARED
        and cce(views, matches).value == pytest.approx(share / SHARED, abs=1e-9)
    )


def test_perfect_views_agree_and_one_colour_has_nothing_to_agree_on() -> None:
    _, _, matches, views = scene()
    assert cce(views, matches).value == 1.0 == cce(0.5 * views, matches).value
    assert cce(torch.full_like(views, 0.3), matches).value < 1e-12
    faint = [cce(0.3 + contrast * (views - 0.3), matches).value for contrast in (0.2, 0.1, 0.05)]
    assert faint == sorted(faint, reverse=True) and faint[-1] < 0.1


def test_views_of_different_colours_share_nothing() -> None:
    """What leave-one-out PSNR cannot see of flat views, and `cde` is blind to."""
    _, _, matches, views = scene()
    shades = torch.tensor([0.2, 0.4, 0.6, 0.8], dtype=torch.float64)[:, None, None, None]
    assert cce(shades.expand_as(views), matches).value < 0.1
    cast = views.clone()
    cast[1::2] *= torch.tensor([1.3, 1.0, 0.7])
    assert cce(cast, matches).value < cce(views, matches).value - 0.05
    assert abs(cde(cast, matches).value - cde(views, matches).value) < 0.05


def test_strangers_score_low_and_blur_hardly_counts() -> None:
    mesh, cameras, matches, views = scene()
    strangers = torch.stack([render(mesh, cameras, seed)[seed] for seed in range(4)])
    assert cce(strangers, matches).value < 0.3 * cce(views, matches).value
    soft = torch.from_numpy(gaussian_filter(views.numpy(), (0, 1, 1, 0), mode="nearest"))
    assert cce(soft, matches).value == pytest.approx(cce(views, matches).value, abs=0.05)


def test_too_little_overlap_is_not_measurable() -> None:
    mesh, cameras = mesh_of(trimesh.creation.icosphere(3, 0.5)), view_cameras(azimuths=(0.0, 180.0), resolution=48)
    found = cce(render(mesh, cameras, supersample=1), correspond(mesh, rasterise(mesh, cameras)))
    assert found.status == "not_measurable" and math.isnan(found.value) and found.coverage == 0.0


def test_the_declared_metric_measures_the_same() -> None:
    mesh, cameras, matches, views = scene()
    factory = METRICS.load("cce")
    metric = factory(factory.Options())
    assert metric.needs_mesh and metric.parameters().endswith(" v2")
    other = views * torch.tensor([1.0, 0.7, 1.0, 0.8], dtype=views.dtype)[:, None, None, None]  # not at the top
    found = metric.measure(Sample(other.float(), SceneGeometry(mesh, cameras), WHITE))
    assert list(found) == [result.name for result in metric.results()] == ["cce"]
    assert found["cce"].value == pytest.approx(cce(other, matches).value, abs=1e-6) and 0 < found["cce"].value < 1
    with pytest.raises(UsageError, match="mesh"):
        metric.measure(Sample(views.float(), None, WHITE))
    with pytest.raises(ImageError, match="do not fit"):
        cce(views[:, :50], matches)


def test_small_pictures_are_judged_without_the_background_that_they_mix_in() -> None:
    """A perfect picture of 16 px: its rim is half background, in every view another place."""
    mesh, cameras, matches, views = scene()
    small = torch.nn.functional.adaptive_avg_pool2d(views.permute(0, 3, 1, 2), 16)
    shown = torch.nn.functional.interpolate(small, size=128, mode="bicubic").clamp(0, 1).permute(0, 2, 3, 1)
    factory, sample = METRICS.load("cce"), Sample(shown.float(), SceneGeometry(mesh, cameras), WHITE)
    at_16, as_it_is = (factory(factory.Options(size_px=size)) for size in (16, None))
    (raw, raw_energy), (clean, energy) = (
        shared_and_present(pictures, matches) for pictures in (shown, unmixed(shown, matches.foreground, WHITE, 16))
    )
    assert clean / energy > max(0.9, raw / raw_energy + 0.02)
    assert at_16.measure(sample)["cce"].value == 1.0
    assert at_16.parameters() == "unmixed=16px,0.3 " + as_it_is.parameters()
    flat = torch.where(matches.foreground[..., None], 0.5, 1.0).expand_as(views).float()
    assert at_16.measure(Sample(flat, sample.scene, WHITE))["cce"].value < 1e-9
    with pytest.raises(UsageError, match="cannot be judged at 256 px"):
        factory(factory.Options(size_px=256)).measure(sample)


@pytest.mark.slow
def test_the_constants_are_what_they_say() -> None:
    cameras, found, loud = view_cameras(resolution=256), [], []
    for case in miniworld_cases("train", 40, "muted"):
        assert case.mesh is not None
        mesh = case.mesh.load()
        matches = correspond(mesh, rasterise(mesh, cameras))
        if matches.coverage < MIN_COVERAGE:
            continue
        views = torch.from_numpy(small_views(case, cameras, WHITE, "cpu", 16) / 255.0)
        shared, present = shared_and_present(unmixed(views, matches.foreground, WHITE, 16), matches)
        found.append(shared / present)
        loud.append(present)
    print(sorted(found)[:6], sorted(loud)[:4])
    assert len(found) == 30 and min(loud) > PLAINEST
    assert np.mean(np.array(found) >= SHARED) >= 0.9 and min(found) > 0.5, sorted(found)
