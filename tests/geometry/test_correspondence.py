"""Correspondence against closed forms, a brute-force fp64 ray tracer, and scenes built to make it leak."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
import trimesh
from painted_scenes import assembly, mesh_of
from scipy import ndimage

from bench.geometry.cameras import Cameras, view_cameras
from bench.geometry.correspondence import MIN_COSINE, Correspondence, correspond, erode
from bench.geometry.mesh import Mesh
from bench.geometry.prediction import bilinear, predict
from bench.geometry.rasteriser import rasterise
from bench.geometry.shadow_rays import ShadowRays

FloatArray = npt.NDArray[np.float64]


def brute_force_blocked(
    mesh: Mesh, origin: FloatArray, direction: FloatArray, reach: FloatArray
) -> npt.NDArray[np.bool_]:
    """Möller-Trumbore in float64 against every face, no acceleration, no offset but 1e-7 along the ray."""
    a, b, c = mesh.vertices[mesh.faces].transpose(1, 0, 2)
    ab, ac = b - a, c - a
    blocked = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for o, d, r in zip(origin, direction, reach, strict=True):
            h = np.cross(d, ac)
            determinant = (ab * h).sum(1)
            u = ((o - a) * h).sum(1) / determinant
            q = np.cross(o - a, ab)
            v, t = (q @ d) / determinant, (ac * q).sum(1) / determinant
            blocked.append(bool(((u >= 0) & (v >= 0) & (u + v <= 1) & (t > 1e-7) & (t < r)).any()))
    return np.array(blocked)


def sphere_matches(resolution: int = 96, **views: object) -> tuple[Correspondence, torch.Tensor, Cameras]:
    mesh = mesh_of(trimesh.creation.icosphere(5, 0.5))
    cameras = view_cameras(resolution=resolution, **views)
    gbuffer = rasterise(mesh, cameras)
    return correspond(mesh, gbuffer), gbuffer.position, cameras


@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_pixels_are_the_pinhole_formula(projection: str) -> None:
    matches, position, cameras = sphere_matches(projection=projection, elevation=20.0)
    points = position[0][matches.foreground[0]].numpy()
    for j in range(1, 4):
        local = points @ cameras.world_to_camera[j, :3, :3].T + cameras.world_to_camera[j, :3, 3]
        homogeneous = np.column_stack(
            [local[:, :2], local[:, 2] if projection == "perspective" else np.ones(len(local))]
        )
        image = homogeneous @ cameras.intrinsics[j].T
        np.testing.assert_allclose(
            matches.pixel[0, j][matches.foreground[0]].numpy(), image[:, :2] / image[:, 2:], atol=2e-5
        )


def test_a_view_lands_on_its_own_pixel_centres() -> None:
    matches, _, _ = sphere_matches()
    row, column = torch.nonzero(matches.foreground[2], as_tuple=True)
    assert torch.equal(matches.pixel[2, 2, row, column], torch.stack((column, row), -1) + 0.5)


@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_a_sphere_is_visible_where_geometry_says(projection: str) -> None:
    matches, position, cameras = sphere_matches(projection=projection)
    fg = matches.foreground[0]
    points = position[0][fg].numpy()
    for j in range(1, 4):
        to_camera = cameras.centres[j] - points if projection == "perspective" else -cameras.forward[j] + 0 * points
        cosine = (points * to_camera).sum(1) / np.linalg.norm(points, axis=1) / np.linalg.norm(to_camera, axis=1)
        visible = matches.visible[0, j][fg].numpy()
        # facets of this sphere are tilted by up to 1.5 degrees; two pixels of outline reach to cos = 0.35 at this size
        assert not visible[cosine < MIN_COSINE - 0.03].any()
        assert visible[cosine > 0.4].all()
        np.testing.assert_allclose(matches.cosine[0, j][fg].numpy(), cosine, atol=0.04)


def test_opposite_views_share_nothing() -> None:
    matches, _, _ = sphere_matches()
    assert not matches.visible[0, 2].any() and not matches.visible[3, 1].any()


def test_shadow_rays_agree_with_brute_force_in_double_precision() -> None:
    mesh = assembly()
    cameras = view_cameras(resolution=160)
    gbuffer = rasterise(mesh, cameras)
    rng, shadow = np.random.default_rng(0), ShadowRays(mesh)
    for i in range(4):
        rows = torch.nonzero(gbuffer.mask[i])
        row, column = rows[rng.choice(len(rows), 100, replace=False)].unbind(-1)
        point, normal = gbuffer.position[i, row, column], gbuffer.face_normal[i, row, column]
        for j in {0, 1, 2, 3} - {i}:
            towards = torch.as_tensor(cameras.centres[j]) - point
            distance = towards.norm(dim=-1)
            towards = towards / distance[:, None]
            facing = (normal * towards).sum(-1) > MIN_COSINE
            rays = [x[facing] for x in (point, normal, towards, distance)]
            expected = brute_force_blocked(mesh, *(rays[k].numpy() for k in (0, 2, 3)))
            assert np.array_equal(shadow.blocked(*rays).numpy(), expected)


def test_shadow_rays_do_not_depend_on_where_and_how_large_the_mesh_is() -> None:
    mesh = assembly()
    gbuffer = rasterise(mesh, view_cameras(resolution=64))
    point, normal = gbuffer.position[gbuffer.mask], gbuffer.face_normal[gbuffer.mask]
    towards = torch.tensor([0.6, 0.48, 0.64], dtype=torch.float64).expand_as(point).contiguous()
    facing = (normal * towards).sum(-1) > MIN_COSINE
    point, normal, towards = point[facing], normal[facing], towards[facing]
    expected = ShadowRays(mesh).blocked(point, normal, towards, None)
    matrix = np.diag([1e3, 1e3, 1e3, 1.0])
    matrix[:3, 3] = [500.0, -2e4, 3e3]
    moved = point * 1e3 + torch.tensor(matrix[:3, 3])
    assert 0 < expected.sum() < len(expected)
    assert (ShadowRays(mesh.transformed(matrix)).blocked(moved, normal, towards, None) != expected).sum() == 0


def test_no_rays_no_answers() -> None:
    nothing = torch.zeros(0, 3, dtype=torch.float64)
    assert ShadowRays(assembly()).blocked(nothing, nothing, nothing, None).shape == (0,)


def test_matches_show_the_same_place() -> None:
    mesh, cameras = assembly(), view_cameras(resolution=128, elevation=15.0)
    gbuffer = rasterise(mesh, cameras)
    matches = correspond(mesh, gbuffer)
    again, painted = predict(gbuffer.position, matches)
    assert painted.sum() > 2000
    apart = (again - gbuffer.position).norm(dim=-1)[painted]
    assert apart.max() < 2.5 / 128  # two to three pixels, at the sharp edges of the bar
    assert apart.quantile(0.99) < 0.3 / 128


def test_a_grazing_plane_is_not_lost() -> None:
    """Where a comparison of depths with a small bias fails: 14 degrees above the plane every interior point is seen."""
    plate = trimesh.creation.box((0.8, 0.8, 0.02))
    mesh, cameras = mesh_of(plate), view_cameras(azimuths=(0.0, 75.0), resolution=128)
    gbuffer = rasterise(mesh, cameras)
    matches = correspond(mesh, gbuffer)
    front = gbuffer.face_normal[0, ..., 2] > 0.9
    column = matches.pixel[0, 1][front]
    inside = erode(gbuffer.mask, 4)[1, column[:, 1].long(), column[:, 0].long()]
    steep = matches.cosine[0, 1][front] > 0.21
    seen = matches.visible[0, 1][front]
    assert (inside & steep).sum() > 500
    assert seen[inside & steep].all()


@pytest.mark.parametrize("supersampled", [False, True])
def test_an_occluder_does_not_leak(supersampled: bool) -> None:
    """What the bar is painted with must not reach the prediction of the wall behind it."""
    wall, bar = trimesh.creation.box((0.9, 0.9, 0.1)), trimesh.creation.box((0.12, 0.9, 0.05))
    wall.apply_translation((0.0, 0.0, -0.3))
    bar.apply_translation((0.1, 0.0, 0.2))
    mesh = mesh_of(trimesh.util.concatenate([wall, bar]))
    scale = 4 if supersampled else 1
    azimuths, n = (-40.0, 0.0, 40.0), 96
    gbuffer = rasterise(mesh, view_cameras(azimuths, resolution=n))
    fine = rasterise(mesh, view_cameras(azimuths, resolution=n * scale))
    is_bar = (fine.face >= len(wall.faces)).double()[:, None]
    share = torch.nn.functional.avg_pool2d(is_bar, scale).permute(0, 2, 3, 1)
    share_on_wall, painted = predict(share, correspond(mesh, gbuffer))
    on_wall = painted & (gbuffer.face < len(wall.faces)) & gbuffer.mask
    assert on_wall.sum() > 2000
    leak = share_on_wall[..., 0][on_wall]
    if supersampled:  # a pixel beside the outline is covered by up to half; outlines are thin
        assert leak.max() <= 0.5 and leak.mean() < 2e-3
    else:
        assert leak.max() == 0.0


@pytest.mark.parametrize("thickness", [0.0, 1e-4, 5e-3])
@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_a_thin_plate_does_not_bleed_from_front_to_back(thickness: float, projection: str) -> None:
    if thickness:
        plate = trimesh.creation.box((0.8, 0.8, thickness))
    else:
        corners = [[-0.4, -0.4, 0.0], [0.4, -0.4, 0.0], [0.4, 0.4, 0.0], [-0.4, 0.4, 0.0]]
        plate = trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]], process=False)
    mesh = mesh_of(plate)
    gbuffer = rasterise(mesh, view_cameras(tuple(range(20, 380, 45)), projection=projection, resolution=72))
    # each side has its own colour; the rim, thinner than a pixel, belongs to neither
    side = torch.sign(torch.round(gbuffer.face_normal[..., 2:], decimals=6))
    prediction, painted = predict(side, correspond(mesh, gbuffer))
    broad = painted & (side[..., 0] != 0)
    assert broad.sum() > 2000
    assert torch.equal(prediction[broad].sign(), side[broad])
    if not thickness:
        torch.testing.assert_close(prediction[broad], side[broad])


@pytest.mark.parametrize("pixels", [1, 2, 5])
def test_erosion_against_scipy(pixels: int) -> None:
    mask = torch.from_numpy(
        ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((3, 40, 50)), (0, 6, 6)) > -0.02
    )
    square = np.ones((2 * pixels + 1,) * 2, dtype=bool)
    expected = np.stack([ndimage.binary_erosion(m, square, border_value=0) for m in mask.numpy()])
    assert np.array_equal(erode(mask, pixels).numpy(), expected)
    assert expected.any()


def test_bilinear_against_scipy() -> None:
    rng = np.random.default_rng(1)
    view, xy = rng.random((20, 30, 3)), rng.uniform([0.5, 0.5], [29.5, 19.5], (400, 2))
    xy[:3] = [[0.5, 0.5], [29.5, 19.5], [29.5, 0.5]]  # the outermost centres
    expected = [ndimage.map_coordinates(view[..., c], (xy - 0.5).T[::-1], order=1, mode="nearest") for c in range(3)]
    found = bilinear(torch.from_numpy(view), torch.from_numpy(xy))
    np.testing.assert_allclose(found.numpy(), np.stack(expected, -1), atol=1e-12)


def test_the_scoring_mask_is_what_its_definition_says() -> None:
    mesh = assembly()
    gbuffer = rasterise(mesh, view_cameras(resolution=96))
    matches = correspond(mesh, gbuffer)
    scored = matches.scoring_mask
    others = torch.stack([matches.visible[i][[j for j in range(4) if j != i]].any(0) for i in range(4)])
    assert torch.equal(scored, others & torch.stack([matches.visible[i, i] for i in range(4)]))
    assert not (scored & ~erode(gbuffer.mask, 2)).any() and not (scored & (gbuffer.cosine <= MIN_COSINE)).any()
    assert matches.coverage == pytest.approx(float(scored.sum()) / float(gbuffer.mask.sum()))
    assert torch.equal(matches.weight, torch.where(matches.visible, matches.cosine**2, 0.0))


def test_views_that_show_nothing_have_no_coverage() -> None:
    mesh = mesh_of(trimesh.creation.box((0.2, 0.2, 0.2)))
    aside = np.eye(4)
    aside[:3, 3] = [50.0, 0.0, 0.0]
    mesh = mesh.transformed(aside)
    matches = correspond(mesh, rasterise(mesh, view_cameras(resolution=32)))
    assert not matches.visible.any() and matches.coverage == 0.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_gpu_finds_the_same_matches() -> None:
    mesh, cameras = assembly(), view_cameras(resolution=128)
    expected = correspond(mesh, rasterise(mesh, cameras))
    found = correspond(mesh, rasterise(mesh, cameras, "cuda"), "cuda")
    assert (found.visible.cpu() != expected.visible).sum() <= 1e-4 * expected.visible.sum()
    torch.testing.assert_close(found.pixel.cpu(), expected.pixel, atol=1e-4, rtol=0.0)
