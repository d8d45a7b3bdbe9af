"""Ctrl-C, a full disk, a read-only folder, a moved folder: told in a sentence, and the same command goes on."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from small_runs import copy_of

import reports.writing
from bench.cli import main
from bench.plugins.held import HeldObjectMetric
from bench.run.folder import RunFolder
from bench.run.samples import SampleStore

RESULTS = ("scores.parquet", "leave_one_out.parquet", "summary.json")


def command(whole: Path, out: Path) -> int:
    return main(["run", str(whole / "suite.yaml"), "--out", str(out), "--offline", "--isolate", "none"])


def check_finished(whole: Path, out: Path) -> None:
    """The same command goes on, to the bytes of a run that nothing happened to."""
    assert command(whole, out) == 0
    for name in RESULTS:
        assert (out / name).read_bytes() == (whole / "run" / name).read_bytes()
    assert (out / "report/index.html").stat().st_size > 10_000


def without_results(whole: Path, target: Path) -> Path:
    """A copy with its pictures alone."""
    out = copy_of(whole, target)
    for name in RESULTS:
        (out / name).unlink()
    shutil.rmtree(out / "features")
    return out


@pytest.fixture
def heard() -> Iterator[None]:
    """What a shell starts behind itself inherits that SIGINT is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("stage", ["generate", "measure", "report"])
def test_ctrl_c_in_every_stage(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stage: str
) -> None:
    out = without_results(whole, tmp_path / "run")
    if stage == "generate":
        shutil.rmtree(out / "samples/noise/egg")

    def interrupt(*_: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("the signal was not seen")

    owner, name = {
        "generate": (SampleStore, "write"),
        "measure": (HeldObjectMetric, "measure"),
        "report": (reports.writing, "write_markdown"),
    }[stage]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, interrupt)
        assert command(whole, out) == 130
    assert "interrupted; run the same command to continue" in capsys.readouterr().err
    assert (out / "summary.json").is_file() == (stage == "report")
    check_finished(whole, out)


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """A disk that is full in the middle of every file beyond `size` bytes."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("manifest.json", 1000),
        ("samples/noise/disc/seed_0/view_0.png", 4000),
        ("scores.parquet", 5000),
        ("summary.json", 15000),
        ("report/index.html", 15000),
    ],
)
def test_a_disk_that_is_full_in_the_middle_of_a_file(
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    size: int,
) -> None:
    out = without_results(whole, tmp_path / "run")
    if name.startswith("samples"):
        shutil.rmtree(out / "samples/noise")
    write = RunFolder.write_json

    def smaller(folder: RunFolder, path: Path, content: dict[str, Any]) -> None:
        with files_no_larger_than(1000 if path.name == name == "summary.json" else size):
            write(folder, path, content)

    with monkeypatch.context() as patch, files_no_larger_than(size):
        patch.setattr(RunFolder, "write_json", smaller)
        assert command(whole, out) == 2
    said = capsys.readouterr().err
    assert f"the system refused: File too large\n  where:    {out / name}\n  do: " in said
    assert "generator '" not in said  # nobody is blamed
    assert not list(out.rglob("*.part")) and (out / name).exists() == (name == "manifest.json")  # the old one
    check_finished(whole, out)


_MAY_WRITE_ANYWHERE = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


@contextmanager
def permissions_that_count() -> Iterator[None]:
    """They count for root, too, who may otherwise write into what is read-only."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("root may write anywhere")
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()  # of this thread
    assert libc.capget(header, sets) == 0
    before = sets[0]
    sets[0] &= ~_MAY_WRITE_ANYWHERE
    assert libc.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[0] = before
        assert libc.capset(header, sets) == 0


@contextmanager
def read_only(root: Path) -> Iterator[None]:
    """Neither the folder nor anything in it can be written to."""
    everything = [root, *root.rglob("*")]
    modes = [path.stat().st_mode for path in everything]
    for path, mode in zip(everything, modes, strict=True):
        path.chmod(mode & ~0o222)
    try:
        with permissions_that_count():
            yield
    finally:
        for path, mode in zip(everything, modes, strict=True):
            path.chmod(mode)


def test_a_read_only_folder(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = copy_of(whole, tmp_path / "disk/run")
    run = ["run", str(whole / "suite.yaml"), "--offline", "--isolate", "none", "--out"]
    refused = {
        out / ".lock": [*run, str(out)],
        out.parent / "new": [*run, str(out.parent / "new")],
        out / "report": ["report", str(out)],
    }
    with read_only(tmp_path / "disk"):
        for place, words in refused.items():
            assert main(words) == 2
            said = capsys.readouterr().err
            assert f"error: the system refused: Permission denied\n  where:    {place}\n" in said
        assert main(["report", str(out), "--out", str(tmp_path / "page")]) == 0
    assert (tmp_path / "page/index.html").is_file()
    check_finished(whole, out)


def test_a_folder_that_was_moved(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made or measured again, and nothing in it names the old place but the command that is told."""
    first = tmp_path / "first place"
    assert command(whole, copy_of(whole, first)) == 0
    moved = first.rename(tmp_path / "second")
    with monkeypatch.context() as patch:
        patch.delattr(SampleStore, "write")
        patch.delattr(HeldObjectMetric, "measure")
        check_finished(whole, moved)
    assert [p.name for p in moved.rglob("*") if p.is_file() and b"first place" in p.read_bytes()] == []
