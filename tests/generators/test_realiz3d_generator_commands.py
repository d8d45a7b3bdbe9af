"""`tune-shifting` and `generate` as a user calls them, on a tiny random checkpoint."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

import tiny_pipelines
from tiny_realiz3d import SIDE, trained

from bench import tuning
from bench.cli import main
from bench.metrics.declaration import Result
from bench.run.options import RunOptions
from bench.run.summary import row_of
from bench.suite.load import load_suite
from realiz3d import Shifting, tune_shifting

REALISM = "kd_cluster[efficientnet_lite0_texture]@photos"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkpoint")
    trained(tiny_pipelines.pixart(root / "base")).save_pretrained(root / "pipe")
    return root / "pipe"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "validation.yaml"
    path.write_text(f"""
name: validation
version: 1
task: texturing
cases: {{source: miniworld, split: train, count: 2}}
views: {{resolution: {SIDE}}}
references: {{photos: {{shipped: photo_cutouts}}}}
metrics:
  - silhouette_iou
  - kd_cluster: {{reference: photos, extractor: efficientnet_lite0_texture}}
primary: ["{REALISM}", silhouette_iou]
""")
    return path


def test_tuning_runs_the_suite_and_resumes(
    checkpoint: Path, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    command = [
        "tune-shifting", str(suite), "--checkpoint", str(checkpoint), "--out", str(out), "--blocks", "0,50",
        "--t-max", "1000,500", "--option", "steps=2", "--option", "guidance=2", "--tolerance", "50%",
    ]  # fmt: skip
    assert main(command) == 0
    shown = capsys.readouterr().out
    found = json.loads((out / "tuning.json").read_text())
    assert (found["consistency"], found["realism"]) == ("silhouette_iou", REALISM)
    names = [trial["name"] for trial in found["trials"]]
    best = "50" if found["chosen"]["block_frac"] else "0"
    assert names == ["blocks-0", "blocks-50", f"blocks-{best}-t-1000", f"blocks-{best}-t-500"]
    base, shifted = (trial["realism"][0] for trial in found["trials"][:2])
    assert found["trials"][1]["loss"] == pytest.approx(shifted - base)  # a distance: larger is worse
    assert found["largest_loss"] == pytest.approx(0.5 * abs(base))
    for name in names:
        assert f"{name}\t" in shown
    assert "chosen: block_frac:" in shown
    figure = (out / "tuning.svg").read_text()
    assert "(chosen)" in figure and figure.count("<circle") == 4 and figure.count("<polyline") == 2
    assert (out / "report" / "index.html").is_file()
    assert sorted(path.name for path in (out / "samples").iterdir()) == sorted(names)

    before = {path: path.stat().st_mtime_ns for path in out.glob("samples/**/*.png")}
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"] == found["trials"]
    assert before == {path: path.stat().st_mtime_ns for path in out.glob("samples/**/*.png")}


def test_the_rule_reads_the_suites_numbers(
    checkpoint: Path, suite: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A synthetic trade-off in place of the run: consistency in dB (up), realism as a distance (down)."""
    seen: list[list[str]] = []

    def run(suite: Any, options: RunOptions) -> Any:
        seen.append([entry.name for entry in suite.generators])
        rows = []
        for entry in suite.generators:
            blocks = entry.options["block_frac"]
            steps = 0.0 if entry.options["t_max"] is None else (1000 - entry.options["t_max"]) / 100
            distance = None if entry.name == "blocks-40" else 100 + 20 * blocks + 3 * steps
            values = {"loo_psnr": 20 + 5 * blocks + steps, "kd": distance}
            rows += [
                row_of(entry.name, label, value=values[label.name], status="failed" if distance is None else "ok")
                for label in (axes.consistency, axes.realism)
            ]
        return SimpleNamespace(summary=SimpleNamespace(rows=rows))

    monkeypatch.setattr(tuning, "run", run)
    axes = tuning.Axes(Result("loo_psnr", "up", "dB", axis="consistency"), Result("kd", "down", "", axis="realism"))
    measure = tuning.SuiteTradeoff(load_suite(suite), {"checkpoint": str(checkpoint)}, RunOptions(), axes)
    found = tune_shifting(measure, max_realism_loss=9.5)
    assert found.chosen == Shifting(0.3, 900.0)  # 6 of loss by blocks, 3 by steps
    assert [len(names) for names in seen] == [5, 10] and seen[1][:5] == seen[0]
    assert seen[1][5] == "blocks-30-t-1000"
    assert math.isnan(measure.measured[Shifting(0.4, None)].realism[0])


