"""The self-test proves what it says, notices a broken metric, and tells people and machines the same."""

from __future__ import annotations

import json
import math
from xml.etree import ElementTree

import pytest
import torch

from bench.cli import main
from bench.errors import UsageError
from bench.metrics.declaration import Measurement
from bench.metrics.loo_psnr import LooPsnr
from bench.selftest.checks import PROPERTIES
from bench.selftest.pictures import PICTURES
from bench.selftest.run import judge, self_test
from reports.selftest import COLUMNS, heat_map, rows, summary, write_markdown, write_svg

SMALL = ["--objects", "1", "--resolution", "128"]


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """As the command does: more threads gain nothing on small pictures, and starve on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def outcome():
    return self_test(objects=1, resolution=128)


def failing(found) -> set[tuple[str, str]]:
    return {(verdict.asked.pictures, verdict.asked.metric) for verdict in found.verdicts if not verdict.holds}


def test_every_picture_set_is_judged_and_every_property_is_about_something_measured(outcome):
    names = {pictures.name for pictures in PICTURES}
    assert {p.pictures for p in PROPERTIES} == names
    assert {p.baseline for p in PROPERTIES} <= names
    assert {p.metric for p in PROPERTIES} <= {result.name for result in outcome.results}
    assert [verdict.asked for verdict in outcome.verdicts] == list(PROPERTIES)


def test_invariances_hold_for_a_single_small_object(outcome):
    exact = {"view-order", "background", "flat-colour"}
    assert not {found for found in failing(outcome) if found[0] in exact}


def test_same_numbers_twice_and_more_objects_keep_the_first(outcome):
    again = self_test(objects=1, resolution=128)
    assert repr(again.means) == repr(outcome.means)  # NaN is not equal to itself
    assert again.objects == outcome.objects == ("eval_000_egg",)


def test_an_expectation_fails_on_what_it_forbids(outcome):
    """Every property can fail: with each metric at its ceiling's value everywhere, or nowhere measurable."""
    frozen = {p.name: dict(outcome.means["ceiling"]) for p in PICTURES}
    numb = {v.asked.pictures + v.asked.metric for v in judge(outcome.results, frozen) if not v.holds}
    blind = {p.name: dict.fromkeys(outcome.means["ceiling"], math.nan) for p in PICTURES}
    held = {(v.asked.pictures, v.asked.metric) for v in judge(outcome.results, blind) if v.holds}
    assert held == {("flat-colour", "emr")}
    relative = [p for p in PROPERTIES if p.expectation.words.startswith(("falls", "rises"))]
    assert len(relative) > 20
    assert {p.pictures + p.metric for p in relative} <= numb


def test_a_metric_that_lets_views_vouch_for_themselves_is_found_out(monkeypatch, capsys):
    """The classic mistake: comparing a view with a prediction that contains it leaves no error to see."""

    def blind(self, sample):
        return {"loo_psnr": Measurement(50.0, coverage=sample.geometry.correspondence.coverage)}

    monkeypatch.setattr(LooPsnr, "measure", blind)
    assert main(["selftest", *SMALL, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["holds"] is False
    failed = {(p["pictures"], p["metric"]) for p in told["properties"] if not p["holds"]}
    assert {(f"shift-{axis}-1px", "loo_psnr") for axis in "xy"} <= failed
    assert {("swapped-views", "loo_psnr"), ("colour-cast", "loo_psnr"), ("floor", "loo_psnr")} <= failed


def test_an_object_without_a_number_fails_its_properties(monkeypatch):
    monkeypatch.setattr(LooPsnr, "measure", lambda *_: {"loo_psnr": Measurement(math.nan, "not_measurable")})
    found = self_test(objects=1, resolution=96)
    assert {p.pictures for p in PROPERTIES if p.metric == "loo_psnr"} == {
        p for p, m in failing(found) if m == "loo_psnr"
    }
    assert "n/a" in write_svg(found)


def test_people_and_machines_are_told_the_same(outcome):
    told = summary(outcome)
    assert told["holds"] == all(p["holds"] for p in told["properties"])
    lines = rows(outcome)
    assert [line[-1] == "FAILS" for line in lines] == [not p["holds"] for p in told["properties"]]
    assert all(len(line) == len(COLUMNS) for line in lines)
    markdown = write_markdown(outcome)
    assert markdown.count("\n| ") == len(lines) + 1
    assert "known weakness" in markdown


def test_figure_is_well_formed_and_shows_every_cell(outcome):
    figure = heat_map(outcome)
    assert [row.name for row in figure.rows] == [pictures.name for pictures in PICTURES]
    for row in figure.rows[1:]:
        assert all(-1 <= cell.shade <= 1 for cell in row.cells)
    assert {cell.shade for cell in figure.rows[0].cells} == {0.0}
    root = ElementTree.fromstring(write_svg(outcome))
    texts = ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {pictures.name for pictures in PICTURES} <= set(texts)
    assert root.attrib["viewBox"] == f"0 0 {figure.width} {figure.height}"


def test_command_writes_its_proof(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code = main(["selftest", *SMALL, "--out", str(tmp_path / "proof")])
    said = capsys.readouterr()
    lines = [line.split("\t") for line in said.out.splitlines()]
    assert len(lines) == len(PROPERTIES)
    assert code == int(any(line[-1] == "FAILS" for line in lines))
    assert sorted(path.name for path in (tmp_path / "proof").iterdir()) == ["selftest.md", "selftest.svg"]
    assert "selftest.md" in said.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--resolution", "16"], "64"),
        (["--device", "abacus"], "abacus"),
        (["--objects", "0"], "--objects"),
    ],
)
def test_mistakes_are_explained(arguments, word, capsys):
    assert main(["selftest", *arguments]) == 2
    assert word in capsys.readouterr().err


def test_more_objects_than_there_are(monkeypatch):
    from bench.selftest import run

    monkeypatch.setattr(run, "_measurable", lambda *_: iter(()))
    with pytest.raises(UsageError, match="0 objects"):
        self_test(objects=1, resolution=64)


@pytest.mark.slow
def test_every_property_holds_at_the_defaults():
    found = self_test()
    assert failing(found) == set()
    assert len(found.objects) == 6
