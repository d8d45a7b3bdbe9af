"""Evidence: the objects that decide are those with the largest paired differences, and outlines show what is wrong."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_run import FakeRun

from bench.heat import strip_png
from bench.results.leave_one_out import write_leave_one_out
from bench.results.read import read_runs
from bench.results.scores import read_scores
from reports import write_reports
from reports.deciders import duels
from reports.evidence import deciding_cases, evidence
from reports.gallery import build_gallery
from reports.reference_pictures import beside
from reports.silhouettes import EXTRA, MISSING, OUTLINE, asked_masks, overlay
from reports.table import Table, build_tables

KD = "kd_cluster[efficientnet_lite0]@photos"
SIZE = 24


def disc(x: float, radius: float = 8.0) -> np.ndarray:
    down, across = np.mgrid[:SIZE, :SIZE]
    inside: np.ndarray = (across - x) ** 2 + (down - 11.5) ** 2 < radius**2
    return inside


def painted(mask: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None], np.uint8([120, 60, 40]), np.uint8(255))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Discs that are painted where they were asked for, with an error map of the first object."""
    run = FakeRun(pictures=[painted(disc(11.5))], size=SIZE).write(tmp_path_factory.mktemp("evidence") / "run")
    summary = json.loads((run / "summary.json").read_text())
    summary["error_maps"] = [{"metric": "loo_psnr", "unit": "", "top": 0.25}]
    (run / "summary.json").write_text(json.dumps(summary))
    for case in summary["cases"]:
        path = run / "maps/ceiling" / case["id"] / "seed_0/loo_psnr.png"
        path.parent.mkdir(parents=True)
        path.write_bytes(strip_png(np.where(disc(11.5), 0.1, np.nan)[None].repeat(4, 0), None, 0.25, {}))
    cases = [case["id"] for case in summary["cases"]]
    write_leave_one_out(
        run / "leave_one_out.parquet",
        {  # without case_02 the better one is worse (smaller is better), without case_03 better still
            ("realiz3d", KD): dict(zip(cases, [1.0, 1.0, 1.8, 0.7, 1.0, 1.0], strict=True)),
            ("syn-only", KD): dict.fromkeys(cases, 2.0),
        },
    )
    return run


@pytest.fixture(scope="module")
def table(run: Path) -> Table:
    (table,) = build_tables(read_runs([run]))
    return table


def test_objects_with_the_largest_paired_differences_are_chosen(run: Path, table: Table) -> None:
    (duel, _, control) = duels(table)
    assert (duel.a.label, duel.b.label) == ("realiz3d", "syn-only")  # the two best; the ceiling does not compete
    rows = read_scores(run / "scores.parquet")
    first, second = (
        {row.case: row.value for row in rows if (row.generator, row.metric) == (name, "cde")}
        for name in ("realiz3d", "syn-only")
    )
    gains = {case: first[case] - second[case] for case in first}
    ranked = sorted(gains, key=lambda case: -gains[case])
    assert [item.case for item in duel.objects[:2]] == ranked[:2]
    assert duel.objects[0].gain == pytest.approx(gains[ranked[0]])
    assert duel.objects[0].values == (first[ranked[0]], second[ranked[0]])
    assert duel.won == sum(gain > 0 for gain in gains.values()) and duel.won + duel.lost + duel.even == 6
    assert control.column.metric.name == "silhouette_iou"


def test_a_distance_is_decided_by_what_the_lead_loses_without_an_object(table: Table) -> None:
    duel = duels(table)[1]
    assert duel.of_sets and [item.case for item in duel.objects] == ["case_02", "case_03"]
    most, least = duel.objects
    leads = np.array([1.0, 1.0, 0.2, 1.3, 1.0, 1.0])
    values = {row.generator: row.value for row in table.runs[0].summary.rows if row.metric == KD}
    lead = values["syn-only"] - values["realiz3d"]
    assert most.gain == pytest.approx(lead + 5 * (leads.mean() - 0.2))
    assert least.gain == pytest.approx(lead + 5 * (leads.mean() - 1.3))
    assert most.gain > 0 > least.gain


