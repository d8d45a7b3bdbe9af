"""A reference that is read block by block gives the numbers of one in memory, within what is stated."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from bench.errors import InputError, ReferenceSetError
from bench.metrics import near_copies as copies
from bench.metrics.cmmd import Cmmd
from bench.metrics.declaration import FeatureSet
from bench.metrics.energy import EdCluster
from bench.metrics.kept import Kept, array_bytes
from bench.metrics.kernel import cubic_kernel, kernel_distance
from bench.metrics.moments import Moments, moments_of
from bench.metrics.pair_means import PairMean, pair_mean
from bench.metrics.prdc import Precision
from bench.metrics.reference_floor import reference_floor
from bench.metrics.set_distances import Fd, Kd, KdCluster
from bench.references import shards
from bench.references.reference_set import ReferenceFeatures
from bench.references.shards import EachItsOwn, FeatureShards, ShardWriter
from bench.run.set_notes import is_constant

WIDTH, PHOTOS = 20, 300
RANDOM = np.random.default_rng(0)
FEATURES = (RANDOM.standard_normal((PHOTOS, WIDTH)) * np.linspace(0.5, 3, WIDTH) + 40).astype(np.float32)
OBJECTS = tuple(f"object-{number}" for number in range(8) for _ in range(3))
SETS = [FeatureSet(RANDOM.standard_normal((24, WIDTH)).astype(np.float32) + 40 + gap, OBJECTS) for gap in (0.0, 0.3)]


@pytest.fixture
def small_shards(monkeypatch) -> None:
    monkeypatch.setattr(shards, "ROWS", 70)


def written(folder: Path, features: np.ndarray = FEATURES) -> FeatureShards:
    writer = ShardWriter(folder, features.shape[1])
    for start in range(0, len(features), 33):
        writer.add(features[start : start + 33])
    return writer.finish()


def both(folder: Path, features: np.ndarray = FEATURES) -> tuple[ReferenceFeatures, ReferenceFeatures]:
    names = tuple(map(str, range(len(features))))
    near = ReferenceFeatures("photos", features, names, "0" * 64, "any")
    return near, ReferenceFeatures("photos", written(folder, features), EachItsOwn(len(features)), "0" * 64, "any")


def test_shards_hold_what_was_written(tmp_path, small_shards) -> None:
    found = written(tmp_path)
    assert found.shape == FEATURES.shape and len(list(tmp_path.glob("*.npy"))) == 5
    assert np.array_equal(np.concatenate(list(found.blocks(32))), FEATURES.astype(np.float64))
    rows = RANDOM.permutation(PHOTOS)[:90]
    assert np.array_equal(found[rows], FEATURES[rows]) and np.array_equal(np.asarray(found), FEATURES)
    assert FeatureShards(tmp_path).digest == found.digest
    found.check()
    (tmp_path / "00002.npy").write_bytes((tmp_path / "00001.npy").read_bytes())
    with pytest.raises(ReferenceSetError, match="a shard of a reference was changed"):
        FeatureShards(tmp_path).check()
    (tmp_path / "00004.npy").unlink()
    with pytest.raises(ReferenceSetError, match="cannot be read"):
        FeatureShards(tmp_path)


@pytest.mark.parametrize("kind", [Fd, Kd, KdCluster, EdCluster, Cmmd])
def test_the_distances_are_those_in_memory(kind, tmp_path, small_shards, monkeypatch) -> None:
    """Fréchet within 1e-9 of the traces, kernels within rounding; so are values without an object, and tests."""
    monkeypatch.setattr(FeatureShards, "__array__", None)  # nobody takes all of it
    near, far = both(tmp_path)
    metric = kind(kind.Options(reference="photos", **({} if kind is Cmmd else {"extractor": "any"})))
    size = float(FEATURES.var(axis=0).sum()) if kind is Fd else abs(metric.distance(SETS[1], near))
    for generated in SETS:
        assert metric.distance(generated, far) == pytest.approx(metric.distance(generated, near), abs=1e-9 * size)
        without = [metric.leave_one_object_out(generated, reference) for reference in (near, far)]
        np.testing.assert_allclose(without[1], without[0], atol=1e-8 * size)
    for a, b in combinations(SETS, 2):
        tests = [metric.difference(a, b, reference) for reference in (near, far)]
        assert tests[1].standard_error == pytest.approx(tests[0].standard_error, rel=1e-6)
    assert np.isfinite(reference_floor(metric, far, 24)[0]) and reference_floor(metric, far, 24)[1] == 24


def test_moments_merge_as_if_all_had_been_there() -> None:
    """Also where a mean is a million deviations: sums of squares about 0 would have no digit left."""
    rows = RANDOM.standard_normal((1000, 6)) + 1e6
    merged = moments_of(np.array_split(rows, [1, 3, 400, 999]))
    whole = Moments.of(rows)
    assert merged.count == 1000
    np.testing.assert_allclose(merged.mean, rows.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(merged.scatter / 999, np.cov(rows, rowvar=False), atol=1e-8)
    np.testing.assert_allclose(merged.scatter, whole.scatter, atol=1e-6)
    np.testing.assert_allclose(whole.factor().T @ whole.factor(), whole.scatter, atol=1e-8)
    flat = Moments.of(np.repeat(rows[:, :1], 6, axis=1))  # singular
    np.testing.assert_allclose(flat.factor().T @ flat.factor(), flat.scatter, atol=1e-6)
    for broken in ([], [rows[:1]], [rows, np.full((2, 6), np.nan)]):
        with pytest.raises(InputError):
            moments_of(broken)


def test_sampled_pairs_are_right_on_average_and_know_their_error(tmp_path) -> None:
    """Sorted by class, as folders are: blocks in the order of the files would be far off."""
    classes = np.repeat(RANDOM.standard_normal((10, 5)), 60, axis=0)
    features = (classes + 0.3 * RANDOM.standard_normal((600, 5))).astype(np.float32)
    values = cubic_kernel(features.astype(np.float64), features.astype(np.float64))
    exact = float((values.sum() - np.trace(values)) / (600 * 599))
    whole = pair_mean(written(tmp_path / "all", features), cubic_kernel, lambda rows: rows)
    assert whole.apart == pytest.approx(exact, rel=1e-12) and whole.error == 0
    assert whole.same == pytest.approx(np.trace(values) / 600)
    off, told = [], []
    for seed in range(40):
        shuffled = written(tmp_path / str(seed), features[np.random.default_rng(seed).permutation(600)])
        found = pair_mean(shuffled, cubic_kernel, lambda rows: rows, exact=100, block=60)
        off.append(found.apart - exact)
        told.append(found.error)
        assert found.same == pytest.approx(whole.same)
    assert abs(np.mean(off)) < 3 * np.std(off) / np.sqrt(40)
    assert np.std(off) < np.mean(told) < 6 * np.std(off)
    block = pair_mean(written(tmp_path / "sorted", features), cubic_kernel, lambda rows: rows, exact=100, block=60)
    in_order = np.mean([kernel_mean(part) for part in np.split(features.astype(np.float64), 10)])
    assert abs(block.apart - exact) < 0.2 * abs(in_order - exact)


def kernel_mean(rows: np.ndarray) -> float:
    values = cubic_kernel(rows, rows)
    return float((values.sum() - np.trace(values)) / (len(rows) * (len(rows) - 1)))


def test_a_sampled_term_is_told_and_moves_all_alike(tmp_path, monkeypatch) -> None:
    near, far = both(tmp_path)
    metric = Kd(Kd.Options(reference="photos", extractor="any"))
    assert metric.notes(near) == metric.notes(far) == ()
    exact = [metric.distance(generated, far) for generated in SETS]
    sampled = Kd(Kd.Options(reference="photos", extractor="any"))
    monkeypatch.setattr("bench.metrics.set_distances._pair_means", Kept[PairMean](array_bytes))
    monkeypatch.setattr("bench.metrics.set_distances.pair_mean", lambda *of: pair_mean(*of, exact=100, block=50))
    (note,) = sampled.notes(far)
    assert note.startswith("the reference's own pairs were sampled: all generators' values may be off by ")
    found = [sampled.distance(generated, far) for generated in SETS]
    assert found[1] - found[0] == pytest.approx(exact[1] - exact[0], rel=1e-9)
    assert found[0] != exact[0] == pytest.approx(kernel_distance(SETS[0].features, FEATURES), rel=1e-9)


def test_copies_are_found_block_by_block(tmp_path, small_shards) -> None:
    near, far = both(tmp_path)
    rows = SETS[0].features.copy()
    rows[:3] = FEATURES[[5, 100, 299]] + 1e-4
    generated = FeatureSet(rows, OBJECTS)
    marked = copies.near_copies(generated, far)
    assert marked.tolist() == copies.near_copies(generated, near).tolist() == [True] * 3 + [False] * 21
    assert copies.copied_objects(generated, far) == copies.copied_objects(generated, near) == {"object-0": "5"}


def test_what_needs_all_at_once_is_refused_by_name_where_there_is_too_much(tmp_path, monkeypatch) -> None:
    near, far = both(tmp_path)
    metric = Precision(Precision.Options(reference="photos", extractor="any"))
    assert metric.distance(SETS[0], far) == metric.distance(SETS[0], near)
    monkeypatch.setattr(shards, "IN_MEMORY", 299)
    other = both(tmp_path / "b", FEATURES + 1)[1]
    with pytest.raises(InputError, match="300 pictures, and this metric needs the features of all at once"):
        metric.distance(SETS[0], other)


def test_a_constant_reference_is_seen(tmp_path) -> None:
    assert is_constant(written(tmp_path / "a", np.ones((50, 3), np.float32)))
    assert not is_constant(written(tmp_path / "b"))
    names = EachItsOwn(10**9)
    assert len(names) == 10**9 and names[3:5] == ("3", "4") and names[-1] == str(10**9 - 1)
