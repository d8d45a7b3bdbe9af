"""`list` and `doctor` know the networks that metrics look through."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bench.cli import main
from bench.commands.networks import EXTRAS
from bench.extractors.weights import FOLDER_VARIABLE


@pytest.mark.parametrize(("kind", "name"), [("estimators", "marigold_normals"), ("vqa", "blip_vqa")])
def test_networks_are_listed(kind: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", kind, "--json"]) == 0
    listed = {entry["name"]: entry["description"] for entry in json.loads(capsys.readouterr().out)}
    assert "Raises `WeightsMissing`" in listed[name]


def doctor(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    assert main(["doctor", "--json"]) == 0
    return {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}


@pytest.fixture
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


def test_doctor_says_how_to_get_their_weights(nothing_here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checks = doctor(capsys)
    networks = [name for name in checks if name.startswith(("extractor ", "LPIPS ", "normal estimator ", "VQA model "))]
    assert len(networks) == 9
    for name in set(networks) - {"extractor efficientnet_lite0"}:
        assert not checks[name]["ok"] and not checks[name]["needed"]
        assert FOLDER_VARIABLE in checks[name]["fix"] or "pip install" in checks[name]["fix"]


def test_doctor_hashes_weights_and_loads_none(
    nothing_here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)  # as if every optional package were installed
    own = nothing_here / "dinov2-large"
    own.mkdir()
    (own / "model.safetensors").write_bytes(b"no network could be loaded from this")
    (own / "config.json").write_text("{}")
    (nothing_here / "inception-2015-12-05.pt").write_bytes(b"another file")
    checks = doctor(capsys)
    found = hashlib.sha256(b"no network could be loaded from this").hexdigest()
    assert checks["extractor dinov2"]["ok"] and f"your own, sha256:{found[:12]}" in checks["extractor dinov2"]["found"]
    assert not checks["extractor inception"]["ok"] and "another file" in checks["extractor inception"]["found"]


def test_doctor_names_the_extra_of_an_absent_package(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "xatlas" else there(name))
    check = doctor(capsys)["extra bake"]
    assert not check["ok"] and not check["needed"]
    assert "xatlas" in check["found"] and "pip install 'realiz3d-bench[bake]'" in check["fix"]


def test_doctor_knows_the_extras_of_the_install() -> None:
    declared = set(
        tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    )
    assert set(EXTRAS) == declared - {"test", "dev", "benchmark"}  # these are for work on the project itself
