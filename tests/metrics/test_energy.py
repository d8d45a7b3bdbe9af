"""The energy distance against its definition, and copies of a reference found among its features."""

from __future__ import annotations

import numpy as np
import pytest

from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import FeatureSet
from bench.metrics.near_copies import copied_objects, near_copies
from bench.references.reference_set import ReferenceFeatures

EXTRACTOR = "efficientnet_lite0_interior"


def metric(extractor: str = EXTRACTOR):
    factory = METRICS.load("ed_cluster")
    return factory(factory.Options(reference="photos", extractor=extractor))


def sets(shift: float = 0.0, objects: int = 12, views: int = 3, seed: int = 0):
    random = np.random.default_rng(seed)
    centres = random.standard_normal((objects, 1, 20)) + shift
    rows = (centres + 0.2 * random.standard_normal((objects, views, 20))).reshape(-1, 20).astype(np.float32)
    generated = FeatureSet(rows, tuple(f"o{i}" for i in range(objects) for _ in range(views)))
    photos = random.standard_normal((60, 20)).astype(np.float32)
    return generated, ReferenceFeatures("photos", photos, tuple(f"p{i}" for i in range(60)), "", EXTRACTOR)


def by_hand(generated: FeatureSet, reference: ReferenceFeatures) -> float:
    def mean(a, b, apart):
        pairs = [
            np.sqrt(np.mean((np.float64(x) - y) ** 2)) for i, x in enumerate(a) for j, y in enumerate(b) if apart(i, j)
        ]
        return sum(pairs) / len(pairs)

    x, y, who = generated.features, reference.features, generated.objects
    return (
        2 * mean(x, y, lambda i, j: True) - mean(x, x, lambda i, j: who[i] != who[j]) - mean(y, y, lambda i, j: i != j)
    )


def test_equals_its_definition():
    generated, reference = sets(0.5)
    assert metric().distance(generated, reference) == pytest.approx(by_hand(generated, reference), abs=1e-5)


def test_equal_distributions_are_not_apart_and_shifted_ones_are():
    found = [metric().distance(*sets(seed=seed)) for seed in range(12)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(12) + 1e-3
    shifted = [metric().distance(*sets(shift, seed=1)) for shift in (0.0, 0.5, 1.0, 2.0)]
    assert shifted == sorted(shifted) and shifted[-1] > 1


def test_no_loud_picture_decides():
    generated, reference = sets()
    before = metric().distance(generated, reference)
    loud = FeatureSet(np.array(generated.features), generated.objects)
    loud.features[0] *= 50  # the cubic kernel gives such a picture all the weight
    assert metric().distance(loud, reference) - before < 2 * 50 * 2 / len(loud.features)


def test_the_unit_is_told_where_features_have_one():
    assert metric().result().unit == "sd"
    assert metric("efficientnet_lite0").result().unit == ""
    assert "negative-rms-distance" in metric().parameters()


def test_copies_are_found_and_others_are_not():
    generated, reference = sets()
    assert not near_copies(generated, reference).any()
    copied = np.array(generated.features)
    copied[:5] = reference.features[7:12] + 0.02  # as saving and resizing would leave them
    assert near_copies(FeatureSet(copied, generated.objects), reference).tolist() == [True] * 5 + [False] * 31


def test_the_very_same_are_found_where_nothing_says_what_is_near():
    """A reference of one object, and one that holds each picture twice."""
    generated, reference = sets()
    copied = np.array(generated.features)
    copied[:5] = reference.features[7:12]
    wanted = [True] * 5 + [False] * 31
    one = ReferenceFeatures("photos", reference.features, ("p",) * 60, "", EXTRACTOR)
    twice = np.concatenate([reference.features] * 2)
    doubled = ReferenceFeatures("photos", twice, tuple(f"p{i}" for i in range(120)), "", EXTRACTOR)
    for other in (one, doubled):
        assert not near_copies(generated, other).any()
        assert near_copies(FeatureSet(copied, generated.objects), other).tolist() == wanted


def test_copies_come_no_nearer_than_others():
    """Handed-in objects of the reference score like new ones of the same kind, not better."""
    random = np.random.default_rng(4)
    differences = []
    for _ in range(30):
        centres = random.standard_normal((40, 1, 20))
        rows = (centres + 0.2 * random.standard_normal((40, 3, 20))).astype(np.float32)
        names = tuple(f"r{i}" for i in range(20) for _ in range(3))
        reference = ReferenceFeatures("photos", rows[:20].reshape(-1, 20), names, "", EXTRACTOR)
        own = tuple(f"o{i}" for i in range(20) for _ in range(3))
        copies = rows[:20].reshape(-1, 20) + 0.001 * random.standard_normal((60, 20)).astype(np.float32)
        copied, new = (FeatureSet(one, own) for one in (copies, rows[20:].reshape(-1, 20)))
        assert copied_objects(copied, reference) == {f"o{i}": f"r{i}" for i in range(20)}
        assert copied_objects(new, reference) == {}
        differences.append(metric().distance(copied, reference) - metric().distance(new, reference))
    assert abs(np.mean(differences)) < 3 * np.std(differences) / np.sqrt(len(differences))
    assert np.isfinite(metric().leave_one_object_out(copied, reference)).all()
