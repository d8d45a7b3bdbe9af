"""Time and memory of this project beside other tools, measured in one go on one machine, as a page of ratios.

    python tests/benchmarks/peers.py --images 160x3 1000x1 --out docs/benchmarks.md

Every job is a process of its own, from `python` to the printed value, imports and loading included. Repeats go round by
round over all jobs, so that a busy minute hits everyone. All tools get the same pictures and the same Inception network
with random weights. The page's part between the two marks is replaced; the rest stays.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from jobs import CORES, NOT_INSTALLED, photos_for

from bench.run.environment import hardware

HERE = Path(__file__).parent
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

WHOLE_JOBS = {
    "ours": "realiz3d-bench",
    "torchmetrics": "torchmetrics, shared network",
    "torch_fidelity": "torch-fidelity",
    "clean_fid": "clean-fid, shared features",
    "pytorch_fid": "pytorch-fid (FID only)",
    "bare_forward": "our forward pass alone",
    "torch_forward": "eager torch's forward pass alone",
}
STATISTICS = {
    "frechet_ours": "Fréchet distance, ours",
    "frechet_eigenvalues": "Fréchet distance, eigenvalues of the product",
    "frechet_sqrtm": "Fréchet distance, `scipy.linalg.sqrtm`",
    "frechet_jackknife": "Fréchet distance without each picture in turn (all of them)",
}
PACKAGES = (
    "torch", "onnxruntime", "numpy", "scipy", "pillow", "clean-fid", "torch-fidelity", "pytorch-fid", "torchmetrics",
    "torchvision",
)  # fmt: skip


@dataclass
class Runs:
    """Repeats of one job: wall and CPU time of the process, what it answered, and the most memory that it held."""

    seconds: list[float] = field(default_factory=list)
    answers: list[dict[str, float]] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    failure: str = ""

    def inner(self, key: str) -> list[float]:
        """What the job itself measured under `key`."""
        return [answer[key] for answer in self.answers]


def run_job(job: str, folder: Path, count: int, runs: Runs) -> None:
    """Run a job once in its own process and note what came of it."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, str(HERE / "jobs.py"), job, str(folder), str(count)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (HERE.parents[1], HERE.parent / "helpers")))},
            stdout=said,
            stderr=complained,
        )
        _, status, usage = os.wait4(process.pid, 0)
        elapsed = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        complained.seek(0)
        if process.returncode == 0:
            runs.seconds.append(elapsed)
            runs.answers.append(json.loads(said.read().splitlines()[-1]))
            runs.peak_mib.append(usage.ru_maxrss / 1024)
            runs.cpu_seconds.append(usage.ru_utime + usage.ru_stime)
        else:
            last = (complained.read().decode(errors="replace").strip() or "no message").splitlines()[-1]
            runs.failure = f"not installed: {last}" if process.returncode == NOT_INSTALLED else f"failed: {last}"


def run_rounds(jobs: Sequence[str], folder: Path, count: int, repeats: int) -> dict[str, Runs]:
    """All jobs, `repeats` times round; a job that failed is not tried again."""
    found = {job: Runs() for job in jobs}
    for number in range(repeats):
        for job in jobs:
            if not found[job].failure:
                print(f"{count} pictures, round {number + 1}: {job}", end=" ", file=sys.stderr, flush=True)
                run_job(job, folder, count, found[job])
                said = found[job].failure or f"{found[job].seconds[-1]:.3g} s, CPU {found[job].cpu_seconds[-1]:.3g} s"
                print(said, file=sys.stderr, flush=True)  # is there even if a later job is cut off
    return found


