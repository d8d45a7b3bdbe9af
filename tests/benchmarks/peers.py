"""Time and memory of this project beside other tools, measured in one go on one machine.

    python tests/benchmarks/peers.py --images 160x3 1000x1 --keep    # stores what it finds, writes docs/benchmarks.md
    python tests/benchmarks/peers.py --page                          # writes the page from what is stored
    python tests/benchmarks/peers.py --images 5000x1 --at-most 1.25  # stops tools that are clearly slower

Every job is a process of its own, from `python` to the printed value, imports and loading included. Repeats go round by
round over all jobs, so that a busy minute hits everyone. All tools get the same pictures and the same Inception network
with random weights. What is stored (peers.json) is written after each job, so that a run that is cut off keeps what it
has; a run replaces what the same command has stored. With `--at-most`, a tool is stopped once it has used that many
times the CPU-seconds of our own whole job of the same round: a lower bound, which tells for less which one is faster.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
from jobs import CORES, NOT_INSTALLED
from peers_page import FORWARD_PASSES, STATISTICS, WHOLE_JOBS, Runs, Session, Table, page_of, replaced

from bench.run.environment import git_state, hardware
from groundwork.files import write_atomically

HERE = Path(__file__).parent
STORED, PAGE = HERE / "peers.json", HERE.parents[1] / "docs" / "benchmarks.md"

PACKAGES = (
    "torch", "onnxruntime", "numpy", "scipy", "pillow", "clean-fid", "torch-fidelity", "pytorch-fid", "torchmetrics",
    "torchvision", "kornia-rs",
)  # fmt: skip


LOOK_EVERY = 0.5  # seconds


def run_job(job: str, folder: Path, count: int, runs: Runs, limit: float = math.inf) -> None:
    """Run a job once in its own process and note what came of it. Beyond `limit` CPU-seconds it is stopped."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, str(HERE / "jobs.py"), job, str(folder), str(count)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (HERE.parents[1], HERE.parent / "helpers")))},
            stdout=said,
            stderr=complained,
        )
        used = 0.0 if limit == math.inf else stopped_beyond(limit, process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        elapsed = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        complained.seek(0)
        if used:
            runs.stopped_at = used
            runs.failure = f"stopped after {used:.0f} CPU-seconds and {elapsed:.0f} s"
        elif process.returncode == 0:
            runs.seconds.append(elapsed)
            runs.answers.append(json.loads(said.read().splitlines()[-1]))
            runs.peak_mib.append(usage.ru_maxrss / 1024)
            runs.cpu_seconds.append(usage.ru_utime + usage.ru_stime)
        elif process.returncode < 0:
            runs.failure = f"stopped by {signal.Signals(-process.returncode).name} after {elapsed:.0f} s"
        else:
            last = (complained.read().decode(errors="replace").strip() or "no message").splitlines()[-1]
            runs.failure = f"not installed: {last}" if process.returncode == NOT_INSTALLED else f"failed: {last}"


def stopped_beyond(limit: float, pid: int) -> float:
    """Wait until a child has ended (0), or end it, with all that it started, once they have used `limit` CPU-seconds:
    what they had used by then. The child is not reaped.
    """
    child = psutil.Process(pid)
    while child.status() != psutil.STATUS_ZOMBIE:
        family, used = [child], 0.0
        with suppress(psutil.NoSuchProcess):  # of workers, which come and go
            family += child.children(recursive=True)
            used = sum(sum(one.cpu_times()[:4]) for one in family)  # its own and of children that it has reaped
        if used > limit:
            for one in family:
                with suppress(psutil.NoSuchProcess):
                    one.kill()
            return used
        time.sleep(LOOK_EVERY)
    return 0.0


def run_rounds(
    table: Table, folder: Path, repeats: int, done: Callable[[], None] = lambda: None, at_most: float = math.inf
) -> None:
    """All jobs of the table, `repeats` times round; `done` follows each. A job that failed is not tried again.

    Other tools get `at_most` times the CPU-seconds of ours in the same round.
    """
    for number in range(repeats):
        for job, runs in table.jobs.items():
            if not runs.failure:
                print(f"{table.count} pictures, round {number + 1}: {job}", end=" ", file=sys.stderr, flush=True)
                tool = job != "ours" and job not in FORWARD_PASSES
                limit = at_most * table.jobs["ours"].cpu_seconds[-1] if tool and at_most < math.inf else math.inf
                run_job(job, folder, table.count, runs, limit)
                said = runs.failure or f"{runs.seconds[-1]:.3g} s, CPU {runs.cpu_seconds[-1]:.3g} s"
                print(said, file=sys.stderr, flush=True)  # is there even if a later job is cut off
                done()


def new_session() -> Session:
    """The command, the day, the machine and its load, as they are now."""
    described, code = hardware("cpu"), git_state()
    packages = []
    for package in PACKAGES:
        try:
            packages.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            packages.append(f"{package} absent")
    threads = os.environ.get("OMP_NUM_THREADS")
    granted = f"{CORES} core{'s' if CORES > 1 else ''}{f', OMP_NUM_THREADS={threads}' if threads else ''}"
    return Session(
        command=" ".join(["python tests/benchmarks/peers.py", *sys.argv[1:]]),
        day=date.today().isoformat(),
        machine=f"{described['cpu']}, {described['cpu_cores']} cores, {described['platform']}",
        granted=granted,
        load=[os.getloadavg()[0]],
        packages=f"Python {platform.python_version()}, {', '.join(packages)}",
        commit=f"{code['commit'][:7]}{' and changes' if code['dirty'] else ''}" if code else "",
    )


def stored(path: Path = STORED) -> list[Session]:
    """The sessions that were kept, oldest first."""
    return [Session.read(one) for one in json.loads(path.read_text())] if path.exists() else []


def store(session: Session, path: Path = STORED) -> None:
    """Keep a session, in place of an earlier one of the same command."""
    sessions = [one for one in stored(path) if one.command != session.command]
    text = json.dumps([asdict(one) for one in [*sessions, session]], indent=1, ensure_ascii=False)
    write_atomically(path, f"{text}\n".encode())


def write_page() -> None:
    """Exchange the tables of docs/benchmarks.md for what is stored."""
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), page_of(stored())), encoding="utf-8")


