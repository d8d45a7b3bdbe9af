"""EMR against a plain loop, against slips of known size, and where it must refuse to answer."""

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
from torch import Tensor

from bench.errors import ImageError, UsageError
from bench.geometry.cameras import Cameras, view_cameras
from bench.geometry.correspondence import Correspondence, correspond
from bench.geometry.mesh import Mesh
from bench.geometry.prediction import predict
from bench.geometry.rasteriser import rasterise
from bench.geometry.scene import SceneGeometry
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import Sample
from bench.metrics.emr import SHIFTS, emr, structure_function

SHAPES = {
    "assembly": assembly,
    "sphere": lambda: mesh_of(trimesh.creation.icosphere(4, 0.5)),
    "capsule": lambda: mesh_of(trimesh.creation.capsule(0.6, 0.3, count=(32, 32))).normalised(),
}


@lru_cache
def scene(name: str) -> tuple[Mesh, Cameras, Correspondence, Tensor]:
    mesh, cameras = SHAPES[name](), view_cameras(resolution=192)
    return mesh, cameras, correspond(mesh, rasterise(mesh, cameras)), render(mesh, cameras)


def shifted(views: Tensor, pixels: int, axis: int) -> Tensor:
    """Odd views moved: a shift that all views shared would be a consistent one."""
    moved = views.clone()
    moved[1::2] = torch.roll(views[1::2], pixels, dims=axis)
    return moved


@lru_cache
def slipped(name: str, pixels: int, axis: int) -> float:
    _, _, matches, views = scene(name)
    return emr(shifted(views, pixels, axis), matches).value


def test_the_structure_function_against_a_plain_loop() -> None:
    mesh, cameras = assembly(), view_cameras(resolution=48)
    matches = correspond(mesh, rasterise(mesh, cameras))
    views = torch.rand(4, 48, 48, 3, generator=torch.Generator().manual_seed(0))
    x, omega = views.double().numpy(), matches.scoring_mask.numpy()
    interior = np.stack([matches.visible[i, i].numpy() for i in range(4)])
    expected = []
    for shift in SHIFTS:
        squares = []
        for view, row, column in np.argwhere(omega).tolist():
            for down, right in ((0, shift), (0, -shift), (shift, 0), (-shift, 0)):
                there = (view, row + down, column + right)
                if min(there[1:]) >= 0 and max(there[1:]) < 48 and interior[there]:
                    squares.append(np.mean((x[view, row, column] - x[there]) ** 2))
        expected.append(np.mean(squares))
    np.testing.assert_allclose(structure_function(views, matches), expected, rtol=1e-9)


def test_the_error_is_read_on_the_views_own_scale() -> None:
    _, _, matches, clean = scene("sphere")
    for pixels in (0, 1, 2):
        views = shifted(clean, pixels, 1)
        prediction, _ = predict(views, matches)
        omega = matches.scoring_mask
        error = float((views[omega] - prediction[omega]).square().mean())
        scale = [0.0, *structure_function(views, matches)]
        upper = next(k for k, height in enumerate(scale) if height > error)
        low, high = math.sqrt(scale[upper - 1]), math.sqrt(scale[upper])
        start, end = [0, *SHIFTS][upper - 1], [0, *SHIFTS][upper]
        expected = start + (end - start) * (math.sqrt(error) - low) / (high - low)
        assert emr(views, matches).value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", SHAPES)
def test_a_perfect_render_is_registered_to_a_third_of_a_pixel(name: str) -> None:
    _, _, matches, views = scene(name)
    assert 0.0 < emr(views, matches).value <= 0.3


@pytest.mark.parametrize("name", SHAPES)
def test_it_reads_a_slip_along_the_axis_of_the_ring_in_pixels(name: str) -> None:
    """Down the picture both views of a pair measure alike: the slip itself is read, to a quarter."""
    for pixels in (1, 2, 3, 4):
        assert slipped(name, pixels, 1) == pytest.approx(pixels, rel=0.25)


