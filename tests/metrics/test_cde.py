"""CDE against a plain loop in scipy, and the properties that make it worth its name (they are its specification)."""

from __future__ import annotations

import itertools
import math
import sys
from dataclasses import replace
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
import torch
import trimesh
from painted_scenes import WHITE, assembly, colours, mesh_of, render
from scipy.ndimage import gaussian_filter
from torch import Tensor

from bench.cases.miniworld.world import miniworld_cases
from bench.errors import ImageError, UsageError
from bench.geometry.cameras import Cameras, view_cameras
from bench.geometry.correspondence import Correspondence, correspond
from bench.geometry.masked_gaussian import masked_gaussian
from bench.geometry.mesh import Mesh
from bench.geometry.prediction import predict
from bench.geometry.rasteriser import rasterise
from bench.geometry.rendering import render_albedo
from bench.geometry.scene import SceneGeometry
from bench.metrics.catalogue import METRICS
from bench.metrics.cde import (
    FINER,
    LOUDEST,
    PLAINEST,
    SHARED,
    TEXTURE_ENERGY,
    cde,
    detail_energy,
    needed,
    shared_and_present,
)
from bench.metrics.declaration import Sample
from bench.metrics.loo_psnr import MIN_COVERAGE, loo_psnr

Floats = npt.NDArray[np.float64]
SHAPES = {
    "assembly": assembly,
    "sphere": lambda: mesh_of(trimesh.creation.icosphere(4, 0.5)),
}


@lru_cache
def scene(name: str) -> tuple[Mesh, Cameras, Correspondence, Tensor]:
    mesh, cameras = SHAPES[name](), view_cameras(resolution=128)
    return mesh, cameras, correspond(mesh, rasterise(mesh, cameras)), render(mesh, cameras)


def noise(views: Tensor, sigma: float) -> Tensor:
    return views + sigma * torch.randn(views.shape, generator=torch.Generator().manual_seed(0), dtype=views.dtype)


def blurred(views: Tensor, sigma: float) -> Tensor:
    return torch.from_numpy(gaussian_filter(views.double().numpy(), (0, sigma, sigma, 0), mode="nearest"))


def low_pass_by_scipy(view: Floats, mask: npt.NDArray[np.bool_], sigma: float) -> Floats:
    weight = gaussian_filter(mask.astype(np.float64), sigma, mode="constant")
    total = gaussian_filter(view * mask[..., None], (sigma, sigma, 0), mode="constant")
    return total / np.maximum(weight, 1e-300)[..., None] * mask[..., None]


def test_low_pass_against_scipy() -> None:
    rng = np.random.default_rng(0)
    view, mask = rng.random((50, 70, 3)), rng.random((50, 70)) < 0.4
    mask[:, 40:] &= rng.random((50, 30)) < 0.1
    for sigma in (0.4, 1.0, 3.0, 9.0):
        found = masked_gaussian(torch.from_numpy(view)[None], torch.from_numpy(mask)[None], sigma)[0]
        np.testing.assert_allclose(found.numpy(), low_pass_by_scipy(view, mask, sigma), atol=1e-12)


def test_nothing_outside_of_the_mask_enters() -> None:
    view, mask = torch.rand(1, 30, 30, 3), torch.zeros(1, 30, 30, dtype=torch.bool)
    mask[:, 5:20, 8:25] = True
    vandalised = torch.where(mask[..., None], view, torch.nan)
    assert torch.equal(masked_gaussian(vandalised, mask, 4.0), masked_gaussian(view, mask, 4.0))
    flat = masked_gaussian(torch.full_like(view, 0.3), mask, 8.0)
    assert torch.allclose(flat[mask], torch.tensor(0.3).double(), atol=1e-7)
    assert bool((flat[~mask] == 0).all())


