"""Distances against the usual way to compute them, on the same features in the same run.

python -m pytest tests/benchmarks --benchmark-enable --benchmark-only --benchmark-group-by=group
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from bench.metrics.declaration import FeatureSet
from bench.metrics.frechet import frechet_distance
from bench.metrics.set_distances import KdCluster
from bench.references.reference_set import ReferenceFeatures

WIDTH = 768  # of features; sqrtm at Inception's 2048 takes minutes


@pytest.fixture(scope="module")
def features() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((160, WIDTH)), rng.standard_normal((188, WIDTH)) + 0.1


def frechet_by_sqrtm(x: np.ndarray, y: np.ndarray) -> float:
    """Heusel et al. 2017 as it is usually written."""
    s1, s2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(s1 @ s2)
    gap = x.mean(axis=0) - y.mean(axis=0)
    return float(gap @ gap + np.trace(s1) + np.trace(s2) - 2 * np.trace(root).real)


@pytest.mark.benchmark(group="frechet 160 x 188")
def test_frechet_by_nuclear_norm(benchmark, features):
    assert benchmark(frechet_distance, *features) > 0


@pytest.mark.benchmark(group="frechet 160 x 188")
def test_frechet_by_matrix_square_root(benchmark, features):
    found = benchmark.pedantic(frechet_by_sqrtm, args=features, rounds=1)
    assert found == pytest.approx(frechet_distance(*features), rel=1e-4)


@pytest.mark.benchmark(group="difference of kernel distances, 40 objects")
def test_difference_of_kernel_distances(benchmark, features):
    x, y = (part.astype(np.float32) for part in features)
    objects = tuple(f"object-{i // 4}" for i in range(160))
    metric = KdCluster(KdCluster.Options(reference="photos", extractor="any"))
    reference = ReferenceFeatures("photos", y, tuple(map(str, range(len(y)))), "0" * 64, "any")
    noisy = x + np.random.default_rng(1).standard_normal(x.shape).astype(np.float32)
    sets = FeatureSet(x, objects), FeatureSet(noisy, objects)
    found = benchmark(metric.difference, *sets, reference)
    assert found.n_objects == 40 and 0 < found.p_value() <= 1
