"""Baseline directories: what comes back, and that nobody edits them by hand."""

import json

import numpy as np
import pytest
from gate_sides import CASES, psnr, side, with_result

from bench.gate import baseline
from bench.gate.baseline import read_baseline, write_baseline
from bench.gate.page import gate_page
from groundwork.errors import InputError, UsageError


@pytest.fixture
def folder(tmp_path):
    accepted = with_result(side(), "psnr", floors=dict.fromkeys(CASES, 10.0), failed={CASES[3]: 1})
    write_baseline(accepted, tmp_path / "mine", "Ada", "first state", "2026-05-01", "c0ffee")
    return tmp_path / "mine"


def test_what_was_accepted_comes_back(folder):
    found = read_baseline(folder)
    for name, scored in side().results.items():
        back = found.results[name]
        assert back.values == pytest.approx(scored.values) and back.signature == scored.signature
        assert (back.whole, back.direction, back.unit) == (scored.whole, scored.direction, scored.unit)
    assert found.results["psnr"].failed == {CASES[3]: 1}
    assert found.results["psnr"].floors[CASES[3]] == 10.0
    assert (found.author, found.reason, found.commit) == ("Ada", "first state", "c0ffee")
    assert found.digests == side().digests and found.gates == side().gates


def test_a_page_against_a_baseline_is_the_page_against_its_run(tmp_path):
    write_baseline(side(), tmp_path, "Ada", "first state", "2026-05-01", "")
    ours, theirs = (gate_page(one, side(harm=0.4, noise=0.8, seed=1)) for one in (side(), read_baseline(tmp_path)))
    assert ours.results == theirs.results
    assert theirs.baseline.kind == "baseline" and theirs.baseline.reason == "first state"


def test_it_is_small_and_its_text_reads_as_a_diff(folder):
    assert sum(path.stat().st_size for path in folder.iterdir()) < 50_000
    text = (folder / "baseline.json").read_text()
    assert '"metric": "psnr",\n' in text and len(text.splitlines()) > 60


@pytest.mark.parametrize(
    "edit",
    [
        lambda content: content["gates"].update(psnr=9.0),
        lambda content: content["results"][0].update(value=10.0),
        lambda content: content.update(author="Eve"),
        lambda content: content["files"].update({"objects.parquet": "0" * 64}),
    ],
)
def test_editing_the_text_by_hand_is_seen(folder, edit):
    content = json.loads((folder / "baseline.json").read_text())
    edit(content)
    (folder / "baseline.json").write_text(json.dumps(content, indent=1))
    with pytest.raises(InputError, match="changed after it was accepted"):
        read_baseline(folder)


def test_new_line_ends_are_no_edit(folder):
    """Git on Windows may check a text out with other line ends."""
    text = (folder / "baseline.json").read_bytes()
    (folder / "baseline.json").write_bytes(text.replace(b"\n", b"\r\n"))
    assert read_baseline(folder).generator == "mine"


@pytest.mark.parametrize("name", ["objects.parquet", "samples.parquet"])
def test_a_table_that_was_changed_or_is_gone_is_seen(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content + b"x")
    with pytest.raises(InputError, match="changed after it was accepted"):
        read_baseline(folder)
    (folder / name).unlink()
    with pytest.raises(InputError, match="incomplete"):
        read_baseline(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 2}', "null", "[" * 100_000])
def test_what_is_no_baseline_is_refused(folder, text):
    (folder / "baseline.json").write_text(text)
    with pytest.raises(InputError, match="cannot be read"):
        read_baseline(folder)


def test_what_git_should_not_hold_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(baseline, "MOST_BYTES", 4_000)
    with pytest.raises(UsageError, match="nothing was written") as error:
        write_baseline(side(), tmp_path / "mine", "Ada", "large", "2026-05-01", "")
    assert "at most" in str(error.value) and not (tmp_path / "mine").exists()


def test_a_run_without_results_is_not_accepted(tmp_path):
    with pytest.raises(UsageError, match="nothing to accept"):
        write_baseline(side(results={}), tmp_path, "Ada", "empty", "2026-05-01", "")


def test_values_that_are_no_numbers_survive(tmp_path):
    failed = with_result(side(), "psnr", status="failed", value=float("nan"), values={}, failed=dict.fromkeys(CASES, 1))
    write_baseline(failed, tmp_path, "Ada", "it fails", "2026-05-01", "")
    back = read_baseline(tmp_path).results["psnr"]
    assert np.isnan(back.value) and back.lacking == len(CASES)


def test_forty_objects_and_many_results_stay_far_below_the_limit(tmp_path):
    many = side(results={f"psnr_{i}": psnr(np.random.default_rng(i).normal(25, 3, 20)) for i in range(40)})
    assert write_baseline(many, tmp_path, "Ada", "many", "2026-05-01", "") < 100_000
