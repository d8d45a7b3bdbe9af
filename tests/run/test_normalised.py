"""Scores between floor and ceiling in a run: which generators are the yardsticks, and what is said without them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.cli import main
from bench.run.normalised import find_yardsticks
from bench.stats.normalise import Yardsticks
from bench.suite.schema import GeneratorEntry

CEILING, FLOOR, BLUR = (GeneratorEntry(name=f"my-{use}", use=use) for use in ("ceiling", "floor", "blur"))


def start(tmp_path: Path, mesh_folder: Path, generators: str) -> dict[tuple[str, str], dict]:
    suite = tmp_path / "suite.yaml"
    suite.write_text(f"""
name: tiny
version: 1
task: texturing
cases: {{source: meshes, path: "{mesh_folder}"}}
views: {{resolution: 128}}
generators: [{generators}]
metrics: [loo_psnr, silhouette_iou]
""")
    assert main(["run", str(suite), "--out", str(tmp_path / "run"), "--offline"]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    return {(row["generator"], row["metric"]): row for row in summary["rows"]}


def test_yardsticks_are_found_by_what_their_classes_say():
    assert find_yardsticks([BLUR, FLOOR, CEILING]) == Yardsticks("my-ceiling", "my-floor")


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([BLUR], "the run has no ceiling and the run has no floor"),
        ([CEILING, BLUR], "the run has no floor"),
        ([CEILING, FLOOR, CEILING.model_copy(update={"name": "two"})], "2 ceilings (my-ceiling, two)"),
    ],
)
def test_one_of_each_is_needed(entries, problem):
    found = find_yardsticks(entries)
    assert problem in found.problem and (found.ceiling, found.floor) == ("", "")


def test_each_object_is_set_against_its_own_yardsticks(tmp_path, mesh_folder):
    rows = start(tmp_path, mesh_folder, "{name: top, use: ceiling}, {name: low, use: floor}, {name: soft, use: blur}")
    scores = pd.read_parquet(tmp_path / "run" / "scores.parquet")
    loo = scores[scores.metric == "loo_psnr"].pivot_table(index="case", columns="generator", values="value")
    by_hand = ((loo.soft - loo.low) / (loo.top - loo.low)).to_numpy(dtype=float)
    soft = rows["soft", "loo_psnr"]
    assert soft["normalised"] == pytest.approx(np.mean(by_hand), rel=1e-12)
    assert soft["normalised_n"] == 3
    assert soft["normalised_ci_low"] is None  # three objects are too few for an interval
    assert [rows[name, "loo_psnr"]["normalised"] for name in ("top", "low")] == [1.0, 0.0]
    # the floor wears the right shape: there is nothing to divide by
    outline = rows["soft", "silhouette_iou"]
    assert outline["normalised"] is None and outline["normalised_n"] is None
    assert "of 3 objects not measurable" in outline["normalised_note"]


def test_without_yardsticks(tmp_path, mesh_folder):
    rows = start(tmp_path, mesh_folder, "{name: top, use: ceiling}, {name: soft, use: blur}")
    assert all(row["normalised"] is None and "no floor" in row["normalised_note"] for row in rows.values())
    assert "no floor" in (tmp_path / "run/report/report.md").read_text()
