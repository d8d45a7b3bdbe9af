"""What a page opens with: which objects, which generators, what was asked; and where the suite says so."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fake_run import FakeRun

from bench.heat import strip_png
from bench.results.read import read_runs
from reports import write_reports
from reports.gallery import build_gallery
from reports.opening import Opening, opening, shown_first, spaced
from reports.silhouettes import filled
from reports.table import Table, build_tables

CEILING = {"name": "ceiling", "use": "ceiling", "calibration": True, "role": "ceiling"}


def rivals(n: int) -> list[dict[str, Any]]:
    return [{"name": f"model-{i}", "use": "folder"} for i in range(n)]


def table_of(run: Path, **suite: Any) -> Table:
    summary = json.loads((run / "summary.json").read_text())
    summary["suite"] |= suite
    (run / "summary.json").write_text(json.dumps(summary))
    (table,) = build_tables(read_runs([run]))
    return table


def opened(run: Path, **suite: Any) -> Opening:
    table = table_of(run, **suite)
    return opening(table, build_gallery(table, 10**9))


def labels(table: Table) -> list[str]:
    return [source.label for source in shown_first(table)]


def test_the_objects_span_the_ranking_from_the_easiest_to_the_hardest(tmp_path: Path) -> None:
    run = FakeRun(n_cases=9).write(tmp_path / "run")
    table = table_of(run)
    ranked = sorted(build_gallery(table, 10**9).exhibits, key=lambda exhibit: exhibit.score or 0.0)
    found = [task.case.id for task in opened(run).tasks]
    assert found == [ranked[place].case.id for place in (8, 6, 4, 2, 0)]


def test_objects_without_a_value_or_a_picture_are_neither_easy_nor_hard(tmp_path: Path) -> None:
    run = FakeRun(n_cases=12).write(tmp_path / "run")
    ranked = [task.case.id for task in opened(run).tasks]
    (table,) = build_tables(read_runs([run]))
    order = [e.case.id for e in sorted(build_gallery(table, 10**9).exhibits, key=lambda e: e.score or 0.0)]
    assert (ranked[0], ranked[-1]) == (order[-1], order[0])

    scores = pd.read_parquet(run / "scores.parquet")
    scores[scores["case"] != order[5]].to_parquet(run / "scores.parquet")
    for gone in (order[0], order[11]):
        for folder in (run / "samples").glob(f"*/{gone}"):
            shutil.rmtree(folder)
    (table,) = build_tables(read_runs([run]))
    left = [case for place, case in enumerate(order) if place not in (0, 5, 11)]
    gallery = build_gallery(table, 10**9, wanted=left[4:6])
    assert [task.case.id for task in opening(table, gallery).tasks] == [left[place] for place in (8, 6, 4, 2, 0)]
    assert gallery.total == 12


def test_the_contestants_are_shown_and_then_the_ceiling(tmp_path: Path) -> None:
    generators = [CEILING, {"name": "floor", "use": "floor", "calibration": True, "role": "floor"}, *rivals(2)]
    table = table_of(FakeRun(generators=generators, n_cases=2).write(tmp_path / "run"))
    assert labels(table) == ["model-0", "model-1", "ceiling"]


def test_of_many_the_first_and_the_best_are_shown_and_the_others_named(tmp_path: Path) -> None:
    run = FakeRun(generators=[*rivals(8), CEILING], n_cases=2).write(tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    for row in summary["rows"]:
        if (row["metric"], row["generator"]) == ("cde", "model-7"):
            row["value"] = 2.0
    (run / "summary.json").write_text(json.dumps(summary))
    assert labels(table_of(run)) == ["model-0", "model-1", "model-2", "model-3", "model-7", "ceiling"]
    assert opened(run).left_out == ("model-4", "model-5", "model-6")
    write_reports([run], formats=["html"])
    assert "also by model-4, model-5, model-6." in (run / "report/index.html").read_text()


def test_a_long_list_of_others_is_cut(tmp_path: Path) -> None:
    run = FakeRun(generators=rivals(12), n_cases=2).write(tmp_path / "run")
    write_reports([run], formats=["html"])
    assert re.search(r"also by [-\w, ]+ and 4 more\.", (run / "report/index.html").read_text())


def test_a_suite_says_who_is_shown_and_in_which_order(tmp_path: Path) -> None:
    ceilings = [CEILING, CEILING | {"name": "small-ceiling"}]
    run = FakeRun(generators=[*ceilings, *rivals(3)], n_cases=2).write(tmp_path / "run")
    named = ["model-2", "model-0", "small-ceiling", "gone"]
    assert labels(table_of(run, shown_first=named)) == ["model-2", "model-0", "small-ceiling"]
    # somebody scores a folder of their own: none of those that are named competes
    assert labels(table_of(run, shown_first=["small-ceiling"])) == ["model-0", "model-1", "model-2", "small-ceiling"]
    assert labels(table_of(run, shown_first=["ceiling", "model-1"])) == ["ceiling", "model-1"]
    assert labels(table_of(run, shown_first=["model-1"])) == ["model-1"]
    # of the named ones only the base was run, beside models of somebody's
    assert labels(table_of(run, shown_first=["model-1", "gone"]))[:3] == ["model-0", "model-1", "model-2"]


def test_runs_side_by_side_show_those_of_both(tmp_path: Path) -> None:
    first, second = (FakeRun(generators=rivals(3), n_cases=2).write(tmp_path / name) for name in "ab")
    for run in (first, second):
        table_of(run, shown_first=["model-0"])
    (table,) = build_tables(read_runs([first, second]))
    assert labels(table) == ["model-0 (a)", "model-1 (a)", "model-2 (a)", "model-0 (b)", "model-1 (b)"]


def test_the_asked_outline_stands_beside_where_a_mesh_was_given(tmp_path: Path) -> None:
    run = FakeRun(n_cases=2).write(tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    summary["error_maps"] = [{"metric": "loo_psnr", "unit": "", "top": 0.25}]
    (run / "summary.json").write_text(json.dumps(summary))
    path = run / "maps/ceiling/case_00/seed_0/loo_psnr.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(strip_png(np.full((4, 24, 24), 0.1), None, 0.25, {}))
    found = {task.case.id: task.asked for task in opened(run).tasks}
    assert ([view for view, _ in found["case_00"]], found["case_01"]) == ([0, 1, 2, 3], ())
    assert not opened(run, task="text_to_multiview").asked


def test_nothing_opens_a_page_without_pictures(tmp_path: Path) -> None:
    run = FakeRun(n_cases=2).write(tmp_path / "run")
    (run / "samples").rename(run / "gone")
    assert not opened(run).tasks
    write_reports([run], formats=["html"])
    page = (run / "report/index.html").read_text()
    assert 'class="opening"' not in page and ">More pictures<" not in page


def test_an_outline_is_dark_inside_and_smooth_at_its_edge() -> None:
    mask = np.zeros((16, 16), bool)
    mask[4:12, 4:12] = True
    drawn = filled(mask, 100)
    assert drawn.shape == (100, 100, 3) and drawn.dtype == np.uint8
    assert (drawn[50, 50] == 96).all() and (drawn[2, 2] == 255).all()
    assert (drawn < 200).any(axis=-1).mean() == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(("n", "shown"), [(0, ()), (1, (0,)), (4, (0, 1, 2, 3)), (6, (0, 1, 3, 4)), (8, (0, 2, 4, 6))])
def test_views_are_spread(n: int, shown: tuple[int, ...]) -> None:
    assert spaced(n) == shown
