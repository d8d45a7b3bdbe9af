"""Cameras of each case from files of every form and convention: read back as those that they were written from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from camera_writers import (
    angle_x,
    camera_to_world,
    random_cameras,
    write,
    write_arrays,
    write_meta,
    write_nerf,
    write_nerfstudio,
    write_trellis,
)

from bench.errors import InputError
from bench.geometry.camera_file import camera_json
from bench.geometry.cameras import Cameras, view_cameras
from bench.layouts.case_cameras import read_case_cameras

SIDE = 64
FOV = 35.0
CAMERAS = random_cameras(5, side=SIDE)


def read(root: Path, **how) -> Cameras:
    return read_case_cameras(root, ["mug"], SIDE, **how)["mug"].cameras()


def same(found: Cameras, wanted: Cameras = CAMERAS) -> None:
    assert (found.projection, found.resolution) == (wanted.projection, wanted.resolution)
    np.testing.assert_allclose(found.world_to_camera, wanted.world_to_camera, atol=1e-9)
    np.testing.assert_allclose(found.intrinsics, wanted.intrinsics, atol=1e-6)


FORMS = {
    "nerf-synthetic": (lambda f: write_nerf(f, CAMERAS, "./test/r_{}", "transforms_test.json"), {}),
    "opengl by name": (lambda f: write_nerf(f, CAMERAS), {"convention": "opengl"}),
    "opencv poses": (lambda f: write_nerf(f, CAMERAS, opengl=False), {"convention": "opencv"}),
    "y up": (lambda f: write_nerf(f, CAMERAS, z_up=False), {"up": "y"}),
    "another unit": (lambda f: write_nerf(f, CAMERAS, size=2.0), {"size": 2.0}),
    "nerfstudio": (lambda f: write_nerfstudio(f, CAMERAS), {}),
    "trellis": (lambda f: write_trellis(f, CAMERAS), {}),
    "zero123": (lambda f: write_arrays(f, CAMERAS), {"fov": FOV}),
    "colmap 4 x 4": (lambda f: write_arrays(f, CAMERAS, rows=4), {"fov": FOV, "convention": "opencv"}),
    "all in one array": (lambda f: write_arrays(f, CAMERAS, rows=4, stacked="poses.npy"), {"fov": FOV}),
    "opengl arrays": (lambda f: write_arrays(f, CAMERAS, opengl=True), {"fov": FOV, "convention": "blender"}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_back_the_cameras_that_it_was_written_from(tmp_path: Path, form: str) -> None:
    written, how = FORMS[form]
    written(tmp_path / "mug")
    same(read(tmp_path, **how))


def test_orthographic_cameras_of_meta_json(tmp_path: Path) -> None:
    wanted = random_cameras(2, side=SIDE, projection="orthographic", frame=1.3, distance=None)
    write_meta(tmp_path / "ab" / "mug", wanted)
    found = read(tmp_path)
    np.testing.assert_allclose(found.intrinsics, wanted.intrinsics, atol=1e-6)
    np.testing.assert_allclose(found.angles, wanted.angles, atol=1e-6)


def test_lenses_that_are_not_square_or_look_to_one_side(tmp_path: Path) -> None:
    intrinsics = CAMERAS.intrinsics.copy()
    intrinsics[:, 0, 0] *= 1.2
    intrinsics[:, 0, 2] += 3.0
    wanted = Cameras(CAMERAS.world_to_camera, intrinsics, "perspective", SIDE)
    write_nerfstudio(tmp_path / "mug", wanted, pixels=256)
    same(read(tmp_path), wanted)
    write_arrays(tmp_path / "other" / "mug", CAMERAS)
    np.save(tmp_path / "other" / "mug" / "K.npy", intrinsics[0])
    same(read(tmp_path / "other"), wanted)


def test_our_own_file_and_a_suites_views_in_one(tmp_path: Path) -> None:
    (tmp_path / "mug" / "seed_0").mkdir(parents=True)
    (tmp_path / "mug" / "seed_0" / "cameras.json").write_bytes(camera_json(CAMERAS))
    same(read(tmp_path))
    views = {"azimuths": [10, 100, 250], "elevation": [5, -20, 30], "distance": [2.5, 3.0, 2.8], "fov": 30}
    write(tmp_path / "told" / "mug.json", views)
    same(read(tmp_path / "told"), view_cameras(resolution=SIDE, **views))
    write(tmp_path / "told" / "mug.json", views | {"azimuth": 3})
    with pytest.raises(InputError, match="unknown key 'azimuth'"):
        read(tmp_path / "told")
    for wrong in ({"fov": 0}, {"fov": 200}, {"distance": -2}, {"distance": float("nan")}):
        write(tmp_path / "told" / "mug.json", views | wrong)
        with pytest.raises(InputError, match="a number is out of range"):
            read(tmp_path / "told")


def test_views_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    poses = camera_to_world(CAMERAS).tolist()
    frames = [{"file_path": f"./r_{i}", "transform_matrix": poses[i]} for i in (2, 0, 3, 1)]
    write(tmp_path / "mug" / "transforms.json", {"camera_angle_x": angle_x(CAMERAS), "frames": frames})
    same(read(tmp_path))
    chosen = read(tmp_path, take=(3, 1))
    np.testing.assert_allclose(chosen.world_to_camera, CAMERAS.world_to_camera[[3, 1]], atol=1e-9)
    with pytest.raises(InputError, match="there are 4 cameras, and `take` names number 4"):
        read(tmp_path, take=(0, 4))


def test_a_case_costs_itself_alone(tmp_path: Path) -> None:
    write_nerf(tmp_path / "mug", CAMERAS)
    (tmp_path / "pot").mkdir()
    (tmp_path / "pot" / "transforms.json").write_text('{"frames": [{"transform_matrix": 3}]}')
    found = read_case_cameras(tmp_path, ["mug", "pot", "jar"], SIDE)
    assert [len(found[case]) for case in ("mug", "pot", "jar")] == [4, 0, 0]
    assert "case 'pot': there is no camera here" in str(found["pot"].problem)
    assert "case 'jar': it has no camera files" in str(found["jar"].problem)
    with pytest.raises(InputError, match="no camera files of the suite's cases"):
        read_case_cameras(tmp_path, ["cup"], SIDE)


def test_several_files_are_not_chosen_among(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_nerf(tmp_path / "mug", random_cameras(len(split)), file=f"transforms_{split}.json")
    with pytest.raises(InputError, match="several files tell its cameras") as caught:
        read(tmp_path)
    assert "mug/transforms_test.json, mug/transforms_train.json" in caught.value.expected
    assert len(read(tmp_path / "{case}" / "transforms_test.json")) == 4


def test_cases_that_are_called_like_pictures(tmp_path: Path) -> None:
    write_arrays(tmp_path / "000", CAMERAS)
    write_arrays(tmp_path / "001", random_cameras(1))
    found = read_case_cameras(tmp_path, ["000", "001"], SIDE, fov=FOV)
    same(found["000"].cameras())
    assert found["000"].fingerprint != found["001"].fingerprint


def broken(change) -> str:
    poses = camera_to_world(CAMERAS)
    content = {"camera_angle_x": angle_x(CAMERAS), "frames": [{"transform_matrix": pose.tolist()} for pose in poses]}
    change(content)
    return json.dumps(content)


def _pose(content, index=0):
    return np.array(content["frames"][index]["transform_matrix"])


def _mirrored(content):
    content["frames"][0]["transform_matrix"] = (np.diag([-1.0, 1, 1, 1]) @ _pose(content)).tolist()


def _scaled(content):
    content["frames"][0]["transform_matrix"] = (_pose(content) @ np.diag([2.0, 2, 2, 1])).tolist()


def _transposed(content):
    content["frames"][0]["transform_matrix"] = _pose(content).T.tolist()


def _upside_down(content):
    content["frames"][0]["transform_matrix"] = (_pose(content) @ np.diag([-1.0, -1, 1, 1])).tolist()


def _close(content):
    for frame in content["frames"]:
        matrix = np.array(frame["transform_matrix"])
        matrix[:3, 3] *= 0.2
        frame["transform_matrix"] = matrix.tolist()


BROKEN = [
    (_mirrored, "mirrors: its axes or its world are left-handed"),
    (_scaled, "not a rotation"),
    (_transposed, "does not end in the row 0, 0, 0, 1"),
    (_upside_down, "the camera is rolled"),
    (_close, "of the object's longest side from its middle"),
    (lambda c: c.update(w=800, h=600, fl_x=900), "pictures are 800 x 600 pixels"),
    (lambda c: c.update(k1=0.1), "the lens distorts"),
    (lambda c: c.update(camera_model="OPENCV_FISHEYE"), "camera model is OPENCV_FISHEYE"),
    (lambda c: c.update(w=800, h=800, fl_x=400), "fl_x says a field of view of 90 degrees, camera_angle_x one of 35"),
    (lambda c: c.pop("camera_angle_x"), "tell no field of view"),
    (lambda c: c["frames"].append(c["frames"][1]), "cameras 1 and 4 look from the same side"),
    (lambda c: c["frames"].clear(), "no cameras"),
    (lambda c: c.update(frames=[{}] * 1025), "the file has 1025 cameras"),
    (lambda c: c.update(camera_angle_x=0), "camera_angle_x is 0"),
    (lambda c: c.update(camera_angle_x=float("nan")), "camera_angle_x is nan"),
    (lambda c: c.update(w=0, fl_x=3), "does not describe cameras"),
    (lambda c: c.update(w=800, fl_x=-900, camera_angle_x=None), "looks past its picture"),
    (lambda c: c["frames"][0].update(projection_type="ORTHO", ortho_scale=0), "ortho_scale is 0"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN, ids=[message for _, message in BROKEN])
def test_what_is_no_view_is_refused_by_name(tmp_path: Path, change, message: str) -> None:
    (tmp_path / "mug").mkdir()
    (tmp_path / "mug" / "transforms.json").write_text(broken(change))
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path)
    assert caught.value.message.startswith("case 'mug': ") and caught.value.where


def test_an_unlikely_unit_is_told(tmp_path: Path) -> None:
    write_nerf(tmp_path / "mug", CAMERAS, size=40.0)
    (note,) = read_case_cameras(tmp_path, ["mug"], SIDE)["mug"].notes
    assert "longest side is 0.0" in note and "views.cameras.size" in note
    assert not read_case_cameras(tmp_path, ["mug"], SIDE, size=40.0)["mug"].notes


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    write_nerf(tmp_path / "pot", CAMERAS)
    (tmp_path / "mug").mkdir()
    (tmp_path / "mug" / "meta.pkl").write_bytes(b"\x80\x04.")
    problem = read_case_cameras(tmp_path, ["mug", "pot"], SIDE)["mug"].problem
    assert problem is not None and "pickles run code" in problem.hint
    np.save(tmp_path / "mug" / "000.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "cannot be read" in str(read_case_cameras(tmp_path, ["mug", "pot"], SIDE)["mug"].problem)
