"""Precision, recall, density and coverage against plain loops, closed forms and recomputation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import ValidationError
from scipy.spatial.distance import cdist
from scipy.special import comb

from bench.errors import InputError
from bench.metrics import prdc
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import FeatureSet, SetMetric
from bench.references.reference_set import ReferenceFeatures

SYMBOLS = ("precision", "recall", "density", "coverage")
EACH = pytest.mark.parametrize("symbol", SYMBOLS)
Points = npt.NDArray[np.float64]


def build(symbol: str, k: int = 3) -> SetMetric:
    factory = METRICS.load(symbol)
    metric: SetMetric = factory(factory.Options(reference="photos", extractor="efficientnet_lite0", k=k))
    return metric


def pictures(points: npt.ArrayLike, views: int = 1) -> FeatureSet:
    features = np.asarray(points, dtype=np.float32)
    return FeatureSet(features, tuple(f"case{index // views}" for index in range(len(features))))


def photos(points: npt.ArrayLike, views: int = 1, shares_objects: bool = False) -> ReferenceFeatures:
    features = np.asarray(points, dtype=np.float32)
    prefix = "case" if shares_objects else "photo"
    clusters = tuple(f"{prefix}{index // views}" for index in range(len(features)))
    return ReferenceFeatures("photos", features, clusters, "0" * 64, "efficientnet_lite0", shares_objects)


def measured(generated: npt.ArrayLike, reference: npt.ArrayLike, k: int = 3) -> dict[str, float]:
    return {symbol: build(symbol, k).distance(pictures(generated), photos(reference)) for symbol in SYMBOLS}


def by_loops(generated: Points, reference: Points, k: int) -> dict[str, float]:
    """The definitions of both papers, picture by picture."""

    def radii(points: Points) -> list[float]:
        return [sorted(cdist(points[[i]], np.delete(points, i, axis=0))[0])[k - 1] for i in range(len(points))]

    of_reference, of_generated = radii(reference), radii(generated)
    precise = recalled = covered = balls = 0
    for y in generated:
        holding = sum(np.linalg.norm(y - x) <= r for x, r in zip(reference, of_reference, strict=True))
        precise += holding > 0
        balls += holding
    for x, r in zip(reference, of_reference, strict=True):
        recalled += any(np.linalg.norm(x - y) <= s for y, s in zip(generated, of_generated, strict=True))
        covered += min(np.linalg.norm(x - y) for y in generated) <= r
    n, m = len(generated), len(reference)
    return {"precision": precise / n, "recall": recalled / m, "density": balls / (k * n), "coverage": covered / m}


def cloud(seed: int, n: int, d: int = 3, scale: float = 1.0) -> Points:
    return scale * np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("scale", [0.4, 1.0, 2.0])
def test_against_plain_loops(k: int, scale: float) -> None:
    generated, reference = cloud(1, 23, scale=scale), cloud(2, 31)
    expected = by_loops(generated, reference, k)
    assert measured(generated, reference, k) == pytest.approx(expected, abs=1e-12)
    assert len(set(expected.values())) > 1 and min(expected.values()) > 0


def test_identical_sets_are_perfect() -> None:
    same = cloud(0, 40)
    found = measured(same, same)
    assert (found["precision"], found["recall"], found["coverage"]) == (1.0, 1.0, 1.0)
    assert found["density"] == pytest.approx(4 / 3)  # each picture lies in its own ball too: (k + 1) / k on average


def test_sets_far_apart_share_nothing() -> None:
    assert measured(cloud(1, 20), cloud(2, 20) + 100.0) == dict.fromkeys(SYMBOLS, 0.0)


def test_a_generator_that_repeats_itself() -> None:
    """One good picture over and over: precise, dense where it lies, and without reach."""
    reference = cloud(0, 30)
    found = measured(np.repeat(reference[[0]], 30, axis=0), reference)
    assert found["precision"] == 1.0 and found["recall"] == 1 / 30 and found["coverage"] < 0.4
    # all repeats lie in the same balls, those that hold the picture
    assert found["density"] == pytest.approx(30 * found["coverage"] / 3)


def test_a_generator_that_strays() -> None:
    """Half of the pictures are elsewhere: precision halves, and recall and coverage do not mind."""
    reference = cloud(0, 40)
    whole, strayed = measured(reference, reference), measured(np.concatenate([reference, cloud(1, 40) + 50]), reference)
    assert strayed["precision"] == 0.5 and strayed["recall"] == strayed["coverage"] == 1.0
    assert strayed["density"] == pytest.approx(whole["density"] / 2)


def test_points_on_a_line_by_hand() -> None:
    # balls of the reference with k = 1: [-1, 1], [0, 2], [1, 7]; of the generated: [-3, 1], [-3, 1], [-1, 21]
    reference, generated = [[0.0], [1.0], [4.0]], [[-1.0], [1.0], [10.0]]
    found = measured(generated, reference, k=1)
    assert found["precision"] == pytest.approx(2 / 3)  # -1 and 1 lie in [-1, 1], on its surface
    assert found["density"] == pytest.approx((1 + 3 + 0) / 3)
    assert found["coverage"] == 1.0
    assert found["recall"] == 1.0
    assert found == pytest.approx(by_loops(np.array(generated), np.array(reference), 1))


def test_what_equal_distributions_are_expected_to_score() -> None:
    """Naeem et al. 2020: density 1, coverage 1 - prod_{i<k} (n - 1 - i) / (2 n - 1 - i), whatever the distribution."""
    n, k, trials = 40, 3, 60
    found = [measured(cloud(2 * t, n, d=8), cloud(2 * t + 1, n, d=8), k) for t in range(trials)]
    expected = 1 - comb(2 * n - 1 - k, n) / comb(2 * n - 1, n)
    assert np.mean([f["density"] for f in found]) == pytest.approx(1.0, abs=0.05)
    assert np.mean([f["coverage"] for f in found]) == pytest.approx(expected, abs=0.02)


@EACH
def test_order_scale_and_place_do_not_matter(symbol: str) -> None:
    generated, reference = cloud(1, 25), cloud(2, 30)
    value = build(symbol).distance(pictures(generated), photos(reference))
    assert value > 0
    assert build(symbol).distance(pictures(generated[::-1]), photos(reference[::-1])) == value
    assert build(symbol).distance(pictures(4 * generated + 8), photos(4 * reference + 8)) == pytest.approx(value)


def test_recall_is_precision_with_the_roles_exchanged() -> None:
    a, b = cloud(1, 25, scale=0.6), cloud(2, 30)
    assert measured(a, b)["recall"] == measured(b, a)["precision"] != measured(a, b)["precision"]


@EACH
@pytest.mark.parametrize("shares_objects", [False, True])
@pytest.mark.parametrize("k", [1, 4])
def test_leave_one_object_out_equals_recomputation(symbol: str, shares_objects: bool, k: int) -> None:
    # views of an object lie close together, so that neighbours do leave with it; they do not come side by side
    metric, rng = build(symbol, k), np.random.default_rng(3)
    centres = np.repeat(rng.normal(size=(7, 3)), 3, axis=0)
    shuffled = rng.permutation(21)
    sample = pictures(centres + 0.5 * rng.normal(size=(21, 3)), views=3)
    real = photos(rng.normal(size=(16, 3)), 2, shares_objects)
    sample = FeatureSet(sample.features[shuffled], tuple(sample.objects[i] for i in shuffled))
    expected = []
    for name in dict.fromkeys(sample.objects):
        rows = [i for i, other in enumerate(sample.objects) if other != name]
        others = [i for i, other in enumerate(real.clusters) if not shares_objects or other != name]
        expected.append(by_loops(*(s.features[i].astype(np.float64) for s, i in ((sample, rows), (real, others))), k))
    values = metric.leave_one_object_out(sample, real)
    assert values == pytest.approx([e[symbol] for e in expected], abs=1e-12)
    assert len(set(values)) > 1


def test_many_chunks_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    generated, reference = cloud(1, 25), cloud(2, 30)
    whole = measured(generated, reference)
    monkeypatch.setattr(prdc, "_CHUNK_VALUES", 70)
    assert measured(generated, reference) == whole


@EACH
def test_where_too_little_remains(symbol: str) -> None:
    two_objects = pictures(cloud(1, 8), views=4)
    values = build(symbol, k=4).leave_one_object_out(two_objects, photos(cloud(2, 9)))
    assert np.isnan(values).all() == (symbol == "recall")  # only recall needs the generated pictures as neighbours
    alone = build(symbol, k=2).leave_one_object_out(pictures(cloud(1, 5), views=5), photos(cloud(2, 9)))
    assert alone.shape == (1,) and np.isnan(alone).all()


@EACH
def test_too_few_pictures_are_refused(symbol: str) -> None:
    few, many = cloud(1, 4), cloud(2, 20)
    generated, reference = (few, many) if symbol == "recall" else (many, few)
    with pytest.raises(InputError, match="4 pictures do not have 4 neighbours each"):
        build(symbol, k=4).distance(pictures(generated), photos(reference))
    assert build(symbol, k=3).distance(pictures(generated), photos(reference)) >= 0
    with pytest.raises(InputError, match="at least 2"):
        build(symbol).distance(pictures(cloud(1, 1)), photos(many))


@EACH
def test_the_label(symbol: str) -> None:
    metric = build(symbol, k=3)
    assert metric.result().name == f"{symbol}[efficientnet_lite0]@photos"
    assert (metric.result().direction, metric.result().unit) == ("up", "")
    assert (metric.extractor, metric.reference) == ("efficientnet_lite0", "photos")
    assert metric.parameters() == f"balls={'generated' if symbol == 'recall' else 'reference'} k=3 v1"
    assert metric.difference(pictures(cloud(1, 9)), pictures(cloud(2, 9)), photos(cloud(3, 9))) is None
    options = METRICS.load(symbol).Options
    assert options(reference="photos", extractor="x").k == 5
    for wrong in ({"k": 0}, {"neighbours": 3}):
        with pytest.raises(ValidationError):
            options.model_validate({"reference": "photos", "extractor": "x", **wrong})
    with pytest.raises(ValidationError, match="extractor"):
        options.model_validate({"reference": "photos"})
