"""The page's answer in words, the matrix of wins and the Pareto front: they say what the comparisons say, no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_run import FakeRun

from bench.results.read import read_runs
from reports import verdict_lines, write_reports
from reports.cells import Scale, notes, scale
from reports.markdown import escape
from reports.table import Table, build_tables
from reports.tradeoff import MAX_FIGURES, Point, figures, pareto_front
from reports.verdict import verdicts
from reports.wins import win_matrices

KD = "kd_cluster[efficientnet_lite0]@photos"
A, B, C, CEILING = "realiz3d", "syn-only", "theirs_v2 | <i>new", "ceiling"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return FakeRun(n_cases=3).write(tmp_path / "run")


def changed(
    run: Path,
    pairs: dict[tuple[str, str], float | None],
    values: dict[str, float],
    metric: str = KD,
    interval: float | None = None,
) -> Table:
    """The table of a run whose metric has these values and p-values (corrected ones; others are not tested).

    `interval`: how far that of each difference reaches to either side.
    """
    summary = json.loads((run / "summary.json").read_text())
    for row in summary["rows"]:
        if row["metric"] == metric and row["generator"] in values:
            row["value"] = values[row["generator"]]
    kept: list[dict[str, Any]] = []
    for pair in summary["comparisons"]:
        names = (pair["a"], pair["b"])
        if pair["metric"] == metric:
            p = pairs.get(names)
            pair |= {"p_holm": p, "p_value": None if p is None else p / 2}
            pair["difference"] = values.get(names[0], 0.0) - values.get(names[1], 0.0)
            if interval is not None:
                pair |= {"ci_low": pair["difference"] - interval, "ci_high": pair["difference"] + interval}
        kept.append(pair)
    summary["comparisons"] = kept
    (run / "summary.json").write_text(json.dumps(summary))
    (table,) = build_tables(read_runs([run]))
    return table


def sentence(table: Table) -> str:
    return next(verdict.sentence for verdict in verdicts(table) if verdict.column.metric.name == KD)


def test_a_leader_is_named_with_whom_it_beats_and_how_surely(run: Path) -> None:
    values = {A: 0.2, B: 0.1, C: 0.3}
    assert sentence(changed(run, {(A, B): 0.01, (B, C): 0.0004}, values)) == (
        f"{B} is more realistic than {A} and {C} (p ≤ 0.010)."
    )
    assert sentence(changed(run, {(A, B): 0.2, (B, C): 0.0004}, values)) == (
        f"{B} is more realistic than {C} (p < 0.001); {A} cannot be told apart from it."
    )


def test_where_all_are_the_same_nobody_leads(run: Path) -> None:
    """Equal means of unequal objects are another thing, and so is what was not tested."""
    equal, tests = {A: 0.2, B: 0.2, C: 0.2}, {(A, B): 1.0, (B, C): 1.0, (A, C): 1.0}
    same = "No difference: all that have a value have the same one on every object."
    assert sentence(changed(run, tests, equal, interval=0.0)) == same
    assert "No difference is shown" in sentence(changed(run, tests, equal, interval=0.3))
    assert "were not tested" in sentence(changed(run, {}, equal, interval=0.0))


def test_nothing_is_claimed_without_a_test(run: Path) -> None:
    values = {A: 0.2, B: 0.1, C: 0.3}
    assert "No difference is shown" in sentence(changed(run, {(A, B): 0.2, (B, C): 0.05}, values))
    assert "were not tested" in sentence(changed(run, {}, values))
    assert sentence(changed(run, {(A, B): 0.01}, values)) == (
        f"{B} is more realistic than {A} (p = 0.010); {C} cannot be told apart from it."
    )


def test_who_is_behind_all_others_is_named_when_every_test_says_so(run: Path) -> None:
    values = {A: 0.2, B: 0.1, C: 0.3}
    said = sentence(changed(run, {(A, B): 0.2, (A, C): 0.03, (B, C): 0.001}, values))
    assert said == (
        f"{B} is more realistic than {C} (p = 0.001); {A} cannot be told apart from it. "
        f"{C} is behind all others (p ≤ 0.030)."
    )
    assert "behind" not in sentence(changed(run, {(A, B): 0.2, (A, C): 0.06, (B, C): 0.001}, values))
    assert "behind" not in sentence(changed(run, {(A, B): 0.2, (B, C): 0.001}, values))  # one is not tested


def test_a_p_value_just_below_the_level_is_not_printed_as_the_level(run: Path) -> None:
    values = {A: 0.2, B: 0.1, C: 0.3}
    assert "(p < 0.05)" in sentence(changed(run, {(A, B): 0.0499, (B, C): 0.2}, values))
    assert "(p = 0.049)" in sentence(changed(run, {(A, B): 0.0494, (B, C): 0.2}, values))


def test_texts_lead_with_the_verdict(run: Path) -> None:
    values = {A: 0.2, B: 0.1, C: 0.3}
    table = changed(run, {(A, B): 0.01, (B, C): 0.0004}, values)
    write_reports([run], formats=["md"])
    lines = (run / "report/report.md").read_text().splitlines()
    assert lines[2] == "## Verdict"
    assert lines[5] == f"- *realism*: {escape(sentence(table))} (`{KD}`)"
    assert verdict_lines([run])[1] == f"realism: {sentence(table)} ({KD})"
    assert len(verdict_lines([run])) == 3


def test_the_uncorrected_p_value_does_not_count(run: Path) -> None:
    values = {A: 0.2, B: 0.1, C: 0.3}  # uncorrected .03 and .04
    assert "No difference is shown" in sentence(changed(run, {(A, B): 0.06, (B, C): 0.08}, values))


def test_a_calibration_generator_never_leads(run: Path) -> None:
    values = {A: 0.2, B: 0.1, C: 0.3, CEILING: 0.0}
    table = changed(run, {(A, B): 0.01, (B, C): 0.01, (B, CEILING): 0.001}, values)
    assert sentence(table).startswith(B) and CEILING not in sentence(table)


def test_values_that_were_not_measured_alike_are_not_ranked(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    next(row for row in summary["rows"] if row["metric"] == KD)["signature"] += " other"
    (run / "summary.json").write_text(json.dumps(summary))
    (table,) = build_tables(read_runs([run]))
    assert "nobody is ranked" in sentence(table)
    assert KD not in [wins.column.metric.name for wins in win_matrices(table)]


def test_joined_runs_have_no_verdict(run: Path, tmp_path: Path) -> None:
    (table,) = build_tables(read_runs([run, FakeRun(n_cases=3, seed=1).write(tmp_path / "other")]))
    assert verdicts(table) == () and win_matrices(table) == ()


def test_the_matrix_says_what_each_pair_says(run: Path) -> None:
    table = changed(run, {(A, B): 0.01, (B, C): 0.2}, {A: 0.2, B: 0.1, C: 0.3, CEILING: 0.4})
    wins = next(wins for wins in win_matrices(table) if wins.column.metric.name == KD)
    assert wins.names == (B, A, C, CEILING)  # lower is better
    outcomes = [[cell.outcome if cell else "" for cell in row] for row in wins.cells]
    assert outcomes[0][:3] == ["", "better", "level"]
    assert outcomes[1][:3] == ["worse", "", "untested"]
    assert outcomes[2][:3] == ["level", "untested", ""]


def at(x: float, y: float, calibrates: bool = False) -> Point:
    return Point(f"{x},{y}", (x, x, x), (y, y, y), calibrates)


def test_the_front_holds_those_that_no_contestant_beats_on_both_axes() -> None:
    shown = [at(1, 1), at(2, 3), at(3, 2), at(2, 2), at(0, 9, calibrates=True)]
    assert pareto_front(shown, (False, True)) == [0, 1]
    assert pareto_front(shown, (True, True)) == [1, 2]
    assert pareto_front(shown, (False, False)) == [0]


def test_the_default_axes_come_first_and_no_pair_twice(run: Path) -> None:
    (table,) = build_tables(read_runs([run]))
    drawn = figures(table)
    titles = [(shape.x_title, shape.y_title) for shape in drawn]
    assert titles[0][0].startswith(KD) and titles[0][1].startswith("cde")
    assert len({frozenset(pair) for pair in titles}) == len(titles) <= MAX_FIGURES
    assert all(mark.title for mark in drawn[0].marks)


def test_bars_and_notes(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    for row in summary["rows"][:2]:
        row["note"] = "1 of 3 samples failed"
    (run / "summary.json").write_text(json.dumps(summary))
    (table,) = build_tables(read_runs([run]))
    assert notes(table)["1 of 3 samples failed"] == 1
    assert Scale(1.0, 3.0).place(2.0) == 50.0
    for column in table.columns:
        across = scale(table, column)
        assert across is not None
        for source in table.sources:
            row = table.cell(source, column).row
            bar = across.bar(row) if row is not None else None
            if bar is not None:
                assert 0 <= bar[0] <= bar[2] <= bar[1] <= 100


def test_a_large_page_stays_small_and_has_every_verdict(tmp_path: Path) -> None:
    from reports.html import write_html

    generators = [{"name": f"model-{i}", "use": "folder"} for i in range(15)]
    run = FakeRun(n_cases=40, generators=generators, size=8).write(tmp_path / "large")
    tables = build_tables(read_runs([run]))
    page = write_html(tables, budget=0)
    assert len(page) < 5_000_000
    assert page.count('<span class="axis">') == 6 and "http://" not in page.replace("http://www.w3.org/2000/svg", "")
