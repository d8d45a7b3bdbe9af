"""Two generators timed against each other: in one process, in turns, on the same cases.

Timings of another day or machine are no baseline: clocks, neighbours and drivers move them by more than most changes
do. In turns (old new, new old, ...) both meet the same weather, and only their ratio within a round counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.gate.harm import LEVEL
from bench.gate.verdicts import GateFailed
from bench.generators.protocol import GenerationRequest, Generator
from bench.run.environment import hardware
from bench.run.generate import SceneControls
from bench.run.options import RunOptions
from bench.run.plan import Plan, build_generator, make_plan
from bench.stats.difference import Difference
from bench.suite.load import load_suite
from bench.throughput.stopwatch import make_stopwatch
from bench.throughput.turns import Turns, check_rounds, in_turns


@dataclass(frozen=True)
class Race:
    """Seconds of each round, `old` and `new` (rounds,), for `images` pictures a round, and the machine."""

    names: tuple[str, str]
    old: tuple[float, ...]
    new: tuple[float, ...]
    images: int
    machine: Mapping[str, Any]

    @property
    def found(self) -> Difference:
        """Of log(new / old) over rounds: positive is slower."""
        return Turns(self.old, self.new).found

    @property
    def slowdown(self) -> float:
        """How much longer the new one takes, 0.1 for 10 %; negative when it is faster."""
        return math.expm1(self.found.estimate)

    def at_most(self) -> float:
        """The slowdown that is excluded with 95 % confidence."""
        return math.expm1(self.found.upper_bound(1 - LEVEL))

    def words(self) -> str:
        """The outcome in one line, with the machine."""
        old, new = (self.images / float(np.median(side)) for side in (self.old, self.new))
        where = self.machine.get("gpu") or self.machine.get("cpu") or self.machine.get("device")
        change = f"{abs(self.slowdown):.1%} {'slower' if self.slowdown > 0 else 'faster'} than {self.names[0]}"
        return (
            f"{self.names[1]} is {change} ({old:.3g} -> {new:.3g} images/s, "
            f"{len(self.old)} rounds in turns on {where}); more than {self.at_most():+.1%} time is excluded"
        )

    def assert_not_slower_than(self, tolerated: float) -> None:
        """Fail when the new one is shown to be slower, by more than `tolerated` (0.05 for 5 %) in the estimate."""
        p = self.found.p_value("greater")
        if self.slowdown > tolerated and p is not None and p <= LEVEL:
            raise GateFailed(f"regression: {self.words()}; {tolerated:.1%} tolerated, p = {p:.2g}")


def race(
    suite: str | Path, old: str, new: str, *, rounds: int = 10, cases: int = 2, warm_up: int = 2,
    settings: Sequence[str] = (), device: str = "cpu", benchmark: Any = None,
) -> Race:  # fmt: skip
    """Time the generators `old` and `new` of a suite on its first `cases` objects, in turns, after `warm_up` rounds.

    Every round has noise of its own. `benchmark`: the fixture of pytest-benchmark; it times the new one, and its record
    carries the old one's rounds, the ratio and the machine. Raises `UsageError` for fewer than four rounds.
    """
    check_rounds(rounds)
    plan = make_plan(load_suite(suite, settings), RunOptions(generators=(old, new), limit=cases, device=device))
    entries = {entry.name: entry for entry in plan.generators}
    sides = tuple(build_generator(entries[name], plan.context) for name in (old, new))
    images = sum(plan.views_of(case) for case in plan.cases)
    controls = SceneControls(device)
    clock = make_stopwatch(device)

    def seconds(generator: Generator, number: int) -> float:
        requests = _requests(plan, controls, number)
        clock.mark()
        for _ in generator.generate(requests):
            clock.mark()
        return clock.seconds()[-1]

    if benchmark is not None and not benchmark.disabled:
        for number in range(warm_up):
            for side in sides:
                seconds(side, number)
        turns = _with_benchmark(benchmark, sides, seconds, rounds, warm_up)
    else:
        turns = in_turns(lambda n: seconds(sides[0], n), lambda n: seconds(sides[1], n), rounds, warm_up)
    found = Race((old, new), turns.old, turns.new, images, hardware(device))
    if benchmark is not None:
        benchmark.extra_info.update(
            against=old, old_seconds=list(found.old), slowdown=found.slowdown, machine=dict(found.machine)
        )
    return found


def _with_benchmark(
    benchmark: Any,
    sides: Sequence[Generator],
    seconds: Callable[[Generator, int], float],
    rounds: int,
    warm_up: int,
) -> Turns:
    """The old one runs as the untimed set-up of each round of the new one, which is what makes them take turns."""
    number = iter(range(warm_up, warm_up + rounds))
    times: tuple[list[float], list[float]] = ([], [])

    def before() -> tuple[tuple[int], dict[str, Any]]:
        this = next(number)
        times[0].append(seconds(sides[0], this))
        return (this,), {}

    benchmark.pedantic(lambda this: times[1].append(seconds(sides[1], this)), setup=before, rounds=rounds, iterations=1)
    return Turns(tuple(times[0]), tuple(times[1]))


def _requests(plan: Plan, controls: SceneControls, number: int) -> list[GenerationRequest]:
    seed = plan.seeds[0] + number
    return [
        GenerationRequest(
            case, plan.cameras_of(case), seed, plan.context.background, plan.noise_seeds(case, seed), controls
        )
        for case in plan.cases
    ]