def test_against_scipy_view_by_view() -> None:
    _, _, matches, clean = scene("sphere")
    views = noise(clean, 0.1)
    prediction, _ = predict(views, matches)
    bands: list[list[Floats]] = [[], []]
    columns, rows = (np.nonzero(matches.foreground.numpy().any(axis=(0, axis)))[0] for axis in (1, 2))
    size = max(np.ptp(columns), np.ptp(rows)) + 1  # a sphere looks the same from everywhere
    assert matches.object_size == size
    for pictures, parts in zip((views, prediction), bands, strict=True):
        for picture, shown in zip(pictures.double().numpy(), matches.scoring_mask.numpy(), strict=True):
            low = [low_pass_by_scipy(picture, shown, size / fraction) for fraction in (256, 128, 64, 32, 16)]
            parts.append(np.stack([a - b for a, b in itertools.pairwise(low)])[:, shown])
    x, y = whole = [np.concatenate(parts, axis=1) for parts in bands]
    np.testing.assert_allclose(detail_energy(views, matches.scoring_mask, size), (x**2).sum(-1).mean(1), rtol=1e-9)
    longest = LOUDEST * np.sqrt(TEXTURE_ENERGY)[:, None, None]
    lengths = [np.linalg.norm(part, axis=-1, keepdims=True) for part in whole]
    assert all(0.01 < (length > longest).mean() < 0.99 for length in lengths)  # some are cut, and some are not
    x, y = (part * np.minimum(1, longest / length) for part, length in zip(whole, lengths, strict=True))
    shared, energy = (x * y).sum(-1).mean(1), ((x**2).sum(-1).mean(1) + (y**2).sum(-1).mean(1)) / 2
    need = [PLAINEST] * 4
    for band in (2, 1, 0):
        need[band] = FINER * max(energy[band + 1], need[band + 1])
    expected = np.mean(np.minimum(1.0, np.maximum(shared, 0) / np.maximum(energy, need) / SHARED))
    assert 0.1 < expected < 0.9 and cde(views, matches).value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("contrast", [1.0, 0.5, 0.2])
def test_a_perfect_render_has_it_all_and_louder_paint_no_more(name: str, contrast: float) -> None:
    _, _, matches, views = scene(name)
    assert cde(contrast * views + (1 - contrast) / 2, matches).value == pytest.approx(1.0, abs=0.01)


def test_each_band_needs_a_third_of_the_next_coarser_one() -> None:
    energies = torch.tensor([1.0, 2.0, 0.6, 3.0], dtype=torch.float64)
    assert needed(energies).tolist() == pytest.approx([2 / 3, 1 / 3, 1.0, PLAINEST])
    # what is needed and not there is asked of the finer ones in turn
    steps = [PLAINEST / 27, PLAINEST / 9, PLAINEST / 3, PLAINEST]
    assert needed(torch.zeros(4, dtype=torch.float64)).tolist() == pytest.approx(steps)


def test_next_to_nothing_is_no_detail() -> None:
    """Paint of a hundredth of the contrast is fainter than one level of 8 bits."""
    _, _, matches, views = scene("sphere")
    faint = [cde(contrast * views + (1 - contrast) / 2, matches).value for contrast in (0.03, 0.01, 0.003)]
    assert faint == sorted(faint, reverse=True) and faint[-1] < 0.1


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("axis", [1, 2])
def test_shifts_strictly_lower_it(name: str, axis: int) -> None:
    """Odd views are moved: a shift that all views shared would be a consistent one."""
    _, _, matches, views = scene(name)
    scores = []
    for pixels in (0, 1, 2, 3, 4, 6):
        moved = views.clone()
        moved[1::2] = torch.roll(views[1::2], pixels, dims=axis)
        scores.append(cde(moved, matches).value)
    assert all(a > b for a, b in itertools.pairwise(scores))
    assert scores[0] - scores[1] >= 0.02 and scores[0] - scores[-1] >= 0.5


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("gain", [(1.05, 1.0, 0.95), (1.05, 1.05, 1.05)])
def test_a_cast_of_5_percent_on_one_view_moves_it_by_less_than_half_a_percent(
    name: str, gain: tuple[float, float, float]
) -> None:
    _, _, matches, views = scene(name)
    rough = noise(views, 0.05)  # not at the top, where nothing moves
    cast = rough.clone()
    cast[1] *= torch.tensor(gain)
    assert abs(cde(cast, matches).value - cde(rough, matches).value) < 0.005


@pytest.mark.parametrize("name", SHAPES)
def test_noise_lowers_it(name: str) -> None:
    _, _, matches, views = scene(name)
    scores = [cde(noise(views, sigma), matches).value for sigma in (0.0, 0.02, 0.05, 0.1)]
    assert all(a > b for a, b in itertools.pairwise(scores))
    assert scores[0] - scores[2] > 0.1


