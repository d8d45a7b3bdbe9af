"""The suites of speed: a whole run of the small one, its ratios beside the verdict of the pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("diffusers")

from bench.cli import main
from bench.run import throughput

METRIC = "{throughput: {against: eager, repeats: 2, cases: 1, sweep: 2, rounds: 4, bake: true}}"


@pytest.mark.slow
def test_settings_are_timed_in_turns_beside_their_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throughput, "_alone", lambda executor: executor)  # a process takes seconds to start
    command = ["run", "throughput", "--out", str(tmp_path / "run"), "--generators", "eager,half-the-steps"]
    command += ["--set", "cases.count=4", "--set", f"metrics=[silhouette_iou, {METRIC}]"]
    assert main(command) == 0
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    rows = {(row["generator"], row["metric"]): row for row in summary["rows"]}
    eager, faster = (
        {one["generator"]: one for one in summary["throughput"]}[name] for name in ("eager", "half-the-steps")
    )
    assert (eager["steps"], faster["steps"], faster["guidance"], faster["views"], faster["resolution"]) == (
        8,
        4,
        4.5,
        4,
        64,
    )
    # half the steps are half the calls of the network, and so near half of the work
    calls = {one["name"]: one["calls"] for one in faster["stages"]}
    assert calls["denoise"] == 4 and calls["decode"] == 1 and faster["baking"] > 0
    work = [rows[name, "flops_per_image"]["value"] for name in ("eager", "half-the-steps")]
    assert 0.4 < work[1] / work[0] < 0.8
    ratio = rows["half-the-steps", "speed_ratio"]
    assert ratio["ci_low"] < ratio["value"] < ratio["ci_high"] and ratio["signature"].endswith("against=eager")
    assert len(faster["turns"]["seconds"]) == 4 and rows["eager", "speed_ratio"]["status"] == "not_measurable"
    assert [one["size"] for one in faster["sweep"]] == [1, 2] and faster["too_large"] is None
    report = (tmp_path / "run/report/report.md").read_text()
    (line,) = [
        line for line in report.splitlines() if line.startswith("| half-the-steps |") and line.endswith("gated |")
    ]
    assert "| eager | 4 |" in line
