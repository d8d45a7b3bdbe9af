"""Exports are what their formats' own readers accept, and hold the entry's numbers."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from board_edits import entry_of, row
from many_entries import HOSTILE, write_board

from bench.cli import main
from bench.leaderboard.exports.catalogue import EXPORTS

SCHEMA = Path(__file__).parents[1] / "helpers" / "every_eval_ever" / "eval.schema.json"
SITE = "https://lab.example/board"


def export(entry: Path, format: str, out: Path, *more: str) -> str:
    assert main(["leaderboard", "export", str(entry), "--format", format, "--out", str(out), *more]) == 0
    return out.read_text(encoding="utf-8")


@pytest.fixture
def mine(made_board: Path) -> Path:
    return entry_of(made_board, "mine")


def test_every_eval_ever_by_its_schema(mine: Path, tmp_path: Path) -> None:
    document = json.loads(export(mine, "every-eval-ever", tmp_path / "it.json", "--base-url", SITE))
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    stored = json.loads(mine.read_text())
    assert document["schema_version"] == json.loads(SCHEMA.read_text())["version"]
    found = {one["metric_config"]["metric_name"]: one for one in document["evaluation_results"]}
    assert found.keys() == {one["metric"] for one in stored["rows"]}
    iou = found["silhouette_iou"]
    assert iou["score_details"]["score"] == row(stored, "silhouette_iou")["value"]
    interval = iou["score_details"]["uncertainty"]["confidence_interval"]
    assert (interval["lower"], interval["confidence_level"]) == (row(stored, "silhouette_iou")["ci_low"], 0.95)
    assert not iou["metric_config"]["lower_is_better"] and iou["source_data"]["url"][0].startswith(SITE)


def test_every_eval_ever_by_its_package(mine: Path, tmp_path: Path) -> None:
    validate = pytest.importorskip("every_eval_ever.validate", reason="every-eval-ever needs Python 3.12")
    for more in ((), ("--base-url", SITE)):
        export(mine, "every-eval-ever", tmp_path / "it.json", *more)
        report = validate.validate_aggregate(tmp_path / "it.json")
        assert report.valid and not report.errors, report.errors
        document = json.loads((tmp_path / "it.json").read_text())
        assert validate.check_score_metadata(document) == [] and validate.check_model_deployment(document) == []


def test_eval_results_of_the_hub(mine: Path, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    text = export(mine, "hf-eval-results", tmp_path / "it.yaml", "--dataset", "lab/painted", "--base-url", SITE)
    entries = hub.parse_eval_result_entries(yaml.safe_load(text))
    stored = json.loads(mine.read_text())
    assert [(one.dataset_id, one.task_id) for one in entries] == [
        ("lab/painted", "silhouette_iou"), ("lab/painted", "kd_cluster_efficientnet_lite0_photos"),
    ]  # fmt: skip
    assert entries[0].value == row(stored, "silhouette_iou")["value"] and entries[0].source_url.startswith(SITE)
    assert hub.eval_result_entries_to_yaml(entries) == yaml.safe_load(text)


def test_model_index_of_older_cards(mine: Path, tmp_path: Path) -> None:
    data = pytest.importorskip("huggingface_hub.repocard_data")
    text = export(mine, "model-index", tmp_path / "it.yaml", "--base-url", SITE)
    name, results = data.model_index_to_eval_results(yaml.safe_load(text)["model-index"])
    assert name == "mine" and {one.metric_name for one in results} == {
        r["metric"] for r in json.loads(mine.read_text())["rows"]
    }


def test_croissant_is_valid_and_can_be_read(mine: Path, tmp_path: Path) -> None:
    croissant = pytest.importorskip("mlcroissant")
    (tmp_path / "suite.json").write_bytes((mine.parents[1] / "suite.json").read_bytes())
    export(mine, "croissant", tmp_path / "croissant.json")
    dataset = croissant.Dataset(tmp_path / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    records = list(dataset.records("cases"))
    ids = [record["cases/id"].decode() for record in records]
    assert ids == [case["id"] for case in json.loads((tmp_path / "suite.json").read_text())["cases"]]
    online = json.loads(export(mine, "croissant", tmp_path / "online.json", "--base-url", SITE))
    assert online["distribution"][0]["contentUrl"] == f"{SITE}/entries/painted-v2/suite.json"


def test_what_cannot_be_exported_is_said(mine: Path, board: Path, capsys) -> None:
    assert main(["leaderboard", "export", str(mine), "--format", "hf-eval-results"]) == 2
    assert "--dataset OWNER/NAME" in capsys.readouterr().err
    assert main(["leaderboard", "export", str(mine), "--format", "hf-eval-results", "--dataset", "../x"]) == 2
    assert main(["leaderboard", "export", str(mine), "--format", "every_eval_ever"]) == 2
    assert "did you mean 'every-eval-ever'" in capsys.readouterr().err
    path = entry_of(board, "mine")
    assert main(["leaderboard", "withdraw", str(path), "--why", "a reason", "--author", "us"]) == 0
    assert main(["leaderboard", "export", str(path), "--format", "model-index"]) == 2
    assert "was withdrawn on" in capsys.readouterr().err


@pytest.mark.parametrize("format", EXPORTS)
def test_hostile_texts_stay_texts(tmp_path: Path, format: str) -> None:
    for path in write_board(tmp_path / "entries", len(HOSTILE), tuple(HOSTILE.values()), sheets=False):
        text = export(path, format, tmp_path / "it", "--dataset", "lab/x")
        document = json.loads(text) if text.startswith("{") else yaml.safe_load(text)
        if format == "every-eval-ever":
            jsonschema.validate(document, json.loads(SCHEMA.read_text()))
            assert document["model_info"]["name"] == json.loads(path.read_text())["generator"]["model"]
        elif format == "model-index":
            assert document["model-index"][0]["name"] == json.loads(path.read_text())["generator"]["model"]