@pytest.mark.parametrize("name", SHAPES)
def test_blur_does_not_pay_although_it_pays_in_psnr(name: str) -> None:
    _, _, matches, views = scene(name)
    wrong = noise(views, 0.05)
    soft = blurred(views, 4.0)
    assert cde(soft, matches).value < cde(views, matches).value - 0.2
    assert loo_psnr(blurred(wrong, 1.0), matches).value > loo_psnr(wrong, matches).value


@pytest.mark.parametrize("colours", [[0.5] * 4, [0.2, 0.4, 0.6, 0.8]])
def test_constant_colour_is_no_detail(colours: list[float]) -> None:
    _, _, matches, views = scene("assembly")
    flat = torch.tensor(colours, dtype=torch.float64)[:, None, None, None].expand_as(views)
    found = cde(flat, matches)
    assert found.status == "ok" and found.value < 1e-9


def test_views_that_have_nothing_in_common_score_near_0() -> None:
    mesh, cameras, matches, _ = scene("sphere")
    strangers = torch.stack([render(mesh, cameras, seed)[seed] for seed in range(4)])
    assert cde(strangers, matches).value < 0.1


def test_the_background_colour_does_not_matter() -> None:
    mesh, cameras, matches, views = scene("assembly")
    rough, on_black = (noise(v, 0.1) for v in (views, render(mesh, cameras, background=(0.0, 0.0, 0.0))))
    assert cde(on_black, matches).value == cde(rough, matches).value < 0.9


def test_the_order_of_views_does_not_matter() -> None:
    mesh, cameras, matches, views = scene("assembly")
    order = [2, 0, 3, 1]
    other = replace(cameras, world_to_camera=cameras.world_to_camera[order], intrinsics=cameras.intrinsics[order])
    rough = noise(views, 0.1)
    found = cde(rough[order], correspond(mesh, rasterise(mesh, other)))
    assert found.value == pytest.approx(cde(rough, matches).value, abs=1e-9) and found.value < 0.9
    assert found.coverage == matches.coverage


def test_too_little_overlap_is_not_measurable() -> None:
    mesh, cameras = SHAPES["sphere"](), view_cameras(azimuths=(0.0, 180.0), resolution=48)
    found = cde(render(mesh, cameras, supersample=1), correspond(mesh, rasterise(mesh, cameras)))
    assert found.status == "not_measurable" and math.isnan(found.value) and found.coverage == 0.0


def test_pictures_that_do_not_fit_are_refused() -> None:
    _, _, matches, views = scene("sphere")
    with pytest.raises(ImageError, match="do not fit"):
        cde(views[:, :50], matches)


def test_the_declared_metric_measures_the_same() -> None:
    mesh, cameras, matches, views = scene("sphere")
    factory = METRICS.load("cde")
    metric = factory(factory.Options())
    assert metric.needs_mesh and metric.parameters().endswith(" v3")
    rough = noise(views, 0.1)
    found = metric.measure(Sample(rough.float(), SceneGeometry(mesh, cameras), WHITE))
    assert list(found) == [result.name for result in metric.results()] == ["cde"]
    assert found["cde"].value == pytest.approx(cde(rough, matches).value, abs=1e-6) and found["cde"].value < 0.9
    with pytest.raises(UsageError, match="mesh"):
        metric.measure(Sample(views.float(), None, WHITE))


def test_contradiction_in_one_band_takes_nothing_from_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Views that are each other's negatives share nothing; less than nothing would be paid by the other bands."""
    _, _, matches, views = scene("sphere")
    torn = (torch.tensor([1.0, -1.0, 1.0, 1.0]).double(), torch.ones(4).double())
    monkeypatch.setattr(sys.modules[cde.__module__], "shared_and_present", lambda *_: torn)
    assert cde(views, matches).value == 0.75


def test_views_that_contradict_each_other_score_0_and_not_less() -> None:
    """Each view of a pair is the other's negative about grey: every band's product is below 0."""
    _, _, matches, views = scene("sphere")
    negative = views.clone()
    negative[1::2] = 1.0 - views[1::2]
    assert cde(negative, matches).value == 0.0


