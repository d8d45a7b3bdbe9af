"""Ratios of two timings in turns: known ones, under drift, and how often their intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pytest

from bench.errors import UsageError
from bench.throughput.turns import Turns, in_turns


def test_who_begins_alternates_and_rounds_have_their_numbers():
    asked = []

    def side(name, seconds):
        return lambda number: asked.append((name, number)) or seconds

    found = in_turns(side("old", 2.0), side("new", 1.0), rounds=4, warm_up=1)
    expected = ["old0", "new0", "old1", "new1", "new2", "old2", "old3", "new3", "new4", "old4"]
    assert [f"{name}{number}" for name, number in asked] == expected
    assert found.times_as_fast == 2.0 and found.interval() == (2.0, 2.0)


def test_it_goes_on_for_a_minimum_of_time():
    assert len(in_turns(lambda n: 1.0, lambda n: 1.0, rounds=4, seconds=20.0).old) == 10


def test_few_rounds_are_refused():
    with pytest.raises(UsageError, match="3 rounds say nothing"):
        in_turns(lambda n: 1.0, lambda n: 1.0, rounds=3)


def simulated(rng: np.random.Generator, rounds: int, ratio: float) -> Turns:
    """Times as machines have them: drift and bursts that meet a whole round, noise skewed to the slow side."""
    weather = np.exp(np.cumsum(rng.normal(0, 0.1, rounds))) * (1 + rng.binomial(1, 0.2, rounds))
    old, new = (weather * (1 + rng.gamma(1.0, 0.03, rounds)) * factor for factor in (1.0, 1.0 / ratio))
    return Turns(tuple(old), tuple(new))


@pytest.mark.parametrize("rounds", [4, 10])
def test_intervals_hold_their_level(rounds):
    rng = np.random.default_rng(7)
    found = [simulated(rng, rounds, 1.3) for _ in range(2000)]
    held = np.mean([low <= 1.3 <= high for low, high in (one.interval() for one in found)])
    assert held >= 0.94
    # without turns, each round's times divided by those of another round, the drift is all that one sees
    alone = [Turns(one.old, tuple(np.roll(one.new, rounds // 2))) for one in found]
    widths = [np.median([high - low for low, high in (one.interval() for one in kind)]) for kind in (found, alone)]
    assert widths[0] < widths[1] / 3