@pytest.mark.parametrize("name", SHAPES)
def test_a_slip_round_the_object_reads_longer(name: str) -> None:
    """What a view slips by sideways is seen by its neighbour on a slant, stretched or squeezed: 1.2 to 1.6 times, up to
    2 px. Further on, silhouettes slip into the surface, and the error leaves the scale."""
    for pixels in (1, 2):
        assert 1.15 * pixels < slipped(name, pixels, 2) < 1.65 * pixels


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("axis", [1, 2])
def test_it_grows_with_the_shift_up_to_its_bound(name: str, axis: int) -> None:
    found = [slipped(name, pixels, axis) for pixels in (0, 1, 2, 3, 4, 6)]
    assert all(a < b or a == b == SHIFTS[-1] for a, b in itertools.pairwise(found))


def test_views_that_have_nothing_in_common_reach_the_bound() -> None:
    mesh, cameras, matches, _ = scene("sphere")
    strangers = torch.stack([render(mesh, cameras, seed, supersample=1)[seed] for seed in range(4)])
    assert emr(strangers, matches).value == SHIFTS[-1]


def test_contrast_does_not_matter() -> None:
    """The point of reading an error on the views' own scale; a PSNR gains 12 dB here."""
    _, _, matches, views = scene("sphere")
    views = shifted(views, 2, 1)
    assert emr(0.25 * views + 0.4, matches).value == pytest.approx(emr(views, matches).value, abs=1e-9)


def test_it_is_blind_to_noise() -> None:
    """Noise makes a view differ from its neighbour and from itself: the error grows, and the scale grows with it."""
    _, _, matches, views = scene("sphere")
    generator = torch.Generator().manual_seed(0)
    noisy = views + 0.1 * torch.randn(views.shape, generator=generator, dtype=views.dtype)
    assert emr(noisy, matches).value < 1.0


@pytest.mark.parametrize("colours", [[0.5] * 4, [0.2, 0.4, 0.6, 0.8]])
def test_flat_paint_cannot_show_a_slip(colours: list[float]) -> None:
    _, _, matches, views = scene("sphere")
    flat = torch.tensor(colours, dtype=torch.float64)[:, None, None, None].expand_as(views)
    found = emr(flat, matches)
    assert found.status == "not_measurable" and math.isnan(found.value) and found.coverage == matches.coverage
    rounded = flat + torch.rand(views.shape, generator=torch.Generator().manual_seed(0)) / 255
    assert emr(rounded, matches).status == "not_measurable"


def test_too_little_overlap_is_not_measurable() -> None:
    mesh, cameras = SHAPES["sphere"](), view_cameras(azimuths=(0.0, 180.0), resolution=48)
    found = emr(render(mesh, cameras, supersample=1), correspond(mesh, rasterise(mesh, cameras)))
    assert found.status == "not_measurable" and math.isnan(found.value) and found.coverage == 0.0


def test_neither_background_nor_order_matters() -> None:
    mesh, cameras, matches, views = scene("assembly")
    assert emr(render(mesh, cameras, background=(0.0, 0.0, 0.0)), matches).value == emr(views, matches).value
    order = [2, 0, 3, 1]
    other = replace(cameras, world_to_camera=cameras.world_to_camera[order], intrinsics=cameras.intrinsics[order])
    found = emr(views[order], correspond(mesh, rasterise(mesh, other)))
    assert found.value == pytest.approx(emr(views, matches).value, abs=1e-9)


def test_pictures_that_do_not_fit_are_refused() -> None:
    _, _, matches, views = scene("sphere")
    with pytest.raises(ImageError, match="do not fit"):
        structure_function(views[:3], matches)


def test_the_declared_metric_measures_the_same() -> None:
    mesh, cameras, matches, views = scene("sphere")
    factory = METRICS.load("emr")
    metric = factory(factory.Options())
    assert metric.needs_mesh and metric.parameters().endswith(" v2")
    found = metric.measure(Sample(views.float(), SceneGeometry(mesh, cameras), WHITE))
    assert [(r.name, r.direction, r.unit) for r in metric.results()] == [("emr", "down", "px")]
    assert list(found) == ["emr"]
    assert found["emr"].value == pytest.approx(emr(views, matches).value, abs=1e-5)
    with pytest.raises(UsageError, match="mesh"):
        metric.measure(Sample(views.float(), None, WHITE))