@pytest.mark.parametrize("name", SHAPES)
def test_a_few_loud_specks_cannot_speak_for_strangers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Views that share nothing but black and white specks on a tenth of the surface; uncut, these are most of it."""
    mesh, cameras, matches, _ = scene(name)
    gbuffer = rasterise(mesh, cameras)
    strangers = torch.stack([render(mesh, cameras, seed)[seed] for seed in range(4)])
    cells = (gbuffer.position * 50).floor().long()
    drawn = (cells @ torch.tensor([7919, 104729, 1299709])) % 40
    specks = gbuffer.mask & (drawn < 4)
    speckled = torch.where(specks[..., None], (drawn % 2)[..., None].to(strangers), strangers)
    cut = cde(speckled, matches).value
    assert cut < cde(render(mesh, cameras), matches).value - 0.4
    monkeypatch.setattr(sys.modules[cde.__module__], "LOUDEST", math.inf)
    assert cde(speckled, matches).value > cut + 0.1


def test_neither_the_resolution_nor_the_size_in_the_picture_decides() -> None:
    """The same object seen with twice the pixels, and a smaller one by the same camera: within .02 and .03."""
    mesh = SHAPES["assembly"]()
    values = {}
    for resolution, scale in ((256, 1.0), (512, 1.0), (256, 0.8)):
        cameras, shown = view_cameras(resolution=resolution), mesh.transformed(np.diag([scale, scale, scale, 1.0]))
        gbuffer = rasterise(shown, cameras)
        painted = replace(gbuffer, position=gbuffer.position / scale)
        matches = correspond(shown, gbuffer)
        views = colours(painted)
        soft = blurred(views, resolution * scale / 256 * 2.0)
        values[resolution, scale] = [cde(pictures, matches).value for pictures in (views, soft)]
    assert values[512, 1.0] == pytest.approx(values[256, 1.0], abs=0.02)
    assert values[256, 0.8] == pytest.approx(values[256, 1.0], abs=0.03)


def miniworld(split: Literal["train", "eval"], count: int) -> list[tuple[Correspondence, Tensor]]:
    """Ground-truth renders of those objects whose views overlap enough, 256 px."""
    scenes, cameras = [], view_cameras(resolution=256)
    for case in miniworld_cases(split, count):
        assert case.mesh is not None
        mesh = case.mesh.load()
        matches = correspond(mesh, rasterise(mesh, cameras))
        if matches.coverage >= MIN_COVERAGE:
            scenes.append((matches, torch.from_numpy(render_albedo(mesh, cameras, WHITE)) / 255.0))
    return scenes


@pytest.mark.slow
def test_the_constants_are_what_they_say() -> None:
    scenes = miniworld("train", 40)
    assert len(scenes) == 30
    energies = [detail_energy(views, matches.scoring_mask, matches.object_size).numpy() for matches, views in scenes]
    np.testing.assert_allclose(np.percentile(energies, 25, axis=0), TEXTURE_ENERGY, rtol=0.02)
    both = [shared_and_present(views, matches) for matches, views in scenes]
    share = np.min([(shared / present).numpy() for shared, present in both], axis=0)
    assert (share >= SHARED).all() and (share < np.array(SHARED) + 0.04).all()
    steps = [(present[:-1] / present[1:]).min() for _, present in both]
    assert FINER <= min(steps) < FINER + 0.03
    assert PLAINEST < min(present[-1] for _, present in both) < 2 * PLAINEST


@pytest.mark.slow
def test_blur_does_not_pay_on_photographic_texture() -> None:
    """Not of perfect views, and not of noisy ones either, where a low-pass takes away what the views do not share."""
    scenes = miniworld("eval", 16)
    assert len(scenes) >= 10
    sharp = np.mean([cde(views, matches).value for matches, views in scenes])
    for sigma, least in ((0.5, 0.0), (1.0, 0.0), (2.0, 0.1)):  # up to a pixel of blur may tie: the scale saturates
        soft = np.mean([cde(blurred(views, sigma), matches).value for matches, views in scenes])
        assert sharp - soft >= least, sigma
    rough = [(matches, noise(views.double(), 0.05)) for matches, views in scenes]
    noisy = np.mean([cde(views, matches).value for matches, views in rough])
    smoothed = np.mean([cde(blurred(views, 2.0), matches).value for matches, views in rough])
    assert smoothed <= noisy + 0.03
