"""The floor: two samples of the reference that share no object, of the size asked for, always the same ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.metrics.declaration import FeatureSet, SetMetric
from bench.metrics.frechet import frechet_distance
from bench.metrics.prdc import Coverage
from bench.metrics.reference_floor import reference_floor
from bench.metrics.set_distances import Fd, Kd, KdCluster
from bench.references.reference_set import ReferenceFeatures


class Spy(Kd):
    """Remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(Kd.Options(reference="photos", extractor="x"))
        self.calls: list[tuple[FeatureSet, ReferenceFeatures]] = []

    def distance(self, generated: FeatureSet, reference: ReferenceFeatures) -> float:
        self.calls.append((generated, reference))
        return float(len(self.calls))


def photos(n: int, views: int = 1, seed: int = 0, d: int = 6) -> ReferenceFeatures:
    features = np.random.default_rng(seed).normal(size=(n * views, d)).astype(np.float32)
    clusters = tuple(f"object{i}" for _ in range(views) for i in range(n))
    return ReferenceFeatures("photos", features, clusters, "0" * 64, "x", shares_objects=views > 1)


@pytest.mark.parametrize(
    ("n", "n_photos", "wanted"), [(10, 100, 10), (160, 188, 94), (50, 101, 50), (3, 7, 3), (9, 7, 3)]
)
def test_samples_are_disjoint_and_of_equal_size(n: int, n_photos: int, wanted: int) -> None:
    spy, reference = Spy(), photos(n_photos)
    value, used = reference_floor(spy, reference, n)
    assert used == wanted
    assert value == np.mean(range(1, 9))
    drawn = set()
    for sample, rest in spy.calls:
        assert len(sample.features) == len(rest) == wanted
        assert not set(sample.objects) & set(rest.clusters)
        assert not rest.shares_objects
        for row, name in zip(sample.features, sample.objects, strict=True):
            np.testing.assert_array_equal(row, reference.features[int(name[6:])])
        drawn.add(sample.objects)
    assert len(drawn) == 8


def test_objects_stay_whole() -> None:
    spy = Spy()
    _, used = reference_floor(spy, photos(10, views=4), 16)
    assert used == 16
    for sample, rest in spy.calls:
        assert len(set(sample.objects)) == len(set(rest.clusters)) == 4
        assert not set(sample.objects) & set(rest.clusters)
    assert reference_floor(Spy(), photos(10, views=4), 1000)[1] == 20


def test_same_seed_same_floor() -> None:
    metric, reference = Fd(Fd.Options(reference="photos", extractor="x")), photos(60)
    first = reference_floor(metric, reference, 20, seed=3)
    assert reference_floor(metric, reference, 20, seed=3) == first
    assert reference_floor(metric, reference, 20, seed=4) != first


def test_floor_is_what_another_draw_of_the_same_world_scores() -> None:
    metric = Fd(Fd.Options(reference="photos", extractor="x"))
    fresh = [frechet_distance(photos(25, seed=100 + i).features, photos(25, seed=200 + i).features) for i in range(60)]
    floor, used = reference_floor(metric, photos(400, seed=1), 25, repeats=60)
    assert used == 25
    assert floor == pytest.approx(np.mean(fresh), abs=float(5 * np.std(fresh) / math.sqrt(60)))
    # at larger samples there is less bias
    assert reference_floor(metric, photos(400, seed=1), 200)[0] < 0.3 * floor


@pytest.mark.parametrize(
    ("metric", "reference"),
    [
        (Kd(Kd.Options(reference="photos", extractor="x")), photos(3)),
        (Kd(Kd.Options(reference="photos", extractor="x")), photos(1, views=8)),
        (KdCluster(KdCluster.Options(reference="photos", extractor="x")), photos(2, views=8)),
        (Coverage(Coverage.Options(reference="photos", extractor="x", k=5)), photos(11)),
    ],
)
def test_too_small_a_reference_has_no_floor(metric: SetMetric, reference: ReferenceFeatures) -> None:
    value, used = reference_floor(metric, reference, 100)
    assert math.isnan(value)
    assert used == 0
