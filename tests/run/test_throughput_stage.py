"""Throughput in a run: rows and `throughput.json`, kept on resume, apart from the table of scores."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from pydantic import BaseModel, ConfigDict

from bench.cli import main
from bench.generators.base import SingleCaseGenerator
from bench.generators.ground_truth import ground_truth
from bench.run import throughput
from bench.run.options import RunOptions
from bench.run.session import run
from bench.suite.load import load_suite

NAMES = (
    "seconds_per_object", "throughput", "latency_p50", "latency_p95", "time_to_first_image", "model_memory",
    "peak_host_memory", "peak_device_memory", "flops_per_image", "mfu", "energy_per_object",
)  # fmt: skip


class Model(SingleCaseGenerator):
    """The ceiling, with a small network at work; breaks from its second sample of a case on when told to."""

    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)
        breaks: bool = False
        style: int = 0

    def __init__(self, name, options, context):
        super().__init__(name, options, context)
        self.module = torch.nn.Linear(64, 64, bias=False)

    def views(self, request):
        if self.options.breaks and request.seed:
            raise RuntimeError("out of memory")
        self.module(torch.zeros(1000, 64))
        return ground_truth(request.case, request.cameras, request.background, self.context.device).views


def start(tmp_path: Path, mesh_folder: Path, generators: str, throughput: str = "cases: 2, repeats: 3") -> tuple:
    suite = tmp_path / "suite.yaml"
    suite.write_text(f"""
