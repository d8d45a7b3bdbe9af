"""Gate and report read the same two generators alike: values, differences, p-values, and what failed."""

from dataclasses import replace

import pytest
from gate_models import REALISM, paint
from gate_sides import with_result

from bench.gate.baseline import read_baseline, write_baseline
from bench.gate.inputs import read_input
from bench.gate.page import gate_page

GENERATORS = (
    "generators=[{name: floor, use: floor}, {name: ceiling, use: ceiling}, {name: mine, use: 'gate_models:Painter'}, "
    "{name: soft, use: 'gate_models:Painter', blur: 2.0, draw: 1}]"
)


@pytest.fixture(scope="module")
def folder(painted, tmp_path_factory):
    return paint(painted.suite, tmp_path_factory.mktemp("report") / "run", GENERATORS)


def alone(found, metric):
    """The verdict on one result, so that nothing is corrected; its two-sided p-value."""
    page = gate_page(*(replace(found.side(name), gates={}) for name in ("mine", "soft")), {metric: 0.01})
    (one,) = page.results
    return one, min(1.0, 2 * min(one.p_worse, one.p_better_holm))


def agree(folder):
    found = read_input(folder)
    summary = found.run.summary
    rows = {(row.metric, row.generator): row for row in summary.rows}
    tested = {one.metric: one for one in summary.comparisons if (one.a, one.b) == ("mine", "soft")}
    for metric in ("loo_psnr", "silhouette_iou", REALISM):
        one, p = alone(found, metric)
        sign = 1 if one.direction == "up" else -1
        before, after = rows[metric, "mine"], rows[metric, "soft"]
        assert (one.baseline, one.candidate) == (before.value, after.value)
        assert one.harm == pytest.approx(sign * (before.value - after.value), abs=1e-12)
        assert one.harm == pytest.approx(sign * tested[metric].difference, abs=1e-12)
        assert one.n_objects == tested[metric].n_objects == before.n_objects
        assert one.failed == (before.n_missing, after.n_missing)
        assert p == pytest.approx(tested[metric].p_value, abs=1e-9), metric


def test_where_all_was_made(folder):
    agree(folder)


def test_against_an_accepted_state(folder, tmp_path):
    """What pairs of objects add to the variance is kept in a baseline; without it the gate is the more careful."""
    found = read_input(folder)
    mine, soft = (replace(found.side(name), gates={}) for name in ("mine", "soft"))
    write_baseline(mine, tmp_path / "accepted", "me", "first", "2026-01-01", "")
    direct, kept, bare = (
        gate_page(before, soft, {REALISM: 0.01}).results[0]
        for before in (mine, read_baseline(tmp_path / "accepted"), with_result(mine, REALISM, pairs={}))
    )
    assert kept.p_worse == direct.p_worse and (kept.harm_low, kept.harm_high) == (direct.harm_low, direct.harm_high)
    assert bare.harm == direct.harm and bare.harm_low < direct.harm_low


def test_where_each_failed_on_another_object(painted, folder, tmp_path):
    cases = [case.id for case in read_input(folder).run.summary.cases]
    broken = GENERATORS.replace("use: 'gate_models:Painter'}", f"use: 'gate_models:Painter', broken: [{cases[1]}]}}")
    broken = broken.replace("draw: 1", f"draw: 1, broken: [{cases[3]}]")
    agree(paint(painted.suite, tmp_path / "run", broken))
