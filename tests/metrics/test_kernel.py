"""Kernel distances against torchmetrics, double loops, and their own promise of being unbiased."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from bench.errors import InputError
from bench.metrics import kernel
from bench.metrics.kernel import (
    ObjectGram,
    cluster_kernel_distance,
    cubic_kernel,
    jackknife_excess,
    kernel_distance,
)

Matrix = npt.NDArray[np.float64]


def views(rng: np.random.Generator, counts: list[int], d: int = 10, spread: float = 0.3) -> tuple[Matrix, list[str]]:
    """Pictures of len(counts) objects, `counts[o]` of object o, alike within an object; shuffled."""
    names = [f"o{index}" for index, count in enumerate(counts) for _ in range(count)]
    centres = rng.normal(size=(len(counts), d))
    pictures = np.repeat(centres, counts, axis=0) + spread * rng.normal(size=(len(names), d))
    order = rng.permutation(len(names))
    return pictures[order], [names[index] for index in order]


def by_loops(x: Matrix, x_ids: list[object], y: Matrix, y_ids: list[object]) -> float:
    """MMD^2 over the pairs whose ids differ, pair by pair."""

    def mean(rows: Matrix, ids: list[object], columns: Matrix, others: list[object]) -> float:
        values = [
            (float(u @ v) / len(u) + 1) ** 3
            for u, i in zip(rows, ids, strict=True)
            for v, j in zip(columns, others, strict=True)
            if i != j
        ]
        return sum(values) / len(values)

    return mean(x, x_ids, x, x_ids) + mean(y, y_ids, y, y_ids) - 2 * mean(x, x_ids, y, y_ids)


def test_equals_torchmetrics_on_full_sets() -> None:
    kid = pytest.importorskip("torchmetrics.image.kid", exc_type=ImportError)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 32)), rng.normal(0.2, 1.1, (60, 32))
    assert kernel_distance(x, y) == pytest.approx(float(kid.poly_mmd(torch.tensor(x), torch.tensor(y))), rel=1e-9)


def test_equals_a_double_loop() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(7, 5)), rng.normal(0.5, 1, (9, 5))
    assert kernel_distance(x, y) == pytest.approx(by_loops(x, [*range(7)], y, [*range(7, 16)]), rel=1e-12)


@pytest.mark.parametrize("shared", [False, True])
def test_cluster_distance_equals_a_double_loop(shared: bool) -> None:
    rng = np.random.default_rng(2)
    x, x_ids = views(rng, [4, 4, 2, 1])
    y, y_ids = views(rng, [1, 3, 2, 5, 2])
    mine = cluster_kernel_distance(x, x_ids, y, y_ids, shared=shared)
    side = "" if shared else "reference "
    assert mine == pytest.approx(by_loops(x, [*x_ids], y, [side + name for name in y_ids]), rel=1e-12)


def test_one_picture_an_object_is_the_plain_distance() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(8, 6)), rng.normal(size=(9, 6))
    assert cluster_kernel_distance(x, range(8), y, range(9)) == pytest.approx(kernel_distance(x, y), rel=1e-12)


def test_chunks_do_not_change_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    (x, x_ids), (y, y_ids) = views(rng, [3] * 10), views(rng, [2] * 11)
    whole = cluster_kernel_distance(x, x_ids, y, y_ids)
    monkeypatch.setattr(kernel, "_CHUNK_VALUES", 50)
    assert cluster_kernel_distance(x, x_ids, y, y_ids) == pytest.approx(whole, rel=1e-12)


def test_sums_of_pairs_are_products_with_who_is_in_which_group(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(13)
    x, y, left, right = rng.normal(size=(23, 4)), rng.normal(size=(17, 4)), rng.permutation(23) // 3, np.arange(17) % 5
    monkeypatch.setattr(kernel, "_CHUNK_VALUES", 5 * len(y))  # chunks that cut groups in two
    found = kernel.pair_sums(cubic_kernel, x, left, left, y, right, right)
    members, others = (codes[:, None] == np.arange(codes.max() + 1) for codes in (left, right))
    apart = left[:, None] != right
    np.testing.assert_allclose(found.sums, members.T @ (apart * cubic_kernel(x, y)) @ others, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(found.counts, members.astype(int).T @ apart.astype(int) @ others.astype(int))
    rows, columns = np.array([0, 3, -1, 7]), np.array([4, -1, 2, 0])
    take, take_others = (np.arange(codes.max() + 1) != out[:, None] for codes, out in ((left, rows), (right, columns)))
    plain = found.mean(take.astype(float), take_others.astype(float))
    np.testing.assert_allclose(found.means_without(rows, columns), plain, rtol=1e-12)


@pytest.mark.parametrize("rows", [1, 4, 7, 23])  # chunks that cut groups in two, and one that holds all
@pytest.mark.parametrize("biased", [False, True])
def test_a_set_beside_itself_has_the_sums_of_any_two_sets(
    rows: int, biased: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(14)
    x, groups = rng.normal(size=(23, 4)), rng.permutation(23) // 3
    left, right = (np.zeros_like(groups), np.ones_like(groups)) if biased else (groups, groups)
    expected = kernel.pair_sums(cubic_kernel, x, groups, left, x, groups, right)
    monkeypatch.setattr(kernel, "_CHUNK_ROWS", rows)
    found = kernel.pair_sums(cubic_kernel, x, groups, left, x, groups, right, itself=True)
    np.testing.assert_allclose(found.sums, expected.sums, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(found.counts, expected.counts)


def test_unbiased_where_the_usual_estimate_is_not() -> None:
    rng = np.random.default_rng(5)
    unbiased, biased = [], []
    for _ in range(400):
        x, y = rng.normal(size=(12, 6)), rng.normal(size=(15, 6))
        unbiased.append(kernel_distance(x, y))
        biased.append(cubic_kernel(x, x).mean() + cubic_kernel(y, y).mean() - 2 * cubic_kernel(x, y).mean())
    error = np.std(unbiased) / np.sqrt(len(unbiased))
    assert abs(np.mean(unbiased)) < 4 * error
    assert np.mean(biased) > 20 * error


def test_four_views_an_object_bias_the_plain_distance_but_not_the_cluster_one() -> None:
    rng = np.random.default_rng(6)
    plain, clustered = [], []
    for _ in range(400):
        x, x_ids = views(rng, [4] * 10)
        y, _ = views(rng, [1] * 40)
        plain.append(kernel_distance(x, y))
        clustered.append(cluster_kernel_distance(x, x_ids, y, range(len(y))))
    error = np.std(clustered) / np.sqrt(len(clustered))
    assert np.mean(plain) > 10 * error
    assert abs(np.mean(clustered)) < 4 * error


def test_a_reference_of_the_same_objects_biases_unless_their_pairs_are_left_out_across() -> None:
    rng = np.random.default_rng(7)
    kept, left_out = [], []
    for _ in range(400):
        both, ids = views(rng, [8] * 8)
        order = np.argsort(ids, kind="stable").reshape(8, 2, 4)  # object, set, view
        x, y = both[order[:, 0].ravel()], both[order[:, 1].ravel()]
        names = [f"o{index}" for index in range(8) for _ in range(4)]
        kept.append(cluster_kernel_distance(x, names, y, names, shared=False))
        left_out.append(cluster_kernel_distance(x, names, y, names, shared=True))
    error = np.std(left_out) / np.sqrt(len(left_out))
    assert np.mean(kept) < -10 * np.std(kept) / np.sqrt(len(kept))
    assert abs(np.mean(left_out)) < 4 * error


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_leave_one_object_out_equals_recomputation(clustered: bool, shared: bool) -> None:
    rng = np.random.default_rng(8)
    x, x_ids = views(rng, [4, 3, 4, 1, 2])
    y, y_ids = views(rng, [2, 3, 1, 4])
    gram = ObjectGram.fold(x, x_ids, y, y_ids, clustered=clustered, shared=shared)
    assert gram.objects == tuple(dict.fromkeys(x_ids))
    for name, value in zip(gram.objects, gram.leave_one_object_out(), strict=True):
        keep = [other != name for other in x_ids]
        keep_y = [not shared or other != name for other in y_ids]
        parts = x[keep], [i for i in x_ids if i != name], y[keep_y], [i for i in y_ids if not shared or i != name]
        again = cluster_kernel_distance(*parts, shared=shared) if clustered else kernel_distance(parts[0], parts[2])
        assert value == pytest.approx(again, rel=1e-10)


def test_leaving_out_one_of_two_objects_leaves_nothing_to_average() -> None:
    rng = np.random.default_rng(9)
    x, x_ids = views(rng, [2, 2])
    y, y_ids = views(rng, [1, 1, 1])
    gram = ObjectGram.fold(x, x_ids, y, y_ids, clustered=True, shared=False)
    assert np.isfinite(gram.distance())
    assert np.isnan(gram.leave_one_object_out()).all()


@pytest.mark.parametrize("clustered", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_variance_of_a_difference_is_estimated_without_bias(clustered: bool, shared: bool) -> None:
    # near the reference the distance is nearly degenerate: pairs of objects bring most of its variance
    rng = np.random.default_rng(11)
    names = [f"o{index}" for index in range(8) for _ in range(2)]
    photos = rng.normal(size=(60, 6))
    found = []
    for _ in range(1000):
        y, y_ids = views(rng, [1] * 8, d=6) if shared else (photos, list(map(str, range(60))))
        grams = [
            ObjectGram.fold(rng.normal(size=(16, 6)), names, y, y_ids, clustered=clustered, shared=shared)
            for _ in range(2)
        ]
        moved = grams[0].leave_one_object_out() - grams[1].leave_one_object_out()
        jackknife = 7 / 8 * np.square(moved - moved.mean()).sum()
        found.append((grams[0].distance() - grams[1].distance(), jackknife, jackknife_excess(*grams)))
    differences, jackknives, pairs = np.array(found).T
    assert (jackknives - pairs).mean() == pytest.approx(differences.var(), rel=0.15)
    assert jackknives.mean() > 1.4 * differences.var()


def test_variance_is_of_pairs_of_the_same_objects() -> None:
    rng = np.random.default_rng(12)
    (x, x_ids), (y, y_ids) = views(rng, [1] * 5), views(rng, [1] * 3)
    gram, other = (
        ObjectGram.fold(x, ids, y, y_ids, clustered=True, shared=False) for ids in (x_ids, [*x_ids[:-1], "stranger"])
    )
    assert jackknife_excess(gram, gram) == 0.0
    with pytest.raises(InputError, match="not of the same objects"):
        jackknife_excess(gram, other)


def test_too_little_is_refused() -> None:
    rng = np.random.default_rng(10)
    x, x_ids = views(rng, [4])
    y, y_ids = views(rng, [2, 2])
    with pytest.raises(InputError, match="at least 2 objects, got 1"):
        cluster_kernel_distance(x, x_ids, y, y_ids)
    with pytest.raises(InputError, match="at least 2 pictures, got 1"):
        kernel_distance(x[:1], y)
