"""Effect sizes and Holm's correction by hand."""

from __future__ import annotations

import math

import pytest

from bench.errors import InputError
from bench.stats.paired import effect_size, holm


def test_no_effect_size_without_spread() -> None:
    assert effect_size([1, 2, 3], [1, 2, 3]) == 0.0
    assert math.isnan(effect_size([0.3] * 4, [0.1] * 4)) and math.isnan(effect_size([1.0], [0.0]))


def test_effect_size_by_hand() -> None:
    assert effect_size([3, 5, 7], [2, 3, 4]) == pytest.approx(2.0)  # differences 1, 2, 3
    assert effect_size([2, 3, 4], [3, 5, 7]) == pytest.approx(-2.0)


@pytest.mark.parametrize(
    ("a", "b"), [([1, 2], [1]), ([], []), ([1, math.nan], [1, 2]), ([1, 2], [1, math.inf]), ([[1, 2]], [[1, 2]])]
)
def test_what_is_not_pairs_is_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(InputError):
        effect_size(a, b)


def test_holm_by_hand() -> None:
    # sorted .005, .01, .03, .04 times 4, 3, 2, 1, then the running maximum
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.6, 0.5]) == (1.0, 1.0)
    assert holm([0.02]) == (0.02,)
    assert holm([]) == ()


def test_holm_counts_a_missing_test_as_one_of_the_family() -> None:
    adjusted = holm([0.01, math.nan, 0.02])
    assert (adjusted[0], adjusted[2]) == pytest.approx((0.03, 0.04))
    assert math.isnan(adjusted[1])


def test_what_is_identical_counts_for_nobody() -> None:
    assert holm([0.01, 1.0, 0.02], identical={1}) == pytest.approx((0.02, 1.0, 0.02))
    assert holm([0.01, 1.0, 0.02]) == pytest.approx((0.03, 1.0, 0.04))
    assert holm([1.0], identical=[0]) == (1.0,)
