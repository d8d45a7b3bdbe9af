"""Which numbers may share a column, and which of them are best."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_run import FakeRun

from bench.errors import InputError
from bench.results.read import read_runs
from bench.results.signatures import describe_difference, signature_difference, signature_fields
from reports import write_reports
from reports.table import Column, Table, build_tables, gaps


def edit(run: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    path = run / "summary.json"
    summary = json.loads(path.read_text())
    change(summary)
    path.write_text(json.dumps(summary))
    return run


def rewrite_signatures(
    metric: str, old: str, new: str, generator: str | None = None
) -> Callable[[dict[str, Any]], None]:
    def change(summary: dict[str, Any]) -> None:
        for row in summary["rows"]:
            if row["metric"] == metric and generator in (None, row["generator"]):
                row["signature"] = row["signature"].replace(old, new)

    return change


def columns(table: Table, metric: str) -> list[Column]:
    return [column for column in table.columns if column.metric.name == metric]


def bold(table: Table, column: Column) -> set[str]:
    return {source.label for source in table.sources if table.cell(source, column).best}


def test_signature_difference_names_the_keys_that_differ() -> None:
    a, b = "fid extractor=inception n=160 v1", "fid extractor=inception n=152 v2 antialias"
    assert signature_fields(a) == {"metric": "fid", "extractor": "inception", "n": "160", "version": "v1"}
    assert signature_difference([a, b, a]) == [
        ("n", ("160", "152")),
        ("version", ("v1", "v2")),
        ("antialias", ("-", "yes")),
    ]
    assert describe_difference([a, a]) == ""


def test_one_run_primary_metrics_first_and_bold_as_stored(fake_run: Path) -> None:
    (table,) = build_tables(read_runs([fake_run]))
    assert [column.metric.name for column in table.columns[:3]] == [
        "cde", "kd_cluster[efficientnet_lite0]@photos", "silhouette_iou",
    ]  # fmt: skip
    assert [column.primary for column in table.columns] == [True] * 3 + [False] * 4
    assert all(bold(table, column) == {"realiz3d"} for column in table.columns)
    assert {(source.label, column.metric.name) for source, column, _ in table.missing()} == {
        ("syn-only", "emr"), ("theirs_v2 | <i>new", "fid@photos"), ("syn-only", "throughput"),
    }  # fmt: skip


def test_signatures_that_differ_within_a_run_are_shown_but_not_ranked(tmp_path: Path) -> None:
    run = edit(FakeRun().write(tmp_path / "run"), rewrite_signatures("cde", "n=24", "n=20", "ceiling"))
    (table,) = build_tables(read_runs([run]))
    (column,) = columns(table, "cde")
    assert column.refused
    assert column.difference == "n: 24 | 20"
    assert bold(table, column) == set()
    assert all(table.cell(source, column).value is not None for source in table.sources)


def test_runs_join_where_signatures_agree_and_split_where_not(tmp_path: Path) -> None:
    a = FakeRun().write(tmp_path / "a")
    b = edit(FakeRun(seed=1).write(tmp_path / "b"), rewrite_signatures("fid@photos", "white", "grey"))
    (table,) = build_tables(read_runs([a, b]))
    (cde,) = columns(table, "cde")
    assert cde.runs == ("a", "b")
    first, second = columns(table, "fid@photos")
    assert (first.runs, second.runs) == (("a",), ("b",))
    assert table.split == (("fid@photos", "background: white | grey"),)
    # set distances of the two runs are equal but for nothing: both winners reach the best
    (kernel,) = columns(table, "kd_cluster[efficientnet_lite0]@photos")
    assert bold(table, kernel) == {"realiz3d (a)", "realiz3d (b)"}


def test_a_run_stored_with_an_older_version_of_a_metric_does_not_join_its_column(tmp_path: Path) -> None:
    a = edit(FakeRun().write(tmp_path / "a"), rewrite_signatures("cde", " v1", " v2"))
    (table,) = build_tables(read_runs([a, FakeRun(seed=1).write(tmp_path / "b")]))
    assert sorted(column.runs for column in columns(table, "cde")) == [("a",), ("b",)]
    assert table.split == (("cde", "version: v2 | v1"),)


def test_joined_runs_keep_only_the_best_that_reaches_the_top(tmp_path: Path) -> None:
    a = FakeRun().write(tmp_path / "a")
    b = FakeRun(shift=0.01).write(tmp_path / "b")  # lower is better, and the intervals are ± 0.002 wide
    (table,) = build_tables(read_runs([a, b]))
    (kernel,) = columns(table, "kd_cluster[efficientnet_lite0]@photos")
    assert bold(table, kernel) == {"realiz3d (a)"}


def test_a_run_without_numbers_joins_the_column(tmp_path: Path) -> None:
    def no_numbers(summary: dict[str, Any]) -> None:
        for row in summary["rows"]:
            if row["metric"] == "fid@photos":
                row |= {"status": "weights_missing", "value": None, "signature": ""}

    runs = [edit(FakeRun().write(tmp_path / "a"), no_numbers), FakeRun().write(tmp_path / "b")]
    (table,) = build_tables(read_runs(runs))
    (column,) = columns(table, "fid@photos")
    assert set(column.runs) == {"a", "b"}
    assert not column.refused


def test_other_suites_and_limited_runs_get_tables_of_their_own(tmp_path: Path) -> None:
    runs = [
        FakeRun().write(tmp_path / "full"),
        FakeRun(suite_hash="00" * 32).write(tmp_path / "other"),
        FakeRun(comparable=False).write(tmp_path / "limited"),
        FakeRun(comparable=False).write(tmp_path / "limited_too"),
    ]
    tables = build_tables(read_runs(runs))
    assert [[run.label for run in table.runs] for table in tables] == [
        ["full"],
        ["other"],
        ["limited"],
        ["limited_too"],
    ]


def test_labels_tell_folders_of_one_name_apart(tmp_path: Path) -> None:
    runs = [FakeRun().write(tmp_path / name / "run") for name in ("a", "b")]
    assert [run.label for run in read_runs([*runs, runs[0]])] == ["a/run", "b/run"]


def test_broken_folders_are_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no summary\.json"):
        read_runs([tmp_path])
    run = FakeRun().write(tmp_path / "run")
    edit(run, lambda summary: summary["rows"][0].update(value="many"))
    with pytest.raises(InputError, match=r"summary\.json: rows\.0\.value"):
        read_runs([run])
    (run / "summary.json").write_text("{")
    with pytest.raises(InputError, match="not readable JSON"):
        read_runs([run])
    other = FakeRun().write(tmp_path / "other")
    (other / "scores.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match="table of scores cannot be read"):
        write_reports([other])


def test_one_reason_is_said_once(tmp_path: Path) -> None:
    run = FakeRun().write(tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    for row in summary["rows"]:
        if row["metric"] in ("emr", "cde"):
            row |= {"status": "weights_missing", "value": None, "note": "no network"}
        if row["metric"] == "loo_psnr" and row["generator"] in ("realiz3d", "ceiling"):
            row |= {"status": "failed", "value": None, "note": "broken"}
    (run / "summary.json").write_text(json.dumps(summary))
    (table,) = build_tables(read_runs([run]))
    found = {
        gap.note: ([source.label for source in gap.sources], [column.metric.name for column in gap.columns])
        for gap in gaps(table)
    }
    assert found["no network"] == ([source.label for source in table.sources], ["cde", "emr"])
    assert found["broken"] == (["realiz3d", "ceiling"], ["loo_psnr"])
    assert sum(len(gap.sources) * len(gap.columns) for gap in gaps(table)) == len(table.missing())
    write_reports([run], formats=["md", "html"])
    assert "- all generators, `cde`, `emr`: weights missing: no network" in (run / "report/report.md").read_text()
    assert (run / "report/index.html").read_text().count('<td class="message">no network</td>') == 1
