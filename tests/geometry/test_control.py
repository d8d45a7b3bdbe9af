"""Control maps on shapes whose normals and positions are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from geometry_shapes import icosphere, quad

from bench.errors import UsageError
from bench.geometry.cameras import view_cameras
from bench.geometry.control import CONTROL_MAPS, control_map
from bench.geometry.rasteriser import rasterise


def test_a_wall_that_faces_front_is_blue_from_both_sides_of_the_world() -> None:
    buffer = rasterise(quad(), view_cameras((0.0, 180.0), resolution=32))
    normal = control_map(buffer, "normal")
    assert torch.equal(normal[0, 16, 16], torch.tensor([0.5, 0.5, 1.0], dtype=torch.float64))
    assert torch.equal(normal[1, 16, 16], torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64))


@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_a_sphere_spells_out_its_normals(projection: str) -> None:
    """On a sphere of radius 1/2 position = normal / 2, so that both maps are the same picture."""
    buffer = rasterise(icosphere(5), view_cameras(elevation=20.0, projection=projection, resolution=64))
    normal, position = control_map(buffer, "normal"), control_map(buffer, "position")
    torch.testing.assert_close(normal, position, rtol=0, atol=2e-3)
    for values in (normal, position):
        assert values.min() >= 0 and values.max() <= 1


def test_a_point_keeps_its_colour_in_all_views() -> None:
    """World frame: the front pole of the sphere is the same blue from 40 degrees to the left and to the right."""
    cameras = view_cameras((-40.0, 0.0, 40.0), resolution=128)
    normal = control_map(rasterise(icosphere(5), cameras), "normal")
    for view in range(3):
        (x, y), _ = cameras.project(torch.tensor([0.0, 0.0, 0.5], dtype=torch.float64), view)
        pole = torch.tensor([0.5, 0.5, 1.0], dtype=torch.float64)
        torch.testing.assert_close(normal[view, int(y), int(x)], pole, rtol=0, atol=0.03)


def test_depth_and_mask() -> None:
    cameras = view_cameras((0.0,), resolution=32)
    buffer = rasterise(quad(), cameras)
    depth, mask = control_map(buffer, "depth"), control_map(buffer, "mask")
    distance = np.linalg.norm(cameras.centres[0])
    torch.testing.assert_close(depth[mask == 1], torch.full((int(mask.sum()),), distance, dtype=torch.float64))
    assert torch.equal(mask == 1, buffer.mask) and set(mask.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("kind", CONTROL_MAPS)
def test_lossless_and_zero_on_the_background(kind: str) -> None:
    buffer = rasterise(icosphere(3), view_cameras(resolution=32))
    values = control_map(buffer, kind)
    assert values.dtype == torch.float64 and values.shape[:3] == (4, 32, 32)
    assert (values[~buffer.mask] == 0).all()


def test_a_misspelt_kind_names_the_nearest() -> None:
    buffer = rasterise(quad(), view_cameras((0.0,), resolution=8))
    with pytest.raises(UsageError, match="did you mean 'normal'"):
        control_map(buffer, "normals")
