"""Label swaps: complete when few, seeded when many, and never a p-value of zero."""

from __future__ import annotations

import numpy as np
import pytest

from suites.miniworld.claims.label_swaps import LabelSwaps, label_swaps


@pytest.mark.parametrize("n", [1, 4, 12])
def test_few_objects_give_every_swap_once(n: int) -> None:
    swaps = label_swaps(n, seed=0)
    assert swaps.exact and swaps.method() == f"exact ({2**n})"
    assert len({tuple(row) for row in swaps.swaps.tolist()}) == len(swaps.swaps) == 2**n
    assert not swaps.swaps[0].any()


def test_many_objects_give_seeded_fair_draws() -> None:
    swaps = label_swaps(13, seed=5)
    assert not swaps.exact and swaps.method() == "9999 draws" and swaps.swaps.shape == (9999, 13)
    assert np.array_equal(swaps.swaps, label_swaps(13, seed=5).swaps)
    assert not np.array_equal(swaps.swaps, label_swaps(13, seed=6).swaps)
    assert swaps.swaps.mean(axis=0) == pytest.approx([0.5] * 13, abs=0.03)


def test_p_values_by_hand() -> None:
    permuted = np.array([2.0, -2.0, 1.0, -1.0])
    exact = LabelSwaps(np.zeros((4, 2), dtype=np.bool_), exact=True)
    drawn = LabelSwaps(np.zeros((4, 2), dtype=np.bool_), exact=False)
    assert exact.p_value(2.0, permuted, 0.0) == 2 / 4
    assert drawn.p_value(3.0, permuted, 0.0) == 1 / 5


def test_rounding_noise_does_not_break_ties() -> None:
    swaps = LabelSwaps(np.zeros((2, 1), dtype=np.bool_), exact=True)
    permuted = np.array([0.3, -0.3])
    assert swaps.p_value(0.1 + 0.2, permuted, tolerance=1e-12) == 1.0