def whole_job_table(renders: int, found: dict[str, Runs]) -> str:
    """Markdown: seconds, how many times ours that is (where ours ran), peak memory and the values."""
    ours = found.get("ours", Runs())
    lines = [
        f"### FID + KID of {renders} PNG (512 x 512) against {photos_for(renders)} JPEG (500 x 375)",
        "",
        "| whole process | seconds, median (repeats) | times ours | CPU-seconds | times ours | peak MiB | FID | KID |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for job, runs in found.items():
        if runs.failure:
            lines.append(f"| {WHOLE_JOBS[job]} | {runs.failure} | | | | | | |")
            continue
        values = [f"{runs.answers[0][key]:.6g}" if key in runs.answers[0] else "" for key in ("fid", "kid")]
        lines.append(
            f"| {WHOLE_JOBS[job]} | {_spread(runs.seconds)} | {_times(runs.seconds, ours.seconds)} "
            f"| {statistics.median(runs.cpu_seconds):.3g} | {_times(runs.cpu_seconds, ours.cpu_seconds)} "
            f"| {statistics.median(runs.peak_mib):.0f} | {' | '.join(values)} |"
        )
    beside = _beside_the_network(renders + photos_for(renders), found)
    return "\n".join([*lines, "", beside] if beside else lines)


def _times(values: Sequence[float], ours: Sequence[float]) -> str:
    """A median in medians of ours, or nothing where ours did not run."""
    return f"{statistics.median(values) / statistics.median(ours):.2f}" if ours else ""


def _beside_the_network(pictures: int, found: dict[str, Runs]) -> str:
    """What decoding, resizing and distances add to the network, as far as the jobs that tell it ran."""
    ours, bare, eager = (found.get(job, Runs()) for job in ("ours", "bare_forward", "torch_forward"))
    said = []
    if ours.seconds and bare.seconds:
        said.append(
            f"Our whole process takes {_times(ours.seconds, bare.seconds)} times as long as one that only loads the "
            f"network and runs it on {pictures} prepared pictures, and {_times(ours.cpu_seconds, bare.cpu_seconds)} "
            "times its CPU-seconds."
        )
    rates = {
        name: f"{pictures / statistics.median(runs.inner('forward')):.1f} pictures a second"
        for name, runs in (("in our engine", bare), ("in eager torch", eager))
        if runs.answers
    }
    if rates:
        said.append(f"The network alone ran at {' and at '.join(f'{rate} {name}' for name, rate in rates.items())}.")
    return " ".join(said)


def statistics_table(count: int, found: dict[str, Runs]) -> str:
    """Markdown: the seconds of computations on features, without imports."""
    ours = statistics.median(found["frechet_ours"].inner("seconds"))
    lines = [
        f"### On features: {count} against {count}, 2048 dimensions",
        "",
        "| computation | seconds, median (repeats) | times our distance |",
        "|---|---|---|",
    ]
    for job, runs in found.items():
        if runs.failure:
            lines.append(f"| {STATISTICS[job]} | {runs.failure} | |")
            continue
        seconds = runs.inner("seconds")
        lines.append(f"| {STATISTICS[job]} | {_spread(seconds)} | {statistics.median(seconds) / ours:.3g} |")
    return "\n".join(lines)


def machine() -> str:
    """Where and when, in one line each."""
    described = hardware("cpu")
    packages = []
    for package in PACKAGES:
        try:
            packages.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            packages.append(f"{package} absent")
    return "\n".join(
        [
            f"{date.today().isoformat()}; {described['cpu']}, {described['cpu_cores']} cores, {described['platform']}; "
            f"load average at the start {os.getloadavg()[0]:.1f}; every job had {_granted()}.",
            f"Python {platform.python_version()}, {', '.join(packages)}.",
        ]
    )


def _granted() -> str:
    """What a job may use: cores, and threads where the environment says."""
    cores, threads = CORES, os.environ.get("OMP_NUM_THREADS")
    told = f", OMP_NUM_THREADS={threads}" if threads else ""
    return f"{cores} core{'s' if cores > 1 else ''}{told}"


def replaced(page: str, measured: str) -> str:
    """The page with what stands between the marks exchanged. Raises `ValueError` without marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no place for the tables: put {BEGIN} and {END} into it")
    return f"{before}{begin}\n\n{measured}\n\n{end}{after}"


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(prog="python tests/benchmarks/peers.py", description=__doc__.splitlines()[0])
    size = {"type": sized, "nargs": "*", "metavar": "COUNT[xREPEATS]"}
    parser.add_argument("--images", default=[(160, 3), (1000, 1)], help="renders, for whole jobs", **size)
    parser.add_argument("--features", default=[(160, 3), (1000, 3)], help="rows, for distances alone", **size)
    parser.add_argument("--jobs", nargs="*", default=[*WHOLE_JOBS], choices=[*WHOLE_JOBS], help="only these whole jobs")
    parser.add_argument("--out", type=Path, help="page to write the tables into; without it they are only printed")
    options = parser.parse_args()
    command = " ".join(["python tests/benchmarks/peers.py", *sys.argv[1:]])
    parts = [f"`{command}`", machine()]
    for renders, repeats in options.images:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            run_job("prepare", folder, renders, prepared := Runs())
            if prepared.failure:
                sys.exit(f"pictures and network could not be made: {prepared.failure}")
            parts.append(whole_job_table(renders, run_rounds(options.jobs, folder, renders, repeats)))
    for rows, repeats in options.features:
        with tempfile.TemporaryDirectory() as temporary:
            found = run_rounds([*STATISTICS], Path(temporary), rows, repeats)
            parts.append(statistics_table(rows, found))
    measured = "\n\n".join(parts)
    print(measured)
    if options.out:
        options.out.write_text(replaced(options.out.read_text(encoding="utf-8"), measured), encoding="utf-8")


def sized(text: str) -> tuple[int, int]:
    """'160x3' as (160, 3): a size and how often it is measured, once unless it says so."""
    count, _, repeats = text.partition("x")
    return int(count), int(repeats or 1)


def _spread(seconds: Sequence[float]) -> str:
    repeats = ", ".join(f"{value:.3g}" for value in seconds)
    return f"{statistics.median(seconds):.3g} ({repeats})"


if __name__ == "__main__":
    main()
