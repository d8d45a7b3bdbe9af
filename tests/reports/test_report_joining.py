"""A report of several runs says which of them may be compared, and what was not tested."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from browser import PHONE, inaccessible, overflow, visit
from fake_run import FakeRun

from bench.results.read import read_runs
from reports import verdict_lines, write_reports
from reports.joining import of_join, why_apart
from reports.table import build_tables


def with_seeds(run: Path, seeds: list[int]) -> Path:
    summary = json.loads((run / "summary.json").read_text())
    summary["seeds"] = seeds
    (run / "summary.json").write_text(json.dumps(summary))
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("joining")
    return [
        FakeRun(n_cases=2).write(root / "one"),
        with_seeds(FakeRun(n_cases=2, seed=1).write(root / "two"), [1, 2]),
        FakeRun(n_cases=2, suite_hash="0a" * 32).write(root / "other"),
        FakeRun(n_cases=2, comparable=False).write(root / "part"),
    ]


def test_runs_of_other_suites_are_kept_apart_by_name(runs: list[Path]) -> None:
    tables = build_tables(read_runs(runs))
    assert why_apart(tables) == (
        "These runs are not set side by side, because they did not ask the same question. "
        "one, two: multiview-texturing v1, suite hash 5f5f5f5f; other: multiview-texturing v1, suite hash 0a0a0a0a; "
        "part: multiview-texturing v1, suite hash 5f5f5f5f, limited to 2 of 40 objects."
    )
    assert why_apart(tables[:1]) == ""
    limited = build_tables(read_runs([runs[0], runs[3]]))
    assert "because limited runs may have seen different objects" in why_apart(limited)


def test_runs_that_share_a_table_say_what_was_not_tested(runs: list[Path]) -> None:
    (table,) = build_tables(read_runs(runs[:2]))
    tests, seeds = of_join(table)
    assert "not tested against each other" in tests
    assert seeds.startswith("The runs sampled different seeds (one: 0; two: 1, 2)")
    (alone,) = build_tables(read_runs(runs[:1]))
    assert of_join(alone) == ()


def test_every_writer_says_so(runs: list[Path], tmp_path: Path) -> None:
    write_reports(runs, tmp_path, ["html", "md"])
    for name in ("index.html", "report.md"):
        text = (tmp_path / name).read_text()
        assert text.count("These runs are not set side by side") == 1
        assert text.count("not tested against each other") == 1
    lines = verdict_lines(runs)
    assert lines[0].startswith("These runs are not set side by side")
    assert sum("is more " in line or "No difference" in line for line in lines) == 2 * 3  # of the two single runs


@pytest.mark.browser
def test_a_joint_page_is_as_good_as_a_single_one(runs: list[Path], tmp_path: Path, browser: object) -> None:
    write_reports(runs, tmp_path, ["html"])
    with visit(browser, tmp_path / "index.html", size=PHONE) as page:
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert overflow(page) == 0
        assert inaccessible(page) == []
