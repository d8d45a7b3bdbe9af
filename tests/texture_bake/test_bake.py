"""Baked textures against what was rendered, closed forms, and occluders that must not leave their paint."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
import trimesh

from bench.cases.mesh_file import load_mesh
from bench.cases.miniworld.atlas import unwrap as miniworld_atlas
from bench.cases.miniworld.surfaces import ellipsoid, rounded_box
from bench.cli import main
from bench.errors import ImageError, MeshError, UsageError
from bench.geometry.cameras import view_cameras
from bench.geometry.mesh import Material, Mesh
from bench.geometry.rasteriser import rasterise_uv
from bench.geometry.rendering import render_albedo
from bench.texture_bake.atlas import atlas_fault, charts, unwrap
from bench.texture_bake.bake import bake_texture, wearing_texture
from bench.texture_bake.fill import fill_along_surface, fill_gutters
from bench.texture_bake.glb import glb_bytes

WHITE = (1.0, 1.0, 1.0)
RED, BLUE = (220, 20, 30), (20, 40, 200)


def psnr(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    return float(-10 * np.log10(((one.astype(float) - other) ** 2).mean() / 255**2))


def wall_and_plate(size: int = 256) -> tuple[Mesh, npt.NDArray[np.bool_]]:
    """A blue wall with a red plate before it, and which faces are the plate's."""
    wall = rounded_box((0, 0, 0), (1, 1, 0.1), 0.01, group=0)
    plate = rounded_box((0, 0, 0.3), (0.4, 0.4, 0.05), 0.01, group=1, slot=1)
    mesh, slots = miniworld_atlas([*wall, *plate], size)
    face, _ = rasterise_uv(mesh, size)
    paint = np.full((size, size, 4), 255, np.uint8)
    paint[face >= 0, :3] = np.where(slots[face[face >= 0], None] == 1, RED, BLUE)
    paint[..., :3] = fill_gutters(paint[..., :3], face >= 0)
    return replace(mesh, materials=(Material(paint),)), slots == 1


@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_renders_baked_back_give_the_texture(mesh_folder: Path, projection: str) -> None:
    mesh = load_mesh(mesh_folder / "egg.glb").normalised()
    cameras = view_cameras(projection=projection, resolution=256)  # type: ignore[arg-type]
    views = render_albedo(mesh, cameras, WHITE)
    baked = bake_texture(mesh, torch.from_numpy(views), cameras, 256)
    truth = mesh.materials[0].texture
    assert truth is not None and truth.shape[:2] == (256, 256)
    assert psnr(baked.texture[baked.painted], truth[baked.painted][:, :3]) > 38
    again = render_albedo(wearing_texture(mesh, baked.texture), cameras, WHITE)
    assert psnr(again, views) > 38
    # four views on the horizon see all but the caps round the poles, cos(theta) < 0.2 or so
    assert baked.covered.mean() > 0.99 and 0.02 < baked.unseen < 0.35
    assert baked.painted[100:156].all()


def test_an_occluder_does_not_paint_what_it_hides() -> None:
    mesh, is_plate = wall_and_plate()
    for azimuths in ((0.0,), (0.0, 90.0, 180.0, 270.0), (20.0, 340.0)):
        cameras = view_cameras(azimuths, resolution=192)
        views = render_albedo(mesh, cameras, WHITE)
        baked = bake_texture(mesh, torch.from_numpy(views), cameras, 256)
        face, barycentric = rasterise_uv(mesh, 256)
        wall = (face >= 0) & ~is_plate[face]
        # seen and filled ones alike; an antialiased pixel beside the outline may hold an eighth of the other's paint
        error = np.abs(baked.texture[wall].astype(int) - BLUE).max(axis=1)
        assert error.max() < 0.15 * 200 and np.mean(error > 2) < 0.03
        plate = baked.painted & is_plate[face]
        error = np.abs(baked.texture[plate].astype(int) - RED).max(axis=1)
        assert error.max() < 0.5 * 200 and np.mean(error > 2) < 0.06
        # the middle of the wall's front is behind the plate for the camera in front of it
        point = (mesh.vertices[mesh.faces[face]] * barycentric[..., None]).sum(axis=-2)
        hidden = wall & (point[..., 2] > mesh.vertices[mesh.faces[~is_plate]][..., 2].max() - 1e-3)
        hidden &= (np.abs(point[..., :2]) < 0.15).all(axis=-1)
        assert hidden.any()
        if azimuths != (20.0, 340.0):
            assert not baked.painted[hidden].any()


