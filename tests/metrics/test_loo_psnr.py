"""LOO PSNR against a plain loop, and the properties that make it worth its name (they are its specification)."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
import trimesh
from painted_scenes import WHITE, assembly, colours, mesh_of, render
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio

from bench.errors import ImageError, UsageError
from bench.geometry.cameras import Cameras, view_cameras
from bench.geometry.correspondence import Correspondence, correspond
from bench.geometry.mesh import Mesh
from bench.geometry.prediction import predict
from bench.geometry.rasteriser import rasterise
from bench.geometry.scene import SceneGeometry
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import Sample
from bench.metrics.loo_psnr import loo_psnr
from bench.metrics.psnr import HIGHEST, psnr

MESHES = {
    "assembly": assembly,
    "sphere": lambda: mesh_of(trimesh.creation.icosphere(4, 0.5)),
    "capsule": lambda: mesh_of(trimesh.creation.capsule(0.6, 0.3, count=(32, 32))).normalised(),
}


@lru_cache
def scene(name: str, resolution: int = 192) -> tuple[Mesh, Cameras, Correspondence, Tensor]:
    mesh, cameras = MESHES[name](), view_cameras(resolution=resolution)
    return mesh, cameras, correspond(mesh, rasterise(mesh, cameras)), render(mesh, cameras)


def shifted(views: Tensor, pixels: int, axis: int) -> Tensor:
    """Odd views moved by whole pixels: a shift that all views shared would be a consistent one."""
    moved = torch.full_like(views, 1.0)
    size = views.shape[axis]
    moved.narrow(axis, pixels, size - pixels).copy_(views.narrow(axis, 0, size - pixels))
    odd = torch.arange(len(views)) % 2 == 1
    return torch.where(odd[:, None, None, None], moved, views)


def test_against_a_plain_loop() -> None:
    mesh, cameras = assembly(), view_cameras(azimuths=(0.0, 45.0, 90.0, 135.0), resolution=40)
    matches = correspond(mesh, rasterise(mesh, cameras))
    views = torch.rand(4, 40, 40, 3, generator=torch.Generator().manual_seed(0))
    x, errors = views.double().numpy(), []
    for i, row, column in torch.nonzero(matches.scoring_mask).tolist():
        total, weights = np.zeros(3), 0.0
        for j in set(range(4)) - {i}:
            if matches.visible[i, j, row, column]:
                u, v = (matches.pixel[i, j, row, column].double() - 0.5).tolist()
                c, r = math.floor(u), math.floor(v)
                s, t = u - c, v - r
                colour = (1 - t) * ((1 - s) * x[j, r, c] + s * x[j, r, c + 1])
                colour = colour + t * ((1 - s) * x[j, r + 1, c] + s * x[j, r + 1, c + 1])
                weight = float(matches.cosine[i, j, row, column].double()) ** 2
                total, weights = total + weight * colour, weights + weight
        errors.append((x[i, row, column] - total / weights) ** 2)
    found = loo_psnr(views, replace(matches, foreground=matches.scoring_mask))
    assert len(errors) > 50
    assert found.value == pytest.approx(-10 * math.log10(np.mean(errors)), abs=1e-9)


def test_against_torchmetrics() -> None:
    _, _, matches, views = scene("sphere")
    noisy = views + 0.1 * torch.randn(views.shape, generator=torch.Generator().manual_seed(0))
    prediction, _ = predict(noisy, matches)
    omega = matches.scoring_mask
    expected = peak_signal_noise_ratio(prediction[omega], noisy[omega], data_range=1.0)
    assert loo_psnr(noisy, matches).value == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("name", MESHES)
def test_a_perfect_render_scores_at_least_35_db(name: str) -> None:
    _, _, matches, views = scene(name)
    assert loo_psnr(views, matches).value >= 35.0


@pytest.mark.parametrize("name", MESHES)
@pytest.mark.parametrize("axis", [1, 2])
def test_shifts_strictly_lower_it_and_one_pixel_costs_4_db(name: str, axis: int) -> None:
    _, _, matches, views = scene(name)
    scores = [loo_psnr(shifted(views, pixels, axis), matches).value for pixels in (0, 1, 2, 3, 4, 6)]
    assert all(a > b for a, b in itertools.pairwise(scores))
    assert scores[0] - scores[1] >= 4.0


@pytest.mark.parametrize("name", MESHES)
def test_swapped_and_mirrored_views_cost_15_db(name: str) -> None:
    _, _, matches, views = scene(name)
    perfect = loo_psnr(views, matches).value
    assert perfect - loo_psnr(views[[0, 3, 2, 1]], matches).value >= 15.0
    mirrored = torch.cat([views[:1], views[1:2].flip(2), views[2:]])
    assert perfect - loo_psnr(mirrored, matches).value >= 15.0
    assert perfect - loo_psnr(views.flip(2), matches).value >= 15.0


@pytest.mark.parametrize(
    ("name", "turns"),
    [("assembly", []), ("capsule", [(2, 3, 0, 1)]), ("sphere", [(1, 2, 3, 0), (2, 3, 0, 1), (3, 0, 1, 2)])],
)
def test_the_right_order_ranks_first_of_all(name: str, turns: list[tuple[int, ...]]) -> None:
    """An object that looks the same after a turn may wear its paint turned: that is consistent too, and a tie."""
    _, _, matches, views = scene(name)
    scores = {order: loo_psnr(views[list(order)], matches).value for order in itertools.permutations(range(4))}
    best = scores.pop((0, 1, 2, 3))
    for turn in turns:
        assert best - 0.5 < scores.pop(turn) < best + 1e-6
    assert len(scores) == 23 - len(turns)
    assert best - max(scores.values()) >= 15.0


@pytest.mark.parametrize("name", MESHES)
def test_a_cast_of_5_percent_on_one_view_costs_3_db(name: str) -> None:
    _, _, matches, views = scene(name)
    cast = views.clone()
    cast[1] *= torch.tensor([1.05, 1.0, 0.95])
    assert loo_psnr(views, matches).value - loo_psnr(cast, matches).value >= 3.0


def test_the_background_colour_does_not_matter() -> None:
    mesh, cameras, matches, views = scene("assembly")
    black = render(mesh, cameras, background=(0.0, 0.0, 0.0))
    assert loo_psnr(black, matches).value == loo_psnr(views, matches).value


def test_padding_does_not_matter() -> None:
    mesh, cameras, matches, views = scene("assembly")
    pad = 13
    intrinsics = cameras.intrinsics.copy()
    intrinsics[:, :2, 2] += pad
    wide = Cameras(cameras.world_to_camera, intrinsics, cameras.projection, cameras.resolution + 2 * pad)
    padded = torch.nn.functional.pad(views, (0, 0, pad, pad, pad, pad), value=1.0)
    found, expected = loo_psnr(padded, correspond(mesh, rasterise(mesh, wide))), loo_psnr(views, matches)
    assert found.value == pytest.approx(expected.value, abs=2e-3)
    assert found.coverage == pytest.approx(expected.coverage, abs=1e-4)


def test_the_order_of_views_does_not_matter() -> None:
    mesh, cameras, matches, views = scene("assembly")
    order = [2, 0, 3, 1]
    other = replace(cameras, world_to_camera=cameras.world_to_camera[order], intrinsics=cameras.intrinsics[order])
    found = loo_psnr(views[order], correspond(mesh, rasterise(mesh, other)))
    assert found.value == pytest.approx(loo_psnr(views, matches).value, abs=1e-9)
    assert found.coverage == matches.coverage


def test_moving_mesh_and_cameras_together_does_not_matter() -> None:
    mesh, cameras, matches, views = scene("assembly")
    motion = trimesh.transformations.euler_matrix(0.4, -1.1, 2.3)
    motion[:3, 3] = [3.0, -7.0, 20.0]
    moved = replace(cameras, world_to_camera=cameras.world_to_camera @ np.linalg.inv(motion))
    found = loo_psnr(views, correspond(mesh := mesh.transformed(motion), rasterise(mesh, moved)))
    assert found.value == pytest.approx(loo_psnr(views, matches).value, abs=2e-3)
    assert found.coverage == pytest.approx(matches.coverage, abs=1e-4)


def test_own_paint_does_not_vouch_for_itself() -> None:
    """The colour of a pixel never enters its own prediction: scrambling a view changes only the others' predictions."""
    _, _, matches, views = scene("assembly")
    scrambled = views.clone()
    scrambled[1] = torch.rand(views.shape[1:], generator=torch.Generator().manual_seed(3), dtype=views.dtype)
    before, after = predict(views, matches)[0], predict(scrambled, matches)[0]
    assert torch.equal(before[1], after[1])
    assert not torch.equal(before[0], after[0])


