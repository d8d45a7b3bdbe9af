"""`validate` opens the reference folders of a suite; errors of inputs say whose inputs they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.cli import main
from groundwork.pictures import write_png


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for i in range(3):
        picture = np.random.default_rng(i).integers(0, 256, (16, 16, 3), np.uint8)
        write_png(tmp_path / "photos" / f"{i}.png", picture)
    return tmp_path / "photos"


def suite_of(folder: Path, mesh_folder: Path, generator: str = "use: ceiling") -> str:
    path = folder.parent / "suite.yaml"
    path.write_text(f"""
name: tiny
version: 1
task: texturing
cases: {{source: meshes, path: "{mesh_folder}"}}
views: {{resolution: 32}}
references: {{photos: {{folder: "{folder}"}}}}
generators: [{{name: mine, {generator}}}]
metrics:
  - silhouette_iou
  - kd: {{reference: photos, extractor: efficientnet_lite0}}
""")
    return str(path)


def test_counts_pictures(photos, mesh_folder, capsys):
    assert main(["validate", suite_of(photos, mesh_folder)]) == 0
    assert "reference photos: 3 pictures, all readable" in capsys.readouterr().out
    assert main(["validate", suite_of(photos, mesh_folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reference_pictures"] == {"photos": 3}


def test_unreadable_pictures_are_named(photos, mesh_folder, capsys):
    (photos / "1.png").write_bytes(b"")
    (photos / "2.png").write_bytes((photos / "2.png").read_bytes()[:100])
    assert main(["validate", suite_of(photos, mesh_folder)]) == 2
    said = capsys.readouterr().err
    assert "reference 'photos'" in said and "1.png" in said and "2.png" in said and "0.png" not in said
    assert main(["validate", suite_of(photos, mesh_folder), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["valid"] is False and len(found["problems"]) == 2


def test_many_unreadable_pictures_are_counted(photos, mesh_folder, capsys):
    for i in range(15):
        (photos / f"bad_{i:02d}.png").write_bytes(b"")
    assert main(["validate", suite_of(photos, mesh_folder)]) == 2
    assert "5 more pictures cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["validate", "run"])
def test_missing_folder_names_the_reference(tmp_path, mesh_folder, capsys, command):
    suite = suite_of(tmp_path / "nowhere", mesh_folder)
    assert main([command, suite, *(["--out", str(tmp_path / "run"), "--offline"] if command == "run" else [])]) == 2
    assert "reference 'photos': the folder of reference pictures does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("use", ["textured_mesh", "folder"])
def test_missing_input_names_the_generator(photos, mesh_folder, capsys, use):
    suite = suite_of(photos, mesh_folder, f"use: {use}, path: nowhere")
    assert main(["run", suite, "--out", str(photos.parent / "run"), "--offline"]) == 2
    assert capsys.readouterr().err.count("generator 'mine'") == 1


def test_results_that_differ_in_k_only_are_refused(photos, mesh_folder, capsys):
    path = Path(suite_of(photos, mesh_folder))
    twice = "".join(f"  - precision: {{reference: photos, extractor: efficientnet_lite0, k: {k}}}\n" for k in (3, 5))
    path.write_text(path.read_text() + twice)
    assert main(["validate", str(path)]) == 2
    assert "the result 'precision[efficientnet_lite0]@photos' is measured twice" in capsys.readouterr().err
