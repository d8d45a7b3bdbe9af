"""Runs killed at random moments and resumed: `python tests/helpers/kill_runs.py --kills 200`.

A run is forked from a process that has imported everything, so that kills fall on the run's own work and not on the
import of torch. What is on disk after each kill must be whole, and what the last resumption leaves must be what an
uninterrupted run leaves, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SUITE = """
name: killed
version: 1
task: texturing
cases: {source: miniworld, count: 3}
views: {resolution: 48}
references:
  photos: {shipped: photo_cutouts}
  others: {miniworld: {split: train, count: 2}}
generators:
  - {name: floor, use: floor}
  - {name: ceiling, use: ceiling}
  - {name: noise, use: noise, sigma: 0.2}
metrics:
  - loo_psnr
  - silhouette_iou
  - kd: {reference: photos, extractor: efficientnet_lite0_texture}
  - kd: {reference: others, extractor: efficientnet_lite0_texture}
"""
COMPARED = ("scores.parquet", "summary.json", "leave_one_out.parquet")


@dataclass
class Killing:
    """What came of it: kills that met a living run, runs that were resumed to the end, and all that was wrong."""

    kills: int = 0
    finished: int = 0
    wrong: list[str] = field(default_factory=list)


def killed_runs(kills: int, seed: int, folder: Path, workers: int = 1) -> Killing:
    """Kill runs below `folder` until `kills` have met one alive, two to six times each."""
    suite = folder / "suite.yaml"
    suite.write_text(SUITE)
    started = time.monotonic()
    _wait(_forked(suite, folder / "whole", workers))
    whole = time.monotonic() - started
    wanted = {name: (folder / "whole" / name).read_bytes() for name in COMPARED}
    rng, found = random.Random(seed), Killing()
    while found.kills < kills:
        out = folder / "run"
        for _ in range(rng.randint(2, 6)):
            child = _forked(suite, out, workers)
            time.sleep(rng.uniform(0, whole))
            os.killpg(child, signal.SIGKILL)
            if os.WIFSIGNALED(os.waitpid(child, 0)[1]):
                found.kills += 1
            found.wrong += [f"kill {found.kills}: {name} is half written" for name in _broken(out)]
        code = _wait(_forked(suite, out, workers))
        found.finished += 1
        if code != 0:
            found.wrong.append(f"after kill {found.kills}: the same command ended with {code}")
        for name, content in wanted.items():
            if not (out / name).is_file() or (out / name).read_bytes() != content:
                found.wrong.append(f"after kill {found.kills}: {name} is another one")
        shutil.rmtree(out)
        print(f"{found.kills} kills, {found.finished} runs resumed to the end, {len(found.wrong)} wrong", flush=True)
    return found


def _forked(suite: Path, out: Path, workers: int) -> int:
    child = os.fork()
    if child:
        return child
    os.setsid()
    code = 70
    try:
        with open(os.devnull, "w") as silent:  # noqa: PTH123
            os.dup2(silent.fileno(), 2)
            os.dup2(silent.fileno(), 1)
        from bench.run.options import RunOptions
        from bench.run.session import run
        from bench.suite.load import load_suite

        outcome = run(load_suite(suite), RunOptions(out=out, offline=True, batch_size=2, workers=workers))
        code = 3 if outcome.incomplete else 0
    finally:
        os._exit(code)


def _wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _broken(out: Path) -> list[str]:
    """Files under their final names that do not read."""
    readers: dict[str, Any] = {".json": lambda path: json.loads(path.read_bytes()), ".png": _decode, ".parquet": _table}
    broken = []
    for path in sorted(out.rglob("*")):
        if path.suffix in readers and not path.name.startswith("."):
            try:
                readers[path.suffix](path)
            except Exception as error:
                broken.append(f"{path.relative_to(out)} ({type(error).__name__})")
    return broken


def _decode(path: Path) -> None:
    from PIL import Image

    with Image.open(path) as picture:
        picture.load()


def _table(path: Path) -> None:
    import pyarrow.parquet as pq

    pq.read_table(path)


def _import_everything() -> None:
    import torch

    import bench.cases.miniworld.world
    import bench.extractors.catalogue
    import bench.generators.corruptions
    import bench.generators.floor
    import bench.geometry.rendering
    import bench.metrics.loo_psnr
    import bench.metrics.silhouette_iou
    import bench.run.session  # noqa: F401

    torch.set_num_threads(1)  # a forked pool of threads does not work


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    _import_everything()
    with tempfile.TemporaryDirectory() as folder:
        found = killed_runs(options.kills, options.seed, Path(folder), options.workers)
    print(f"{found.kills} kills, {found.finished} runs resumed to the end, {len(found.wrong)} of them wrong")
    for line in found.wrong:
        print(line)
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