def test_views_are_mixed_by_their_cosines() -> None:
    mesh, _ = miniworld_atlas([ellipsoid((0, 0, 0), (0.5, 0.5, 0.5), group=0)], 128)
    mesh = replace(mesh, materials=(Material(),))
    cameras = view_cameras((0.0, 90.0), projection="orthographic", resolution=128)
    views = torch.zeros(2, 128, 128, 3)
    views[0, ..., 0], views[1, ..., 1] = 1.0, 1.0
    face, _ = rasterise_uv(mesh, 128)
    corner = mesh.vertices[mesh.faces[face]]
    normal = np.cross(corner[..., 1, :] - corner[..., 0, :], corner[..., 2, :] - corner[..., 0, :])
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    both = (normal[..., 2] > 0.5) & (normal[..., 0] > 0.5) & (face >= 0)
    for power in (1.0, 2.0, 6.0):
        baked = bake_texture(mesh, views, cameras, 128, power=power)
        assert baked.painted[both].all()
        weight = normal[both][:, [2, 0]] ** power
        expected = weight / weight.sum(axis=1, keepdims=True)
        assert np.abs(baked.texture[both][:, :2] / 255 - expected).max() < 0.004
        front_only = (normal[..., 2] > 0.5) & (normal[..., 0] < 0.19) & (face >= 0)
        assert (baked.texture[front_only] == (255, 0, 0)).all()
    # a hemisphere less its rim: 2 of 58 px of the radius leave cos(theta) > 0.26, which is 37 % of a sphere
    alone = bake_texture(mesh, views[:1], view_cameras((0.0,), projection="orthographic", resolution=128), 128)
    area = np.linalg.norm(
        np.cross(corner[..., 1, :] - corner[..., 0, :], corner[..., 2, :] - corner[..., 0, :]), axis=-1
    )
    density = area / np.maximum(np.abs(_uv_area(mesh))[face], 1e-12)
    share = (density * alone.painted)[face >= 0].sum() / density[face >= 0].sum()
    assert abs(share - 0.37) < 0.03


def _uv_area(mesh: Mesh) -> npt.NDArray[np.float64]:
    assert mesh.uv is not None
    first, second = (mesh.uv[mesh.faces[:, k]] - mesh.uv[mesh.faces[:, 0]] for k in (1, 2))
    return np.asarray(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])


def test_holes_are_filled_along_the_surface() -> None:
    # two charts of one strip that is cut in the middle, and a stranger that lies between them in the atlas
    chart = np.full((5, 32), -1, np.int32)
    chart[2, 0:10], chart[2, 10:20], chart[2, 20:30] = 0, 2, 1
    place = np.zeros((5, 32, 3))
    place[2, 0:10, 0] = np.arange(10)
    place[2, 20:30, 0] = np.arange(10, 20)
    place[2, 10:20] = np.stack([np.arange(10), np.full(10, 50), np.zeros(10)], axis=-1)
    colours = np.zeros((5, 32, 3))
    colours[2, 0] = (1, 0, 0)
    colours[2, 10:20] = (0, 1, 0)
    painted = np.zeros((5, 32), bool)
    painted[2, 0] = painted[2, 12:20] = True
    filled = fill_along_surface(colours, painted, chart, place)
    assert np.allclose(filled[2, :10], (1, 0, 0)) and np.allclose(filled[2, 20:30], (1, 0, 0))
    assert np.allclose(filled[2, 10:20], (0, 1, 0))
    # between two colours a hole is a ramp
    colours[2, 29], painted[2, 29] = (0, 0, 1), True
    ramp = fill_along_surface(colours, painted, chart, place)[2]
    assert np.allclose(np.concatenate([ramp[:10, 2], ramp[20:30, 2]]), np.linspace(0, 1, 20), atol=0.06)
    # what hangs together with nothing painted gets the mean of what is
    painted[2, 10:20] = False
    assert np.allclose(fill_along_surface(colours, painted, chart, place)[2, 15], (0.5, 0, 0.5))


def test_atlases_that_cannot_hold_a_texture_are_named(mesh_folder: Path) -> None:
    mesh = load_mesh(mesh_folder / "egg.glb")
    assert mesh.uv is not None and atlas_fault(mesh) == ""
    assert "no texture coordinates" in atlas_fault(replace(mesh, uv=None))
    assert "outside the unit square" in atlas_fault(replace(mesh, uv=mesh.uv * 2))
    assert "outside the unit square" in atlas_fault(replace(mesh, uv=mesh.uv * np.nan))
    assert "share their texels" in atlas_fault(replace(mesh, uv=np.abs(mesh.uv - [0.5, 0])))
    assert "no area" in atlas_fault(replace(mesh, uv=mesh.uv * 0))


def test_new_atlases_keep_the_surface(mesh_folder: Path) -> None:
    pytest.importorskip("xatlas")
    mesh, _ = wall_and_plate()
    laid = unwrap(mesh, 256)
    assert atlas_fault(laid) == "" and charts(laid).max() >= 11
    assert np.allclose(laid.vertices[laid.faces], mesh.vertices[mesh.faces])
    assert np.allclose(laid.normals[laid.faces], mesh.normals[mesh.faces])
    cameras = view_cameras(resolution=96)
    views = render_albedo(mesh, cameras, WHITE)
    baked = bake_texture(laid, torch.from_numpy(views), cameras, 256)
    assert psnr(render_albedo(wearing_texture(laid, baked.texture), cameras, WHITE), views) > 35


