"""The comparison record: what it holds, what JSON sees, and Holm across the primary metrics."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from bench.errors import InputError
from bench.stats.comparison import Comparison, compare_distances, compare_means, holm_across
from bench.stats.difference import difference_of_means
from bench.stats.intervals import Interval
from bench.stats.paired import effect_size


def test_means_are_compared_with_all_that_a_table_prints() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.5, 1, 10), rng.normal(0, 1, 10)
    found = compare_means("cde", "ours", "theirs", a, b)
    tested = difference_of_means(a, b)
    assert (found.metric, found.a, found.b, found.n_objects) == ("cde", "ours", "theirs", 10)
    assert found.difference == pytest.approx(a.mean() - b.mean())
    assert (found.p_value, found.method) == (tested.p_value(), "paired t, corrected for skewness")
    assert found.interval == tested.interval(0.95)
    assert found.effect_size == effect_size(a, b)
    assert found.detectable == tested.detectable(power=0.8, level=0.05)


def test_swapping_the_generators_swaps_the_sign() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.5, 1, 10), rng.normal(0, 1, 10)
    forth, back = compare_means("cde", "a", "b", a, b), compare_means("cde", "b", "a", b, a)
    assert back.difference == pytest.approx(-forth.difference)
    assert back.p_value == forth.p_value
    assert back.effect_size is not None and back.effect_size == pytest.approx(-(forth.effect_size or 0))


def test_record_for_json_has_the_contract_keys_and_no_nan() -> None:
    record = compare_means("cde", "a", "b", [1.0], [0.5]).to_dict()
    assert {"metric", "a", "b", "difference", "p_value", "method"} <= record.keys()
    assert record["p_value"] is record["effect_size"] is record["detectable"] is record["ci_low"] is None
    assert "too few" in str(record["method"])
    json.dumps(record, allow_nan=False)
    assert Comparison("m", "a", "b", math.nan, None, "not tested", 0).to_dict()["difference"] is None


def test_distances_carry_their_permutation_test_or_say_that_there_is_none() -> None:
    tested = compare_distances("fid@photos", "a", "b", 80.0, 90.0, (0.03, "label permutation, 999 draws"), 40)
    assert (tested.difference, tested.p_value, tested.method) == (-10.0, 0.03, "label permutation, 999 draws")
    untested = compare_distances("fid@photos", "a", "b", 80.0, 90.0, None, 400)
    assert untested.p_value is None and untested.method.startswith("not tested")
    assert untested.to_dict()["p_value"] is None


def test_incomplete_pairs_are_refused() -> None:
    with pytest.raises(InputError, match="NaN or infinite"):
        compare_means("cde", "a", "b", [1.0, math.nan], [1.0, 2.0])


def test_holm_runs_over_the_primary_metrics_of_each_pair() -> None:
    def made(metric: str, b: str, p: float | None) -> Comparison:
        return Comparison(metric, "ours", b, 0.0, p, "test", 40)

    adjusted = holm_across(
        [made("cde", "x", 0.01), made("fid@photos", "x", 0.001), made("iou", "x", 0.04), made("cde", "y", 0.01)],
        primary=("cde", "iou"),
    )
    assert [c.p_holm for c in adjusted] == [pytest.approx(0.02), None, pytest.approx(0.04), pytest.approx(0.01)]
    untested = holm_across([made("cde", "x", 0.01), made("iou", "x", None)], primary=("cde", "iou"))
    assert [c.p_holm for c in untested] == [pytest.approx(0.02), None]


def test_intervals_overlap() -> None:
    def made(low: float, high: float) -> Interval:
        return Interval(low, high, 0.95, "test")

    assert made(0, 2).overlaps(made(1, 3)) and made(1, 3).overlaps(made(0, 2))
    assert made(0, 1).overlaps(made(1, 2)) and made(0, 9).overlaps(made(3, 4))
    assert not made(0, 1).overlaps(made(2, 3)) and not made(2, 3).overlaps(made(0, 1))
    assert not made(math.nan, math.nan).overlaps(made(0, 1)) and not made(0, 1).overlaps(made(math.nan, math.nan))