def measure(options: argparse.Namespace) -> Session:
    """Everything that was asked for, stored after each job where it is to be kept."""
    session = new_session()

    def done() -> None:
        session.load = [session.load[0], os.getloadavg()[0]]
        if options.keep:
            store(session)

    sizes = [("images", *size) for size in options.images] + [("features", *size) for size in options.features]
    for kind, count, repeats in sizes:
        jobs: Sequence[str] = options.jobs if kind == "images" else [*STATISTICS]
        table = Table(kind, count, {job: Runs() for job in jobs})
        session.tables.append(table)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            if kind == "images":
                run_job("prepare", folder, count, prepared := Runs())
                if prepared.failure:
                    sys.exit(f"pictures and network could not be made: {prepared.failure}")
            run_rounds(table, folder, repeats, done, options.at_most if kind == "images" else math.inf)
    return session


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(prog="python tests/benchmarks/peers.py", description=__doc__.splitlines()[0])
    size = {"type": sized, "nargs": "*", "metavar": "COUNT[xREPEATS]"}
    parser.add_argument("--images", default=[(160, 3), (1000, 1)], help="renders, for whole jobs", **size)
    parser.add_argument("--features", default=[(160, 3), (1000, 3)], help="rows, for distances alone", **size)
    parser.add_argument("--jobs", nargs="*", default=[*WHOLE_JOBS], choices=[*WHOLE_JOBS], help="only these whole jobs")
    stop = "stop another tool at so many times the CPU-seconds of ours, which has to be the first of the jobs"
    parser.add_argument("--at-most", type=float, default=math.inf, metavar="TIMES", help=stop)
    parser.add_argument("--keep", action="store_true", help=f"store it in {STORED.name}, and write {PAGE.name} anew")
    parser.add_argument("--page", action="store_true", help="measure nothing: write the page from what is stored")
    options = parser.parse_args()
    if options.at_most < math.inf and options.jobs[:1] != ["ours"]:
        parser.error("--at-most needs `ours` as the first of --jobs")
    if not options.page:
        print(page_of([measure(options)]))
    if options.page or options.keep:
        write_page()


def sized(text: str) -> tuple[int, int]:
    """'160x3' as (160, 3): a size and how often it is measured, once unless it says so."""
    count, _, repeats = text.partition("x")
    return int(count), int(repeats or 1)


if __name__ == "__main__":
    main()
