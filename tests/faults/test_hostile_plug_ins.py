"""Plug-ins that end, hang or pollute their process: each costs its own rows, is named, and the rest is scored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.cli import main
from bench.results.read import RunResults, read_run
from bench.run.availability import available
from bench.run.options import RunOptions
from bench.suite import declare
from bench.suite.folder import with_folder
from bench.suite.load import load_suite

ENDS = {
    "exits": "its process ended with exit code 0",
    "crashes": "its process crashed (SIGSEGV)",
    "hangs": "took longer than 10 s, the time limit of a batch",
    "leaks": "more than the limit of 1.5 GiB",
    "escapes": "raised BaseException: away",
    "quits": "called sys.exit(0)",
}


def suite_of(folder: Path, meshes: Path, generators: list[str], metrics: list[str], more: str = "") -> Path:
    file = folder / "suite.yaml"
    lines = "\n".join(f'  - {{name: {n}, use: "hostile_plugins:Painter", habit: {n}}}' for n in generators)
    gauges = "\n".join(f'  - "hostile_plugins:Gauge": {{habit: {habit}}}' for habit in metrics)
    file.write_text(
        f'name: hostile\nversion: 1\ntask: texturing\ncases: {{source: meshes, path: "{meshes}", '
        f'prompts: "{meshes}/prompts.csv"}}\nviews: {{resolution: 32}}\ngenerators:\n{lines}\n'
        f"metrics:\n{gauges}\n{more}"
    )
    return file


def statuses(run: RunResults, generator: str, metric: str) -> dict[str, str]:
    return {str(r.case): r.status for r in run.score_rows if (r.generator, r.metric) == (generator, metric)}


def attack(folder: Path, meshes: Path, generators: list[str], metrics: list[str], *arguments: str) -> RunResults:
    """A run with some attacks in it, which goes on and says that it is incomplete."""
    suite = suite_of(folder, meshes, ["none", *generators], ["none", *metrics], "timeout: 10\n")
    arguments = ("--out", str(folder / "run"), "--offline", "--batch-size", "3", *arguments)
    assert main(["run", str(suite), *arguments]) == 3
    return read_run(folder / "run")


def check_generator(run: RunResults, habit: str) -> None:
    """Its case is lost and named, and nothing else."""
    assert statuses(run, habit, "gauge_none") == {"disc": "failed", "egg": "ok", "loaf": "ok"}
    told = [f for f in run.summary.failures if f.generator == habit and f.message.startswith("generator")]
    assert [(f.case, f.seed) for f in told] == [("disc", 0)]
    assert f"generator '{habit}'" in told[0].message and ENDS[habit] in told[0].message


def check_metric(run: RunResults, habit: str) -> None:
    """Its rows of one case are lost and named, and nothing else."""
    assert statuses(run, "none", f"gauge_{habit}") == {"disc": "failed", "egg": "ok", "loaf": "ok"}
    (told,) = {f.message for f in run.summary.failures if f.generator == "none" and f"gauge_{habit}" in f.message}
    assert "metric 'hostile_plugins:Gauge'" in told and ENDS[habit] in told
    assert statuses(run, "none", "gauge_none") == dict.fromkeys(["disc", "egg", "loaf"], "ok")


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory, mesh_folder: Path) -> RunResults:
    return attack(tmp_path_factory.mktemp("attacked"), mesh_folder, ["exits"], ["exits"])


def test_who_ends_the_process_loses_what_it_worked_on(attacked: RunResults) -> None:
    check_generator(attacked, "exits")
    check_metric(attacked, "exits")


@pytest.mark.slow
def test_every_kind_of_end_costs_its_own_rows(tmp_path: Path, mesh_folder: Path) -> None:
    run = attack(tmp_path, mesh_folder, [*ENDS, "pollutes"], ["crashes", "hangs", "quits"], "--memory", "1.5")
    for habit in ENDS:
        check_generator(run, habit)
    for habit in ("crashes", "hangs", "quits"):
        check_metric(run, habit)
    assert statuses(run, "pollutes", "gauge_none") == dict.fromkeys(["disc", "egg", "loaf"], "ok")


def test_numbers_are_the_same_in_the_own_process(attacked: RunResults, mesh_folder: Path, tmp_path: Path) -> None:
    suite = suite_of(tmp_path, mesh_folder, ["none"], ["none"])
    assert main(["run", str(suite), "--out", str(tmp_path / "run"), "--offline", "--isolate", "none"]) == 0
    found = [row for row in attacked.score_rows if row.generator == "none"]
    assert read_run(tmp_path / "run").score_rows == tuple(row for row in found if row.metric == "gauge_none")


def test_pollution_stays_out_of_the_answer(
    tmp_path: Path, mesh_folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    suite = suite_of(tmp_path, mesh_folder, ["pollutes"], ["none"])
    before = np.geterr(), torch.get_default_dtype(), Path.cwd()
    assert main(["run", str(suite), "--out", "run", "--offline", "--json"]) == 0
    said = capfd.readouterr()
    assert json.loads(said.out)["rows"][0]["generator"] == "pollutes"
    assert "look at me" in said.err and "and at me" in said.err
    assert before == (np.geterr(), torch.get_default_dtype(), Path.cwd())
    assert (tmp_path / "run/summary.json").is_file()


def suite_of_set_ups(folder: Path, meshes: Path, *lines: str) -> Path:
    """One good generator and one good metric, and what `lines` say beside them."""
    suite = suite_of(folder, meshes, ["none"], ["none"])
    generators = "".join(f"  - {line}\n" for line in lines if "Painter" in line)
    metrics = "".join(f"  - {line}\n" for line in lines if "Gauge" in line)
    suite.write_text(suite.read_text().replace("metrics:", f"{generators}metrics:") + metrics)
    return suite


def test_who_ends_the_process_while_it_is_set_up_loses_its_rows(tmp_path: Path, mesh_folder: Path) -> None:
    suite = suite_of_set_ups(
        tmp_path, mesh_folder, '{name: unborn, use: "hostile_plugins:Painter", habit: exits, at: init}',
        '"hostile_plugins:Gauge": {habit: exits, at: prepare}',
    )  # fmt: skip
    assert main(["run", str(suite), "--out", str(tmp_path / "run"), "--offline"]) == 3
    run = read_run(tmp_path / "run")
    assert statuses(run, "none", "gauge_none") == dict.fromkeys(["disc", "egg", "loaf"], "ok")
    assert statuses(run, "none", "gauge_exits") == dict.fromkeys(["disc", "egg", "loaf"], "failed")
    assert statuses(run, "unborn", "gauge_none") == dict.fromkeys(["disc", "egg", "loaf"], "failed")
    told = {f.generator: f.message.split("\n")[0] for f in run.summary.failures}
    assert told["unborn"] == "generator 'unborn': set-up: its process ended with exit code 0 in the middle of the work"
    assert "metric 'hostile_plugins:Gauge': prepare(): its process ended with exit code 0" in told["none"]


def test_who_ends_the_process_beside_a_scored_folder_is_left_out_by_name(tmp_path: Path, mesh_folder: Path) -> None:
    """`score` asks generators whose pictures are a reference whether they can be had: not in its own process."""
    entry = '{name: unborn, use: "hostile_plugins:Painter", habit: exits, at: init}'
    suite = suite_of_set_ups(tmp_path, mesh_folder, entry)
    suite.write_text(suite.read_text().replace("metrics:", "references: {theirs: {generator: unborn}}\nmetrics:"))
    judged = with_folder(load_suite(suite), "mine", tmp_path)
    there, absent = available(judged, "mine", RunOptions())
    assert there == ("mine",) and list(absent) == ["unborn"]
    assert absent["unborn"].message.startswith("generator 'unborn': set-up: its process ended with exit code 0")


@pytest.mark.slow
def test_every_kind_of_set_up_costs_its_own_rows(
    tmp_path: Path, mesh_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(declare, "LEAST", 15.0)
    monkeypatch.chdir(tmp_path)
    kinds = ["hangs", "crashes", "escapes", "quits"]
    suite = suite_of_set_ups(
        tmp_path, mesh_folder,
        *(f'{{name: {kind}, use: "hostile_plugins:Painter", habit: {kind}, at: init}}' for kind in kinds),
        '{name: untrained, use: "hostile_plugins:Painter", habit: crashes, at: prepare}',
        '{name: pollutes, use: "hostile_plugins:Painter", habit: pollutes, at: init}',
        *(f'"hostile_plugins:Gauge": {{habit: {kind}, at: prepare}}' for kind in kinds),
        '"hostile_plugins:Gauge": {habit: pollutes, at: prepare}',
    )  # fmt: skip
    assert main(["run", str(suite), "--out", "run", "--offline", "--timeout", "15", "--json"]) == 3
    assert json.loads(capfd.readouterr().out)["suite"]["name"] == "hostile"
    run = read_run(tmp_path / "run")
    for good in ("none", "pollutes"):
        for gauge in ("none", "pollutes"):
            assert statuses(run, good, f"gauge_{gauge}") == dict.fromkeys(["disc", "egg", "loaf"], "ok")
    for kind in [*kinds, "untrained"]:
        assert set(statuses(run, kind, "gauge_none").values()) == {"failed"}
    for kind in kinds:
        assert set(statuses(run, "none", f"gauge_{kind}").values()) == {"failed"}
    told = {f.generator: f.message for f in run.summary.failures if f.message.startswith("generator")}
    assert "set-up: it took longer than 15 s" in told["hangs"] and "(SIGSEGV)" in told["crashes"]
    assert "(SIGSEGV)" in told["untrained"]


@pytest.mark.parametrize("habit", ["exits", "crashes"])
def test_a_metric_that_cannot_be_made_is_refused_by_name(
    tmp_path: Path, mesh_folder: Path, capsys: pytest.CaptureFixture[str], habit: str
) -> None:
    suite = suite_of_set_ups(tmp_path, mesh_folder, f'"hostile_plugins:Gauge": {{habit: {habit}, at: init}}')
    assert main(["run", str(suite), "--out", str(tmp_path / "run"), "--offline"]) == 2
    said = capsys.readouterr().err
    assert "metric 'hostile_plugins:Gauge'" in said and "its process" in said and not (tmp_path / "run").exists()


@pytest.mark.slow
def test_distances_and_extractors_that_end_their_process_cost_their_rows(tmp_path: Path, mesh_folder: Path) -> None:
    suite = suite_of(tmp_path, mesh_folder, ["none"], ["none"])
    entry = '{name: other, use: "hostile_plugins:Painter", habit: none}'
    sets = "\n".join(
        f'  - "hostile_plugins:Far": {{reference: others, habit: {habit}, extractor: "hostile_plugins:{extractor}"}}'
        for habit, extractor in (("none", "means"), ("exits", "means"), ("quits", "dying"))
    )
    text = suite.read_text().replace("metrics:", f"  - {entry}\nreferences: {{others: {{generator: other}}}}\nmetrics:")
    suite.write_text(text + sets + "\n")
    assert main(["run", str(suite), "--out", str(tmp_path / "run"), "--offline"]) == 3
    shown = [row for row in read_run(tmp_path / "run").summary.rows if row.generator == "none"]
    rows = {row.metric.partition("[")[0]: (row.status, row.note) for row in shown}
    assert [row.value for row in shown if row.metric.startswith("far_none")] == [0.0]  # the same pictures
    assert rows["gauge_none"][0] == rows["far_none"][0] == "ok"
    assert rows["far_exits"][0] == rows["far_quits"][0] == "failed"
    assert "distance(): its process ended with exit code 0" in rows["far_exits"][1]
    assert "extractor 'hostile_plugins:dying'" in rows["far_quits"][1]


@pytest.mark.slow
def test_a_generator_that_always_hangs_is_given_up(
    tmp_path: Path, mesh_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = '{name: stuck, use: "hostile_plugins:Painter", habit: hangs, always: true}'
    suite = suite_of(tmp_path, mesh_folder, ["none"], ["none"])
    suite.write_text(suite.read_text().replace("metrics:", f"  - {entry}\nmetrics:"))
    arguments = ["--offline", "--timeout", "3", "--seeds", "0-1", "--batch-size", "6"]
    assert main(["run", str(suite), "--out", str(tmp_path / "run"), *arguments]) == 3
    run = read_run(tmp_path / "run")
    messages = [f.message.split("\n")[0] for f in run.summary.failures if f.generator == "stuck"]
    made = [message for message in messages if message.startswith("generator")]
    assert sum("took longer than 3 s" in message for message in made) == 3
    assert sum("not tried after 3 losses in a row" in message for message in made) == 3
    assert all(row.status == "ok" for row in run.score_rows if row.generator == "none")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--timeout", "0"], "--timeout 0 means nothing"),
        (["--timeout", "5", "--isolate", "none"], "a limit of time or memory needs processes that can be stopped"),
        (["--isolate", "foriegn"], "did you mean 'foreign'"),
    ],
)
def test_limits_are_honoured_or_refused(
    tmp_path: Path, mesh_folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: Any
) -> None:
    suite = suite_of(tmp_path, mesh_folder, ["none"], ["none"])
    assert main(["run", str(suite), "--out", str(tmp_path / "run"), *arguments]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "run").exists()
