"""Compat PSNR and SSIM against scikit-image, and the weaknesses that make them compat only, each measured."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pytest
import torch
import trimesh
from painted_scenes import WHITE, assembly, mesh_of, render
from pydantic import ValidationError
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from bench.geometry.cameras import Cameras, view_cameras
from bench.geometry.correspondence import Correspondence, correspond
from bench.geometry.mesh import Mesh
from bench.geometry.rasteriser import rasterise
from bench.geometry.scene import SceneGeometry
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import Measurement, Sample
from bench.metrics.loo_psnr import loo_psnr
from bench.metrics.psnr import HIGHEST
from bench.metrics.repainted import reproject
from bench.metrics.reprojection import psnr_per_view
from bench.metrics.ssim import ssim_map, ssim_per_view

NAMES = [f"reprojection_{score}_{holes}" for score in ("psnr", "ssim") for holes in ("white", "skipped")]


@lru_cache
def scene() -> tuple[Mesh, Cameras, Correspondence]:
    mesh, cameras = assembly(), view_cameras(resolution=160)
    return mesh, cameras, correspond(mesh, rasterise(mesh, cameras))


@lru_cache
def perfect() -> Tensor:
    mesh, cameras, _ = scene()
    return render(mesh, cameras)


@lru_cache
def independent() -> Tensor:
    mesh, cameras, _ = scene()
    return torch.stack([render(mesh, cameras, seed)[seed] for seed in range(4)])


def measure(views: Tensor, **options: float) -> dict[str, Measurement]:
    mesh, cameras, matches = scene()
    factory = METRICS.load("reprojection")
    geometry = SceneGeometry(mesh, cameras)
    geometry.__dict__["correspondence"] = matches  # what its cached property would compute
    found = factory(factory.Options(**options)).measure(Sample(views.float(), geometry, WHITE))
    return dict(found)


def noise_pair() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    base = torch.rand(2, 40, 48, 3, generator=generator)
    base = torch.nn.functional.avg_pool2d(base.permute(0, 3, 1, 2), 3, 1, 1).permute(0, 2, 3, 1)
    return base, (base + 0.1 * torch.randn(base.shape, generator=generator)).clamp(0, 1)


def test_psnr_against_scikit_image() -> None:
    a, b = noise_pair()
    found = psnr_per_view(a, b, torch.ones(2, 40, 48, dtype=torch.bool))
    expected = [
        peak_signal_noise_ratio(x, y, data_range=1.0)
        for x, y in zip(a.double().numpy(), b.double().numpy(), strict=True)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_ssim_against_scikit_image() -> None:
    a, b = noise_pair()
    found = ssim_map(a, b).numpy()
    for view in range(2):
        mean, full = structural_similarity(
            a[view].double().numpy(),
            b[view].double().numpy(),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1.0,
            channel_axis=-1,
            full=True,
        )
        np.testing.assert_allclose(found[view], full[5:-5, 5:-5].mean(axis=-1), atol=2e-5)
        assert found[view].mean() == pytest.approx(mean, abs=1e-5)


def test_only_counted_pixels_count() -> None:
    a, b = noise_pair()
    counted = torch.zeros(2, 40, 48, dtype=torch.bool)
    counted[:, 10:20, 8:30] = True
    inner = [
        peak_signal_noise_ratio(x[10:20, 8:30], y[10:20, 8:30], data_range=1.0)
        for x, y in zip(a.numpy(), b.numpy(), strict=True)
    ]
    np.testing.assert_allclose(psnr_per_view(a, b, counted), inner, atol=1e-5)
    np.testing.assert_allclose(ssim_per_view(a, b, counted), ssim_map(a, b)[:, 5:15, 3:25].mean(dim=(1, 2)), atol=1e-6)
    assert all(math.isnan(x) for x in psnr_per_view(a, b, counted & ~counted) + ssim_per_view(a, b, counted & ~counted))


def test_holes_and_background() -> None:
    _, _, matches = scene()
    background = (0.2, 0.4, 0.6)
    again, holes = reproject(perfect(), matches, background)
    colour = torch.tensor(background, dtype=torch.float64)
    assert holes.any() and not (holes & ~matches.foreground).any()
    assert torch.equal(again[holes], colour.expand(int(holes.sum()), 3))
    assert torch.equal(again[~matches.foreground], colour.expand(int((~matches.foreground).sum()), 3))
    seen = matches.visible.any(dim=1)
    assert torch.equal(holes, matches.foreground & ~seen)


def test_pixels_that_only_their_own_view_sees_are_right_by_construction() -> None:
    _, _, matches = scene()
    views = torch.rand(4, 160, 160, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    again, _ = reproject(views, matches, WHITE)
    own = torch.stack([matches.visible[i, i] for i in range(4)])
    alone = own & (matches.visible.sum(dim=1) == 1)
    torch.testing.assert_close(again[alone], views[alone], atol=1e-12, rtol=0)
    # measured: two thirds of the foreground; what a score over these pixels says about consistency is nothing
    assert 0.55 < float(alone.sum() / matches.foreground.sum()) < 0.75


def test_the_blend_follows_the_power_of_the_cosine() -> None:
    """Two views paint everything black and white: the grey of a pixel tells its weights."""
    mesh = mesh_of(trimesh.creation.icosphere(4, 0.5))
    matches = correspond(mesh, rasterise(mesh, view_cameras(azimuths=(0.0, 50.0), resolution=64)))
    views = torch.zeros(2, 64, 64, 3, dtype=torch.float64)
    views[1] = 1.0
    both = matches.visible[0, 0] & matches.visible[0, 1]
    assert both.sum() > 200
    for power in (0.0, 1.0, 2.0, 6.0):
        again, _ = reproject(views, matches, WHITE, power)
        w = matches.cosine[0].double() ** power
        torch.testing.assert_close(again[0, ..., 0][both], (w[1] / (w[0] + w[1]))[both])


def test_a_matching_background_adds_decibels() -> None:
    _, _, matches = scene()
    again, _ = reproject(independent(), matches, WHITE)
    views = torch.where(matches.foreground[..., None], independent(), 1.0)
    full = psnr_per_view(views, again, torch.ones_like(matches.foreground))
    object_only = psnr_per_view(views, again, matches.foreground)
    share = matches.foreground.double().mean(dim=(1, 2))
    np.testing.assert_allclose(np.subtract(full, object_only), -10 * torch.log10(share).numpy(), atol=1e-9)


def test_unrelated_views_hardly_hurt_it() -> None:
    """The reason for leave-one-out: from a perfect texture to four unrelated ones."""
    _, _, matches = scene()
    good, bad = measure(perfect()), measure(independent())
    fall = {name: good[name].value - bad[name].value for name in NAMES}
    loo_fall = loo_psnr(perfect(), matches).value - loo_psnr(independent(), matches).value
    assert loo_fall > 25.0
    assert 0.0 < fall["reprojection_psnr_white"] < 4.0
    assert 0.0 < fall["reprojection_psnr_skipped"] < loo_fall / 2
    assert 0.0 < fall["reprojection_ssim_white"] < 0.06


@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
def test_blur_raises_it(sigma: float) -> None:
    """A known weakness, kept as a test so that nobody ranks by this number unawares: unrelated views, then blurred."""
    blurred = torch.from_numpy(gaussian_filter(independent().numpy(), (0, sigma, sigma, 0), mode="nearest"))
    assert (
        measure(blurred)["reprojection_psnr_white"].value
        > measure(independent())["reprojection_psnr_white"].value + 0.2
    )


def test_blur_inside_the_outline_raises_it_with_holes_skipped_too() -> None:
    _, _, matches = scene()
    inside = matches.foreground.double()[..., None].numpy()
    smooth = gaussian_filter(independent().numpy() * inside, (0, 2, 2, 0))
    smooth /= np.maximum(gaussian_filter(inside, (0, 2, 2, 0)), 1e-9)
    blurred = torch.where(matches.foreground[..., None], torch.from_numpy(smooth), independent())
    before, after = measure(independent()), measure(blurred)
    assert after["reprojection_psnr_skipped"].value > before["reprojection_psnr_skipped"].value + 0.2


def test_hole_policies() -> None:
    """White holes cost a perfect render more than everything else together; skipping them hides that they are there."""
    found = measure(perfect())
    assert list(found) == NAMES
    assert found["reprojection_psnr_skipped"].value - found["reprojection_psnr_white"].value > 8.0
    assert found["reprojection_ssim_skipped"].value > found["reprojection_ssim_white"].value
    _, _, matches = scene()
    holes = matches.foreground & ~matches.visible.any(dim=1)
    assert found["reprojection_psnr_white"].coverage == pytest.approx(1 - float(holes.sum() / matches.foreground.sum()))


def test_what_is_painted_in_skipped_holes_does_not_count() -> None:
    """PSNR stays to the last bit; windows of SSIM that overlap a hole see the paint, but in both pictures alike."""
    _, _, matches = scene()
    holes = matches.foreground & ~matches.visible.any(dim=1)
    # samples of other views may read a pixel beside the outline: only what nobody reads is painted over
    read = torch.zeros_like(holes)
    for i in range(4):
        for j in range(4):
            if i != j:
                column, row = matches.pixel[i, j][matches.visible[i, j]].sub(0.5).floor().long().unbind(-1)
                for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
                    read[j, row + down, column + right] = True
    vandalised = torch.where((holes & ~read)[..., None], 0.0, perfect())
    before, after = measure(perfect()), measure(vandalised)
    assert after["reprojection_psnr_skipped"].value == pytest.approx(
        before["reprojection_psnr_skipped"].value, abs=1e-6
    )
    assert after["reprojection_psnr_white"].value < before["reprojection_psnr_white"].value - 0.5
    assert after["reprojection_ssim_skipped"].value == pytest.approx(
        before["reprojection_ssim_skipped"].value, abs=0.01
    )


def test_values_are_means_of_views_and_alpha_is_recorded() -> None:
    for measurement in measure(independent()).values():
        assert len(measurement.per_view) == 4
        assert measurement.value == pytest.approx(np.mean(measurement.per_view))
    factory = METRICS.load("reprojection")
    assert "alpha=2 " in factory(factory.Options()).parameters()
    assert "alpha=6 " in factory(factory.Options(alpha=6)).parameters()
    assert (
        measure(independent(), alpha=6)["reprojection_psnr_white"] != measure(independent())["reprojection_psnr_white"]
    )
    with pytest.raises(ValidationError):
        factory.Options(alpha=-1)


def test_blank_views_agree_outside_the_holes() -> None:
    found = measure(torch.ones(4, 160, 160, 3))
    assert found["reprojection_psnr_white"].value == HIGHEST
    assert found["reprojection_ssim_white"].value == pytest.approx(1.0)


def test_a_mesh_out_of_sight_is_not_measurable() -> None:
    aside = np.eye(4)
    aside[:3, 3] = [50.0, 0.0, 0.0]
    factory = METRICS.load("reprojection")
    geometry = SceneGeometry(assembly().transformed(aside), view_cameras(resolution=32))
    found = factory(factory.Options()).measure(Sample(torch.ones(4, 32, 32, 3), geometry, WHITE))
    assert {m.status for m in found.values()} == {"not_measurable"} and all(math.isnan(m.value) for m in found.values())