def test_tuning_refuses_what_means_nothing(
    checkpoint: Path, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["tune-shifting", str(suite), "--checkpoint", str(checkpoint), "--out", str(tmp_path / "run")]
    for more, words in (
        (["--tolerance", "some"], "this is not a tolerance"),
        (["--blocks", "0,140"], "numbers from 0 to 100"),
        (["--option", "step=2"], "did you mean 'steps'"),
        (["--option", "steps=none"], "the value is wrong"),
        (["--option", "t_max=950"], "no option 't_max' can be set here"),
        (["--realism", "silhouete_iou"], "did you mean 'silhouette_iou'"),
    ):
        assert main([*command, *more]) == 2
        assert words in " ".join(capsys.readouterr().err.split()), more
    assert not (tmp_path / "run").exists()


def test_generated_views_are_scored_and_baked(
    checkpoint: Path, mesh_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = [
        "generate", "--checkpoint", str(checkpoint), "--meshes", str(mesh_folder), "--prompts",
        str(mesh_folder / "prompts.csv"), "--out", str(out), "--option", "steps=1", "--seeds", "0-1",
    ]  # fmt: skip
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["made"] == 6
    folder = out / "views" / "egg" / "seed_1"
    assert sorted(path.name for path in folder.iterdir()) == [
        "cameras.json", "sample.json", *(f"view_{view}.png" for view in range(4))
    ]  # fmt: skip
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["made"] == 0
    score = ["score", str(out / "views"), "--suite", str(out / "suite.yaml"), "--out", str(tmp_path / "run")]
    assert main([*score, "--seeds", "0-1"]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    rows = {row["metric"]: row for row in summary["rows"]}
    assert rows["silhouette_iou"]["n_objects"] == 3 and not summary["failures"]
    pytest.importorskip("xatlas")
    glb = tmp_path / "egg.glb"
    assert main(["bake", str(folder), "--mesh", str(mesh_folder / "egg.glb"), "--out", str(glb), "--size", "64"]) == 0
    assert glb.is_file()


def test_views_of_prompts_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained(tiny_pipelines.pixart(tmp_path / "base"), viewpoints=True).save_pretrained(tmp_path / "pipe")
    prompts = tmp_path / "prompts.csv"
    prompts.write_text("case,prompt\nmug,a red mug\n")
    out = tmp_path / "out"
    command = [
        "generate", "--checkpoint", str(tmp_path / "pipe"), "--prompts", str(prompts), "--out", str(out), "--option",
        "steps=1",
    ]  # fmt: skip
    assert main(command) == 0
    before = (out / "views" / "mug" / "seed_0" / "view_1.png").read_bytes()
    assert main([*command, "--set", "views.elevation=30"]) == 0
    assert (out / "views" / "mug" / "seed_0" / "view_1.png").read_bytes() != before
    prompts.write_text("case,prompt\ncup,a red cup\n")
    assert main(command) == 2
    assert "views of other cases: mug" in capsys.readouterr().err


def test_generate_needs_one_source_and_says_what_failed(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["generate", "--checkpoint", str(checkpoint), "--out", str(tmp_path / "out"), "--option", "steps=1"]
    assert main(command) == 2
    assert "one source of cases" in capsys.readouterr().err
    prompts = tmp_path / "prompts.csv"
    prompts.write_text("case,prompt\nmug,a red mug\n")
    assert main([*command, "--prompts", str(prompts)]) == 3  # this checkpoint is controlled by meshes
    assert "case 'mug' is a prompt without one" in capsys.readouterr().err
    assert main([*command, "--prompts", str(prompts), "--option", "control=false"]) == 0
    from groundwork.pictures import read_picture

    assert np.ptp(read_picture(tmp_path / "out" / "views" / "mug" / "seed_0" / "view_0.png")) > 0
