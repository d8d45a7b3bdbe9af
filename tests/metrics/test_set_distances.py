"""The six set distances: their labels, their jackknife against plain recomputation, and the test of a difference."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from bench.errors import InputError, ReferenceSetError
from bench.metrics.declaration import FeatureSet, SetMetric
from bench.metrics.set_distances import Fd, Fid, Kd, KdCluster, Kid, KidCluster
from bench.references.reference_set import ReferenceFeatures

Build = Callable[[], SetMetric]

BUILDS: dict[str, Build] = {
    "fd": lambda: Fd(Fd.Options(reference="photos", extractor="efficientnet_lite0")),
    "kd": lambda: Kd(Kd.Options(reference="photos", extractor="efficientnet_lite0")),
    "kd_cluster": lambda: KdCluster(KdCluster.Options(reference="photos", extractor="efficientnet_lite0")),
}
EACH = pytest.mark.parametrize("build", list(BUILDS.values()), ids=list(BUILDS))
BOTH_REFERENCES = pytest.mark.parametrize("shares_objects", [False, True])


def generated(seed: int, n_objects: int = 5, n_views: int = 3, shift: float = 0.0, d: int = 12) -> FeatureSet:
    """Pictures whose objects come round by round, so that those of one object do not lie side by side."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(n_objects, d))  # the same objects for every generator
    features = np.concatenate([centres + shift + 0.4 * rng.normal(size=(n_objects, d)) for _ in range(n_views)])
    return FeatureSet(features.astype(np.float32), tuple(f"case{o}" for _ in range(n_views) for o in range(n_objects)))


def reference(shares_objects: bool = False, n: int = 10, d: int = 12) -> ReferenceFeatures:
    features = np.random.default_rng(7).normal(size=(n, d)).astype(np.float32)
    clusters = tuple(f"case{index // 2}" if shares_objects else f"photo{index}" for index in range(n))
    return ReferenceFeatures("photos", features, clusters, "0" * 64, "efficientnet_lite0", shares_objects)


def without(sample: FeatureSet, name: str) -> FeatureSet:
    keep = np.array([other != name for other in sample.objects])
    return FeatureSet(sample.features[keep], tuple(other for other in sample.objects if other != name))


def reference_without(photos: ReferenceFeatures, name: str) -> ReferenceFeatures:
    keep = np.array([not photos.shares_objects or other != name for other in photos.clusters])
    clusters = tuple(c for c, kept in zip(photos.clusters, keep, strict=True) if kept)
    return ReferenceFeatures(
        photos.name, photos.features[keep], clusters, photos.digest, photos.extractor, photos.shares_objects
    )


def mixed(a: FeatureSet, b: FeatureSet, from_b: set[str]) -> FeatureSet:
    """The pictures of a, but those of b for the objects in `from_b`."""
    pairs = [(f, o) for f, o in zip(a.features, a.objects, strict=True) if o not in from_b]
    pairs += [(f, o) for f, o in zip(b.features, b.objects, strict=True) if o in from_b]
    return FeatureSet(np.stack([f for f, _ in pairs]), tuple(o for _, o in pairs))


def test_names_follow_the_contract() -> None:
    assert Fid(Fid.Options(reference="photos")).result().name == "fid@photos"
    assert Kid(Kid.Options(reference="base")).result().name == "kid@base"
    assert KidCluster(KidCluster.Options(reference="photos")).result().name == "kid_cluster@photos"
    assert [build().result().name for build in BUILDS.values()] == [
        "fd[efficientnet_lite0]@photos",
        "kd[efficientnet_lite0]@photos",
        "kd_cluster[efficientnet_lite0]@photos",
    ]
    # the same features by another name: only fid, kid and kid_cluster go by the bare symbol
    assert Fd(Fd.Options(reference="photos", extractor="inception")).result().name == "fd[inception]@photos"


@pytest.mark.parametrize("kind", [Fid, Kid, KidCluster])
def test_the_named_metrics_mean_inception(kind: type[Fid] | type[Kid] | type[KidCluster]) -> None:
    metric: SetMetric = kind(kind.Options(reference="photos"))
    assert (metric.extractor, metric.reference) == ("inception", "photos")
    assert (metric.result().direction, metric.result().unit) == ("down", "")
    with pytest.raises(ValidationError, match="extractor"):
        kind.Options.model_validate({"reference": "photos", "extractor": "dinov2"})


@pytest.mark.parametrize("kind", [Fd, Kd, KdCluster])
def test_the_others_need_an_extractor(kind: type[Fd] | type[Kd] | type[KdCluster]) -> None:
    with pytest.raises(ValidationError, match="extractor"):
        kind.Options.model_validate({"reference": "photos"})


def test_parameters_tell_the_distances_apart() -> None:
    assert BUILDS["kd"]().parameters() == "kernel=cubic estimator=unbiased clusters=none v1"
    assert BUILDS["kd_cluster"]().parameters() == "kernel=cubic estimator=unbiased clusters=object v1"
    assert BUILDS["fd"]().parameters() == "covariance=unbiased v1"


