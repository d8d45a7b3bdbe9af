"""Distances of generators with gaps: failing never pays, and what stands without each object is of one piece."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.errors import InputError
from bench.metrics.declaration import FeatureSet
from bench.metrics.set_distances import Fd, Kd, KdCluster
from bench.references.reference_set import ReferenceFeatures
from bench.run.set_gaps import Asked, with_gaps

CASES = tuple(f"case{index}" for index in range(8))
ASKED = Asked(dict.fromkeys(CASES, 2), seeds=1)
RNG = np.random.default_rng(0)
PHOTOS = ReferenceFeatures(
    "photos", RNG.normal(size=(30, 6)).astype(np.float32), tuple(map(str, range(30))), "0" * 64, "any"
)
EMPTY = np.full((1, 6), 4.0, dtype=np.float32)
EACH = pytest.mark.parametrize("kind", [Fd, Kd, KdCluster])


def pictures(spread: np.ndarray) -> FeatureSet:
    """Two views an object; `spread` (8,) says how far each object is from where photographs are."""
    rows = np.repeat(RNG.normal(size=(8, 6)) + spread[:, None], 2, axis=0) + 0.1 * RNG.normal(size=(16, 6))
    return FeatureSet(rows.astype(np.float32), tuple(case for case in CASES for _ in range(2)))


def without(made: FeatureSet, *cases: str) -> FeatureSet:
    keep = np.array([name not in cases for name in made.objects])
    return FeatureSet(made.features[keep], tuple(name for name in made.objects if name not in cases))


@EACH
def test_nothing_changes_where_nothing_is_missing(kind: type) -> None:
    metric, made = kind(kind.Options(reference="photos", extractor="any")), pictures(np.zeros(8))
    found = with_gaps(metric, made, PHOTOS, ASKED, None)
    assert found.value == found.measured == metric.distance(made, PHOTOS) and found.missing == 0
    assert list(found.without) == list(CASES)
    assert list(found.without.values()) == pytest.approx(metric.leave_one_object_out(made, PHOTOS))


@EACH
def test_failing_on_the_worst_objects_never_pays(kind: type) -> None:
    metric = kind(kind.Options(reference="photos", extractor="any"))
    made = pictures(np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0, 4.0]))
    whole = with_gaps(metric, made, PHOTOS, ASKED, EMPTY)
    fails = with_gaps(metric, without(made, "case6", "case7"), PHOTOS, ASKED, EMPTY)
    assert fails.measured < whole.value < fails.value and fails.missing == 2
    # a generator worse than empty pictures gains nothing either
    bad = pictures(np.full(8, 9.0))
    fails = with_gaps(metric, without(bad, "case6"), PHOTOS, ASKED, EMPTY)
    assert fails.value == pytest.approx(fails.measured)


@EACH
def test_without_each_object_as_if_it_had_not_been_asked_for(kind: type) -> None:
    metric, made = kind(kind.Options(reference="photos", extractor="any")), without(pictures(np.zeros(8)), "case2")
    found = with_gaps(metric, made, PHOTOS, ASKED, EMPTY)
    for case in CASES:
        rest = replace(ASKED, views={name: 2 for name in CASES if name != case})
        assert found.without[case] == pytest.approx(with_gaps(metric, without(made, case), PHOTOS, rest, EMPTY).value)


def test_an_extractor_that_cannot_look_at_nothing_leaves_no_number() -> None:
    metric = Kd(Kd.Options(reference="photos", extractor="any"))
    with pytest.raises(InputError, match="1 of 8 samples failed, and any cannot look at the empty pictures"):
        with_gaps(metric, without(pictures(np.zeros(8)), "case2"), PHOTOS, ASKED, None)
