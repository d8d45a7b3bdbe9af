"""What an entry's rows must be, given its values by object: the same arithmetic as in a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from bench.leaderboard.entry import EntryRow
from bench.leaderboard.objects import ObjectValue
from bench.stats.difference import interval_of_mean, mean_difference
from bench.stats.intervals import jackknife_interval

ROUNDING = 1e-9
"""Of the size of the numbers: sums in another order differ by less, anything that a person changed by more."""


_LOWEST, _HIGHEST = (-math.inf, 0.0, 1.0), (math.inf, 1.0, 8.0, 100.0)  # where ranges of results end


def disagreements(row: EntryRow, values: Mapping[str, ObjectValue], seeds: int) -> Iterator[str]:
    """What in a row does not follow from the values by object, in words; nothing for a row that does."""
    if row.value is None:
        yield "has values by object and no value"
        return
    if row.by_object == "leave_one_out":
        yield from _distance(row, values)
        return
    numbers = [one.value for one in values.values()]
    mean = mean_difference(numbers)
    size = max(map(abs, numbers))
    yield from _unequal("value", row.value, mean.estimate, size)
    # an entry does not say where its result's range ends
    lows = [interval_of_mean(numbers, (limit, math.inf)).low for limit in _LOWEST]
    highs = [interval_of_mean(numbers, (-math.inf, limit)).high for limit in _HIGHEST]
    yield from _end("ci_low", row.ci_low, lows, size)
    yield from _end("ci_high", row.ci_high, highs, size)
    if row.n_objects != len(values):
        yield f"n_objects is {row.n_objects}, and the table has {len(values)} objects"
    missing = sum(one.missing for one in values.values())
    if row.n_missing != missing:
        yield f"n_missing is {row.n_missing}, and the table tells of {missing} missing samples"
    if any(one.missing > seeds for one in values.values()):
        yield "an object lacks more samples than there are seeds"
    elif missing:
        yield from _unequal("measured", row.measured, _measured(values, seeds), size)
    elif row.measured is not None:
        yield "measured is set although no sample is missing"


def _distance(row: EntryRow, values: Mapping[str, ObjectValue]) -> Iterator[str]:
    assert row.value is not None
    without = [one.value for one in values.values()]
    low, high = jackknife_interval(row.value, without)
    size = max(abs(row.value), *map(abs, without))
    # the range of some distances, which ends at 0 or 1, draws an end in
    yield from _end("ci_low", row.ci_low, [low, max(low, 0.0)], size)
    yield from _end("ci_high", row.ci_high, [high, min(high, 1.0)], size)
    if row.n_objects != len(values):
        yield f"n_objects is {row.n_objects}, and the table has {len(values)} objects"


def _end(name: str, found: float | None, allowed: Sequence[float], size: float) -> Iterator[str]:
    if not any(_same(found, one, size) for one in allowed):
        yield from _unequal(name, found, allowed[0], size)


def _measured(values: Mapping[str, ObjectValue], seeds: int) -> float:
    """The mean over the objects that have a sample, of those alone."""
    means = [
        (seeds * one.value - one.missing * one.floor) / (seeds - one.missing) if one.missing else one.value
        for one in values.values()
        if one.missing < seeds
    ]
    return math.fsum(means) / len(means) if means else math.nan


def _unequal(name: str, found: float | None, wanted: float, size: float) -> Iterator[str]:
    if not _same(found, wanted, size):
        told = "none" if not math.isfinite(wanted) else f"{wanted:.6g}"
        yield f"{name} is {'none' if found is None else f'{found:.6g}'}, and the values by object give {told}"


def _same(found: float | None, wanted: float, size: float) -> bool:
    if found is None or not math.isfinite(wanted):
        return found is None and not math.isfinite(wanted)
    return abs(found - wanted) <= ROUNDING * max(size, abs(wanted))