@EACH
@BOTH_REFERENCES
def test_leave_one_object_out_equals_recomputation(build: Build, shares_objects: bool) -> None:
    metric, sample, photos = build(), generated(1), reference(shares_objects)
    values = metric.leave_one_object_out(sample, photos)
    names = list(dict.fromkeys(sample.objects))
    again = [metric.distance(without(sample, name), reference_without(photos, name)) for name in names]
    assert values == pytest.approx(again, rel=1e-9)


@EACH
@BOTH_REFERENCES
def test_difference_is_paired_by_object(build: Build, shares_objects: bool) -> None:
    metric, photos = build(), reference(shares_objects)
    a, b = generated(1, n_views=3), generated(2, n_views=2, shift=0.15)
    found = metric.difference(a, b, photos)
    assert found is not None and found.n_objects == 5 and found.df == 4
    assert found.estimate == pytest.approx(metric.distance(a, photos) - metric.distance(b, photos))
    moved = metric.leave_one_object_out(a, photos) - metric.leave_one_object_out(b, photos)
    jackknife = math.sqrt(4 / 5 * np.square(moved - moved.mean()).sum())
    assert jackknife / math.sqrt(2) * (1 - 1e-9) <= found.standard_error <= jackknife * (1 + 1e-9)
    assert found.p_value() == pytest.approx(2 * stats.t.sf(abs(found.estimate / found.standard_error), 4))


@EACH
def test_difference_finds_a_real_one_and_not_a_missing_one(build: Build) -> None:
    metric, photos = build(), reference()
    a, far = generated(1, n_objects=8), generated(2, n_objects=8, shift=1.0)
    found, nothing = metric.difference(a, far, photos), metric.difference(a, a, photos)
    assert found is not None and nothing is not None
    assert found.estimate < 0 and (found.p_value("less") or 1) < 0.005
    assert nothing.estimate == 0.0 and nothing.p_value() == 1.0


@EACH
def test_difference_does_not_mind_the_order_of_pictures_or_generators(build: Build) -> None:
    metric, photos = build(), reference()
    a, b = generated(1), generated(2, shift=0.15)
    backwards = FeatureSet(b.features[::-1], b.objects[::-1])
    p_values = [
        found.p_value()
        for pair in ((a, b), (a, backwards), (b, a))
        if (found := metric.difference(*pair, photos)) is not None
    ]
    assert p_values == pytest.approx([p_values[0]] * 3)


@pytest.mark.parametrize("build", [BUILDS["kd"], BUILDS["kd_cluster"]], ids=["kd", "kd_cluster"])
def test_equally_far_in_different_directions_is_no_difference(build: Build) -> None:
    # the question is 'equal distance', not 'equal distribution': the reference is symmetric, the two are mirror images
    metric, half = build(), reference(n=20)
    both = np.concatenate([half.features, -half.features])
    photos = replace(half, features=both, clusters=tuple(map(str, range(40))))
    objects = tuple(f"case{index // 2}" for index in range(16))
    rng, hits = np.random.default_rng(0), 0
    for _ in range(200):
        a, b = ((rng.normal(size=(16, 12)) + 0.6).astype(np.float32) for _ in range(2))
        found = metric.difference(FeatureSet(a, objects), FeatureSet(-b, objects), photos)
        hits += found is not None and (found.p_value() or 0) <= 0.2
    assert 0.12 < hits / 200 < 0.28


@EACH
def test_unpaired_sets_are_refused(build: Build) -> None:
    with pytest.raises(InputError, match=r"1 objects are in one set only \(case4\)"):
        build().difference(generated(1), without(generated(2), "case4"), reference())


@EACH
def test_too_few_pictures_are_refused_on_the_side_at_fault(build: Build) -> None:
    with pytest.raises(InputError, match="generated pictures"):
        build().distance(generated(1, n_objects=1, n_views=1), reference())
    with pytest.raises(ReferenceSetError, match="at least 2 pictures, got 1"):
        build().distance(generated(1), reference(n=1))
    with pytest.raises(InputError, match="at least 2"):
        build().difference(generated(1), generated(2, n_objects=1, n_views=1), reference())


def test_between_objects_needs_two_objects() -> None:
    one_object = generated(1, n_objects=1, n_views=4)
    with pytest.raises(InputError, match="at least 2 objects, got 1"):
        BUILDS["kd_cluster"]().distance(one_object, reference())
    assert np.isfinite(BUILDS["kd"]().distance(one_object, reference()))
    for name in ("kd", "fd"):
        assert np.isnan(BUILDS[name]().leave_one_object_out(one_object, reference())).all()


def test_one_id_a_picture() -> None:
    sample = generated(1)
    with pytest.raises(InputError, match="15 features but 14 object ids"):
        BUILDS["kd"]().distance(FeatureSet(sample.features, sample.objects[1:]), reference())
