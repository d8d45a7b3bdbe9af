"""Metrics that look through a network: explicit rows while its weights are missing, numbers once they are there."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict

from bench.cli import main
from bench.metrics.declaration import Measurement, Result

REASON = "the weights ruler.safetensors are not here"


class Ruler:
    """Measures the prompt's length with weights, and the number of views without."""

    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)
        weights: Path

    needs_mesh = False

    def __init__(self, options):
        self.path, self.loaded = options.weights, ""

    def prepare(self, device, offline):
        assert offline
        self.loaded = self.path.read_text() if self.path.exists() else ""

    def missing(self):
        return {} if self.loaded else {"prompt_length": REASON}

    def results(self):
        return (Result("prompt_length", "up", "", axis="text"), Result("n_views", "up", "", axis="text"))

    def parameters(self):
        return f"weights={self.loaded or 'missing'} v1"

    def measure(self, sample):
        found = {"n_views": Measurement(float(len(sample.cameras)))}
        if self.loaded:
            assert sample.prompt in sample.prompts
            found["prompt_length"] = Measurement(float(len(sample.prompt)))
        return found


def start(tmp_path: Path, mesh_folder: Path) -> dict:
    suite = tmp_path / "suite.yaml"
    suite.write_text(f"""
name: tiny
version: 1
task: texturing
cases: {{source: meshes, path: "{mesh_folder}"}}
views: {{resolution: 32}}
generators:
  - {{name: truth, use: ceiling}}
metrics:
  - "{__name__}:Ruler": {{weights: "{tmp_path / "ruler"}"}}
""")
    assert main(["run", str(suite), "--out", str(tmp_path / "run"), "--offline"]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    return {row["metric"]: row for row in summary["rows"]}


def test_missing_weights_are_a_row_and_come_back(tmp_path, mesh_folder):
    rows = start(tmp_path, mesh_folder)
    assert rows["prompt_length"]["status"] == "weights_missing" and rows["prompt_length"]["value"] is None
    assert rows["prompt_length"]["note"] == REASON
    assert (rows["n_views"]["status"], rows["n_views"]["value"]) == ("ok", 4.0)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["missing"] == {"prompt_length": REASON}

    (tmp_path / "ruler").write_text("here")
    rows = start(tmp_path, mesh_folder)
    assert rows["prompt_length"]["status"] == "ok" and rows["prompt_length"]["value"] > 0
    stored = pd.read_parquet(tmp_path / "run" / "scores.parquet")
    assert set(stored.status) == {"ok"}
