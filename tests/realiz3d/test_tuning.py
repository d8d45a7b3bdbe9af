"""The rule for (B_max, t_max) on trade-offs whose answer is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from realiz3d import Shifting, tune_shifting
from realiz3d.errors import UsageError
from realiz3d.tuning import Tradeoff


class World:
    """Consistency and realism as functions of the blocks and of the share of shifted steps."""

    def __init__(self, cost_of_blocks: float = 10.0, cost_of_steps: float = 20.0) -> None:
        self.costs = cost_of_blocks, cost_of_steps
        self.calls: list[list[Shifting]] = []

    def __call__(self, settings: Sequence[Shifting]) -> list[Tradeoff]:
        self.calls.append(list(settings))
        return [self.of(setting) for setting in settings]

    def of(self, setting: Shifting) -> Tradeoff:
        steps = 0.0 if setting.t_max is None else (1000 - setting.t_max) / 1000
        blocks = setting.block_frac
        return Tradeoff(20 + 10 * blocks + 10 * steps, -50 - self.costs[0] * blocks - self.costs[1] * steps)


def test_the_most_consistent_setting_within_the_loss_wins() -> None:
    world = World()
    tuning = tune_shifting(world, max_realism_loss=5.0)
    # blocks: 0.4 costs 4 and is allowed; steps: 50 of 1000 cost 1 more, 100 cost 2 and are too many
    assert tuning.chosen == Shifting(0.4, 950.0)
    assert tuning.largest_loss == 5.0
    blocks = [Shifting(frac, None) for frac in (0.0, 0.1, 0.2, 0.3, 0.4)]
    steps = [Shifting(0.4, t) for t in (1000.0, 950.0, 900.0, 850.0, 800.0)]
    assert world.calls == [blocks, steps]
    assert [trial.setting for trial in tuning.trials] == blocks + steps
    assert [trial.allowed for trial in tuning.trials] == [True] * 7 + [False] * 3
    assert [round(trial.loss, 9) for trial in tuning.trials] == [0, 1, 2, 3, 4, 4, 5, 6, 7, 8]


def test_blocks_are_fixed_before_steps_are_tried() -> None:
    """A joint search would find (0.2, 800), which the rule does not look at."""

    class Trap(World):
        def of(self, setting: Shifting) -> Tradeoff:
            found = super().of(setting)
            joint = setting.block_frac == 0.2 and setting.t_max == 800.0
            return Tradeoff(99.0, -50.0) if joint else found

    assert tune_shifting(Trap(), max_realism_loss=3.0).chosen == Shifting(0.3, None)


def test_nothing_is_shifted_when_realism_may_not_be_lost() -> None:
    assert tune_shifting(World(), max_realism_loss=0.0).chosen == Shifting(0.0, None)


def test_the_loss_counts_from_no_shifting_in_both_stages() -> None:
    tuning = tune_shifting(World(cost_of_blocks=10, cost_of_steps=10), max_realism_loss=4.4)
    assert tuning.chosen == Shifting(0.4, None)


def test_the_bound_may_follow_from_the_unshifted_value() -> None:
    tuning = tune_shifting(World(), max_realism_loss=lambda unshifted: 0.02 * abs(unshifted))
    assert tuning.largest_loss == 1.0 and tuning.chosen == Shifting(0.1, None)


def test_ties_go_to_less_shifting_and_failures_are_never_chosen() -> None:
    class Flat(World):
        def of(self, setting: Shifting) -> Tradeoff:
            if setting.block_frac == 0.4:
                return Tradeoff(math.nan, math.nan)
            return Tradeoff(7.0, 1.0)

    tuning = tune_shifting(Flat(), max_realism_loss=1.0)
    assert tuning.chosen == Shifting(0.0, None)
    assert not next(trial for trial in tuning.trials if trial.setting.block_frac == 0.4).allowed


def test_no_shifting_is_always_measured() -> None:
    world = World()
    tuning = tune_shifting(world, max_realism_loss=100.0, block_fracs=(0.3,), t_max_values=(900.0,))
    assert world.calls == [[Shifting(0.0, None), Shifting(0.3, None)], [Shifting(0.3, 900.0)]]
    assert tuning.chosen == Shifting(0.3, 900.0)


def test_mistakes_are_explained() -> None:
    with pytest.raises(UsageError, match="largest loss of realism of -1"):
        tune_shifting(World(), max_realism_loss=-1.0)
    with pytest.raises(UsageError, match="0 measurements of 5 settings"):
        tune_shifting(lambda settings: [], max_realism_loss=1.0)
    with pytest.raises(UsageError, match="could not be measured"):
        tune_shifting(lambda settings: [Tradeoff(math.nan, 1.0)] * len(settings), max_realism_loss=1.0)
