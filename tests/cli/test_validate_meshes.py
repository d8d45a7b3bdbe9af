"""`validate` opens the meshes that a run will open, and says what the run will say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bench.cli import main


def suite_of(folder: Path, generator: str) -> str:
    path = folder.parent / "suite.yaml"
    path.write_text(f"""
name: tiny
version: 1
task: texturing
cases: {{source: meshes, path: "{folder}"}}
views: {{resolution: 32}}
generators: [{{name: mine, {generator}}}]
metrics: [silhouette_iou]
""")
    return str(path)


@pytest.fixture
def meshes(tmp_path, mesh_folder):
    shutil.copytree(mesh_folder, tmp_path / "meshes")
    (tmp_path / "meshes/bare.obj").write_text("mtllib gone.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl a\nf 1 2 3\n")
    return tmp_path / "meshes"


def said(suite, capsys):
    code = main(["validate", suite, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_geometry_alone_is_a_note_where_it_is_enough(meshes, capsys):
    (meshes.parent / "views").mkdir()
    suite = suite_of(meshes, f"use: folder, path: {meshes.parent / 'views'}")
    code, found = said(suite, capsys)
    assert code == 0 and found["meshes"] == 4
    assert len(found["notes"]) == 1 and "case 'bare'" in found["notes"][0] and "gone.mtl" in found["notes"][0]
    assert main(["validate", suite]) == 0
    shown = capsys.readouterr()
    assert "cases: 4 meshes, all readable" in shown.out and "gone.mtl" in shown.err


def test_calibration_needs_more_than_geometry(meshes, capsys):
    suite = suite_of(meshes, "use: ceiling")
    code, found = said(suite, capsys)
    assert code == 2 and len(found["problems"]) == 1
    assert "case 'bare'" in found["problems"][0]["message"] and "gone.mtl" in found["problems"][0]["message"]
    assert main(["run", suite, "--out", str(meshes.parent / "run"), "--offline"]) == 3
    assert "mine / bare / seed 0" in capsys.readouterr().err


def test_meshes_of_cases_and_of_methods_are_opened(meshes, capsys):
    (meshes / "egg.glb").write_bytes(b"")
    theirs = meshes.parent / "theirs"
    shutil.copytree(meshes, theirs)
    (theirs / "loaf.glb").unlink()
    code, found = said(suite_of(meshes, f"use: textured_mesh, path: {theirs}"), capsys)
    told = [problem["message"] for problem in found["problems"]]
    assert code == 2 and len(told) == 4
    assert told[0] == "case 'egg': the file is empty (zero bytes)"
    assert all("generator 'mine'" in message for message in told[1:])
    assert main(["doctor", "--suite", str(meshes.parent / "suite.yaml")]) != 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "egg.glb" in shown and "empty" in shown
    assert "gone.mtl" in told[1] and "empty" in told[2] and "no mesh for case 'loaf'" in told[3]


def test_notes_of_a_methods_meshes_are_told(meshes, capsys):
    """A texture coordinate that is nowhere is left out, by `validate`, `doctor` and a run alike."""
    (meshes / "bare.obj").unlink()
    theirs = meshes.parent / "theirs"
    shutil.copytree(meshes, theirs)
    (theirs / "egg.glb").unlink()
    (theirs / "egg.obj").write_text("v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 0 1 0 0 0 1\nf 1/7 2/7 3/7\n")
    suite = suite_of(meshes, f"use: textured_mesh, path: {theirs}")
    wanted = "generator 'mine', mesh of case 'egg': 3 corners ask for texture coordinates that the file does not have"
    code, found = said(suite, capsys)
    assert code == 0 and len(found["notes"]) == 1 and wanted in found["notes"][0]
    assert main(["doctor", "--suite", suite, "--json"]) == 0
    assert wanted in json.loads(capsys.readouterr().out)["findings"][0]["seen"]
    assert main(["run", suite, "--out", str(meshes.parent / "run"), "--offline"]) == 0
    assert wanted in " ".join(capsys.readouterr().err.split())


def test_a_folder_that_is_not_there_yet_is_a_note(tmp_path, capsys):
    code, found = said(suite_of(tmp_path / "nowhere", "use: ceiling"), capsys)
    assert code == 0 and "not there yet" in found["notes"][0]
