"""A suite of prompts only, end to end: a folder of views is scored, and what needs a mesh is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from painted_scenes import mesh_of, render
from PIL import Image

from bench.cli import main
from bench.errors import SuiteError, SuiteErrors
from bench.geometry.cameras import view_cameras
from bench.suite.load import load_suite

SUITE = """\
name: words
version: 1
task: text_to_multiview
cases: {source: prompts, path: prompts.csv}
views: {resolution: 96}
generators:
  - {name: mine, use: folder, path: mine}
metrics:
  - hull_iou
  - hull_lift
  - lift
primary: [hull_iou]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("words")
    (root / "suite.yaml").write_text(SUITE)
    (root / "prompts.csv").write_text('case,prompt\negg,"an egg, <i>boiled</i>"\nbar,a bar\n')
    shapes = {"egg": trimesh.creation.icosphere(3, 0.45), "bar": trimesh.creation.box((0.3, 0.9, 0.3))}
    for name, shape in shapes.items():
        (root / "mine" / name).mkdir(parents=True)
        for index, view in enumerate(render(mesh_of(shape), view_cameras(resolution=96)).numpy()):
            Image.fromarray(np.uint8(view * 255)).save(root / "mine" / name / f"view_{index}.png")
    return root


def rows(out: Path) -> dict[str, dict[str, object]]:
    return {row["metric"]: row for row in json.loads((out / "summary.json").read_text())["rows"]}


@pytest.mark.parametrize("command", ["run", "score"])
def test_a_folder_of_views_is_scored(command, folder, tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("REALIZ3D_BENCH_WEIGHTS", raising=False)
    suite = str(folder / "suite.yaml")
    words = ["run", suite] if command == "run" else ["score", str(folder / "mine"), "--suite", suite]
    assert main(["--offline", *words, "--out", str(tmp_path / "out")]) == 0
    found = rows(tmp_path / "out")
    assert found["hull_iou"]["status"] == "ok" and found["hull_iou"]["value"] > 0.98  # type: ignore[operator]
    assert found["hull_iou"]["n_objects"] == 2
    assert found["hull_lift_psnr"]["status"] == found["hull_lift_cde"]["status"] == "ok"
    # a hull is never printed in LGM's column
    assert {found[name]["status"] for name in ("lift_psnr", "lift_ssim", "lift_lpips")} == {"weights_missing"}
    assert all(found[name]["value"] is None for name in ("lift_psnr", "lift_ssim", "lift_lpips"))
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    assert "an egg, &lt;i&gt;boiled" in page and "<i>boiled" not in page


def test_a_case_without_pictures_is_an_incomplete_row(folder, tmp_path) -> None:
    (tmp_path / "prompts.csv").write_text("case,prompt\negg,an egg\nbar,a bar\nsofa,a sofa\n")
    arguments = ["--offline", "run", str(folder / "suite.yaml"), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--set", f"cases.path={tmp_path / 'prompts.csv'}"]) == 3
    assert rows(tmp_path / "out")["hull_iou"]["n_missing"] == 1


def test_what_needs_a_mesh_is_refused_where_it_stands(folder) -> None:
    bad = SUITE.replace("  - hull_iou\n", "  - loo_psnr\n", 1).replace("primary: [hull_iou]\n", "")
    bad = bad.replace("use: folder, path: mine", "use: ceiling").replace("text_to_multiview", "texturing")
    file = folder / "bad.yaml"
    file.write_text(bad)
    with pytest.raises(SuiteErrors) as caught:
        load_suite(file)
    found = {problem.message: problem.where for problem in caught.value.problems}
    assert found["texturing paints meshes, and these cases are prompts only"] == f"{file}:3: task"
    assert found["'ceiling' renders the meshes of the cases, and these are prompts only"].startswith(f"{file}:7: ")
    file.write_text(SUITE.replace("  - hull_iou\n", "  - loo_psnr\n", 1).replace("primary: [hull_iou]\n", ""))
    with pytest.raises(SuiteError, match="needs a mesh"):
        load_suite(file)


@pytest.mark.parametrize("name", ["text-to-multiview", "text-to-multiview-calibration"])
def test_the_shipped_suites_of_this_task(name) -> None:
    suite = load_suite(name)
    assert suite.task == "text_to_multiview" and suite.views.fov == 49.1  # LGM's


def test_the_shipped_suite_judges_pictures_of_ones_own_prompts(folder, tmp_path, monkeypatch, capsys) -> None:
    """Without any of the models that it names: what is compared with the absent base model is a row that says so."""
    monkeypatch.delenv("REALIZ3D_BENCH_WEIGHTS", raising=False)
    words = ["--offline", "score", str(folder / "mine"), "--suite", "text-to-multiview", "--out", str(tmp_path / "out")]
    words += ["--set", "views.resolution=96", "--set", f"cases.path={folder / 'prompts.csv'}"]
    assert main(words) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "without base, whose pictures are a reference" in said and "--set generators.NAME.path=DIR" in said
    found = rows(tmp_path / "out")
    assert found["hull_iou"]["status"] == found["hull_lift_cde"]["status"] == "ok"
    assert found["kd_cluster[efficientnet_lite0_texture]@photos"]["status"] == "ok"
    against_base = found["kd_cluster[efficientnet_lite0_texture]@base"]
    assert against_base["status"] == "not_measurable"
    assert against_base["note"] == "the reference generator 'base' made no pictures"


@pytest.mark.parametrize(
    ("suite", "message", "hint"),
    [
        ("text-to-multiview", "table of prompts does not exist", "--set cases.path=prompts.csv"),
        ("multiview-texturing", "folder of meshes does not exist", "--set cases.path=MESHES"),
    ],
)
def test_a_shipped_suite_without_paths_says_which_to_give(suite, message, hint, folder, capsys) -> None:
    assert main(["score", str(folder / "mine"), "--suite", suite]) == 2
    said = capsys.readouterr().err
    assert message in said and hint in said


def test_meshes_from_elsewhere_that_are_not_there(folder, tmp_path, capsys) -> None:
    """The row of Table 3 that nobody trains here."""
    words = ["run", "text-to-multiview", "--generators", "trellis", "--out", str(tmp_path / "out")]
    assert main([*words, "--set", f"cases.path={folder / 'prompts.csv'}"]) == 2
    said = capsys.readouterr().err
    assert "'trellis': the folder of meshes does not exist" in said and "--set generators.trellis.path=DIR" in said
