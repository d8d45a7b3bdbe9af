"""The tables of timings: seconds an object first, machines apart, settings beside the verdict of their pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_run import FakeRun

from bench.results.read import read_run
from reports import write_reports
from reports.speed import speeds
from reports.table import build_tables


def timing(generator: str, gpu: str, seconds: float, **more: object) -> dict:
    return {
        "generator": generator,
        "signature": f"hardware={gpu}",
        "hardware": {"gpu": gpu, "driver": "580.1"},
        "torch": "2.11.0",
        "precision": "bfloat16",
        "compile": "none",
        "batch_size": 4,
        "cases": ["a", "b", "c", "d"],
        "images": 16,
        "views": 4,
        "resolution": 512,
        "steps": 50,
        "guidance": 4.5,
        "quantise": "int8",
        "load": 3.0,
        "compiling": 2.0,
        "warm_up": [5.0],
        "repeats": [{"seconds": 4 * seconds}] * 3,
        "stages": [
            {"name": "text", "seconds": 0.1, "calls": 2},
            {"name": "denoise", "seconds": 0.5 * seconds, "calls": 50},
        ],
        "staged": seconds,
        "parameters": 610_000_000,
        "matrix_rate": 780.0,
        "power": {"watts": 650.0, "clock_low": 1500, "clock_high": 1980, "clock_possible": 1980, "throttled": ["heat"]},
        "sweep": [
            {"size": 1, "seconds_per_object": 2.0, "images_per_second": 2.0, "peak_device_memory": 5.0},
            {"size": 2, "seconds_per_object": 1.5, "images_per_second": 2.7, "peak_device_memory": 8.0},
        ],
        "too_large": 4,
        "values": {"seconds_per_object": seconds, "throughput": 4 / seconds},
        "interval": [3 / seconds, 5 / seconds],
        "seconds_interval": [0.9 * seconds, 1.1 * seconds],
        **more,
    }


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = FakeRun().write(tmp_path / "run")
    summary = json.loads((folder / "summary.json").read_text())
    first, second = [entry["name"] for entry in summary["generators"]][:2]
    turns = {"against": first, "ratio": 1.5, "interval": [1.4, 1.6], "seconds": [1.0] * 4, "against_seconds": [1.5] * 4}
    summary["throughput"] = [
        timing(first, "NVIDIA H100", 3.0),
        timing(second, "NVIDIA H100", 2.0, turns=turns),
        timing(first, "NVIDIA L4", 30.0, recovered=False),
    ]
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def test_machines_are_apart_and_seconds_come_first(run: Path) -> None:
    (table,) = build_tables([read_run(run)])
    h100, l4 = speeds(table)
    assert h100.machine == "NVIDIA H100, driver 580.1, torch 2.11.0" and l4.machine.startswith("NVIDIA L4")
    settings = h100.tables[0]
    assert settings.heads[:6] == ("generator", "s an object", "images/s", "steps", "guidance", "size")
    assert settings.rows[1][1:6] == ("2.00 [1.80, 2.20]", "2.00", "50", "4.5", "4 x 512 px")
    assert len(settings.rows) == 2 and len(l4.tables[0].rows) == 1
    stages = dict(zip(h100.tables[1].heads, h100.tables[1].rows[0], strict=True))
    # half of three seconds an object, times four objects of a batch, over fifty steps
    assert (stages["denoise"], stages["a step"], stages["decode"]) == ("1.50", "0.120 a batch", "none")
    assert stages["other"] == "1.40" and stages["bake"] == "not asked for"
    power = dict(zip(h100.tables[2].heads, h100.tables[2].rows[0], strict=True))
    assert power["clock, MHz"] == "1500 to 1980 of 1980" and power["throttled"] == "heat" and power["power, W"] == "650"
    sweep, l4_sweep = (one.tables[3].rows[0] for one in (h100, l4))
    assert sweep[1:] == ("2.00, 5 GiB", "1.50, 8 GiB", "4") and l4_sweep[-1] == "4, and did not recover"


def test_a_ratio_stands_beside_what_is_known_of_the_pictures(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    (table,) = build_tables([read_run(run)])
    (row,) = speeds(table)[0].tables[4].rows
    assert row[1] == "1.5 [1.4, 1.6]" and row[3] == "4" and row[4].startswith("not judged: nothing is gated")
    manifest["suite"] = {"gates": {"cde": {"delta": 10.0}}}
    (run / "manifest.json").write_text(json.dumps(manifest))
    (table,) = build_tables([read_run(run)])
    (row,) = speeds(table)[0].tables[4].rows
    assert row[4].endswith("of 1 gated")
    write_reports([run])
    for file in ("index.html", "report.md"):
        text = (run / "report" / file).read_text()
        assert "Settings against each other" in text and "of 1 gated" in text and "NVIDIA L4" in text