def test_what_cannot_be_baked(mesh_folder: Path) -> None:
    mesh = load_mesh(mesh_folder / "egg.glb").normalised()
    cameras = view_cameras(resolution=32)
    views = torch.zeros(4, 32, 32, 3)
    with pytest.raises(UsageError, match="no texture coordinates"):
        bake_texture(replace(mesh, uv=None), views, cameras)
    with pytest.raises(ImageError, match="do not fit the cameras"):
        bake_texture(mesh, views[:3], cameras)
    with pytest.raises(UsageError, match="holds no texture"):
        bake_texture(mesh, views, cameras, 4)
    elsewhere = mesh.transformed(np.diag([1.0, 1.0, 1.0, 1.0]) + np.eye(4, k=3) * 9)
    with pytest.raises(ImageError, match="no view sees any texel"):
        bake_texture(elsewhere, views, cameras, 64)
    with pytest.raises(UsageError, match="one texture"):
        glb_bytes(replace(mesh, materials=(Material(),)))
    with pytest.raises(MeshError, match="no texel"):
        bake_texture(replace(mesh, uv=np.full_like(mesh.uv, 7.0)), views, cameras, 64)


def rendered(meshes: Path, out: Path) -> Path:
    assert main(["render-dataset", "--meshes", str(meshes), "--out", str(out), "--resolution", "128"]) == 0
    return out


def test_the_command_bakes_a_rendered_sample(
    mesh_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meshes = tmp_path / "meshes"
    meshes.mkdir()
    scene = trimesh.load(mesh_folder / "egg.glb", process=False, force="mesh")
    scene.apply_transform(trimesh.transformations.compose_matrix(scale=[3, 3, 3], translate=[5, -2, 1]))
    scene.export(meshes / "egg.glb")
    sample = rendered(meshes, tmp_path / "set") / "egg"
    capsys.readouterr()
    words = [
        "bake",
        str(sample),
        "--mesh",
        str(meshes / "egg.glb"),
        "--out",
        str(tmp_path / "out.glb"),
        "--size",
        "256",
    ]
    assert main([*words, "--json"]) == 0
    out, err = capsys.readouterr()
    assert 0.02 < json.loads(out)["unseen"] < 0.5 and "seen by no view" in err
    original, baked = load_mesh(meshes / "egg.glb"), load_mesh(tmp_path / "out.glb")
    assert original.uv is not None and baked.uv is not None
    # the mesh keeps its place, its size and its own texture coordinates
    assert np.allclose(baked.vertices, original.vertices, atol=1e-5) and np.allclose(baked.uv, original.uv, atol=1e-6)
    cameras = view_cameras(resolution=128)
    one, other = (render_albedo(m.normalised(), cameras, WHITE) for m in (original, baked))
    assert psnr(one, other) > 33
    first = (tmp_path / "out.glb").read_bytes()
    assert main(words) == 0 and (tmp_path / "out.glb").read_bytes() == first


def test_the_command_makes_coordinates_where_there_are_none(
    mesh_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("xatlas")
    sample = rendered(mesh_folder, tmp_path / "set") / "loaf"
    bare = trimesh.load(mesh_folder / "loaf.glb", process=False, force="mesh")
    bare.visual = trimesh.visual.ColorVisuals()
    bare.export(tmp_path / "bare.ply")
    words = [
        "bake",
        str(sample),
        "--mesh",
        str(tmp_path / "bare.ply"),
        "--out",
        str(tmp_path / "o.glb"),
        "--size",
        "256",
    ]
    assert main(words) == 0
    cameras = view_cameras(resolution=128)
    meshes = (load_mesh(path).normalised() for path in (mesh_folder / "loaf.glb", tmp_path / "o.glb"))
    one, other = (render_albedo(mesh, cameras, WHITE) for mesh in meshes)
    assert psnr(one, other) > 33
    monkeypatch.setitem(sys.modules, "xatlas", None)
    assert main(words) == 2
    assert "realiz3d-bench[bake]" in capsys.readouterr().err


def test_the_command_explains_mistakes(mesh_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = rendered(mesh_folder, tmp_path / "set") / "egg"
    mesh = mesh_folder / "egg.glb"
    overlapping = trimesh.load(mesh, process=False, force="mesh")
    overlapping.visual.uv = np.abs(overlapping.visual.uv - [0.5, 0])
    overlapping.export(tmp_path / "mirrored.glb")
    out = tmp_path / "o.glb"

    def said(*words: str) -> str:
        capsys.readouterr()
        assert main(["bake", *words]) == 2
        return capsys.readouterr().err

    assert "ends in .glb" in said(str(sample), "--mesh", str(mesh), "--out", "o.obj")
    assert "no such folder" in said(str(tmp_path / "x"), "--mesh", str(mesh), "--out", str(out))
    assert "add --unwrap" in said(str(sample), "--mesh", str(tmp_path / "mirrored.glb"), "--out", str(out))
    assert "no suite 'two'" in said(str(sample), "--mesh", str(mesh), "--out", str(out), "--suite", "two")
    (sample / "view_3.png").unlink()
    assert "do not fit the cameras" in said(str(sample), "--mesh", str(mesh), "--out", str(out))
    (sample / "cameras.json").unlink()
    assert "nothing says where the 3 views look from" in said(str(sample), "--mesh", str(mesh), "--out", str(out))
    assert not out.exists()