def test_what_decides_is_in_the_gallery_even_when_little_fits(table: Table) -> None:
    wanted = deciding_cases(table)
    assert len(set(wanted)) == len(wanted) and set(wanted) <= {case.id for case in table.runs[0].cases}
    assert wanted[:2] == (duels(table)[0].objects[0].case, "case_02")  # the loudest of each metric first
    whole = build_gallery(table, 10**9, wanted)
    assert {exhibit.case.id for exhibit in whole.exhibits} == {case.id for case in table.runs[0].cases}
    shown = evidence(table, whole)
    assert [item.duel.column.metric.name for item in shown] == ["cde", KD, "silhouette_iou"]
    for item in shown:
        for exhibit in item.exhibits:
            assert exhibit.place is not None
            assert whole.exhibits[exhibit.place].case.id == exhibit.case.id
            made = [len(side.shots) for side in exhibit.sides]
            assert made == [4, 0 if exhibit.case.id == "case_05" else 4]  # syn-only failed on the last one
    assert shown[2].overlaid and not shown[0].overlaid


def test_nothing_is_claimed_where_nothing_is_known(tmp_path: Path) -> None:
    run = FakeRun(n_cases=2).write(tmp_path / "run")
    (run / "scores.parquet").unlink()
    (table,) = build_tables(read_runs([run]))
    assert [(duel.objects, duel.won) for duel in duels(table)] == [((), 0)] * 3
    write_reports([run], formats=["html"])
    assert "no values for single objects" in (run / "report/index.html").read_text()


def test_overlay_paints_what_is_missing_and_what_is_extra() -> None:
    asked, made = disc(8), disc(15)
    drawn = overlay(painted(made), asked, (1.0, 1.0, 1.0), SIZE)
    missing, extra = (np.all(drawn == colour, axis=-1) for colour in (MISSING, EXTRA))
    outline = np.all(drawn == OUTLINE, axis=-1)
    assert not (missing & ~(asked & ~made)).any() and not (extra & ~(made & ~asked)).any()
    assert (missing | outline)[asked & ~made].mean() > 0.95 and extra[made & ~asked].mean() > 0.95
    same = overlay(painted(asked), asked, (1.0, 1.0, 1.0), SIZE)
    assert not np.all(same == MISSING, axis=-1).any() and not np.all(same == EXTRA, axis=-1).any()


def test_the_asked_shape_is_read_from_any_map_of_the_object(run: Path, table: Table) -> None:
    masks = asked_masks(table.runs[0], "case_00", 0, 4)
    assert len(masks) == 4 and all(np.array_equal(mask, disc(11.5)) for mask in masks)
    assert asked_masks(table.runs[0], "case_00", 0, 3) == () == asked_masks(table.runs[0], "case_00", 1, 4)
    # a hole in the object that the mesh has is a hole in what is painted too
    ring = disc(11.5) & ~disc(11.5, 4)
    drawn = overlay(painted(ring), ring, (1.0, 1.0, 1.0), SIZE)
    assert not np.all(drawn == EXTRA, axis=-1).any()


def test_a_generator_that_is_the_reference_stands_beside(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["suite"] = {"references": {"photos": {"generator": "theirs_v2 | <i>new"}}}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    (table,) = build_tables(read_runs([copy]))
    _, realism, control = evidence(table, build_gallery(table, 10**9))
    assert realism.beside is not None and realism.beside.remark.startswith("The reference's own picture")
    assert [exhibit.beside.source.label for exhibit in realism.exhibits if exhibit.beside] == ["theirs_v2 | <i>new"] * 2
    assert control.beside is None and all(exhibit.beside is None for exhibit in control.exhibits)


def test_photographs_that_are_only_numbers_are_not_looked_for(table: Table) -> None:
    realism = evidence(table, build_gallery(table, 10**9))[1]
    assert realism.beside is not None and realism.beside.source is None  # the fake ceiling has no role
    assert realism.beside.remark == (
        "The nearest pictures of the reference photos cannot be shown: of its 210 pictures (object cut-outs on white) "
        "this run keeps only numbers."
    )
    generators = tuple(
        replace(source, generator=source.generator.model_copy(update={"role": "ceiling"}))
        if source.label == "ceiling"
        else source
        for source in table.sources
    )
    shown = beside(replace(table, sources=generators), realism.duel.column)
    assert shown is not None and shown.source is not None and shown.caption == "ceiling, not of the reference"
    assert "ground-truth render" in shown.remark
