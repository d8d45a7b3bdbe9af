"""The comparison record: what it holds, what JSON sees, and Holm across the primary metrics."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from bench.errors import InputError
from bench.stats.comparison import Comparison, compare_distances, compare_means, holm_over_page
from bench.stats.difference import difference_of_distances, difference_of_means
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


def test_distances_carry_their_test() -> None:
    tested = difference_of_distances(-10.0, [80.0, 81.0, 79.0, 80.5], [90.0, 88.0, 91.0, 90.5])
    found = compare_distances("fid@photos", "a", "b", tested)
    assert (found.difference, found.p_value, found.method) == (-10.0, tested.p_value(), tested.method)
    assert found.interval == tested.interval() and found.detectable == tested.detectable()
    assert found.effect_size is None


def test_incomplete_pairs_are_refused() -> None:
    with pytest.raises(InputError, match="NaN or infinite"):
        compare_means("cde", "a", "b", [1.0, math.nan], [1.0, 2.0])


def made(metric: str, a: str, b: str, p: float | None) -> Comparison:
    return Comparison(metric, a, b, 0.0, p, "test", 40)


def test_holm_runs_over_all_primary_comparisons_of_the_page() -> None:
    page = [
        made("cde", "x", "y", 0.01), made("fid@photos", "x", "y", 0.001), made("iou", "x", "y", 0.04),
        made("cde", "x", "z", 0.02), made("cde", "y", "z", 0.5),
    ]  # fmt: skip
    adjusted = holm_over_page(page, primary=("cde", "iou"))
    assert [c.p_holm for c in adjusted] == [pytest.approx(p) if p else None for p in (0.04, None, 0.08, 0.06, 0.5)]
    untested = holm_over_page([made("cde", "x", "y", 0.01), made("iou", "x", "y", None)], primary=("cde", "iou"))
    assert [c.p_holm for c in untested] == [pytest.approx(0.02), None]


def test_yardsticks_do_not_make_the_methods_family_larger() -> None:
    page = [made("cde", "x", "y", 0.02), made("cde", "x", "top", 0.001), made("cde", "top", "y", 0.03)]
    alone = holm_over_page(page[:1], primary=("cde",))
    among = holm_over_page(page, primary=("cde",), calibration=("top",))
    assert among[0].p_holm == alone[0].p_holm == 0.02
    assert [c.p_holm for c in among[1:]] == [0.002, 0.03]


def test_identical_values_are_no_claims_to_correct_for() -> None:
    """What could not have been claimed makes no other claim harder; equal means of unequal objects could have been."""
    worse = made("cde", "x", "y", 0.02)
    identical = compare_means("copies", "x", "y", [0.0, 0.5, 0.0, 0.0, 0.0], [0.0, 0.5, 0.0, 0.0, 0.0])
    balanced = compare_means("copies", "x", "z", [0.0, 0.5, 0.0, 0.0, 0.0], [0.5, 0.0, 0.0, 0.0, 0.0])
    few = compare_means("copies", "x", "y", [0.0, 0.0], [0.0, 0.0])
    assert identical.identical and not balanced.identical and not few.identical and not worse.identical
    assert identical.difference == balanced.difference == few.difference == 0
    for other, p_holm in ((identical, 0.02), (balanced, 0.04), (few, 0.04)):
        assert holm_over_page([worse, other], primary=("cde", "copies"))[0].p_holm == pytest.approx(p_holm)
    assert [c.p_holm for c in holm_over_page([identical, worse], primary=("copies",))] == [1.0, None]
    sets = compare_distances("fid", "x", "y", difference_of_distances(0.0, [2.0, 3.0, 4.0, 5.0], [2.0, 3.0, 4.0, 5.0]))
    assert sets.identical
