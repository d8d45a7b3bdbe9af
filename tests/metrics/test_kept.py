"""What is kept is what would be computed, and is computed once."""

from __future__ import annotations

import pickle
from itertools import combinations

import numpy as np
import pytest

from bench.metrics import frechet_jackknife, kernel, set_distances
from bench.metrics.declaration import FeatureSet, object_order
from bench.metrics.energy import EdCluster
from bench.metrics.kept import Kept, array_bytes
from bench.metrics.prdc import Coverage, Precision, Recall
from bench.metrics.set_distances import Fd, Kd, KdCluster
from bench.references.reference_set import ReferenceFeatures

RANDOM = np.random.default_rng(0)
OBJECTS = tuple(f"object-{number}" for number in range(8) for _ in range(3))
SETS = [FeatureSet(RANDOM.standard_normal((24, 12)).astype(np.float32) + shift, OBJECTS) for shift in (0.0, 0.2, 0.4)]
PHOTOS = ReferenceFeatures(
    "photos", RANDOM.standard_normal((60, 12)).astype(np.float32), tuple(map(str, range(60))), "0" * 64, "any"
)
OWN = ReferenceFeatures("own", SETS[2].features + 1, OBJECTS, "0" * 64, "any", shares_objects=True)


@pytest.mark.parametrize("reference", [PHOTOS, OWN], ids=["photos", "own"])
@pytest.mark.parametrize("kind", [Fd, Kd, KdCluster, EdCluster, Precision, Recall, Coverage])
def test_numbers_are_those_of_a_metric_that_was_never_asked(kind, reference) -> None:
    def fresh():
        return kind(kind.Options(reference=reference.name, extractor="any"))

    asked = fresh()
    for _ in range(2):
        for generated in SETS:
            assert asked.distance(generated, reference) == fresh().distance(generated, reference)
            without = asked.leave_one_object_out(generated, reference)
            assert np.array_equal(without, fresh().leave_one_object_out(generated, reference))
            for place, name in enumerate(object_order(OBJECTS)):
                assert without[place] == pytest.approx(fresh()._without(name, generated, reference), rel=1e-6, abs=1e-9)
        for a, b in combinations(SETS, 2):
            assert asked.difference(a, b, reference) == fresh().difference(a, b, reference)


def test_sums_are_made_once_for_each_generator_and_once_for_the_reference(monkeypatch) -> None:
    sizes: list[tuple[int, int]] = []
    whole = kernel.pair_sums
    monkeypatch.setattr(
        kernel, "pair_sums", lambda *of, **how: sizes.append((len(of[1]), len(of[4]))) or whole(*of, **how)
    )
    metric = KdCluster(KdCluster.Options(reference="photos", extractor="any"))
    for generated in SETS:
        metric.distance(generated, PHOTOS)
        metric.leave_one_object_out(generated, PHOTOS)
        metric.pair_values(generated, PHOTOS)
    for a, b in combinations(SETS, 2):
        metric.difference(a, b, PHOTOS)
    assert sorted(sizes) == sorted([(60, 60), *[(24, 24), (24, 60)] * 3])


def test_comparing_decomposes_nothing_again(monkeypatch) -> None:
    metric = Fd(Fd.Options(reference="photos", extractor="any"))
    for generated in SETS:
        metric.distance(generated, PHOTOS)
        metric.leave_one_object_out(generated, PHOTOS)
    monkeypatch.setattr(set_distances, "frechet_distance", None)
    monkeypatch.setattr(frechet_jackknife, "_NuclearNorms", None)
    assert all(metric.difference(a, b, PHOTOS).n_objects == 8 for a, b in combinations(SETS, 2))


def test_other_features_objects_or_roles_are_others() -> None:
    generated = SETS[0]
    others = [
        FeatureSet(generated.features + np.float32(1e-6), OBJECTS),
        FeatureSet(generated.features, (*OBJECTS[:-1], "x")),
    ]
    assert len({one.identity for one in (generated, *others)}) == 3
    roles = [ReferenceFeatures("n", PHOTOS.features, PHOTOS.clusters, "", "any", shared) for shared in (False, True)]
    assert len({one.identity for one in (PHOTOS, *roles)}) == 2  # not the name


def test_what_was_not_asked_for_longest_makes_room() -> None:
    kept = Kept[np.ndarray](array_bytes, room=3 * 80)
    made = []
    for of in (1, 2, 3, 1, 4, 1, 2):
        kept.get(of, lambda of=of: made.append(of) or np.full(10, of, dtype=float))
    assert made == [1, 2, 3, 4, 2]
    assert kept.there(3) is None and kept.there(2)[0] == 2
    assert pickle.loads(pickle.dumps(kept)).there(2) is None
    with pytest.raises(ZeroDivisionError):
        kept.get(9, lambda: 1 / 0)
    assert kept.there(9) is None
