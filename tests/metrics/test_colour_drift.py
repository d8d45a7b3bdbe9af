"""Colour drift against scikit-image by hand, casts of known size, and what it must not mistake for a cast."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
import trimesh
from painted_scenes import WHITE, assembly, mesh_of, render
from skimage.color import deltaE_ciede2000, rgb2lab
from torch import Tensor

from bench.errors import ImageError, UsageError
from bench.geometry.cameras import Cameras, view_cameras
from bench.geometry.correspondence import Correspondence, correspond
from bench.geometry.mesh import Mesh
from bench.geometry.rasteriser import rasterise
from bench.geometry.scene import SceneGeometry
from bench.metrics.catalogue import METRICS
from bench.metrics.colour_drift import colour_drift, pair_drifts
from bench.metrics.declaration import Sample

SHAPES = {"assembly": assembly, "sphere": lambda: mesh_of(trimesh.creation.icosphere(4, 0.5))}
WARM = (1.05, 1.0, 0.95)


@lru_cache
def scene(name: str) -> tuple[Mesh, Cameras, Correspondence, Tensor]:
    mesh, cameras = SHAPES[name](), view_cameras(resolution=144)
    return mesh, cameras, correspond(mesh, rasterise(mesh, cameras)), render(mesh, cameras)


def tinted(views: Tensor, gain: tuple[float, float, float], view: int = 1) -> Tensor:
    cast = views.clone()
    cast[view] *= torch.tensor(gain, dtype=views.dtype)
    return cast


def test_flat_views_differ_as_scikit_image_says() -> None:
    """Without texture there is nothing to low-pass or to resample: the number is that of the colours themselves."""
    _, _, matches, views = scene("sphere")
    colours = np.array([[0.5, 0.4, 0.3], [0.52, 0.4, 0.3], [0.5, 0.44, 0.3], [0.5, 0.4, 0.33]])
    flat = torch.from_numpy(colours)[:, None, None].expand_as(views)
    drifts = pair_drifts(flat, matches)
    assert {(drift.view, drift.other) for drift in drifts} >= {(0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 0)}
    for drift in drifts:
        one, other = colours[drift.view], colours[drift.other]
        expected = deltaE_ciede2000(rgb2lab(one), rgb2lab(other))
        assert drift.difference == pytest.approx(float(expected), rel=1e-6)
        np.testing.assert_allclose(drift.gain, other / one, rtol=1e-9)
        np.testing.assert_allclose(drift.bias, other - one, atol=1e-12)
    pixels = np.array([drift.pixels for drift in drifts])
    found = colour_drift(flat, matches)
    assert found[0].value == pytest.approx(np.average([d.difference for d in drifts], weights=pixels), rel=1e-9)
    logs = [np.abs(np.log(drift.gain)).mean() for drift in drifts]
    assert found[1].value == pytest.approx(np.average(logs, weights=pixels), rel=1e-9)
    assert found[0].coverage == found[1].coverage == matches.coverage


@pytest.mark.parametrize("name", SHAPES)
def test_a_perfect_render_has_less_drift_than_people_can_see(name: str) -> None:
    """One is about the least difference that a trained eye sees between two patches side by side."""
    _, _, matches, views = scene(name)
    difference, gain = colour_drift(views, matches)
    assert difference.value < 0.5 and gain.value < 0.005


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("gain", [WARM, (1.05, 1.05, 1.05), (0.9, 1.0, 1.1)])
def test_the_gain_of_a_cast_is_recovered_to_1_percent(name: str, gain: tuple[float, float, float]) -> None:
    _, _, matches, views = scene(name)
    for drift in pair_drifts(tinted(views, gain), matches):
        if drift.pixels < 100:
            continue
        power = (drift.other == 1) - (drift.view == 1)
        np.testing.assert_allclose(drift.gain, np.array(gain) ** power, rtol=0.01)


@pytest.mark.parametrize("name", SHAPES)
def test_a_bias_is_recovered_to_half_a_percent_of_white(name: str) -> None:
    _, _, matches, views = scene(name)
    lifted = views.clone()
    lifted[2] += 0.04
    for drift in pair_drifts(lifted, matches):
        if drift.pixels >= 100:
            expected = 0.04 * ((drift.other == 2) - (drift.view == 2))
            np.testing.assert_allclose(drift.bias, expected, atol=0.005)


@pytest.mark.parametrize("name", SHAPES)
def test_both_numbers_grow_with_the_cast(name: str) -> None:
    _, _, matches, views = scene(name)
    found = [colour_drift(tinted(views, (1 + s, 1.0, 1 - s)), matches) for s in (0.0, 0.02, 0.05, 0.1, 0.2)]
    for values in zip(*found, strict=True):
        assert all(a.value < b.value for a, b in itertools.pairwise(values))


def test_a_cast_that_all_views_share_is_no_drift() -> None:
    _, _, matches, views = scene("sphere")
    shared = views * torch.tensor([1.1, 1.0, 0.9])
    assert colour_drift(shared, matches)[1].value == pytest.approx(colour_drift(views, matches)[1].value, abs=1e-9)
    assert colour_drift(shared, matches)[0].value < 0.5


def test_noise_is_hardly_a_drift() -> None:
    _, _, matches, views = scene("sphere")
    generator = torch.Generator().manual_seed(0)
    noisy = (views + 0.05 * torch.randn(views.shape, generator=generator, dtype=views.dtype)).clamp(0.0, 1.0)
    difference, gain = colour_drift(noisy, matches)
    cast_difference, cast_gain = colour_drift(tinted(views, WARM), matches)
    assert difference.value < cast_difference.value / 1.5 and gain.value < cast_gain.value / 3


def test_black_has_no_gain() -> None:
    _, _, matches, views = scene("sphere")
    dark = views.clone()
    dark[..., 2] = 0.0
    dark[1, ..., 2] = 0.5
    for drift in pair_drifts(dark, matches):
        assert drift.gain[2] == 1.0 and all(math.isfinite(g) and g > 0 for g in drift.gain)
    assert colour_drift(dark, matches)[0].value > 5.0


def test_neither_background_nor_order_matters() -> None:
    mesh, cameras, matches, views = scene("assembly")
    black = render(mesh, cameras, background=(0.0, 0.0, 0.0))
    expected = [m.value for m in colour_drift(views, matches)]
    assert [m.value for m in colour_drift(black, matches)] == expected
    order = [2, 0, 3, 1]
    other = replace(cameras, world_to_camera=cameras.world_to_camera[order], intrinsics=cameras.intrinsics[order])
    found = colour_drift(views[order], correspond(mesh, rasterise(mesh, other)))
    assert [m.value for m in found] == pytest.approx(expected, abs=1e-9)


def test_too_little_overlap_is_not_measurable() -> None:
    mesh, cameras = SHAPES["sphere"](), view_cameras(azimuths=(0.0, 180.0), resolution=48)
    found = colour_drift(render(mesh, cameras, supersample=1), correspond(mesh, rasterise(mesh, cameras)))
    assert all(m.status == "not_measurable" and math.isnan(m.value) and m.coverage == 0.0 for m in found)


def test_pictures_that_do_not_fit_are_refused() -> None:
    _, _, matches, views = scene("sphere")
    for measure in (pair_drifts, colour_drift):
        with pytest.raises(ImageError, match="do not fit"):
            measure(views[:, :50], matches)


def test_the_declared_metric_measures_the_same() -> None:
    mesh, cameras, matches, views = scene("sphere")
    cast = tinted(views, WARM)
    factory = METRICS.load("colour_drift")
    metric = factory(factory.Options())
    assert metric.needs_mesh and metric.parameters().endswith(" v2")
    labels = [(r.name, r.direction, r.unit) for r in metric.results()]
    assert labels == [("colour_drift", "down", "dE00"), ("colour_gain", "down", "")]
    found = metric.measure(Sample(cast.float(), SceneGeometry(mesh, cameras), WHITE))
    assert list(found) == ["colour_drift", "colour_gain"]
    for measured, expected in zip(found.values(), colour_drift(cast, matches), strict=True):
        assert measured.value == pytest.approx(expected.value, abs=1e-5)
    with pytest.raises(UsageError, match="mesh"):
        metric.measure(Sample(views.float(), None, WHITE))
