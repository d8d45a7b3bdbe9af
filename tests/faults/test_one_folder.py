"""A run folder through interruption, damage and company: what the same command makes of it."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from small_runs import copy_of, go

from bench.errors import UsageError
from bench.results.read import read_run
from bench.run import session
from bench.run.samples import SampleKey, SampleStore
from bench.run.scores import ScoreTable
from groundwork.lock import LOCK, FolderHeld, hold_folder


@pytest.mark.parametrize("stage", ["prepare_metrics", "find_library", "generate_samples"])
def test_the_same_command_goes_on_wherever_it_broke_off(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(session, stage, interrupt)
        with pytest.raises(KeyboardInterrupt):
            go(whole / "suite.yaml", tmp_path / "run")
    go(whole / "suite.yaml", tmp_path / "run")
    for name in ("scores.parquet", "summary.json"):
        assert (tmp_path / "run" / name).read_bytes() == (whole / "run" / name).read_bytes()


def test_what_a_run_left_before_it_could_name_itself_is_taken_over(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "run/features").mkdir(parents=True)  # as killed runs of earlier versions left it
    (tmp_path / "run" / LOCK).touch()
    (tmp_path / "run/.manifest.json.0123abcd.part").touch()
    assert go(whole / "suite.yaml", tmp_path / "run").incomplete == ()


def test_a_folder_that_is_no_run_stays_untouched(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "run/samples/mine").mkdir(parents=True)
    with pytest.raises(UsageError, match="not empty and holds no run"):
        go(whole / "suite.yaml", tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["samples"]


def test_two_runs_on_one_folder_never_mix(whole: Path, tmp_path: Path) -> None:
    out = copy_of(whole, tmp_path / "run")
    with hold_folder(out), pytest.raises(FolderHeld):
        go(whole / "suite.yaml", out, seeds=(1,))
    assert (out / "scores.parquet").read_bytes() == (whole / "run/scores.parquet").read_bytes()
    assert not (out / "samples/noise/egg/seed_1").exists()


def test_a_lost_manifest_costs_no_sample(whole: Path, tmp_path: Path) -> None:
    out = copy_of(whole, tmp_path / "run")
    (out / "manifest.json").write_text("{")
    with pytest.raises(UsageError, match="delete this one file"):
        go(whole / "suite.yaml", out)
    made = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    (out / "manifest.json").unlink()
    go(whole / "suite.yaml", out)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.png")} == made
    assert (out / "summary.json").read_bytes() == (whole / "run/summary.json").read_bytes()


@pytest.mark.parametrize("keep", [0, 4, 1000])
def test_damaged_scores_are_set_aside_and_measured_again(whole: Path, tmp_path: Path, keep: int) -> None:
    out = copy_of(whole, tmp_path / "run")
    (out / "scores.parquet").write_bytes((out / "scores.parquet").read_bytes()[:keep])
    go(whole / "suite.yaml", out)
    assert read_run(out).score_rows == read_run(whole / "run").score_rows
    assert (out / "scores.damaged.parquet").stat().st_size == keep


def test_damaged_samples_are_rows_and_damaged_markers_are_made_again(whole: Path, tmp_path: Path) -> None:
    out = copy_of(whole, tmp_path / "run")
    noise = out / "samples/noise"
    cut = noise / "egg/seed_0/view_1.png"
    cut.write_bytes(cut.read_bytes()[:500])
    (noise / "disc/seed_0/view_0.png").write_text("no picture")
    (noise / "loaf/seed_0/sample.json").write_bytes(b"\xff{")
    marker = out / "samples/ceiling/egg/seed_0/sample.json"
    marker.write_text(json.dumps({key: [1] for key in json.loads(marker.read_text())}))
    incomplete = go(whole / "suite.yaml", out).incomplete
    assert [line.partition(":")[0] for line in incomplete] == ["noise / disc / seed 0", "noise / egg / seed 0"]
    for case, line in zip(("disc", "egg"), incomplete, strict=True):
        told = noise / case / "seed_0/sample.json"
        assert str(told) in line
        told.unlink()  # as the hint says
    assert go(whole / "suite.yaml", out).incomplete == ()
    assert (out / "summary.json").read_bytes() == (whole / "run/summary.json").read_bytes()


def test_a_relative_folder_is_the_one_that_was_named(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever changes the current directory meanwhile."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    write = ScoreTable.write
    moved = lambda table, *order: (os.chdir(tmp_path / "elsewhere"), write(table, *order))  # noqa: E731
    monkeypatch.setattr(ScoreTable, "write", moved)
    outcome = go(whole / "suite.yaml", Path("run"))
    assert outcome.folder == tmp_path / "run" and (tmp_path / "run/summary.json").is_file()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_full_disk_ends_the_run_at_once(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made to be thrown away, and no generator is blamed."""
    written: list[SampleKey] = []
    write = SampleStore.write

    def until_full(store: SampleStore, key: SampleKey, *content: Any) -> str:
        written.append(key)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(store.folder(key)))
        return write(store, key, *content)

    with monkeypatch.context() as patch:
        patch.setattr(SampleStore, "write", until_full)
        with pytest.raises(OSError, match="No space left"):
            go(whole / "suite.yaml", tmp_path / "run")
    assert len(written) == 2
    go(whole / "suite.yaml", tmp_path / "run")
    assert (tmp_path / "run/summary.json").read_bytes() == (whole / "run/summary.json").read_bytes()
