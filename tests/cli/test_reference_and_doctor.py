"""`reference` and `doctor` for real: small pictures, and the extractor whose weights come with the install."""

from __future__ import annotations

import importlib
import json
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.cli import main

Output = pytest.CaptureFixture[str]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    noise = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        Image.fromarray(noise.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(folder / f"{name}.png")
    return folder


def test_build_and_list(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("REALIZ3D_BENCH_REFERENCES", str(tmp_path / "sets"))
    words = [
        "reference",
        "build",
        "mine",
        str(pictures),
        "--extractors",
        "efficientnet_lite0_texture",
        "--source",
        "noise",
    ]
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "sets" / "mine.npz")]
    assert main(["reference", "list", "--json"]) == 0
    sets = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert (sets["mine"]["count"], sets["mine"]["source"], sets["mine"]["shipped"]) == (3, "noise", False)
    assert [*sets["mine"]["extractors"]] == ["efficientnet_lite0_texture", "picture_pattern"]
    assert sets["photo_cutouts"]["shipped"] is True
    assert main(["reference", "list"]) == 0
    assert "mine\tbuilt\t3 pictures" in capsys.readouterr().out


def test_build_explains_its_mistakes(pictures: Path, tmp_path: Path, capsys: Output) -> None:
    build = ["reference", "build"]
    assert main([*build, "../x", str(pictures), "--out", str(tmp_path)]) == 2
    assert "cannot name a reference set" in capsys.readouterr().err
    assert main([*build, "x", str(tmp_path / "none"), "--out", str(tmp_path)]) == 2
    assert "none" in capsys.readouterr().err
    assert main([*build, "x", str(pictures), "--extractors", "efficientnet", "--out", str(tmp_path)]) == 2
    assert "did you mean 'efficientnet_lite0'" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_doctor_finds_what_the_main_job_needs(capsys: Output) -> None:
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is True
    checks = {check["name"]: check for check in found["checks"]}
    for name in (
        "python",
        "torch",
        "device",
        "rasteriser",
        "extractor efficientnet_lite0",
        "reference photo_cutouts",
        "disk",
    ):
        assert checks[name]["found"], name
    assert all(check["fix"] for check in checks.values() if not check["ok"])


def test_doctor_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 0))
    environment = importlib.import_module("bench.run.environment")  # `bench.run` is also a function
    monkeypatch.setattr(environment, "versions", lambda: {"python": "3.11.0", "torch": None})
    assert main(["doctor"]) == 2
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert ["MISSING", "torch", "not installed", "pip install torch"] in rows
    assert ["optional", "disk"] in [row[:2] for row in rows]


def test_shipped_name_is_not_built_in_vain(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("REALIZ3D_BENCH_REFERENCES", str(tmp_path / "sets"))
    assert main(["reference", "build", "photo_cutouts", str(pictures)]) == 2
    assert "choose another NAME" in capsys.readouterr().err
    assert not (tmp_path / "sets").exists()


def test_broken_set_stops_only_those_who_ask_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("REALIZ3D_BENCH_REFERENCES", str(tmp_path))
    (tmp_path / "mine.npz").write_bytes(b"")
    (tmp_path / "mine.json").write_text("{")
    assert main(["validate", "published-meshes"]) == 0
    capsys.readouterr()
    assert main(["doctor", "--json"]) == 0
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert not checks["reference sets"]["ok"] and "mine.json" in checks["reference sets"]["found"]
    assert main(["reference", "list"]) == 2
    assert "mine.json" in capsys.readouterr().err
