"""`list` and `doctor` know the networks that metrics look through."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.cli import main
from bench.estimators.catalogue import find_estimator
from bench.extractors.weights import FOLDER_VARIABLE
from bench.vqa.catalogue import find_vqa


@pytest.mark.parametrize(("kind", "name"), [("estimators", "marigold_normals"), ("vqa", "blip_vqa")])
def test_networks_are_listed(kind: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", kind, "--json"]) == 0
    listed = {entry["name"]: entry["description"] for entry in json.loads(capsys.readouterr().out)}
    assert "Raises `WeightsMissing`" in listed[name]


def test_doctor_says_how_to_get_their_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    for find in (find_estimator, find_vqa):
        find.cache_clear()
    assert main(["doctor", "--json"]) == 0
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    for name in ("normal estimator marigold_normals", "VQA model blip_vqa"):
        assert not checks[name]["ok"] and not checks[name]["needed"]
        assert FOLDER_VARIABLE in checks[name]["fix"] or "pip install" in checks[name]["fix"]
    for find in (find_estimator, find_vqa):
        find.cache_clear()
