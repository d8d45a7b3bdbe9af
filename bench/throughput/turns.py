"""Two kinds of work timed against each other in turns: their ratio, with an interval that drifts do not touch.

Clocks, neighbours and heat move a machine's speed by more than most changes do. In turns (old new, new old, ...) both
meet the same weather, and only their ratio within a round counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.errors import UsageError
from bench.stats.difference import Difference, mean_difference

LEAST_ROUNDS = 4


@dataclass(frozen=True)
class Turns:
    """Seconds of each round, `old` and `new`, (rounds,)."""

    old: tuple[float, ...]
    new: tuple[float, ...]

    @property
    def found(self) -> Difference:
        """Of log(new / old) over rounds: positive is slower."""
        return mean_difference(np.log(np.asarray(self.new) / np.asarray(self.old)))

    @property
    def times_as_fast(self) -> float:
        """How often the new one is done while the old one is done once: 2 is twice as fast (geometric mean)."""
        return math.exp(-self.found.estimate)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The two-sided confidence interval of `times_as_fast`."""
        low, high = self.found.reversed().interval(level).ends
        return math.exp(low), math.exp(high)


def check_rounds(rounds: int) -> None:
    """Raises `UsageError` for fewer than four."""
    if rounds < LEAST_ROUNDS:
        raise UsageError(f"{rounds} rounds say nothing of the noise", expected=f"{LEAST_ROUNDS} or more, 10 are good")


def in_turns(
    old: Callable[[int], float], new: Callable[[int], float], rounds: int, warm_up: int = 1, seconds: float = 0.0
) -> Turns:
    """Time both `rounds` times, or longer until `seconds` are over; each is called with the number of the round.

    Who begins alternates. Raises `UsageError` for fewer than four rounds.
    """
    check_rounds(rounds)
    sides = (old, new)
    for number in range(warm_up):
        for side in sides:
            side(number)
    times: tuple[list[float], list[float]] = ([], [])
    number = 0
    while number < rounds or sum(map(sum, times)) < seconds:
        for place in ((0, 1), (1, 0))[number % 2]:
            times[place].append(sides[place](warm_up + number))
        number += 1
    return Turns(tuple(times[0]), tuple(times[1]))
