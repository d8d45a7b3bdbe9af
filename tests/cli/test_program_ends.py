"""How the process itself ends: whatever plug-ins left running, printed late, or did to its streams."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import __version__
from bench.run.folder import RunFolder

LEFT_BEHIND = """
import atexit, os, threading, time
threading.Thread(target=time.sleep, args=(300,)).start()
atexit.register(os.write, 1, b"as it ends")
"""
PROGRAM = "import sys; sys.argv = ['realiz3d-bench', {word!r}]; from bench.cli import program; program()"


def start(word: str, before: str = "", shell: str = "") -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", f"{before}\n{PROGRAM.format(word=word)}"]
    if shell:
        words = ["sh", "-c", f'"$@" {shell}', "sh", *words]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


def test_threads_of_plug_ins_keep_nobody_waiting() -> None:
    began = time.monotonic()
    done = start("--version", LEFT_BEHIND)
    assert (done.returncode, done.stdout) == (0, f"realiz3d-bench {__version__}\n")
    assert time.monotonic() - began < 50


def test_what_is_printed_at_the_very_end_is_no_answer() -> None:
    done = start("--version", LEFT_BEHIND.replace("threading.Thread", "# threading.Thread"))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"realiz3d-bench {__version__}\n", "as it ends")


@pytest.mark.skipif(sys.platform == "win32", reason="needs sh")
@pytest.mark.parametrize("shell", ["| true", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("word", ["--version", "--help"])
def test_closed_streams_are_no_fault(word: str, shell: str) -> None:
    done = start(word, shell=shell)
    assert done.returncode == 0 and done.stderr == ""


def test_half_letters_can_be_stored(tmp_path: Path) -> None:
    """A message may hold what Python makes of bytes that are no UTF-8."""
    folder = RunFolder(tmp_path)
    folder.write_json(folder.summary, {"message": "not here: caf\udce9"})
    assert json.loads(folder.summary.read_bytes().decode("utf-8")) == {"message": "not here: caf\udce9"}