name: tiny
version: 1
task: texturing
cases: {{source: meshes, path: "{mesh_folder}"}}
views: {{resolution: 64}}
generators: [{generators}]
metrics: [silhouette_iou, throughput: {{{throughput}}}]
primary: [silhouette_iou, throughput]
""")
    code = main(["run", str(suite), "--out", str(tmp_path / "run"), "--offline"])
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    return code, {(row["generator"], row["metric"]): row for row in summary["rows"]}


def timings(tmp_path: Path) -> dict[str, dict]:
    content = json.loads((tmp_path / "run/throughput.json").read_text())
    return {record["generator"]: record for record in content["timings"]}


def test_rows_are_kept_and_measured_once(tmp_path, mesh_folder, monkeypatch):
    model = f'{{name: model, use: "{__name__}:Model"}}'
    code, rows = start(tmp_path, mesh_folder, f"{model}, {{name: top, use: ceiling}}")
    assert code == 0
    assert {metric for name, metric in rows if name == "model"} == {"silhouette_iou", *NAMES}
    speed = rows["model", "throughput"]
    assert speed["status"] == "ok" and speed["unit"] == "images/s" and speed["n_objects"] == 2
    assert speed["ci_low"] < speed["value"] < speed["ci_high"]
    for part in (
        "hardware=",
        "driver=",
        "dtype=float32",
        "compile=none",
        "batch=2",
        "warm_up=1",
        "repeats=3",
        "threads=",
    ):
        assert part in speed["signature"], part
    record = timings(tmp_path)["model"]
    assert [len(repeat["latencies"]) for repeat in record["repeats"]] == [2, 2, 2] and len(record["warm_up"]) == 1
    rates = [record["images"] / repeat["seconds"] for repeat in record["repeats"]]
    assert abs(speed["value"] - sum(rates) / 3) < 1e-9 * speed["value"]
    assert rows["model", "flops_per_image"]["value"] == pytest.approx(2 * 1000 * 64 * 64 / 4 / 1e12)
    assert rows["model", "latency_p50"]["value"] <= rows["model", "latency_p95"]["value"]
    assert rows["model", "peak_host_memory"]["value"] > 0.05
    unknown = {name: rows["model", name]["note"] for name in ("peak_device_memory", "energy_per_object")}
    assert set(unknown.values()) == {"no GPU was used"}
    object_seconds = rows["model", "seconds_per_object"]
    mean = sum(repeat["seconds"] for repeat in record["repeats"]) / 3 / 2
    assert object_seconds["value"] == pytest.approx(mean) and object_seconds["unit"] == "s"
    work, rate = rows["model", "flops_per_image"]["value"], record["matrix_rate"]
    assert rows["model", "mfu"]["value"] == pytest.approx(100 * speed["value"] * work / rate)
    assert rows["model", "model_memory"]["value"] == 64 * 64 * 4 / 2**30
    assert {rows["top", name]["status"] for name in NAMES} == {"not_measurable"}  # a yardstick is no model
    stored = pd.read_parquet(tmp_path / "run/scores.parquet")
    assert set(stored.metric) == {"silhouette_iou"}  # which is the same, bit for bit, from any run
    report = (tmp_path / "run/report/report.md").read_text()
    assert "## Timing" in report
    assert "<h3>Timing</h3>" in (tmp_path / "run/report/index.html").read_text()

    again = start(tmp_path, mesh_folder, f"{model}, {{name: top, use: ceiling}}")
    assert again == (code, rows) and timings(tmp_path)["model"] == record
    monkeypatch.setattr(throughput, "_alone", lambda executor: executor)  # a process takes seconds to start
    # another model under the same name is timed anew
    start(tmp_path, mesh_folder, f'{{name: model, use: "{__name__}:Model", style: 1}}')
    assert timings(tmp_path)["model"]["identity"] != record["identity"]


def test_generator_that_fails_is_a_failed_row(tmp_path, mesh_folder, capsys, monkeypatch):
    monkeypatch.setattr(throughput, "_alone", lambda executor: executor)
    code, rows = start(tmp_path, mesh_folder, f'{{name: model, use: "{__name__}:Model", breaks: true}}')
    assert code == 3
    assert (
        "incomplete: model: throughput: generator 'model': generate() raised RuntimeError: out of memory"
        in capsys.readouterr().err
    )
    assert {rows["model", name]["status"] for name in NAMES} == {"failed"}
    assert "out of memory" in rows["model", "throughput"]["note"]
    assert rows["model", "silhouette_iou"]["status"] == "ok"
    assert timings(tmp_path) == {}


def test_suite_may_only_choose_what_is_known(tmp_path, mesh_folder, capsys):
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        "name: a\nversion: 1\ntask: texturing\ncases: {source: miniworld}\nmetrics: [throughput: {repeat: 3}]\n"
    )
    assert main(["validate", str(suite)]) == 2
    assert "repeats" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("against", "words"), [("nobody", "no generator 'nobody' to time others against"), ("top", "so it has no speed")]
)
def test_what_others_are_timed_against_is_a_model_of_the_suite(tmp_path, mesh_folder, capsys, against, words):
    suite = tmp_path / "suite.yaml"
    suite.write_text(f"""
name: tiny
version: 1
task: texturing
cases: {{source: meshes, path: "{mesh_folder}"}}
generators: [{{name: model, use: "{__name__}:Model"}}, {{name: top, use: ceiling}}]
metrics: [silhouette_iou, throughput: {{against: {against}}}]
""")
    assert main(["run", str(suite), "--out", str(tmp_path / "run")]) == 2
    assert words in capsys.readouterr().err and not (tmp_path / "run/samples").exists()


def test_pictures_from_a_folder_have_no_speed(tmp_path, mesh_folder):
    start(tmp_path, mesh_folder, "{name: top, use: ceiling}", "cases: 1")
    for case in ("egg", "disc", "loaf"):
        (tmp_path / "run/samples/top" / case / "seed_0/sample.json").unlink()
    theirs = tmp_path / "run/samples/top"
    suite = load_suite(str(tmp_path / "suite.yaml"))
    entry = suite.generators[0].model_validate({"name": "theirs", "use": "folder", "path": str(theirs)})
    outcome = run(suite.model_copy(update={"generators": (entry,)}), RunOptions(out=tmp_path / "two", offline=True))
    rows = {row["metric"]: row for row in outcome.summary.to_json()["rows"]}
    assert rows["throughput"]["status"] == "not_measurable" and "no model" in rows["throughput"]["note"]
    assert not (tmp_path / "two/throughput.json").exists()
