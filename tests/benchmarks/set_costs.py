"""Processor seconds that set metrics take by the number of generators: every distance, interval, floor and comparison.

    OMP_NUM_THREADS=1 python tests/benchmarks/set_costs.py --generators 1 15 50

What the stages "measure sets" and "compare generators" of a run do, on made-up features of 40 objects in 4 views and of
188 photographs, as many as ship.
"""

from __future__ import annotations

import argparse
import time
from itertools import combinations

import numpy as np

from bench.metrics.declaration import FeatureSet, SetMetric
from bench.metrics.energy import EdCluster
from bench.metrics.prdc import Coverage, Density, Precision, Recall
from bench.metrics.reference_floor import reference_floor
from bench.metrics.set_distances import Fd, Kd, KdCluster
from bench.references.reference_set import ReferenceFeatures
from bench.run.set_gaps import Asked, with_gaps
from bench.run.set_notes import copied

OBJECTS, VIEWS, WIDTH = 40, 4, 1280
KINDS = (Fd, Kd, KdCluster, EdCluster, Precision, Recall, Density, Coverage)


def made_up(generators: int, photographs: int) -> tuple[dict[str, FeatureSet], ReferenceFeatures]:
    """Features that vary more between objects than between views, each generator with noise of its own."""
    random = np.random.default_rng(0)
    names = tuple(f"object-{number}" for number in range(OBJECTS) for _ in range(VIEWS))
    truth = np.repeat(random.standard_normal((OBJECTS, WIDTH)), VIEWS, axis=0)
    sets = {
        f"generator-{number}": FeatureSet(
            (truth + 0.3 * random.standard_normal(truth.shape) + 0.01 * number).astype(np.float32), names
        )
        for number in range(generators)
    }
    photos = random.standard_normal((photographs, WIDTH)).astype(np.float32)
    return sets, ReferenceFeatures("photos", photos, tuple(map(str, range(photographs))), "0" * 64, "any")


def score(
    metric: SetMetric, sets: dict[str, FeatureSet], reference: ReferenceFeatures, asked: Asked
) -> dict[str, float]:
    """Seconds for every generator's number, and for every pair's test."""
    seconds = {}
    start = time.process_time()
    for generated in sets.values():
        with_gaps(metric, generated, reference, asked, None)
        metric.pair_values(generated, reference)
        copied(generated, reference, None, None)
    reference_floor(metric, reference, OBJECTS * VIEWS)
    seconds["measure"] = time.process_time() - start
    start = time.process_time()
    for a, b in combinations(sets.values(), 2):
        metric.difference(a, b, reference)
    seconds["compare"] = time.process_time() - start
    return seconds


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generators", type=int, nargs="+", default=[1, 15, 50])
    parser.add_argument("--photographs", type=int, default=188)
    parser.add_argument("--metrics", nargs="+", default=[kind.symbol for kind in KINDS])
    arguments = parser.parse_args()
    asked = Asked({f"object-{number}": VIEWS for number in range(OBJECTS)}, seeds=1)
    print("| metric | generators | measure, s | compare, s |\n|---|---|---|---|")
    for count in arguments.generators:
        sets, reference = made_up(count, arguments.photographs)
        total = {"measure": 0.0, "compare": 0.0}
        for kind in KINDS:
            if kind.symbol in arguments.metrics:
                metric = kind(kind.Options(reference="photos", extractor="any"))
                taken = score(metric, sets, reference, asked)
                total = {stage: total[stage] + taken[stage] for stage in total}
                print(f"| {kind.symbol} | {count} | {taken['measure']:.2f} | {taken['compare']:.2f} |", flush=True)
        print(f"| **all** | {count} | {total['measure']:.2f} | {total['compare']:.2f} |", flush=True)


if __name__ == "__main__":
    main()
