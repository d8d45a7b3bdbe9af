"""Plug-ins that fit and answer wrongly: each costs its own rows, is named, and leaves its traceback in the folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lying_plugins import Gauge, Moody

from bench.cli import main
from bench.results.read import RunResults, read_run

MOODS = {
    "escapes": "generator 'escapes': generate() raised BaseException: away",
    "bare": "generator 'bare' gave an answer of type ndarray",
    "forgets": "generator 'forgets': generate() raised KeyError: 'camera'",
}
ANSWERS = {
    "exits": "measure() called sys.exit(0)",
    "escapes": "measure() raised GeneratorExit",
    "forgets": "measure() raised KeyError: 'camera'",
    "status": "the status 'fantastic'",
    "failed": "the status 'failed'",
    "covered": "the coverage 900.0",
    "worded": "the coverage 'high'",
    "huge": "gave 1e+308",
    "text": "gave 1.0 for",
    "views": "gave 2 values per view",
    "unready": "prepare() raised OSError: no such file: weights.pt",
}
DISTANCES = {"nan": "distance() gave nan", "short": "leave_one_object_out() gave 2 numbers"}


def suite_of(folder: Path, moods: Any, answers: Any, distances: Any) -> Path:
    named = {"none": "none", "again": "none", **{mood: mood for mood in moods}}
    generators = "\n".join(f'  - {{name: {n}, use: "lying_plugins:Moody", habit: {m}}}' for n, m in named.items())
    metrics = "\n".join(f'  - "lying_plugins:Gauge": {{habit: {answer}}}' for answer in answers)
    sets = "\n".join(f'  - "lying_plugins:Far": {{reference: photos, habit: {one}}}' for one in distances)
    file = folder / "suite.yaml"
    file.write_text(
        "name: tiny\nversion: 1\ntask: texturing\ncases: {source: miniworld, count: 3}\nviews: {resolution: 32}\n"
        f"references: {{photos: {{shipped: photo_cutouts}}}}\ngenerators:\n{generators}\nmetrics:\n{metrics}\n{sets}\n"
    )
    return file


@pytest.fixture(scope="module")
def lied_to(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """One run with everything wrong at once, and its exit code."""
    folder = tmp_path_factory.mktemp("lied_to")
    Moody.made = Gauge.made = 0
    suite = suite_of(folder, MOODS, ("none", *ANSWERS), ("none", *DISTANCES, "certain"))
    return folder / "run", main(["run", str(suite), "--out", str(folder / "run"), "--offline"])


@pytest.fixture
def run(lied_to: tuple[Path, int]) -> RunResults:
    return read_run(lied_to[0])


def row_of(run: RunResults, generator: str, metric: str) -> Any:
    return next(row for row in run.summary.rows if (row.generator, row.metric) == (generator, metric))


def messages(run: RunResults, generator: str) -> list[str]:
    return [failure.message for failure in run.summary.failures if failure.generator == generator]


def test_the_rest_is_scored_and_the_run_says_that_it_is_incomplete(lied_to: tuple[Path, int], run: RunResults) -> None:
    assert lied_to[1] == 3
    fine = row_of(run, "none", "gauge_none")
    assert (fine.status, fine.value, fine.n_objects) == ("ok", 0.5, 3)
    assert row_of(run, "none", "far_none@photos").status == "ok"


@pytest.mark.parametrize("mood", MOODS)
def test_a_wrong_picture_costs_its_sample(run: RunResults, mood: str) -> None:
    told = [message for message in messages(run, mood) if "generator" in message]
    assert len(told) == 1 and MOODS[mood] in told[0]
    scored = [row.status for row in run.score_rows if (row.generator, row.metric) == (mood, "gauge_none")]
    assert scored == ["ok", "failed", "ok"]


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_wrong_answer_costs_its_row(run: RunResults, answer: str) -> None:
    row = row_of(run, "none", f"gauge_{answer}")
    assert (row.status, row.value) == ("failed", None)
    told = [message for message in messages(run, "none") if message.startswith(f"gauge_{answer}: ")]
    assert len(told) == 3 and ANSWERS[answer] in told[0] and "metric 'lying_plugins:Gauge'" in told[0]


@pytest.mark.parametrize("habit", DISTANCES)
def test_a_wrong_distance_costs_its_row(run: RunResults, habit: str) -> None:
    row = row_of(run, "none", f"far_{habit}@photos")
    assert (row.status, row.value, row.ci_low, row.bold) == ("failed", None, None, False)
    assert any(DISTANCES[habit] in message and "'lying_plugins:Far'" in message for message in messages(run, "none"))


def test_a_wrong_test_costs_its_p_value(run: RunResults) -> None:
    assert row_of(run, "none", "far_certain@photos").status == "ok"
    pairs = [pair for pair in run.summary.comparisons if pair.metric == "far_certain@photos"]
    assert pairs and all(pair.p_value is None for pair in pairs)
    assert any("difference() gave (7.0, 'certain')" in message for message in messages(run, "none"))


def test_every_traceback_is_kept_once(run: RunResults) -> None:
    log = run.layout.failures.read_text()
    assert "forgets / " in log and 'return batch["camera"]' in log and "lying_plugins.py" in log
    assert log.count("\nOSError: no such file: weights.pt\n") == 1  # of twelve samples
    assert "Traceback" not in run.layout.summary.read_text()


def test_metrics_are_made_once_to_be_checked_and_once_to_measure(lied_to: tuple[Path, int]) -> None:
    # the fixture's run alone: twelve gauges, whatever the number of cases and generators
    assert Gauge.made == 2 * (1 + len(ANSWERS))


def test_a_set_up_that_fails_later_costs_its_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Moody, "made", 0)
    suite = suite_of(tmp_path, ["flaky"], ["none"], [])
    assert main(["run", str(suite), "--out", str(tmp_path / "run"), "--offline", "--debug"]) == 3
    run = read_run(tmp_path / "run")
    assert len(messages(run, "flaky")) == 3 and "__init__() raised RuntimeError" in messages(run, "flaky")[0]
    assert row_of(run, "none", "gauge_none").status == "ok"
    assert 'raise RuntimeError("out of memory")' in capsys.readouterr().err  # --debug shows it as it happens


def test_the_log_is_that_of_the_last_command(tmp_path: Path) -> None:
    suite = suite_of(tmp_path, [], ["forgets"], [])
    assert main(["run", str(suite), "--out", str(tmp_path / "run"), "--offline"]) == 3
    assert (tmp_path / "run/failures.log").is_file()
    suite_of(tmp_path, [], ["none"], [])
    assert main(["run", str(suite), "--out", str(tmp_path / "run"), "--offline"]) == 0
    assert not (tmp_path / "run/failures.log").exists()
