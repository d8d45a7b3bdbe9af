"""What a missing sample counts as, so that failing never pays: the floor, and never better than one's own worst.

A mean over what was made alone rewards a generator for failing where it is bad. So every sample that a suite asks for
counts. One that a generator did not deliver, or that only its own pictures made unjudgeable, is taken as the worse of

- what the suite's floor generator reaches on that object, where it stands below the ceiling there, else the worst value
  of the metric, where one is known;
- the worst sample that the generator itself reached.

An object that nobody's pictures could be judged on says nothing about anybody: it is left out for all alike.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.results.terms import Direction
from bench.stats.normalise import stands_below

Samples = Mapping[tuple[str, int], float]
"""(case, seed) -> value, of the samples of one generator that have one."""


@dataclass(frozen=True)
class Completed:
    """One value for each judged object, mean over its seeds: `values` as ranked, `measured` over what is there.

    `missing` of the `asked` samples count as the floor; `measured` lacks objects without any sample. `floors` is what a
    missing sample of each object counts as.
    """

    values: dict[str, float]
    measured: dict[str, float]
    missing: int
    asked: int
    floors: dict[str, float]

    @property
    def mean_measured(self) -> float:
        """The mean over the objects that have a sample; NaN without one."""
        return math.fsum(self.measured.values()) / len(self.measured) if self.measured else math.nan


def judged_cases(
    samples: Mapping[str, Samples], unmeasurable: Collection[str], cases: Sequence[str]
) -> tuple[str, ...]:
    """The cases on which generators are judged; `samples` by generator, those of one metric.

    Left out are those that are `unmeasurable`, for somebody's pictures at least, and have a value from nobody. What
    nobody delivered is no fault of the case: it stays in, and counts as the floor for all.
    """
    seen = {case for own in samples.values() for case, _ in own}
    return tuple(case for case in cases if case in seen or case not in unmeasurable)


def complete(
    samples: Mapping[str, Samples],
    cases: Sequence[str],
    seeds: Sequence[int],
    direction: Direction,
    worst: float | None = None,
    floor: str = "",
    ceiling: str = "",
) -> dict[str, Completed]:
    """Every generator's objects with the gaps filled in, for one metric; `cases` are those that are judged.

    `worst` is the metric's worst value, `floor` and `ceiling` the names of the suite's yardsticks ('' for none).
    Generators without any value are left out: they failed altogether.
    """
    known = {name: _matrix(own, cases, seeds) for name, own in samples.items()}
    floors = _floors(known, len(cases), direction, worst, floor, ceiling)
    found: dict[str, Completed] = {}
    for name, values in known.items():
        there = np.isfinite(values)
        if not there.any():
            continue
        worse = np.fmin if direction == "up" else np.fmax
        substitutes = worse(floors, worse.reduce(values[there]))
        whole = np.where(there, values, substitutes[:, None])
        objects = [
            (case, row[mask], filled) for case, row, mask, filled in zip(cases, values, there, whole, strict=True)
        ]
        found[name] = Completed(
            values={case: math.fsum(filled) / len(filled) for case, _, filled in objects},
            measured={case: math.fsum(own) / len(own) for case, own, _ in objects if len(own)},
            missing=int((~there).sum()),
            asked=there.size,
            floors=dict(zip(cases, substitutes.tolist(), strict=True)),
        )
    return found


def _floors(
    known: Mapping[str, npt.NDArray[np.float64]], count: int, direction: Direction, worst: float | None, floor: str,
    ceiling: str,
) -> npt.NDArray[np.float64]:  # fmt: skip
    """What the suite says that a missing sample of each object counts as, (cases,); NaN where it says nothing."""
    stated = np.full(count, math.nan if worst is None else worst)
    if floor not in known:
        return stated
    low = _object_means(known[floor])
    usable = np.isfinite(low)
    if ceiling in known:
        usable &= stands_below(low, _object_means(known[ceiling]), direction)
    return np.where(usable, low, stated)


def _matrix(samples: Samples, cases: Sequence[str], seeds: Sequence[int]) -> npt.NDArray[np.float64]:
    """Values (cases, seeds), NaN for no value."""
    return np.array([[samples.get((case, seed), math.nan) for seed in seeds] for case in cases]).reshape(
        len(cases), len(seeds)
    )


def _object_means(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean over the seeds that are there, (cases,), NaN for none."""
    there = np.isfinite(values)
    counts = there.sum(axis=1)
    return np.where(counts > 0, np.where(there, values, 0.0).sum(axis=1) / np.maximum(counts, 1), math.nan)


def counted(missing: int, without: float) -> str:
    """For people: that samples count as the floor, and what the number is without them."""
    return f"{missing} {'sample counts' if missing == 1 else 'samples count'} as the floor ({without:.4g} without)"
