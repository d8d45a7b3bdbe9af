"""Silhouette IoU on shapes of known area, on renders, and on what pictures do to spoil an estimate by colour."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
import trimesh
from painted_scenes import WHITE, assembly, mesh_of, render, sample
from scipy.spatial.distance import jaccard

from bench.errors import ImageError
from bench.geometry.cameras import view_cameras
from bench.geometry.foreground import estimate_foreground
from bench.geometry.rasteriser import rasterise
from bench.metrics.catalogue import METRICS
from bench.metrics.silhouette_iou import intersection_over_union, silhouette_iou

SIZE = 128
Picture = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def disc(radius: float = 40.0, x: float = SIZE / 2, y: float = SIZE / 2) -> Mask:
    centre = np.arange(SIZE) + 0.5
    return (centre[None] - x) ** 2 + (centre[:, None] - y) ** 2 < radius**2


def picture(
    mask: Mask, colour: tuple[float, float, float] = (0.7, 0.3, 0.2), background: tuple[float, float, float] = WHITE
) -> Picture:
    return np.where(mask[..., None], colour, background)


def iou(view: Picture, mask: Mask, background: tuple[float, float, float] = WHITE) -> float:
    return silhouette_iou(torch.from_numpy(view)[None], torch.from_numpy(mask)[None], background).value


def test_iou_against_scikit_learn() -> None:
    a, b = disc(), disc(35.0, 70.0, 60.0)
    assert intersection_over_union(a, b) == pytest.approx(1 - jaccard(a.ravel(), b.ravel()))
    assert intersection_over_union(a, a) == 1.0
    assert intersection_over_union(a, ~a) == 0.0
    assert intersection_over_union(a & ~a, a & ~a) == 1.0


@pytest.mark.parametrize("background", [WHITE, (0.0, 0.0, 0.0), (0.2, 0.7, 0.4)])
def test_plain_discs(background: tuple[float, float, float]) -> None:
    for shift in (0, 5, 20, 60):
        found, wanted = disc(x=64 + shift), disc()
        assert iou(picture(found, background=background), wanted, background) == intersection_over_union(found, wanted)


@pytest.mark.parametrize("supersample", [1, 3])
@pytest.mark.parametrize("resolution", [128, 256])
def test_a_perfect_render_fills_its_outline(supersample: int, resolution: int) -> None:
    mesh, cameras = assembly(), view_cameras(resolution=resolution)
    views = render(mesh, cameras, supersample=supersample)
    found = silhouette_iou(views, rasterise(mesh, cameras).mask, WHITE)
    assert found.value > 0.995 and len(found.per_view) == 4
    assert found.value == pytest.approx(np.mean(found.per_view))


def test_views_are_told_apart() -> None:
    mesh, cameras = assembly(), view_cameras(resolution=128)
    views, mask = render(mesh, cameras), rasterise(mesh, cameras).mask
    views[2] = 1.0
    found = silhouette_iou(views, mask, WHITE)
    assert found.per_view[2] == 0.0 and min(found.per_view[:2]) > 0.99
    assert silhouette_iou(views.flip(2), mask, WHITE).value < 0.9


def test_a_blank_view_scores_zero_and_a_grey_one_its_area() -> None:
    mask = disc()
    assert iou(np.ones((SIZE, SIZE, 3)), mask) == 0.0
    assert iou(np.full((SIZE, SIZE, 3), 0.5), mask) == pytest.approx(mask.mean())


def test_white_inside_the_object_belongs_to_it() -> None:
    mask = disc()
    view = picture(mask)
    view[disc(20.0)] = 1.0
    assert iou(view, mask) == 1.0


def test_a_hole_of_the_mesh_is_a_hole_when_it_is_white_and_not_when_it_is_painted() -> None:
    ring = disc() & ~disc(20.0)
    assert iou(picture(ring), ring) == 1.0
    assert iou(picture(disc()), ring) == pytest.approx(ring.sum() / disc().sum())
    torus = mesh_of(trimesh.creation.torus(0.35, 0.12))
    cameras = view_cameras(resolution=SIZE)
    assert silhouette_iou(render(torus, cameras), rasterise(torus, cameras).mask, WHITE).value > 0.995


def test_without_a_mesh_every_enclosed_region_is_object() -> None:
    ring = disc() & ~disc(20.0)
    assert np.array_equal(estimate_foreground(picture(ring), WHITE), disc())
    assert np.array_equal(estimate_foreground(picture(ring), WHITE, see_through=~ring), ring)


@pytest.mark.parametrize("sigma", [0.01, 0.03, 0.05])
def test_noise(sigma: float) -> None:
    mask = disc()
    noisy = picture(mask) + sigma * np.random.default_rng(0).standard_normal((SIZE, SIZE, 3))
    assert iou(noisy.clip(0, 1), mask) > 0.98


def test_a_decoders_white_and_specks() -> None:
    mask = disc()
    view = picture(mask, background=(0.975, 0.985, 0.99))
    view[5:7, 20], view[100, 10] = 0.3, 0.2
    large = np.random.default_rng(0).integers(0, SIZE, (15, 2))
    assert iou(view, mask) > 0.999
    view = np.kron(view, np.ones((4, 4, 1)))  # the same at 512, where dust of a few pixels is dropped
    clean = np.kron(mask, np.ones((4, 4))).astype(bool)
    dusty = view.copy()
    dusty[large[:, 0] * 4, large[:, 1] * 4] = 0.0
    assert np.array_equal(estimate_foreground(dusty, WHITE), estimate_foreground(view, WHITE))
    assert iou(view, clean) > 0.999


def test_pale_objects_are_found_down_to_the_threshold() -> None:
    mask = disc()
    assert iou(picture(mask, (0.95, 0.95, 0.95)), mask) == 1.0
    assert iou(picture(mask, (0.97, 0.97, 0.97)), mask) == 0.0  # under 10/255: the documented limit


def test_the_documented_limits() -> None:
    mask = disc()
    open_to_outside = picture(mask)
    open_to_outside[disc(20.0, x=104.0)] = 1.0  # white that touches the outline is lost
    assert iou(open_to_outside, mask) == pytest.approx((mask & ~disc(20.0, x=104.0)).sum() / mask.sum())
    shadow = picture(mask)
    shadow[100:112, 30:100] = np.where(mask[100:112, 30:100, None], shadow[100:112, 30:100], 0.8)
    assert iou(shadow, mask) < 0.95  # a soft shadow counts as object


def test_an_object_at_the_edge_of_the_frame() -> None:
    """A generator that lets the object run out of the frame raises the threshold to its limit and no further."""
    mask = disc(40.0, x=5.0)
    assert iou(picture(mask), mask) > 0.999


def test_a_mesh_out_of_sight_is_not_measurable() -> None:
    found = silhouette_iou(torch.ones(2, 16, 16, 3), torch.zeros(2, 16, 16, dtype=torch.bool), WHITE)
    assert found.status == "not_measurable" and math.isnan(found.value)


def test_pictures_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ImageError, match="do not fit"):
        silhouette_iou(torch.ones(2, 16, 16, 3), torch.zeros(3, 16, 16, dtype=torch.bool), WHITE)


def test_the_declared_metric_measures_the_same() -> None:
    factory = METRICS.load("silhouette_iou")
    metric, perfect = factory(factory.Options()), sample(assembly(), 96)
    found = metric.measure(perfect)
    assert list(found) == [result.name for result in metric.results()] == ["silhouette_iou"]
    assert found["silhouette_iou"] == silhouette_iou(perfect.views, perfect.geometry.gbuffer.mask, WHITE)
    assert metric.needs_mesh and metric.parameters().endswith(" v1")
