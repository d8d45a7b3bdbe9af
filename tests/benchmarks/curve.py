"""Time and memory of realism scores from 100 to 20,000 pictures, on synthetic features: a network would hide the rest.

    python tests/benchmarks/curve.py 100 1000 5000 20000
    python tests/benchmarks/curve.py --start        # the first second of a command: imports, until something is said

Four views an object, 2048 dimensions, as many reference pictures up to 5,000. Each size and distance is a process of
its own on one thread; CPU time, which other work on the machine hardly changes, and the largest memory it held.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
WIDTH, VIEWS, REFERENCES = 2048, 4, 5000
TICK = 1e-4  # seconds: less is nothing but asking what time it is
WORK = {
    "frechet": "Fréchet distance",
    "frechet_jackknife": "... without each object in turn",
    "kernel": "kernel distance by object, with each left out",
    "nothing": "imports and features alone",
}
COMMANDS = {
    "score --help": ("score", "--help"),
    "validate miniworld": ("validate", "miniworld"),
    "score, a wrong folder": ("score", "no-such-folder", "--suite", "miniworld"),
    "score --dry-run, 160 pictures": ("score", "PICTURES", "--suite", "miniworld", "--dry-run"),
}


def work(name: str, count: int) -> dict[str, float]:
    """CPU-seconds of one computation."""
    import numpy as np
    import torch

    from bench.metrics.declaration import FeatureSet
    from bench.metrics.frechet import frechet_distance
    from bench.metrics.frechet_jackknife import leave_rows_out
    from bench.metrics.set_distances import KdCluster
    from bench.references.reference_set import ReferenceFeatures

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    scale = np.geomspace(1.0, 0.01, WIDTH, dtype=np.float32)
    x, y = (rng.standard_normal((n, WIDTH), dtype=np.float32) * scale for n in (count, min(count, REFERENCES)))
    rows = [np.arange(start, min(start + VIEWS, count)) for start in range(0, count, VIEWS)]
    features = FeatureSet(x, tuple(f"object-{i // VIEWS}" for i in range(count)))
    reference = ReferenceFeatures("made", y, tuple(map(str, range(len(y)))), "0" * 64, "any")
    metric = KdCluster(KdCluster.Options(reference="made", extractor="any"))

    def kernel() -> None:
        metric.distance(features, reference)
        metric.leave_one_object_out(features, reference)

    jobs: dict[str, Callable[[], object]] = {
        "frechet": lambda: frechet_distance(x, y),
        "frechet_jackknife": lambda: leave_rows_out(x, rows, y),
        "kernel": kernel,
        "nothing": lambda: None,
    }
    start = time.process_time()
    jobs[name]()
    return {"seconds": time.process_time() - start}


def run(arguments: Sequence[str], **more: Any) -> tuple[str, float, float]:
    """What a process printed, its CPU-seconds and its peak memory in MiB."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parents[2])}
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=said, **more)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        said.seek(0)
        return said.read(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def until_first_words(arguments: Sequence[str], folder: Path) -> float:
    """CPU-seconds of a process until it says anything on stderr, where it is ended."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parents[2])}
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, *arguments], env=environment, cwd=folder, **streams) as process:
        assert process.stderr is not None
        process.stderr.read(1)
        process.kill()
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    return usage.ru_utime + usage.ru_stime


def curve(counts: Sequence[int]) -> Iterator[str]:
    """The lines of the table of sizes, each when it is known: the last take minutes."""
    yield f"| pictures | {' | '.join(f'{title}, CPU-s (MiB)' for title in WORK.values())} |"
    yield "|---" * 5 + "|"
    for count in counts:
        cells = []
        for name in WORK:
            said, _, peak = run([str(HERE), "--work", name, str(count)])
            seconds = json.loads(said)["seconds"] if said else 0.0
            cells.append(f"{seconds if seconds > TICK else 0:.3g} ({peak:.0f})" if said else "failed")
        yield f"| {count} | {' | '.join(cells)} |"


def start(repeats: int = 5) -> str:
    """The table of commands that end before any picture is read."""
    lines = ["| command | CPU-seconds of the process, least and median of 5 |", "|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures"
        _write(pictures)
        for title, words in COMMANDS.items():
            command = ["-m", "bench", *(str(pictures) if word == "PICTURES" else word for word in words)]
            found = [run(command, cwd=folder, stderr=subprocess.DEVNULL)[1] for _ in range(repeats)]
            lines.append(_row(f"`{title}`", found))
        score = ["-m", "bench", "score", str(pictures), "--suite", "miniworld", "--out"]
        found = [until_first_words([*score, f"run-{number}"], Path(folder)) for number in range(repeats)]
        lines.append(_row("`score` of 160 pictures, until its first words", found))
    return "\n".join(lines)


def _row(title: str, seconds: Sequence[float]) -> str:
    return f"| {title} | {min(seconds):.2f}, {statistics.median(seconds):.2f} |"


def _write(folder: Path) -> None:
    from PIL import Image

    from bench.cases.miniworld.world import miniworld_cases

    blank = Image.new("RGB", (256, 256), "white")
    blank.paste((90, 60, 30), (60, 60, 190, 190))
    for case in miniworld_cases("eval", look="muted"):
        (folder / case.id).mkdir(parents=True)
        for view in range(VIEWS):
            blank.save(folder / case.id / f"view_{view}.png")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", type=int, nargs="*", default=[100, 1000, 5000, 20000])
    parser.add_argument("--start", action="store_true")
    parser.add_argument("--work", choices=sorted(WORK), help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.work:
        print(json.dumps(work(told.work, told.counts[0])))
    else:
        for line in [start()] if told.start else curve(told.counts):
            print(line, flush=True)


if __name__ == "__main__":
    main()
