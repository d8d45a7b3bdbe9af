"""Cameras told beside a folder's pictures: the suite's are read, others refused by name with the way out."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.cases.case import Case
from bench.errors import ImageError, InputError
from bench.generators.folder import FolderGenerator, FolderOptions
from bench.generators.protocol import GenerationRequest, GeneratorContext
from bench.geometry.cameras import view_cameras
from bench.layouts.camera_files import find_camera_files, read_cameras, views_of
from bench.suite.cameras import cameras_of
from bench.suite.views import Views

SIZE = 16
WHITE = (1.0, 1.0, 1.0)
RING = (0.0, 90.0, 180.0, 270.0)
Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def poses(azimuths, elevation=0.0, distance=2.5) -> list[list[list[float]]]:
    """Camera to world as Blender writes it."""
    found = []
    for matrix in view_cameras(azimuths, elevation, distance=distance).world_to_camera:
        pose = np.linalg.inv(matrix)
        pose[:3] = Z_UP @ pose[:3]
        found.append((pose @ np.diag([1.0, -1.0, -1.0, 1.0])).tolist())
    return found


def transforms(folder: Path, azimuths=RING, fov=40.0, name="./{:03d}.png", **options) -> None:
    frames = [{"file_path": name.format(i), "transform_matrix": p} for i, p in enumerate(poses(azimuths, **options))]
    (folder / "transforms.json").write_text(json.dumps({"camera_angle_x": math.radians(fov), "frames": frames}))


def meta(folder: Path, azimuths, elevation=0.0, kind="ORTHO", scale=1.1) -> None:
    """As bpy-renderer writes it: `ortho_scale` and `camera_angle_x` stand there for every camera."""
    locations = [
        {"index": f"{i:04d}", "projection_type": kind, "ortho_scale": scale, "camera_angle_x": 0.857556,
         "transform_matrix": pose}
        for i, pose in enumerate(poses(azimuths, elevation, 1.8))
    ]  # fmt: skip
    (folder / "meta.json").write_text(json.dumps({"width": SIZE, "height": SIZE, "locations": locations}))


def pictures(folder: Path, count: int = 4, name: str = "{:03d}.png") -> np.ndarray:
    folder.mkdir(parents=True, exist_ok=True)
    views = np.full((count, SIZE, SIZE, 3), 255, dtype=np.uint8)
    views[:, 4:-4, 4:-4] = np.random.default_rng(0).integers(0, 200, (count, SIZE - 8, SIZE - 8, 3))
    for index, view in enumerate(views):
        Image.fromarray(view).save(folder / name.format(index))
    return views


def generator(root: Path, views: Views, **options) -> tuple[FolderGenerator, GenerationRequest]:
    cameras = cameras_of(views)
    case = Case("mug", "mug", None)
    made = FolderGenerator(
        "theirs", FolderOptions(path=root, **options), GeneratorContext((case,), cameras, WHITE, "cpu", Path("/"))
    )
    return made, GenerationRequest(case, cameras, 0, WHITE, (0,) * len(cameras), None)


def read(root: Path, views: Views | None = None, **options) -> np.ndarray:
    made, request = generator(root, views or Views(resolution=SIZE), **options)
    return made.views(request)


def test_the_suites_cameras_are_read(tmp_path):
    views = pictures(tmp_path / "mug")
    transforms(tmp_path / "mug", distance=7.0)  # in another unit
    np.testing.assert_array_equal(read(tmp_path), views)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"azimuths": (0.0, 90.0, 200.0, 270.0)}, "picture 2 has a camera at azimuth 200 and elevation 0, the suite's"),
        ({"elevation": 20.0}, "picture 0 has a camera at azimuth 0 and elevation 20"),
        ({"fov": 50.0}, "picture 0 has a field of view of 50 degrees, the suite's is 40"),
    ],
)
def test_other_cameras_are_refused_with_the_way_out(tmp_path, told, message):
    views = pictures(tmp_path / "mug")
    transforms(tmp_path / "mug", **told)
    with pytest.raises(ImageError, match=message) as caught:
        read(tmp_path)
    assert "inspect FOLDER prints the `views`" in caught.value.hint and "cameras: ignore" in caught.value.hint
    np.testing.assert_array_equal(read(tmp_path, cameras="ignore"), views)


def test_distances_that_differ_are_refused(tmp_path):
    pictures(tmp_path / "mug")
    transforms(tmp_path / "mug")
    file = tmp_path / "mug" / "transforms.json"
    content = json.loads(file.read_text())
    far = np.array(content["frames"][1]["transform_matrix"])
    far[:3, 3] *= 1.2
    content["frames"][1]["transform_matrix"] = far.tolist()
    file.write_text(json.dumps(content))
    with pytest.raises(ImageError, match=r"distances of 2\.5 to 3"):
        read(tmp_path)


def test_the_views_that_are_taken_are_held_against_their_own_cameras(tmp_path):
    views = pictures(tmp_path / "mug", 8)
    transforms(tmp_path / "mug", tuple(45.0 * i for i in range(8)))
    np.testing.assert_array_equal(read(tmp_path, take=(0, 2, 4, 6)), views[::2])
    with pytest.raises(ImageError, match="picture 1 has a camera at azimuth 45"):
        read(tmp_path, take=(0, 1, 4, 6))


def test_a_file_about_other_pictures_says_nothing(tmp_path):
    views = pictures(tmp_path / "mug")
    transforms(tmp_path / "mug", (10.0, 20.0, 30.0, 40.0), name="input_{}_x")
    np.testing.assert_array_equal(read(tmp_path), views)
    (tmp_path / "mug" / "transforms.json").unlink()
    (tmp_path / "mug" / "meta.json").write_text('{"seed": 3}')
    np.testing.assert_array_equal(read(tmp_path), views)


def test_a_wrong_convention_is_named(tmp_path):
    pictures(tmp_path / "mug")
    transforms(tmp_path / "mug")
    with pytest.raises(InputError, match="does not look at the object's middle"):
        read(tmp_path, cameras="opencv")


def test_camera_files_are_part_of_the_inputs_identity(tmp_path):
    pictures(tmp_path / "mug")
    before = generator(tmp_path, Views(resolution=SIZE))[0].fingerprint()
    transforms(tmp_path / "mug")
    assert generator(tmp_path, Views(resolution=SIZE))[0].fingerprint() != before
    found = [generator(tmp_path, Views(resolution=SIZE), cameras="ignore")[0].fingerprint()]
    transforms(tmp_path / "mug", elevation=20.0)
    assert generator(tmp_path, Views(resolution=SIZE), cameras="ignore")[0].fingerprint() == found[0]


def test_meta_json_tells_orthographic_cameras(tmp_path):
    angles = ((0.0, 90.0, 180.0, 270.0, 45.0, 315.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 60.0, -60.0))
    views = pictures(tmp_path / "ab" / "mug", 8, "color_{:04d}.webp")
    views = np.stack([np.asarray(Image.open(f)) for f in sorted((tmp_path / "ab" / "mug").glob("*.webp"))])
    meta(tmp_path / "ab" / "mug", *angles)
    found = views_of(read_cameras(find_camera_files(tmp_path / "ab" / "mug")))
    assert found == {
        "azimuths": list(angles[0]), "elevation": list(angles[1]), "projection": "orthographic", "frame": 1.1
    }  # fmt: skip
    suite = Views(azimuths=angles[0], elevation=angles[1], projection="orthographic", frame=1.1, resolution=SIZE)
    np.testing.assert_array_equal(read(tmp_path, suite, files="**/{case}/color_{view}"), views)
    with pytest.raises(ImageError, match="camera that is orthographic, the suite's are perspective"):
        read(tmp_path, suite.model_copy(update={"projection": "perspective", "frame": None}),
             files="**/{case}/color_{view}")  # fmt: skip


def test_meta_json_of_perspective_cameras_tells_the_field_of_view(tmp_path):
    meta(tmp_path, RING, kind="PERSP")
    found = views_of(read_cameras(find_camera_files(tmp_path)))
    assert found["fov"] == pytest.approx(49.134, abs=1e-3) and found["projection"] == "perspective"
    content = json.loads((tmp_path / "meta.json").read_text())
    content["locations"][0]["projection_type"] = "ORTHO"
    (tmp_path / "meta.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="both projections"):
        views_of(read_cameras(find_camera_files(tmp_path)))


def test_mvgbench_tells_its_views_by_camera_files(tmp_path):
    views = pictures(tmp_path / "mug" / "gso100-sv3d-v8", 8)
    transforms(tmp_path / "mug" / "gso100-sv3d-v8", tuple(45.0 * i for i in range(8)))
    np.testing.assert_array_equal(read(tmp_path, layout="mvgbench"), views[::2])
    with pytest.raises(ImageError, match="no picture was taken from azimuth 30 and elevation 0"):
        read(tmp_path, Views(azimuths=(30.0, 90.0), resolution=SIZE), layout="mvgbench")
    (tmp_path / "mug" / "gso100-sv3d-v8" / "transforms.json").unlink()
    with pytest.raises(ImageError, match="no picture was taken"):
        read(tmp_path, layout="mvgbench")


@pytest.mark.parametrize("half", ["odd", "even"])
def test_the_halves_that_mvgbench_judges(tmp_path, half):
    """Both lie side by side; each is read by its own preset, by its own camera files."""
    kept = {}
    for name, first in (("odd", 1), ("even", 0)):
        folder = tmp_path / "example" / f"sv3d-v8_{name}" / "mug"
        kept[name] = pictures(folder, 4)
        transforms(folder, tuple(45.0 * i for i in range(first, 8, 2)))
    azimuths = tuple(45.0 * i for i in range(1 if half == "odd" else 0, 8, 2))
    found = read(tmp_path, Views(azimuths=azimuths[::-1], resolution=SIZE), layout=f"mvgbench-{half}")
    np.testing.assert_array_equal(found, kept[half][::-1])
