"""CMMD against the formula written out, and its jackknife against plain recomputation."""

from __future__ import annotations

import doctest
import sys

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from bench.errors import InputError
from bench.metrics.catalogue import METRICS
from bench.metrics.cmmd import Cmmd, cmmd
from bench.metrics.declaration import FeatureSet
from bench.references.reference_set import ReferenceFeatures

METRIC = Cmmd(Cmmd.Options(reference="photos"))


def by_formula(x: np.ndarray, y: np.ndarray) -> float:
    """Means over all pairs, each picture with itself included, of the Gaussian kernel of sigma 10, times 1000."""
    x, y = (v / np.sqrt((v.astype(np.float64) ** 2).sum(axis=1, keepdims=True)) for v in (x, y))
    within, reference, across = (np.exp(-(cdist(a, b) ** 2) / 200) for a, b in ((x, x), (y, y), (x, y)))
    return float(1000 * (within.mean() + reference.mean() - 2 * across.mean()))


def sets(seed: int, n_objects: int = 4, n_views: int = 3, n_photos: int = 9) -> tuple[FeatureSet, ReferenceFeatures]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_objects * n_views, 16)).astype(np.float32) + 0.3
    photos = 5 * np.random.default_rng(9).normal(size=(n_photos, 16)).astype(np.float32)
    objects = tuple(f"case{i % n_objects}" for i in range(len(features)))
    clusters = tuple(f"photo{i}" for i in range(n_photos))
    return FeatureSet(features, objects), ReferenceFeatures("photos", photos, clusters, "0" * 64, "clip_336")


def test_value_is_the_formulas() -> None:
    generated, photos = sets(0)
    wanted = by_formula(generated.features, photos.features)
    assert wanted > 0.1
    assert METRIC.distance(generated, photos) == pytest.approx(wanted, rel=1e-10)
    assert cmmd(generated.features, photos.features) == pytest.approx(wanted, rel=1e-10)
    assert cmmd(photos.features, photos.features) == pytest.approx(0, abs=1e-11)
    assert doctest.testmod(sys.modules[cmmd.__module__]).failed == 0


def test_a_tiny_distance_keeps_its_digits() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(6, 8))
    y = x + 1e-5 * rng.normal(size=(6, 8))
    # to first order in the kernel's exponent the biased MMD^2 is |mean x - mean y|^2 / sigma^2
    x_mean, y_mean = ((v / np.linalg.norm(v, axis=1, keepdims=True)).mean(axis=0) for v in (x, y))
    assert cmmd(x, y) == pytest.approx(1000 * np.square(x_mean - y_mean).sum() / 100, rel=0.02)


def test_label() -> None:
    assert METRIC.result().name == "cmmd@photos"
    assert (METRIC.result().direction, METRIC.extractor) == ("down", "clip_336")
    assert METRIC.parameters() == "kernel=gaussian sigma=10 scale=1000 features=unit estimator=biased clusters=none v1"
    assert METRICS.load("cmmd") is Cmmd


def test_leave_one_object_out_equals_recomputation() -> None:
    generated, photos = sets(2)
    owner = np.array(generated.objects)
    again = [by_formula(generated.features[owner != name], photos.features) for name in dict.fromkeys(owner)]
    assert METRIC.leave_one_object_out(generated, photos) == pytest.approx(again, rel=1e-9)


def test_a_vector_of_zeros_has_no_direction() -> None:
    with pytest.raises(InputError, match="all zeros"):
        cmmd(np.zeros((2, 3)), np.ones((2, 3)))
