"""The paper's rule for the two numbers of inference-time shifting: B_max first, then t_max, realism kept within bounds.

Shifting more blocks, or more of the noisy steps, into the synthetic domain buys consistency and costs realism. The rule
measures both on a small validation set, fixes B_max over {0, 10, 20, 30, 40} % with no step shifted, then t_max over
{800, 850, ..., 1000} with that B_max. Of the settings whose realism is at most a given amount below that of no shifting
at all, the most consistent one wins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from realiz3d.errors import UsageError
from realiz3d.sampling.shifting import Shifting

BLOCK_FRACS = (0.0, 0.1, 0.2, 0.3, 0.4)
T_MAX_VALUES = (1000.0, 950.0, 900.0, 850.0, 800.0)


@dataclass(frozen=True)
class Tradeoff:
    """What a setting was measured to give; higher is better for both (negate distances)."""

    consistency: float
    realism: float


@dataclass(frozen=True)
class Trial:
    """One setting: its trade-off, by how much its realism is below that of no shifting, and whether that is allowed."""

    setting: Shifting
    found: Tradeoff
    loss: float
    allowed: bool


@dataclass(frozen=True)
class Tuning:
    """The chosen setting, and the curve: every trial in the order in which it was measured."""

    chosen: Shifting
    trials: tuple[Trial, ...]
    largest_loss: float


def tune_shifting(
    measure: Callable[[Sequence[Shifting]], Sequence[Tradeoff]],
    *,
    max_realism_loss: float | Callable[[float], float],
    block_fracs: Sequence[float] = BLOCK_FRACS,
    t_max_values: Sequence[float] = T_MAX_VALUES,
) -> Tuning:
    """Measure and choose.

    measure: called twice, with all settings of a stage. max_realism_loss: in the unit of the realism that `measure`
    gives, or a function from the realism without shifting to that. block_fracs: 0 (no shifting) is always among them.
    A tie goes to the setting that shifts less; a setting that could not be measured (NaN) is never chosen.
    Raises `UsageError` when no shifting at all could not be measured: nothing can be compared then.
    """
    blocks = [Shifting(frac, None) for frac in sorted({0.0, *block_fracs})]
    first = _measured(measure, blocks)
    base = first[0].realism
    if math.isnan(base) or math.isnan(first[0].consistency):
        raise UsageError("sampling without shifting could not be measured, so no setting can be judged")
    largest = max_realism_loss(base) if callable(max_realism_loss) else max_realism_loss
    if not largest >= 0:
        raise UsageError(f"a largest loss of realism of {largest}", expected="0 or more")
    trials = [_trial(setting, found, base, largest) for setting, found in zip(blocks, first, strict=True)]
    best = _best(trials)
    steps = [Shifting(best.setting.block_frac, t) for t in sorted(set(t_max_values), reverse=True)]
    later = [_trial(s, found, base, largest) for s, found in zip(steps, _measured(measure, steps), strict=True)]
    return Tuning(_best([best, *later]).setting, (*trials, *later), largest)


def _measured(
    measure: Callable[[Sequence[Shifting]], Sequence[Tradeoff]], settings: Sequence[Shifting]
) -> Sequence[Tradeoff]:
    found = measure(settings)
    if len(found) != len(settings):
        raise UsageError(f"{len(found)} measurements of {len(settings)} settings", where="measure")
    return found


def _trial(setting: Shifting, found: Tradeoff, base: float, largest: float) -> Trial:
    loss = base - found.realism
    return Trial(setting, found, loss, loss <= largest and not math.isnan(found.consistency))


def _best(trials: Sequence[Trial]) -> Trial:
    """The most consistent of the allowed; the first of equals, which shifts least."""
    return max((trial for trial in trials if trial.allowed), key=lambda trial: trial.found.consistency)
