"""Memory and time by the size of a reference in shards: features, moments, kernel sums, copies.

    OMP_NUM_THREADS=1 python tests/benchmarks/reference_memory.py --pictures 100 1000 10000 50000

Features are made up, since decoding would dominate. Each size is a process of its own; "memory" is its peak resident
size above that after imports, "in memory" the same distances on an array.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.metrics.declaration import FeatureSet
from bench.metrics.set_distances import Fd, Kd, KdCluster
from bench.references.reference_set import ReferenceFeatures
from bench.references.shards import EachItsOwn, ShardWriter
from bench.run.set_notes import copied

WIDTH, OBJECTS, VIEWS = 1280, 40, 4


def peak() -> float:
    """Resident MiB at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(pictures: int, folder: Path, whole: bool) -> None:
    """Write a reference, measure one generator, and print a line."""
    random = np.random.default_rng(0)
    writer = ShardWriter(folder, WIDTH)
    for start in range(0, pictures, 1000):
        writer.add(random.standard_normal((min(1000, pictures - start), WIDTH)).astype(np.float32))
    shards = writer.finish()
    features = np.concatenate([part.astype(np.float32) for part in shards.blocks()]) if whole else shards
    reference = ReferenceFeatures("large", features, EachItsOwn(pictures), "0" * 64, "any")
    names = tuple(f"object-{number}" for number in range(OBJECTS) for _ in range(VIEWS))
    generated = FeatureSet(random.standard_normal((len(names), WIDTH)).astype(np.float32) + np.float32(0.1), names)
    start, values = time.process_time(), []
    for kind in (Fd, Kd, KdCluster):
        metric = kind(kind.Options(reference="large", extractor="any"))
        values.append(metric.distance(generated, reference))
        metric.leave_one_object_out(generated, reference)
    if not whole:
        copied(generated, reference, None, None)
    seconds = time.process_time() - start
    print(f"{seconds:.1f} " + " ".join(f"{value:.9g}" for value in values))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, nargs="+", default=[100, 1000, 10_000, 50_000])
    parser.add_argument("--in-memory", action="store_true", help="also from an array")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        before = peak()
        with tempfile.TemporaryDirectory() as folder:
            measure(int(arguments.one[0]), Path(folder), arguments.one[1] == "whole")
        print(f"{peak() - before:.0f}")
        return
    print("| pictures | from | processor s | memory, MiB | fd, kd, kd_cluster |\n|---|---|---|---|---|")
    for pictures in arguments.pictures:
        for kind in ("shards", "whole") if arguments.in_memory else ("shards",):
            command = [sys.executable, __file__, "--one", str(pictures), kind]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            print(f"| {pictures} | {kind} | {said[0]} | {said[-1]} | {', '.join(said[1:-1])} |", flush=True)


if __name__ == "__main__":
    main()