def test_holes_are_left_out() -> None:
    """Whatever is painted where nothing can be scored, the number stays."""
    _, _, matches, views = scene("assembly")
    unsampled = ~matches.scoring_mask
    for i, j in itertools.permutations(range(4), 2):
        column, row = matches.pixel[i, j][matches.visible[i, j]].sub(0.5).floor().long().unbind(-1)
        for down, right in itertools.product((0, 1), (0, 1)):
            unsampled[j, row + down, column + right] = False
    vandalised = torch.where(unsampled[..., None], 0.5, views)
    assert unsampled.sum() > 1000
    assert loo_psnr(vandalised, matches).value == loo_psnr(views, matches).value


def test_too_little_overlap_is_not_measurable() -> None:
    mesh, cameras = MESHES["sphere"](), view_cameras(azimuths=(0.0, 180.0), resolution=64)
    gbuffer = rasterise(mesh, cameras)
    found = loo_psnr(colours(gbuffer), correspond(mesh, gbuffer))
    assert found.status == "not_measurable" and math.isnan(found.value) and found.coverage == 0.0


def test_ten_percent_is_the_line() -> None:
    _, _, matches, views = scene("sphere")
    omega = int(matches.scoring_mask.sum())
    flat = torch.zeros_like(matches.foreground).flatten()
    outside = torch.nonzero(~matches.scoring_mask.flatten())[:, 0]

    def with_foreground(pixels: int) -> Correspondence:
        foreground = flat.clone()
        foreground[outside[: pixels - omega]] = True
        return replace(matches, foreground=foreground.view_as(matches.foreground) | matches.scoring_mask)

    assert loo_psnr(views, with_foreground(omega * 10)).status == "ok"
    assert loo_psnr(views, with_foreground(omega * 10 + 2)).status == "not_measurable"


