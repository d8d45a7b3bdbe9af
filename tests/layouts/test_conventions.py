"""The convention of camera files, found by the meshes' outlines: each way of writing them is told from the others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from camera_writers import random_cameras, write_arrays, write_nerf, write_pictures

from bench.cases.miniworld.world import miniworld_cases
from bench.cli import main
from bench.generators.ground_truth import ground_truth
from bench.layouts.conventions import camera_readings, settled
from bench.suite.load import load_suite

SIDE = 64
WHITE = (1.0, 1.0, 1.0)
CASES = miniworld_cases("eval", 4, "rich", 0)[1:]
CAMERAS = {case.id: random_cameras(place, 4, SIDE) for place, case in enumerate(CASES)}
VIEWS = {case.id: ground_truth(case, CAMERAS[case.id], WHITE, "cpu").views for case in CASES}
MESHES = {case.id: case.mesh.load() for case in CASES}
SUITE = "name: own\nversion: 1\ntask: texturing\ncases: {source: miniworld, count: 4}\nmetrics: [silhouette_iou]\n"


def found(root: Path, views=VIEWS, write=write_nerf, **how):
    files = {}
    for case in CASES:
        write(root / case.id, CAMERAS[case.id], **how)
        files[case.id] = [root / case.id / f"{view:03d}.png" for view in range(4)]
    return camera_readings(files, {case: made / 255.0 for case, made in views.items()}, MESHES)


WRITTEN = {
    "blender, z up": {},
    "blender, y up": {"z_up": False},
    "opencv, z up": {"opengl": False},
    "opencv, y up": {"opengl": False, "z_up": False},
}


@pytest.mark.parametrize("way", WRITTEN)
def test_each_convention_is_told_from_the_others(tmp_path: Path, way: str) -> None:
    readings, refused = found(tmp_path, size=2.0, **WRITTEN[way])
    assert settled(readings) and readings[0].words() == way, (readings, refused)
    assert readings[0].outline > 0.95 and readings[0].size == pytest.approx(2.0, rel=0.02)
    assert len(refused) >= 2  # most wrong readings look elsewhere, or lie on their side


def test_world_to_camera_arrays_without_a_lens(tmp_path: Path) -> None:
    readings, _ = found(tmp_path, write=write_arrays)
    assert settled(readings) and (readings[0].convention, readings[0].up) == ("opencv", "z")


def test_mirrored_pictures_and_files_of_other_pictures(tmp_path: Path) -> None:
    readings, _ = found(tmp_path / "a", {case: made[:, :, ::-1] for case, made in VIEWS.items()})
    assert settled(readings) and readings[0].mirror and readings[0].outline > 0.95
    names = [*VIEWS]
    swapped = dict(zip(names, [VIEWS[name] for name in (*names[1:], names[0])], strict=True))
    readings, _ = found(tmp_path / "b", swapped)
    assert not settled(readings) and readings[0].outline < 0.9


def test_inspect_prints_views_that_a_suite_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for case in CASES:
        write_nerf(tmp_path / "made" / case.id, CAMERAS[case.id], z_up=False, size=2.0)
        write_pictures(tmp_path / "made" / case.id, VIEWS[case.id])
    suite = tmp_path / "suite.yaml"
    suite.write_text(SUITE)
    assert main(["inspect", str(tmp_path / "made"), "--suite", str(suite), "--json"]) == 0
    views = json.loads(capsys.readouterr().out)["cameras"]
    assert views["cameras"]["up"] == "y" and views["cameras"]["size"] == pytest.approx(2.0, rel=0.02)
    own = tmp_path / "own.yaml"
    own.write_text(SUITE + yaml.safe_dump({"views": views}))
    assert load_suite(own).views.cameras is not None
    assert main(["inspect", str(tmp_path / "made"), "--suite", str(own)]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "order: that of the cameras" in told and "blender, y up: outline 0.9" in told
    for case in CASES:  # the cameras lie elsewhere
        (tmp_path / "cameras" / case.id).mkdir(parents=True)
        (tmp_path / "made" / case.id / "transforms.json").rename(tmp_path / "cameras" / case.id / "transforms.json")
    elsewhere = ["--set", f"views.cameras.path={tmp_path / 'cameras'}"]
    assert main(["inspect", str(tmp_path / "made"), "--suite", str(own), *elsewhere]) == 0
    assert "in the suite's cameras outlines meet the meshes' by 0.9" in " ".join(capsys.readouterr().err.split())


def test_without_meshes_cameras_of_each_case_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for case in CASES:
        write_nerf(tmp_path / case.id, CAMERAS[case.id])
        write_pictures(tmp_path / case.id, np.ascontiguousarray(VIEWS[case.id]))
    assert main(["inspect", str(tmp_path)]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert f'cameras are of each case: views: {{cameras: {{path: "{tmp_path}"}}, resolution: 64}}' in told.replace(
        "/ ", "/"
    )
