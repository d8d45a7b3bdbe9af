"""Batched metrics on any device against scipy, scikit-image and plain loops; samples that share what is kept."""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np
import plain_metrics as plain
import pytest
import torch
from painted_scenes import WHITE, assembly, render
from torch import Tensor

from bench.geometry.cameras import view_cameras
from bench.geometry.foreground import estimate_cut_out, estimate_foreground
from bench.geometry.lab import ciede2000, cielab
from bench.geometry.picture_size import unmixed
from bench.geometry.prediction import predict
from bench.geometry.scene import SceneGeometry
from bench.metrics.cce import cce
from bench.metrics.cde import cde
from bench.metrics.colour_drift import colour_drift
from bench.metrics.loo_psnr import loo_psnr
from bench.metrics.ssim import ssim_map, ssim_per_view
from bench.metrics.unjudged_seam import unjudged_seam

TOLERANCE = 1e-9
CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"))


@lru_cache
def scene(device: str = "cpu") -> SceneGeometry:
    return SceneGeometry(assembly(), view_cameras(azimuths=(0.0, 50.0, 100.0, 230.0), resolution=112), device)


@lru_cache
def pictures() -> dict[str, Tensor]:
    """Consistent views, views that agree in shape alone, and noise all over the frame."""
    mesh, cameras = scene().mesh, scene().cameras
    same = render(mesh, cameras, supersample=1)
    strangers = torch.stack([render(mesh, cameras, seed, supersample=1)[seed] for seed in range(4)])
    noise = torch.rand(same.shape, generator=torch.Generator().manual_seed(0))
    return {"same": same.float(), "strangers": strangers.float(), "noise": noise}


def measured(views: Tensor, geometry: SceneGeometry) -> dict[str, float]:
    matches = geometry.correspondence
    found = {
        "loo_psnr": loo_psnr(views, matches),
        "cde": cde(views, matches),
        "cce": cce(views, matches),
        "colour_drift": colour_drift(views, matches)[0],
        "unjudged_seam": unjudged_seam(views, matches, geometry.gbuffer),
    }
    assert {one.status for one in found.values()} == {"ok"}
    return {name: one.value for name, one in found.items()}


@pytest.mark.parametrize("name", ["same", "strangers", "noise"])
def test_numbers_are_those_of_scipy_and_scikit_image(name: str) -> None:
    views, matches = pictures()[name], scene().correspondence
    numbers, found = views.double().numpy(), measured(views, scene())
    assert found["cde"] == pytest.approx(plain.plain_cde(numbers, matches), abs=TOLERANCE)
    assert found["cce"] == pytest.approx(plain.plain_cce(numbers, matches), abs=TOLERANCE)
    assert found["colour_drift"] == pytest.approx(plain.plain_drift(numbers, matches), abs=TOLERANCE)
    assert found["unjudged_seam"] == pytest.approx(plain.plain_seam(numbers, matches, scene().gbuffer), abs=TOLERANCE)
    for own_view, power in ((False, 2.0), (True, 2.0), (True, 0.5)):
        prediction, _ = predict(views, matches, power=power, own_view=own_view)
        expected = plain.plain_prediction(numbers, matches, power, own_view)
        np.testing.assert_allclose(prediction.numpy(), expected, atol=TOLERANCE)
    ones = torch.ones(views.shape[:3], dtype=torch.bool)
    expected = [plain.plain_ssim(*pair) for pair in zip(numbers, prediction.numpy(), strict=True)]
    np.testing.assert_allclose(ssim_per_view(views, prediction, ones), expected, atol=TOLERANCE)


def test_an_order_of_samples_changes_nothing() -> None:
    """What is kept with a scene is of its geometry alone."""
    alone = {name: measured(views, SceneGeometry(scene().mesh, scene().cameras)) for name, views in pictures().items()}
    shared = SceneGeometry(scene().mesh, scene().cameras)
    for name in ("noise", "same", "strangers", "noise"):
        assert measured(pictures()[name], shared) == alone[name]


def test_ssim_knows_what_was_compared_before() -> None:
    views, other = pictures()["same"], pictures()["noise"]
    changed = other.clone()
    changed[1:, 30:50, 20:70] = views[1:, 30:50, 20:70]
    known = (other, ssim_map(views, other))
    torch.testing.assert_close(ssim_map(views, changed, known), ssim_map(views, changed), atol=1e-12, rtol=0.0)


def test_colours_are_those_of_scikit_image() -> None:
    """Greys, black and equal colours included: hue has no meaning there."""
    rng = np.random.default_rng(0)
    one = rng.random((4000, 3))
    other = (one + rng.normal(0, 0.1, one.shape)).clip(0.0, 1.0)
    one[:100], other[50:150] = one[:100, :1], other[50:150, :1]
    one[200:300], one[300], other[301] = other[200:300], 0.0, 0.0
    lab, other_lab = (cielab(torch.from_numpy(colours)) for colours in (one, other))
    np.testing.assert_allclose(lab.numpy(), plain.rgb2lab(one), atol=1e-10)
    expected = plain.deltaE_ciede2000(plain.rgb2lab(one), plain.rgb2lab(other))
    np.testing.assert_allclose(ciede2000(lab, other_lab).numpy(), expected, atol=TOLERANCE)


def test_outlines_are_scipys_to_the_pixel() -> None:
    rng = np.random.default_rng(0)
    views = [view for part in pictures().values() for view in part.double().numpy()]
    views += [np.roll(view, (40, 50), (0, 1)) for view in views[:4]]  # cut off by the frame
    for shape in ((1, 1), (3, 40), (30, 30)):
        views += [np.where(rng.random((*shape, 1)) < 0.6, 1.0, rng.random((*shape, 3))) for _ in range(20)]
    for view in views:
        marked = rng.random(view.shape[:2]) < 0.5
        assert np.array_equal(estimate_foreground(view, WHITE), plain.plain_foreground(view, WHITE))
        assert np.array_equal(estimate_foreground(view, WHITE, marked), plain.plain_foreground(view, WHITE, marked))
        levels = np.uint8(np.rint(255 * view))
        white = (levels == 255).all(axis=-1)
        assert np.array_equal(estimate_cut_out(levels, WHITE), plain.plain_foreground(levels / 255.0, WHITE) & ~white)


@pytest.mark.parametrize("size", [16, 24])
def test_small_paint_is_that_of_torchs_resizes(size: int) -> None:
    views, shown = pictures()["strangers"], scene().gbuffer.mask
    found, expected = (f(views, shown, (1.0, 0.9, 0.2), size) for f in (unmixed, plain.plain_unmixed))
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0.0)


@pytest.mark.parametrize("device", [CUDA])
@pytest.mark.parametrize("name", ["same", "strangers", "noise"])
def test_a_device_changes_no_number(name: str, device: str) -> None:
    """Visibility traced in float32 may differ in a pixel of ten thousand; on the same matches nothing else does."""
    views = pictures()[name]
    here, there = measured(views, scene()), measured(views.to(device), scene(device))
    assert there == pytest.approx(here, abs=2e-3)
    matches = scene().correspondence
    moved = type(matches)(*(getattr(matches, k).to(device) for k in ("pixel", "visible", "cosine", "foreground")))
    for metric in (loo_psnr, cde, cce, partial(lambda v, m: colour_drift(v, m)[0])):
        assert metric(views.to(device), moved).value == pytest.approx(metric(views, matches).value, abs=TOLERANCE)
