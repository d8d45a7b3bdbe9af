"""Cameras: where they stand, which way is up, and that they frame every object alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.geometry.cameras import MARGIN, Cameras, view_cameras

AZIMUTHS = (0.0, 30.0, 90.0, 180.0, 270.0)
CUBE = torch.tensor(np.stack(np.meshgrid(*[[-0.5, 0.5]] * 3), -1).reshape(8, 3))


def all_cameras() -> list[Cameras]:
    return [
        view_cameras(AZIMUTHS, elevation, projection, resolution=200)
        for elevation in (-50.0, 0.0, 35.0)
        for projection in ("perspective", "orthographic")
    ]


@pytest.mark.parametrize("cameras", all_cameras())
def test_rigid_and_looking_at_the_origin(cameras: Cameras) -> None:
    rotation = cameras.world_to_camera[:, :3, :3]
    np.testing.assert_allclose(rotation @ rotation.transpose(0, 2, 1), np.tile(np.eye(3), (5, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rotation), 1.0)
    np.testing.assert_allclose(np.cross(cameras.centres, cameras.forward), 0.0, atol=1e-12)
    assert (np.einsum("vi,vi->v", cameras.centres, cameras.forward) < 0).all()
    homogeneous = np.concatenate([cameras.centres, np.ones((5, 1))], axis=1)
    np.testing.assert_allclose(np.einsum("vij,vj->vi", cameras.world_to_camera, homogeneous)[:, :3], 0.0, atol=1e-12)


@pytest.mark.parametrize("cameras", all_cameras())
def test_the_unit_cube_just_fits(cameras: Cameras) -> None:
    pixels = torch.stack([cameras.project(CUBE, view)[0] for view in range(len(cameras))])
    reach = (pixels - 100).abs().max()
    assert reach <= 100 + 1e-9
    if cameras.projection == "orthographic":
        torch.testing.assert_close(reach, torch.tensor(100 / MARGIN, dtype=torch.float64))


@pytest.mark.parametrize("azimuth, eye", [(0, (0, 1)), (90, (1, 0)), (180, (0, -1)), (270, (-1, 0))])
def test_azimuths_go_round_from_the_front_to_plus_x(azimuth: float, eye: tuple[float, float]) -> None:
    centre = view_cameras((azimuth,)).centres[0]
    np.testing.assert_allclose(centre / np.linalg.norm(centre), (eye[0], 0.0, eye[1]), atol=1e-12)


@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_up_is_up_and_right_is_right(projection: str) -> None:
    cameras = view_cameras((0.0, 90.0), 0.0, projection, resolution=100)
    points = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.3, 0.0], [0.3, 0.0, 0.0], [0.0, 0.0, 0.3]], dtype=torch.float64)
    (middle, up, x, z), _ = cameras.project(points, 0)
    assert middle.tolist() == [50.0, 50.0]
    assert up[1] < 50 and up[0] == pytest.approx(50)
    assert x[0] > 50 and x[1] == pytest.approx(50)
    assert z.tolist() == pytest.approx([50, 50])
    (_, _, _, z), depth = cameras.project(points, 1)
    assert z[0] < 50  # seen from +x, the front lies on the left
    assert depth[2] < depth[0]


def test_elevation_looks_down_from_above() -> None:
    cameras = view_cameras((0.0,), 30.0)
    assert cameras.centres[0, 1] > 0 and cameras.forward[0, 1] == pytest.approx(-0.5)


def test_perspective_is_the_pinhole_of_the_textbook() -> None:
    cameras = view_cameras((20.0,), 10.0, fov=50.0, resolution=64)
    assert cameras.intrinsics[0, 0, 0] == pytest.approx(32 / np.tan(np.deg2rad(25)))
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (20, 3))
    local = points @ cameras.world_to_camera[0, :3, :3].T + cameras.world_to_camera[0, :3, 3]
    homogeneous = local @ cameras.intrinsics[0].T
    pixels, depth = cameras.project(torch.from_numpy(points), 0)
    np.testing.assert_allclose(pixels, homogeneous[:, :2] / homogeneous[:, 2:], atol=1e-10)
    np.testing.assert_allclose(depth, local[:, 2], atol=1e-12)


@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_each_view_has_its_own_elevation(projection: str) -> None:
    angles = [(0.0, 20.0), (90.0, -10.0), (250.0, 60.0), (180.0, 90.0), (135.0, -90.0)]
    cameras = view_cameras([a for a, _ in angles], [e for _, e in angles], projection, resolution=100)
    np.testing.assert_allclose(cameras.angles, angles, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(cameras.centres, axis=1), np.linalg.norm(cameras.centres[0]))
    pixels = torch.stack([cameras.project(CUBE, view)[0] for view in range(len(cameras))])
    assert (pixels - 50).abs().max() <= 50 + 1e-9


def test_from_above_right_stays_right_and_the_back_is_on_top() -> None:
    (middle, x, z), _ = view_cameras((0.0,), 90.0, resolution=100).project(
        torch.tensor([[0.0, 0.0, 0.0], [0.3, 0.0, 0.0], [0.0, 0.0, 0.3]], dtype=torch.float64), 0
    )
    assert x[0] > middle[0] and x[1] == pytest.approx(middle[1])
    assert z[1] > middle[1] and z[0] == pytest.approx(middle[0])


def test_distance_and_frame_are_taken_as_given() -> None:
    near = view_cameras((0.0, 45.0), 30.0, fov=49.1, distance=1.5)
    np.testing.assert_allclose(np.linalg.norm(near.centres, axis=1), 1.5)
    flat = view_cameras((0.0, 45.0), 0.0, "orthographic", resolution=768, frame=1.1)
    right, _ = flat.project(torch.tensor([[0.55, 0.0, 0.0]], dtype=torch.float64), 0)
    assert right[0].tolist() == pytest.approx([768.0, 384.0])


def test_project_keeps_the_points_type() -> None:
    pixels, depth = view_cameras((0.0,)).project(torch.zeros(2, 5, 3, dtype=torch.float32), 0)
    assert pixels.dtype == depth.dtype == torch.float32
    assert pixels.shape == (2, 5, 2) and depth.shape == (2, 5)
