"""One process at a time in a folder, also where the file system knows no locks, and never for good."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from groundwork import lock
from groundwork.lock import HOLDER, LOCK, FolderHeld, hold_folder

HOLD = """
import pathlib, sys
from groundwork.lock import hold_folder
with hold_folder(pathlib.Path(sys.argv[1])):
    print(flush=True)
    input()
"""


def held_by(folder: Path, host: str, pid: int, silent: float = 0.0) -> None:
    folder.mkdir(exist_ok=True)
    holder = {"host": host, "pid": pid, "since": "yesterday", "command": "realiz3d-bench run s", "token": "t"}
    (folder / HOLDER).write_text(json.dumps(holder))
    then = time.time() - silent
    os.utime(folder / HOLDER, (then, then))


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks, as some network file systems are."""
    monkeypatch.setattr(lock, "_system_lock", lambda folder: None)


def dead_process() -> int:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    return gone.pid


def test_the_second_is_told_who_is_in(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=-1, stdout=-1)
    try:
        assert other.stdout is not None and other.stdout.readline()
        with pytest.raises(FolderHeld, match="another process works in this folder") as caught, hold_folder(tmp_path):
            pass
        assert f"process {other.pid} on " in caught.value.expected and caught.value.where == str(tmp_path)
    finally:
        other.kill()
        other.wait()
    with hold_folder(tmp_path):  # the killed one left its files, and nothing that keeps anybody out
        assert json.loads((tmp_path / HOLDER).read_text())["pid"] == os.getpid()
    assert {path.name for path in tmp_path.iterdir()} == {LOCK}


def test_a_folder_is_held_once_by_one_process_too(tmp_path: Path) -> None:
    with hold_folder(tmp_path), pytest.raises(FolderHeld), hold_folder(tmp_path):
        pass


def test_another_machine_keeps_the_folder_while_it_shows_life(tmp_path: Path) -> None:
    held_by(tmp_path, "elsewhere", 7)
    with pytest.raises(FolderHeld, match="120 s after its last sign of life") as caught, hold_folder(tmp_path):
        pass
    assert "process 7 on elsewhere, since yesterday: realiz3d-bench run s" in caught.value.expected


def test_a_silent_machine_loses_the_folder(tmp_path: Path) -> None:
    held_by(tmp_path, "elsewhere", 7, silent=lock.SILENCE + 5)
    with hold_folder(tmp_path):
        pass


@pytest.mark.usefixtures("no_locks")
def test_without_locks_the_holder_s_life_decides(tmp_path: Path) -> None:
    held_by(tmp_path, lock.socket.gethostname(), os.getppid())
    with pytest.raises(FolderHeld), hold_folder(tmp_path):
        pass
    held_by(tmp_path, lock.socket.gethostname(), dead_process())
    with hold_folder(tmp_path), pytest.raises(FolderHeld), hold_folder(tmp_path):
        pass


def test_a_holder_shows_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "BEAT", 0.05)
    with hold_folder(tmp_path):
        held_by(tmp_path, "elsewhere", 7, silent=1000)
        deadline = time.monotonic() + 10
        while time.time() - (tmp_path / HOLDER).stat().st_mtime > 100 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert time.time() - (tmp_path / HOLDER).stat().st_mtime < 100
    assert (tmp_path / HOLDER).is_file()  # another's by now, and left to it


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"host": "h", "pid": "many"}', b"\xff"])
def test_a_damaged_holder_keeps_nobody_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / HOLDER).write_bytes(content)
    with hold_folder(tmp_path):
        pass