def test_exact_agreement_ends_at_the_rounding_of_8_bits() -> None:
    _, _, matches, views = scene("sphere")
    assert loo_psnr(torch.full_like(views, 0.25), matches).value == HIGHEST
    assert pytest.approx(58.92, abs=0.01) == HIGHEST
    assert math.isnan(psnr(math.nan))
    rounding = torch.rand(10**6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    error = ((rounding * 255).round() / 255 - rounding).square().mean()
    assert psnr(float(error) * 1.0001) == pytest.approx(HIGHEST, abs=0.01)


def test_pictures_that_do_not_fit_are_refused() -> None:
    _, _, matches, views = scene("sphere")
    with pytest.raises(ImageError, match="do not fit"):
        loo_psnr(views[:, :100], matches)
    with pytest.raises(ImageError, match="4, 192, 192"):
        loo_psnr(views[:3], matches)


def test_the_declared_metric_measures_the_same() -> None:
    mesh, cameras, matches, views = scene("sphere")
    factory = METRICS.load("loo_psnr")
    metric = factory(factory.Options())
    assert metric.needs_mesh and metric.parameters().endswith(" v2")
    found = metric.measure(Sample(views.float(), SceneGeometry(mesh, cameras), WHITE))
    assert list(found) == [result.name for result in metric.results()] == ["loo_psnr"]
    assert found["loo_psnr"].value == pytest.approx(loo_psnr(views, matches).value, abs=1e-3)
    with pytest.raises(UsageError, match="mesh"):
        metric.measure(Sample(views.float(), None, WHITE))
