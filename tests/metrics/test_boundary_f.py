"""Boundary F on shapes with closed forms, against pairwise distances, and on renders."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from painted_scenes import WHITE, assembly, render, sample
from scipy.spatial.distance import cdist

from bench.errors import ImageError, UsageError
from bench.geometry.cameras import view_cameras
from bench.geometry.rasteriser import rasterise
from bench.metrics.boundary_f import TOLERANCE, boundary, boundary_f, boundary_f_measure
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import Sample
from bench.metrics.silhouette_iou import silhouette_iou

SIZE = 128
RADIUS = TOLERANCE * math.hypot(SIZE, SIZE)  # 1.36 px
Mask = npt.NDArray[np.bool_]


def square(row: int = 32, column: int = 32, side: int = 64) -> Mask:
    mask = np.zeros((SIZE, SIZE), dtype=bool)
    mask[row : row + side, column : column + side] = True
    return mask


def f_of(found: Mask, wanted: Mask, background: tuple[float, float, float] = WHITE) -> float:
    view = np.where(found[..., None], (0.7, 0.3, 0.2), background)
    return boundary_f(torch.from_numpy(view)[None], torch.from_numpy(wanted)[None], background).value


def f_pairwise(found: Mask, wanted: Mask, tolerance: float) -> float:
    """The definition word by word: a pixel is on the boundary when one of its four neighbours is not in the mask."""

    def outline(mask: Mask) -> npt.NDArray[np.float64]:
        padded = np.pad(mask, 1)
        inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        return np.argwhere(mask & ~inside).astype(float)

    distances = cdist(outline(found), outline(wanted))
    precision = (distances.min(axis=1) <= tolerance).mean()
    recall = (distances.min(axis=0) <= tolerance).mean()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tolerance", [0.0, 1.0, 1.5, 3.7])
def test_against_all_pairs_of_pixels(seed: int, tolerance: float) -> None:
    rng = np.random.default_rng(seed)
    found, wanted = (rng.random((24, 31)) < 0.8 for _ in range(2))
    assert 0 < f_pairwise(found, wanted, tolerance) <= 1
    assert boundary_f_measure(found, wanted, tolerance) == pytest.approx(f_pairwise(found, wanted, tolerance))


def test_the_boundary_of_a_square() -> None:
    assert boundary(square()).sum() == 4 * 64 - 4
    assert boundary(np.ones((10, 10), dtype=bool)).sum() == 36  # the frame's edge ends the object
    assert not boundary(np.zeros((10, 10), dtype=bool)).any()


def test_a_shifted_square_in_closed_form() -> None:
    """The two sides along the shift stay put; of the others, only what lies within the tolerance counts."""
    length = 4 * 64 - 4
    assert boundary_f_measure(square(), square(), 0.0) == 1.0
    for pixels in (1, 2, 5, 20):
        moved = square(column=32 + pixels)
        assert boundary_f_measure(moved, square(), pixels) == 1.0
        # overlap of the horizontal sides, 64 - pixels on each of two; no tolerance, nothing else
        assert boundary_f_measure(moved, square(), 0.0) == pytest.approx(2 * (64 - pixels) / length)


def test_the_tolerance_decides() -> None:
    wanted = square()
    inside, outside = math.floor(RADIUS), math.floor(RADIUS) + 1
    assert f_of(np.roll(wanted, inside, axis=1), wanted) == 1.0
    falling = [f_of(np.roll(wanted, (k, k), axis=(0, 1)), wanted) for k in (0, outside, 2 * outside, 4 * outside, 16)]
    assert falling[0] == 1.0 and falling[1] < 0.2  # both pairs of sides leave the tolerance at once
    assert falling == sorted(falling, reverse=True)
    # dilation and erosion by more than the tolerance leave no pixel near
    assert f_of(square(30, 30, 68), wanted) == 0.0
    assert f_of(square(34, 34, 60), wanted) == 0.0


def test_the_tolerance_grows_with_the_frame() -> None:
    """The same picture at twice the size scores the same: the tolerance is a part of the diagonal."""
    wanted, found = square(), square(column=33)
    large = [np.kron(mask, np.ones((2, 2), dtype=bool)).astype(bool) for mask in (found, wanted)]
    assert f_of(found, wanted) == 1.0 and f_of(*large) == 1.0
    twice = [np.kron(mask, np.ones((2, 2), dtype=bool)).astype(bool) for mask in (square(column=34), wanted)]
    assert f_of(*twice) < 0.6 and f_of(square(column=34), wanted) < 0.6


def test_thin_parts_weigh_by_their_outline() -> None:
    """A lost leg: hardly any area, much outline."""
    leg = np.zeros((SIZE, SIZE), dtype=bool)
    leg[96:124, 60:63] = True
    wanted = square() | leg
    lost = torch.from_numpy(np.where(square()[..., None], (0.7, 0.3, 0.2), WHITE))[None]
    iou = silhouette_iou(lost, torch.from_numpy(wanted)[None], WHITE).value
    assert iou > 0.97 and f_of(square(), wanted) < 0.92


@pytest.mark.parametrize("background", [WHITE, (0.0, 0.0, 0.0), (0.2, 0.7, 0.4)])
def test_blank_views_score_zero(background: tuple[float, float, float]) -> None:
    assert f_of(square(), square(), background) == 1.0
    assert f_of(np.zeros_like(square()), square(), background) == 0.0
    assert f_of(square(), np.ones_like(square()), background) == 0.0


def test_a_view_that_should_be_empty() -> None:
    views = torch.ones(2, SIZE, SIZE, 3)
    mask = torch.from_numpy(np.stack([square(), np.zeros_like(square())]))
    assert boundary_f(views, mask, WHITE).per_view == (0.0, 1.0)
    views[1, 40:80, 40:80] = 0.3
    assert boundary_f(views, mask, WHITE).per_view == (0.0, 0.0)
    unseen = boundary_f(views, torch.zeros_like(mask), WHITE)
    assert unseen.status == "not_measurable" and math.isnan(unseen.value)


@pytest.mark.parametrize("resolution", [128, 256])
def test_a_perfect_render_and_its_shifts(resolution: int) -> None:
    mesh, cameras = assembly(), view_cameras(resolution=resolution)
    views, mask = render(mesh, cameras), rasterise(mesh, cameras).mask
    perfect = boundary_f(views, mask, WHITE)
    assert perfect.value > 0.99 and perfect.value == pytest.approx(np.mean(perfect.per_view))
    shifted = [boundary_f(views.roll(k * resolution // 128, dims=2), mask, WHITE).value for k in (2, 4, 8)]
    assert perfect.value - 0.2 > shifted[0] > shifted[1] > shifted[2]
    views[1] = 1.0
    blank = boundary_f(views, mask, WHITE)
    assert blank.per_view[1] == 0.0 and blank.per_view[0] == perfect.per_view[0]


def test_pictures_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ImageError, match="do not fit"):
        boundary_f(torch.ones(2, 16, 16, 3), torch.zeros(3, 16, 16, dtype=torch.bool), WHITE)


def test_the_declared_metric_measures_the_same() -> None:
    factory = METRICS.load("boundary_f")
    metric, perfect = factory(factory.Options()), sample(assembly(), 96)
    found = metric.measure(perfect)
    assert list(found) == [result.name for result in metric.results()] == ["boundary_f"]
    assert found["boundary_f"] == boundary_f(perfect.views, perfect.geometry.gbuffer.mask, WHITE)
    assert metric.needs_mesh and metric.results()[0].direction == "up"
    assert metric.parameters().startswith("tolerance=0.0075*diagonal ") and metric.parameters().endswith(" v1")
    with pytest.raises(UsageError, match="mesh"):
        metric.measure(Sample(perfect.views, None, WHITE))
