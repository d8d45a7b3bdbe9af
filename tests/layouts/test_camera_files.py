"""Camera files of data sets: each convention written from our cameras, and read back as a suite's views."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.cli import main
from bench.errors import InputError, UsageError
from bench.geometry.cameras import view_cameras
from bench.layouts.camera_files import find_camera_files, read_cameras, views_of

ANGLES = ((0.0, 0.0), (90.0, 20.0), (200.0, -10.0), (315.0, 60.0))
Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # our world (y up, front +z) to theirs


def poses(convention: str) -> list[np.ndarray]:
    """Camera to world 4 x 4, in a world with z up whose front camera stands at -y."""
    cameras = view_cameras([a for a, _ in ANGLES], [e for _, e in ANGLES], fov=35.0, distance=2.5)
    found = []
    for matrix in cameras.world_to_camera:
        pose = np.linalg.inv(matrix)
        pose[:3] = Z_UP @ pose[:3]
        found.append(pose @ np.diag([1.0, -1.0, -1.0, 1.0]) if convention == "blender" else pose)
    return found


def write(folder: Path, convention: str, **lens: float) -> None:
    if convention == "zero123":
        for index, pose in enumerate(poses(convention)):
            np.save(folder / f"{index:03d}.npy", np.linalg.inv(pose)[:3])
        return
    frames = [{"file_path": f"{i:03d}", "transform_matrix": pose.tolist()} for i, pose in enumerate(poses(convention))]
    (folder / "transforms.json").write_text(json.dumps({"frames": frames} | lens))


@pytest.mark.parametrize("convention", ["blender", "opencv", "zero123"])
def test_conventions_are_read_as_our_views(tmp_path: Path, convention: str) -> None:
    write(tmp_path, convention, camera_angle_x=math.radians(35))
    found = read_cameras(find_camera_files(tmp_path), convention)
    np.testing.assert_allclose([(s.azimuth, s.elevation) for s in found], ANGLES, atol=1e-4)
    assert all(seen.distance == pytest.approx(2.5) for seen in found)
    views = views_of(found, size=2.0)
    assert views["distance"] == pytest.approx(1.25) and views["elevation"] == [0.0, 20.0, -10.0, 60.0]
    assert views.get("fov") == (None if convention == "zero123" else pytest.approx(35.0))


def test_the_front_of_nerfs_world_is_minus_y(tmp_path: Path) -> None:
    """A camera at (0, -4, 0) with the identity turned by 90 degrees about x, as Blender writes it."""
    pose = [[1, 0, 0, 0], [0, 0, -1, -4], [0, 1, 0, 0], [0, 0, 0, 1]]
    frames = [{"file_path": "0", "transform_matrix": pose}]
    (tmp_path / "transforms.json").write_text(json.dumps({"frames": frames, "fl_x": 400, "w": 800}))
    (seen,) = read_cameras(find_camera_files(tmp_path))
    assert (seen.azimuth, seen.elevation, seen.distance) == (0, 0, 4)
    assert seen.fov == pytest.approx(90.0)


def test_what_a_suite_cannot_have_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "opencv")
    with pytest.raises(InputError, match="does not look at the object's middle"):
        read_cameras(find_camera_files(tmp_path), "blender")
    with pytest.raises(UsageError, match="unknown convention"):
        read_cameras(find_camera_files(tmp_path), "blend")
    file = tmp_path / "transforms.json"
    content = json.loads(file.read_text())
    for frame, angle in zip(content["frames"], (0.5, 0.6, 0.7, 0.8), strict=True):
        frame["camera_angle_x"] = angle
    file.write_text(json.dumps(content))
    assert views_of(read_cameras((file,), "opencv"))["fov"] == pytest.approx(
        [math.degrees(angle) for angle in (0.5, 0.6, 0.7, 0.8)], abs=1e-3
    )
    for text, message in (("[]", "does not describe"), ('{"frames": []}', "no cameras"), ("{", "does not describe")):
        file.write_text(text)
        with pytest.raises(InputError, match=message):
            read_cameras((file,))
    rolled = np.hstack([np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]), [[0.0], [0.0], [2.0]]])
    np.save(tmp_path / "0.npy", rolled)
    with pytest.raises(InputError, match="rolled"):
        read_cameras((tmp_path / "0.npy",))


def test_inspect_prints_the_views_of_camera_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for case in ("mug", "pot"):
        folder = tmp_path / case
        folder.mkdir()
        write(folder, "blender", camera_angle_x=math.radians(35))
        for index in range(4):
            picture = np.full((32, 32, 3), 255, dtype=np.uint8)
            picture[8:24, 8:24] = 40 * index
            Image.fromarray(picture).save(folder / f"{index:03d}.png")
    assert main(["inspect", str(tmp_path)]) == 0
    told = capsys.readouterr().err
    assert "azimuths: [0, 90, 200, 315], elevation: [0, 20, -10, 60]" in " ".join(told.split())
    write(tmp_path / "pot", "opencv")
    assert main(["inspect", str(tmp_path)]) == 0
    assert "cameras of pot: the camera does not look at the object's middle" in " ".join(
        capsys.readouterr().err.split()
    )
