"""The rounded hull against shapes that it must find exactly, and lifts against what they were painted with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh
from painted_scenes import WHITE, mesh_of, render
from torch import Tensor

from bench.errors import ImageError
from bench.geometry.cameras import Cameras, view_cameras
from bench.geometry.prediction import predict
from bench.geometry.rasteriser import rasterise
from bench.lifting.hull import HullLift, HullLifter
from bench.lifting.rounded_hull import rounded_hull, row_shares

CAMERAS = view_cameras(resolution=96)


def ellipsoid(x: float = 0.4, y: float = 0.5, z: float = 0.3) -> trimesh.Trimesh:
    return trimesh.creation.icosphere(4, 1.0).apply_scale((x, y, z))


def lifted(shape: trimesh.Trimesh, cameras: Cameras = CAMERAS) -> HullLift:
    found = HullLifter().lift(render(mesh_of(shape), cameras).float(), cameras, WHITE)
    assert found is not None
    return found


def test_row_shares_by_hand() -> None:
    silhouette = np.array([[0, 1, 1, 1, 1, 0, 1], [0, 0, 0, 0, 0, 0, 0]], dtype=bool)
    assert row_shares(silhouette)[0] == pytest.approx([1.25, 0.75, 0.25, 0.25, 0.75, 1.25, 0.0])
    assert row_shares(silhouette)[1] == pytest.approx([2.0] * 7)


@pytest.mark.parametrize("azimuths", [(0, 90, 180, 270), (0, 60, 120, 180, 240, 300), (0, 90), (20, 110, 200)])
def test_an_ellipsoid_is_found(azimuths) -> None:
    cameras = view_cameras(tuple(map(float, azimuths)), projection="orthographic", resolution=96)
    sizes = (
        (0.4, 0.5, 0.4) if len(azimuths) in (3, 6) else (0.4, 0.5, 0.3)
    )  # off the axes an ellipse is not seen as one
    mesh = rounded_hull(rasterise(mesh_of(ellipsoid(*sizes)), cameras).mask, cameras)
    assert mesh is not None
    radius = np.linalg.norm(mesh.vertices / sizes, axis=1)
    tall = np.abs(mesh.vertices[:, 1]) < 0.45  # the caps' rows are few pixels wide
    turned = 20 if azimuths[0] == 20 else 0
    assert turned or np.abs(radius[tall] - 1).max() < 0.1
    assert np.abs(radius[tall] - 1).mean() < 0.03


@pytest.mark.parametrize("elevation", [0.0, 15.0])
def test_perspective_and_elevation_move_it_little(elevation) -> None:
    cameras = view_cameras(elevation=elevation, resolution=96)
    mesh = rounded_hull(rasterise(mesh_of(ellipsoid()), cameras).mask, cameras)
    assert mesh is not None
    off = np.abs(np.linalg.norm(mesh.vertices / (0.4, 0.5, 0.3), axis=1) - 1)
    assert off.mean() < (0.03 if elevation == 0.0 else 0.1)


def test_it_fills_its_silhouettes_and_stays_inside() -> None:
    parts = [ellipsoid(0.2, 0.3, 0.2), ellipsoid(0.05, 0.2, 0.05).apply_translation((0.1, -0.3, 0))]
    masks = rasterise(mesh_of(trimesh.util.concatenate(parts)), CAMERAS).mask
    mesh = rounded_hull(masks, CAMERAS)
    assert mesh is not None
    found = rasterise(mesh, CAMERAS).mask
    assert (found & masks).sum() > 0.97 * masks.sum() and (found & ~masks).sum() < 0.02 * masks.sum()
    assert trimesh.Trimesh(mesh.vertices, mesh.faces).is_watertight


def test_faces_look_outwards() -> None:
    mesh = rounded_hull(rasterise(mesh_of(ellipsoid()), CAMERAS).mask, CAMERAS)
    assert mesh is not None and trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).volume > 0


def test_thin_things_are_not_missed_by_the_coarse_look() -> None:
    pole = trimesh.creation.cylinder(0.012, 0.9)
    pole.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0]))
    masks = rasterise(mesh_of(pole), CAMERAS).mask
    mesh = rounded_hull(masks, CAMERAS)
    assert mesh is not None and np.ptp(mesh.vertices[:, 1]) > 0.85


def test_an_object_that_the_frame_cuts_off_is_lifted() -> None:
    mesh = rounded_hull(rasterise(mesh_of(ellipsoid(0.9, 0.9, 0.9)), CAMERAS).mask, CAMERAS)
    assert mesh is not None and np.abs(mesh.vertices).max() > 0.7


def test_outlines_without_a_common_point_have_no_hull() -> None:
    masks = rasterise(mesh_of(ellipsoid(0.2, 0.1, 0.2)), CAMERAS).mask.clone()
    masks[1] = masks[1].roll(30, dims=0)
    assert rounded_hull(masks, CAMERAS) is None
    masks[1] = False
    assert rounded_hull(masks, CAMERAS) is None


def test_leaving_a_view_out_is_lifting_without_it_and_rendering_it() -> None:
    """The colours of the others on the surface of all outlines: the quick way through `predict` is the long way."""
    lift = lifted(ellipsoid())
    matches = lift.correspondence
    quick, painted = predict(lift.views, matches)
    for view in range(4):
        others = [k for k in range(4) if k != view]
        some = Cameras(CAMERAS.world_to_camera[others], CAMERAS.intrinsics[others], "perspective", 96)
        alone = Cameras(CAMERAS.world_to_camera[[view]], CAMERAS.intrinsics[[view]], "perspective", 96)
        slow, alpha = HullLift(lift.mesh, lift.views[others], some, lift.silhouettes[others]).render(alone)
        assert torch.equal(slow[0], quick[view])
        assert bool((alpha[0] == 1)[painted[view]].all())


def test_a_render_from_between_the_views_shows_the_object() -> None:
    """The paint is a function of the place, so a view that nobody gave is known."""
    ball = ellipsoid(0.4, 0.4, 0.4)
    between = view_cameras((45.0, 100.0), resolution=96)
    colour, alpha = lifted(ball).render(between)
    wanted, mask = render(mesh_of(ball), between), rasterise(mesh_of(ball), between).mask
    assert (alpha.bool() ^ mask).sum() < 0.03 * mask.sum()
    seen = mask & (colour.sum(dim=-1) > 0)
    assert seen.sum() > 0.8 * mask.sum()
    assert (colour - wanted)[seen].square().mean().sqrt() < 0.05


def test_views_that_do_not_fit_are_refused() -> None:
    views: Tensor = torch.ones(3, 96, 96, 3)
    with pytest.raises(ImageError, match="do not fit"):
        HullLifter().lift(views, CAMERAS, WHITE)
