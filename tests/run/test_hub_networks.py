"""Set metrics on DINOv2 and CLIP in a whole run: numbers where weights are, explicit rows where they are not."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tiny_clip import save_tiny_clip
from tiny_dinov2 import save_tiny_dinov2

from bench.extractors.clip import load_clip
from bench.extractors.dinov2 import dinov2_extractor
from bench.extractors.weights import FOLDER_VARIABLE
from bench.run.options import RunOptions
from bench.run.session import run
from bench.suite.load import load_suite
from groundwork.progress import Reporter

pytest.importorskip("huggingface_hub")

NAMES = ("fd[dinov2]@base", "kd_cluster[clip]@base", "cmmd@base")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "weights"))
    load_clip.cache_clear()
    dinov2_extractor.cache_clear()


def _rows(folder: Path, meshes: Path) -> dict[tuple[str, str], dict[str, Any]]:
    folder.mkdir()
    (folder / "suite.yaml").write_text(f"""
name: networks
version: 1
task: texturing
cases: {{source: meshes, path: "{meshes}", prompts: "{meshes}/prompts.csv"}}
views: {{resolution: 64}}
references:
  base: {{generator: ceiling}}
generators:
  - {{name: ceiling, use: ceiling}}
  - {{name: blurred, use: blur, sigma: 2}}
  - {{name: noise, use: noise, sigma: 0.3}}
metrics:
  - fd: {{reference: base, extractor: dinov2}}
  - kd_cluster: {{reference: base, extractor: clip}}
  - cmmd: {{reference: base}}
primary: ["{NAMES[0]}"]
""")
    quiet = Reporter(Console(file=io.StringIO()))
    summary = run(
        load_suite(folder / "suite.yaml"), RunOptions(out=folder / "run", offline=True), quiet
    ).summary.to_json()
    return {(row["metric"], row["generator"]): row for row in summary["rows"]}


def test_numbers_where_the_weights_are(tmp_path: Path, mesh_folder: Path) -> None:
    pytest.importorskip("transformers")
    pytest.importorskip("open_clip")
    save_tiny_dinov2(tmp_path / "weights")
    for model in ("ViT-L-14", "ViT-L-14-336"):
        save_tiny_clip(tmp_path / "weights", model)
    rows = _rows(tmp_path / "suite", mesh_folder)
    assert all(rows[name, "noise"]["value"] > 0 for name in NAMES)
    assert all(rows[name, "ceiling"]["status"] == "not_measurable" for name in NAMES)  # it is the reference itself
    assert "extractor=dinov2@sha256:" in rows["fd[dinov2]@base", "noise"]["signature"]
    assert "extractor=clip_336@sha256:" in rows["cmmd@base", "noise"]["signature"]
    row = rows["cmmd@base", "noise"]
    assert row["ci_low"] < row["value"] < row["ci_high"]
    # three objects: each half of the reference is one of them, with its four views
    assert row["reference_floor"] > 0
    assert row["reference_floor_n"] == 4
    assert rows["kd_cluster[clip]@base", "noise"]["reference_floor"] is None


@pytest.mark.parametrize("without", [(), ("transformers", "open_clip")])
def test_explicit_rows_where_they_are_not(
    tmp_path: Path, mesh_folder: Path, monkeypatch: pytest.MonkeyPatch, without: tuple[str, ...]
) -> None:
    for package in ("transformers", "open_clip"):
        pytest.importorskip(package)
    for package in without:
        monkeypatch.setitem(sys.modules, package, None)
    rows = _rows(tmp_path / "suite", mesh_folder)
    assert {row["status"] for row in rows.values()} == {"weights_missing"}
    for name, extra in zip(NAMES, ("dinov2", "clip", "clip"), strict=True):
        note = rows[name, "noise"]["note"]
        assert (f"realiz3d-bench[{extra}]" if without else FOLDER_VARIABLE) in note
        assert rows[name, "noise"]["value"] is rows[name, "noise"]["reference_floor"] is None
