"""Parity with known packages: it agrees, it can disagree, and it says what is not there."""

from __future__ import annotations

import importlib.util
import json

import pytest

from bench.cli import main
from bench.selftest import parity


def test_numbers_agree_with_what_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "--parity", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["metric"] for row in rows] == ["FID", "FID", "KID", "KID", "PSNR", "PSNR", "SSIM", "SSIM", "LPIPS"]
    assert all(row["holds"] for row in rows)
    compared = [row for row in rows if row["theirs"] is not None]
    assert len(compared) >= 4  # torchmetrics and scikit-image come with the install
    assert all(abs(row["ours"]) > 1e-3 for row in compared)


def test_a_wrong_number_is_found_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    right = parity.frechet_distance
    monkeypatch.setattr(parity, "frechet_distance", lambda a, b: right(a, b) * 1.001)
    assert main(["selftest", "--parity"]) == 1
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert {line[0] for line in lines if "DIFFERS" in line} == {"FID"}


def test_a_package_that_is_not_there_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("cleanfid", "lpips") else find(name))
    assert main(["selftest", "--parity"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert {line[1] for line in lines if "not installed" in line} == {"clean-fid", "lpips"}
