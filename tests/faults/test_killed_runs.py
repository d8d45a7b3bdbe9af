"""SIGKILL at random moments, and what the same command makes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.workers.crew import Crew
from bench.workers.limits import Lost

KILLS = Path(__file__).parents[1] / "helpers" / "kill_runs.py"


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="forks")
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_runs_end_in_the_numbers_of_whole_ones(workers: int) -> None:
    kills = ["--kills", "10" if workers == 1 else "3", "--seed", "7", "--workers", str(workers)]
    done = subprocess.run([sys.executable, str(KILLS), *kills], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 of them wrong" in done.stdout


PARENT = """
import sys, time
sys.path.insert(0, {helpers!r})
from bench.workers.crew import Crew
from test_killed_runs import tell_and_sleep
list(Crew(2).map(tell_and_sleep, [{folder!r}] * 2))
"""


def tell_and_sleep(folder: str) -> None:
    """Leave the numbers of this process and of one that it started."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    (Path(folder) / str(os.getpid())).write_text(str(child.pid))
    time.sleep(300)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_its_parent(tmp_path: Path, end: signal.Signals) -> None:
    script = PARENT.format(helpers=str(Path(__file__).parent), folder=str(tmp_path))
    parent = subprocess.Popen([sys.executable, "-c", script])
    try:
        deadline = time.monotonic() + 120
        while len([p for p in tmp_path.iterdir() if p.read_text()]) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        workers = [int(path.name) for path in tmp_path.iterdir()]
        assert len(workers) == 2 and all(map(lives, workers))
    finally:
        parent.send_signal(end)
        parent.wait()
    deadline = time.monotonic() + 30
    while any(map(lives, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(lives, workers))
    for path in tmp_path.iterdir():  # what a worker started may need it to say goodbye
        if lives(int(path.read_text())):
            os.kill(int(path.read_text()), signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="waits without reaping")
def test_a_worker_that_dies_idle_is_replaced() -> None:
    with Crew(1, keep=True) as crew:
        (first,) = crew.map(number, [0])
        os.kill(first, signal.SIGKILL)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)  # gone with all its threads, and left to the crew to find
        (second,) = crew.map(number, [0])
    assert not isinstance(second, Lost) and second != first and not lives(second)


def number(_: int) -> int:
    return os.getpid()


def test_errors_come_back_with_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        list(Crew(1).map(divide, [0]))
    assert "return 1 / by" in str(caught.value.__cause__)


def divide(by: int) -> float:
    return 1 / by


def test_code_of_one_owner_meets_no_other() -> None:
    tasks = [Owned("a"), Owned("b"), Owned("a")]
    a, b, again = Crew(1).map(owned, tasks)
    assert len({a, b}) == 2 and again not in (a, b)  # one process at a time, and never a second-hand one


class Owned:
    def __init__(self, owner: str) -> None:
        self.owner = owner


def owned(_: Owned) -> int:
    return os.getpid()
