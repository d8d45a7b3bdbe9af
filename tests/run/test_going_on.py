"""Runs that go on: what is there is not made again, what changed is, and the numbers depend on nothing else."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest
from small_runs import KD, Stumbling, go, rows, write_suite, written

from bench.extractors.efficientnet_lite0 import EfficientNetLite0Backbone
from bench.plugins.held import HeldObjectMetric
from bench.results.read import read_run
from bench.run import places
from bench.workers import crew
from bench.workers.process import Worker


def test_same_command_computes_nothing_again(finished, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(finished / "run", out)
    pictures = {p: p.stat().st_mtime_ns for p in out.rglob("*.png")}
    before = (out / "scores.parquet").read_bytes()
    go(finished / "suite.yaml", out)
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*.png")} == pictures
    assert (out / "scores.parquet").read_bytes() == before
    assert json.loads((out / "manifest.json").read_text())["timing"]["generators"] == {}


def test_pictures_are_shown_to_a_network_once(tmp_path, mesh_folder, monkeypatch):
    passes = []
    forward = EfficientNetLite0Backbone.forward
    monkeypatch.setattr(
        EfficientNetLite0Backbone, "forward", lambda network, inputs: passes.append(1) or forward(network, inputs)
    )
    suite, out = write_suite(tmp_path / "suite.yaml", mesh_folder), tmp_path / "run"
    go(suite, out)
    first = len(passes)
    assert first == 2 * 3 * 4
    go(suite, out)
    (out / "scores.parquet").unlink()
    go(suite, out)  # every distance again, from the features that are there
    assert len(passes) == first


@pytest.mark.parametrize(
    "lost", ["scores.parquet", "features", "samples/noise", "samples/ceiling/egg/seed_0/sample.json"]
)
def test_whatever_is_lost_is_made_again_alike(finished, tmp_path, lost):
    out = tmp_path / "run"
    shutil.copytree(finished / "run", out)
    shutil.rmtree(out / lost) if (out / lost).is_dir() else (out / lost).unlink()
    go(finished / "suite.yaml", out)
    assert (out / "scores.parquet").read_bytes() == (finished / "run/scores.parquet").read_bytes()


def test_a_metric_that_is_added_is_measured_alone(finished, tmp_path, mesh_folder, monkeypatch):
    out = tmp_path / "run"
    shutil.copytree(finished / "run", out)
    before = pd.read_parquet(out / "scores.parquet")
    asked = []
    measure = HeldObjectMetric.measure
    monkeypatch.setattr(HeldObjectMetric, "measure", lambda held, sample: asked.append(held) or measure(held, sample))
    go(write_suite(tmp_path / "suite.yaml", mesh_folder, metrics="  - colour_drift"), out)
    assert {result.name for metric in asked for result in metric.results()} == {"colour_drift", "colour_gain"}
    after = pd.read_parquet(out / "scores.parquet")
    old = after[~after.metric.isin(["colour_drift", "colour_gain"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(old, before)
    go(write_suite(tmp_path / "suite.yaml", mesh_folder, metrics="  - colour_drift"), tmp_path / "at_once")
    assert (out / "scores.parquet").read_bytes() == (tmp_path / "at_once/scores.parquet").read_bytes()


def test_numbers_do_not_depend_on_the_batch_size(finished, tmp_path):
    go(finished / "suite.yaml", tmp_path / "run", batch_size=1)
    assert (tmp_path / "run/scores.parquet").read_bytes() == (finished / "run/scores.parquet").read_bytes()


@pytest.mark.slow
def test_numbers_do_not_depend_on_the_worker_count(finished, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(crew, "Worker", lambda *args: made.append(Worker(*args)) or made[-1])
    go(finished / "suite.yaml", tmp_path / "run", workers=2, batch_size=2)
    # what ships shares its processes: one is asked first and paints with another, then two measure
    assert [worker.owner for worker in made] == [places.OURS, places.OURS, "", ""]
    assert (tmp_path / "run/scores.parquet").read_bytes() == (finished / "run/scores.parquet").read_bytes()


def test_many_samples_are_measured_by_processes_of_their_own(finished, tmp_path, monkeypatch):
    started = []
    make = places.make_executor
    monkeypatch.setattr(places, "make_executor", lambda *args: started.append(args[1]) or make(*args))
    shutil.copytree(finished / "run", tmp_path / "few")
    (tmp_path / "few/scores.parquet").unlink()
    shutil.copytree(tmp_path / "few", tmp_path / "many")
    go(finished / "suite.yaml", tmp_path / "few", measurers=2)
    assert started == [1]
    monkeypatch.setattr(places, "MANY", 1)
    go(finished / "suite.yaml", tmp_path / "many", measurers=2)
    assert started == [1, 1, 2]
    for run_folder in ("few", "many"):
        found = (tmp_path / run_folder / "scores.parquet").read_bytes()
        assert found == (finished / "run/scores.parquet").read_bytes()


def test_interrupted_run_goes_on_to_the_same_numbers(tmp_path, mesh_folder, monkeypatch):
    stumbling = '  - {name: third, use: "small_runs:Stumbling", on: egg, interrupt: true}'
    suite = write_suite(tmp_path / "suite.yaml", mesh_folder, stumbling)
    with pytest.raises(KeyboardInterrupt):
        go(suite, tmp_path / "broken")
    kept = {p: p.stat().st_mtime_ns for p in (tmp_path / "broken").rglob("*.png")}
    assert len(kept) >= 2 * 3 * 4 + 4  # two generators, and the case that came before
    monkeypatch.setattr(Stumbling, "armed", False)
    go(suite, tmp_path / "broken")
    go(suite, tmp_path / "whole")
    assert all(p.stat().st_mtime_ns == at for p, at in kept.items())
    assert (tmp_path / "broken/scores.parquet").read_bytes() == (tmp_path / "whole/scores.parquet").read_bytes()


def test_stored_picture_that_changed_is_not_measured(finished, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(finished / "run", out)
    sample = out / "samples/noise/egg/seed_0"
    shutil.copy(sample / "view_1.png", sample / "view_0.png")
    outcome = go(finished / "suite.yaml", out)
    assert len(outcome.incomplete) == 1 and outcome.incomplete[0].startswith("noise / egg / seed 0: ")
    found = rows(outcome.summary.to_json())
    for metric in ("loo_psnr", KD):
        assert found["noise", metric]["n_missing"] == 1
        assert found["noise", metric]["note"].startswith("1 of 3 samples failed; 1 sample counts as the floor")
        assert found["ceiling", metric]["n_objects"] == 3
    (sample / "sample.json").unlink()  # as the hint says
    assert str(sample / "sample.json") in outcome.incomplete[0]
    go(finished / "suite.yaml", out)
    assert (out / "scores.parquet").read_bytes() == (finished / "run/scores.parquet").read_bytes()


def test_fewer_seeds_in_the_same_folder_leave_no_numbers_behind(finished, tmp_path, mesh_folder):
    out = tmp_path / "run"
    go(finished / "suite.yaml", out, seeds=(0, 1))
    both = pd.read_parquet(out / "scores.parquet").dropna(subset="case")
    go(finished / "suite.yaml", out)
    assert read_run(out).score_rows == read_run(finished / "run").score_rows
    assert (out / "summary.json").read_bytes() == (finished / "run/summary.json").read_bytes()
    kept = pd.read_parquet(out / "scores.parquet").dropna(subset="case")
    pd.testing.assert_frame_equal(kept.reset_index(drop=True), both.reset_index(drop=True))


@pytest.mark.parametrize("less", [{"limit": 1}, {"generators": ("ceiling",)}, {"seeds": (3,)}])
def test_a_command_that_asks_for_less_drops_nothing(finished, tmp_path, less):
    out = tmp_path / "run"
    shutil.copytree(finished / "run", out)
    go(finished / "suite.yaml", out, **less)
    whole = pd.read_parquet(finished / "run/scores.parquet").dropna(subset="case")
    kept = pd.read_parquet(out / "scores.parquet").dropna(subset="case")
    kept = kept[kept.seed == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, whole.reset_index(drop=True))
    shown = read_run(out)  # and what is shown is what was asked for
    assert {row.generator for row in shown.score_rows} == set(less.get("generators", ("ceiling", "noise")))
    assert len({row.case for row in shown.score_rows if row.case}) == less.get("limit", 3)
    assert {row.seed for row in shown.score_rows if row.case} == set(less.get("seeds", (0,)))
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HeldObjectMetric, "measure", lambda held, sample: asked.append(held))
        go(finished / "suite.yaml", out)
    assert asked == [] and (out / "summary.json").read_bytes() == (finished / "run/summary.json").read_bytes()


def test_a_picture_that_broke_since_takes_its_old_numbers_with_it(finished, tmp_path, mesh_folder):
    images = written(finished / "run", tmp_path / "images")
    suite = write_suite(tmp_path / "suite.yaml", mesh_folder, f'  - {{name: theirs, use: folder, path: "{images}"}}')
    assert go(suite, tmp_path / "run").incomplete == ()
    (images / "egg/view_2.png").write_bytes(b"")
    outcome = go(suite, tmp_path / "run")
    row = rows(outcome.summary.to_json())["theirs", "loo_psnr"]
    assert len(outcome.incomplete) == 1
    assert row["n_missing"] == 1 and row["note"].startswith("1 of 3 samples failed; 1 sample counts as the floor")


def test_a_sample_of_another_seed_is_not_taken(finished, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(finished / "run", out)
    for case in (out / "samples/noise").iterdir():
        (case / "seed_0").rename(case / "seed_1")
    before = {path: path.read_bytes() for path in out.glob("samples/noise/*/seed_1/*.png")}
    go(finished / "suite.yaml", out, seeds=(1,))
    assert before and all(path.read_bytes() != content for path, content in before.items())
