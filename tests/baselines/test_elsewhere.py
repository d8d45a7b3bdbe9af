"""What docs/external-outputs.md says of other programs' cameras and axes, from the formulas in their public sources."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
import yaml
from PIL import Image

from bench.cases.mesh_file import MeshFile
from bench.cli import main
from bench.geometry.cameras import view_cameras

DOC = (Path(__file__).parents[2] / "docs" / "external-outputs.md").read_text()


def look_at(centre: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Rows right, up, backward of a camera that looks at the origin."""
    backward = centre / np.linalg.norm(centre)
    right = np.cross(up, backward)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(backward, right), backward])


def in_our_pixels(point: np.ndarray, cameras: object, view: int) -> np.ndarray:
    return cameras.project(torch.tensor(point), view)[0].numpy()


@pytest.mark.parametrize("azimuth", [0.0, 90.0, 180.0, 270.0])
def test_mv_adapters_views_are_ours(azimuth):
    """Its world is z-up with (x, y, z) = (X, -Z, Y); cameras stand at azimuth - 90; the frame is +-0.55."""
    point = np.array([0.11, -0.23, 0.37])
    a = np.deg2rad(azimuth - 90)
    right, up, _ = look_at(np.array([np.cos(a), np.sin(a), 0.0]), np.array([0.0, 0.0, 1.0]))
    theirs = np.array([point[0], -point[2], point[1]])
    pixels = 384 + 384 / 0.55 * np.array([right @ theirs, -(up @ theirs)])
    ours = view_cameras((azimuth, azimuth + 90), projection="orthographic", resolution=768)
    np.testing.assert_allclose(in_our_pixels(point, ours, 0), pixels, atol=1e-9)


def test_meshes_that_are_centred_as_the_guide_says_keep_their_place(tmp_path):
    """Their scaling (farthest coordinate at 0.5, nothing moved) is then ours."""
    (code,) = re.findall(r"```python\n  import trimesh\n(.*?)```", DOC, re.S)
    (tmp_path / "meshes").mkdir()
    (tmp_path / "centred").mkdir()
    box = trimesh.creation.box((0.3, 1.7, 0.8))
    box.apply_translation((4.0, -1.0, 2.0))
    box.export(tmp_path / "meshes" / "mug.glb")
    source = re.sub(r"^  ", "", code, flags=re.M)
    exec(
        source.replace('"meshes/', f'"{tmp_path}/meshes/').replace('"centred/', f'"{tmp_path}/centred/'),
        {"trimesh": trimesh},
    )
    vertices = trimesh.load(tmp_path / "centred" / "mug.glb", force="mesh").vertices
    theirs = vertices / np.abs(vertices).max() * 0.5
    ours = MeshFile(tmp_path / "meshes" / "mug.glb").load().vertices
    np.testing.assert_allclose(np.sort(theirs, axis=0), np.sort(np.asarray(ours), axis=0), atol=1e-6)


def test_what_faces_minus_y_in_trellis_faces_plus_z_in_its_glb():
    turned = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, 1.0]]) @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    np.testing.assert_array_equal(turned, [[0, 0, 1], [0, 1, 0]])  # its front, its up


@pytest.mark.parametrize(("azimuths", "elevation"), [((30, 150, 270), 20.0), ((90, 210, 330), -10.0)])
def test_zero123plus_turns_as_we_do(azimuths, elevation):
    """Its readers put cameras at (cos e cos a, cos e sin a, sin e), z up, the picture's own view at +x."""
    ours = view_cameras(azimuths, elevation, fov=30.0, resolution=320).centres
    for azimuth, centre in zip(azimuths, ours, strict=True):
        a, e = np.deg2rad(azimuth), np.deg2rad(elevation)
        x, y, z = np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)
        np.testing.assert_allclose(centre / np.linalg.norm(centre), [y, z, x], atol=1e-9)  # +x is our +z, +y our +x


def suites() -> list[dict]:
    """The YAML of the guide, with what it leaves to the reader."""
    return [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", DOC, re.S)]


@pytest.mark.parametrize("name", ["mv-adapter", "zero123plus"])
def test_pictures_are_read_as_the_guide_says(name, tmp_path):
    """Each tile has its number's grey level; the stored samples say which tiles were taken."""
    (written,) = [found for found in suites() if found["generators"][0]["name"] == name]
    entry, size = written["generators"][0], 16
    rows, columns = entry["grid"]
    tiles = np.zeros((rows, columns, size, size, 3), dtype=np.uint8)
    for tile in range(rows * columns):
        tiles[tile // columns, tile % columns] = 40 * tile
        tiles[tile // columns, tile % columns, 0] = 255  # not blank
    (tmp_path / "pictures" / "mug").mkdir(parents=True)
    Image.fromarray(np.vstack([np.hstack(row) for row in tiles])).save(tmp_path / "pictures" / "mug" / "grid.png")
    (tmp_path / "prompts.csv").write_text("case,prompt\nmug,a red mug\n")
    suite = {"name": "guide", "version": 1, "task": "text_to_multiview", "metrics": ["hull_iou"]} | written
    suite |= {"cases": {"source": "prompts", "path": "prompts.csv"}}
    suite["views"] = written["views"] | {"resolution": size}
    suite["generators"] = [entry | {"path": "pictures"}]
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(suite))
    assert main(["--offline", "run", str(tmp_path / "suite.yaml"), "--out", str(tmp_path / "out")]) in (0, 3)
    made = [
        np.asarray(Image.open(tmp_path / "out" / "samples" / name / "mug" / "seed_0" / f"view_{view}.png"))[5, 5, 0]
        for view in range(len(entry["take"]))
    ]
    assert made == [40 * tile for tile in entry["take"]]


def test_the_guides_python_is_python():
    for code in re.findall(r"^( *)```python\n(.*?)```", DOC, re.S | re.M):
        compile(re.sub(rf"^{code[0]}", "", code[1], flags=re.M), "guide", "exec")
