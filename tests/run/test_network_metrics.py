"""Text and normal metrics in a whole run: explicit rows without weights, numbers with tiny real networks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from tiny_blip import save_tiny_blip
from tiny_clip import save_tiny_clip
from tiny_marigold import save_tiny_marigold

from bench.cli import main
from bench.estimators.catalogue import find_estimator
from bench.extractors.clip import load_clip
from bench.extractors.weights import FOLDER_VARIABLE
from bench.metrics.clip_views import find_clip
from bench.vqa.catalogue import find_vqa

for module in ("open_clip", "transformers", "diffusers"):
    pytest.importorskip(module)

NORMALS = ("normal_error", "normal_within_11.25", "normal_within_22.5", "normal_within_30")
TEXTS = ("clip_score", "prompt_retrieval", "prompt_reciprocal_rank", "vqa_score")
CACHES = (find_clip, load_clip, find_vqa, find_estimator)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "weights"))
    for cache in CACHES:
        cache.cache_clear()
    yield
    for cache in CACHES:
        cache.cache_clear()


def start(tmp_path: Path, mesh_folder: Path) -> dict[tuple[str, str], dict]:
    suite = tmp_path / "suite.yaml"
    suite.write_text(f"""
name: tiny
version: 1
task: texturing
cases: {{source: meshes, path: "{mesh_folder}", prompts: "{mesh_folder / "prompts.csv"}"}}
views: {{resolution: 48}}
generators:
  - {{name: truth, use: ceiling}}
  - {{name: swapped, use: swapped_views}}
metrics: [normal_error, clip_score, prompt_retrieval, vqa_score]
primary: [normal_within_11.25, prompt_retrieval]
""")
    assert main(["run", str(suite), "--out", str(tmp_path / "run"), "--offline"]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    return {(row["generator"], row["metric"]): row for row in summary["rows"]}


def test_rows_say_what_is_missing_and_fill_once_it_is_there(tmp_path, mesh_folder):
    rows = start(tmp_path, mesh_folder)
    assert {metric for _, metric in rows} == {*NORMALS, *TEXTS}
    assert {row["status"] for row in rows.values()} == {"weights_missing"}
    assert "prs-eth/marigold-normals-v1-1" in rows["truth", "normal_within_30"]["note"]

    weights = tmp_path / "weights"
    save_tiny_clip(weights)
    save_tiny_blip(weights / "blip-vqa-base")
    save_tiny_marigold(weights / "marigold-normals-v1-1")
    for cache in CACHES:
        cache.cache_clear()
    rows = start(tmp_path, mesh_folder)
    assert {row["status"] for row in rows.values()} == {"ok"}
    for name in NORMALS:  # the ceiling is the ground truth's own renders
        assert rows["truth", name]["value"] == 0.0
    assert 0.0 <= rows["truth", "prompt_retrieval"]["value"] <= 1.0
    assert rows["truth", "prompt_retrieval"]["signature"].split(" chance=")[1].startswith("0.3333 ")
    assert 0.0 < rows["truth", "vqa_score"]["value"] < 1.0
    stored = pd.read_parquet(tmp_path / "run" / "scores.parquet")
    per_view = stored[(stored.metric == "clip_score") & (stored.generator == "truth")]
    assert len(per_view) == 3 * 4 and per_view.value.mean() == pytest.approx(rows["truth", "clip_score"]["value"])
    # the same pictures in another order: what is pooled over views does not care
    assert rows["swapped", "prompt_retrieval"]["value"] == rows["truth", "prompt_retrieval"]["value"]
    assert rows["swapped", "clip_score"]["value"] == pytest.approx(rows["truth", "clip_score"]["value"])
