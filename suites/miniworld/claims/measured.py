"""One run as the claims see it: methods by the paper's row, every number by object and seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError, InputError, UsageError
from bench.results.read import RunResults, read_runs
from bench.results.summary import MetricInfo, Row
from suites.miniworld.claims.crossed import Contrast, Crossed, Estimate, MeanOf, crossed
from suites.miniworld.claims.distances import SetResult, reference_kinds, set_results
from suites.miniworld.claims.statements import ABLATION, BASE, RETAINED


@dataclass(frozen=True)
class Measured:
    """A run whose generators stand for rows of one table of the paper.

    `generators` maps rows, and `BASE` where there is one, to generators; `references` are the others. `note` says why
    set distances are known in sum only: then they rank methods, and nothing is tested.
    """

    run: RunResults
    table: int
    generators: Mapping[str, str]
    references: tuple[str, ...]
    sets: Mapping[str, SetResult] = field(repr=False)
    note: str = ""
    _scores: dict[tuple[str, str], Crossed | None] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def kinds(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of distances to real pictures, and to the base's."""
        return reference_kinds(self.run)

    def metric(self, result: str) -> MetricInfo:
        """Its label."""
        return self.run.metric(result)

    def has(self, result: str) -> bool:
        """Whether any generator has a number."""
        return any(
            row.metric == result and row.status == "ok" and row.value is not None for row in self.run.summary.rows
        )

    def score(self, generator: str, result: str) -> Crossed | None:
        """The mean over objects and seeds with its interval; a distance known in sum only has no seeds."""
        if (generator, result) not in self._scores:
            self._scores[generator, result] = self._score(generator, result)
        return self._scores[generator, result]

    def gain(self, a: str, b: str, result: str) -> Contrast | str:
        """By how much generator `a` is better than `b`, positive for better; or why that is not known."""
        if result in self.sets:
            found = self.sets[result]
            if lacking := [name for name in (a, b) if name not in found.objects]:
                return f"{lacking[0]} has no pictures of every seed"
            return found.gain(a, b)
        if "@" in result:
            return self.note or "known in sum only"
        together = self._together((a, b), result)
        if isinstance(together, str):
            return together
        first, second = together
        return MeanOf(self._sign(result) * (first - second))

    def retained(self, a: str, b: str, base: str, result: str) -> Contrast | str:
        """a - b + `RETAINED` (a - base), positive for better: above 0 where b is at most that share better than a.

        A linear contrast of each object, so that no ratio of noisy means is taken. Where a is not better than the base
        on the whole there is no such way, and nothing may be lost.
        """
        if "@" in result:
            return "for means over objects only"
        together = self._together((a, b, base), result)
        if isinstance(together, str):
            return together
        first, second, third = together
        way = self._sign(result) * (first - third)
        return MeanOf(self._sign(result) * (first - second) + (RETAINED if way.mean() > 0 else 0.0) * way)

    def _score(self, generator: str, result: str) -> Crossed | None:
        estimate = self._estimate(generator, result)
        if estimate is not None:
            return crossed(estimate)
        row = self._row(generator, result)
        if row is None or row.value is None:
            return None
        low, high = (np.nan if end is None else end for end in (row.ci_low, row.ci_high))
        return Crossed(row.value, low, high, (), row.n_objects or 0)

    def _estimate(self, generator: str, result: str) -> Estimate | None:
        if result in self.sets:
            found = self.sets[result]
            return found.distance(generator) if generator in found.objects else None
        values = self._values(generator, result)
        return MeanOf(np.array([*values.values()])) if values else None

    def _together(self, generators: Sequence[str], result: str) -> list[npt.NDArray[np.float64]] | str:
        """Values (objects, seeds) of each on the objects that all have, or why there are none."""
        mine = self.run.scores[(self.run.scores["metric"] == result) & (self.run.scores["status"] == "ok")]
        if mine[mine["generator"].isin(generators)]["signature"].nunique() > 1:
            return "signatures differ"
        found = {name: self._values(name, result) for name in generators}
        if lacking := [name for name, values in found.items() if not values]:
            return f"{lacking[0]} has no number"
        common = [case for case in found[generators[0]] if all(case in values for values in found.values())]
        if not common:
            return "no object in common"
        return [np.array([found[name][case] for case in common]) for name in generators]

    def _values(self, generator: str, result: str) -> dict[str, list[float]]:
        """By object, in the suite's order, the mean over views for each seed; only objects that have all seeds."""
        scores = self.run.scores
        mine = scores[
            (scores["metric"] == result) & (scores["generator"] == generator) & (scores["status"] == "ok")
        ].dropna(subset=["case", "seed"])
        if mine.empty:
            return {}
        by_seed = mine.groupby(["case", "seed"])["value"].mean().unstack("seed").dropna()
        seeds = [int(seed) for seed in by_seed.columns]
        if set(seeds) != set(self.run.summary.seeds or seeds):
            return {}
        rows = {
            str(case): [float(value) for value in row]
            for case, row in zip(by_seed.index, by_seed.to_numpy(), strict=True)
        }
        return {case.id: rows[case.id] for case in self.run.cases if case.id in rows}

    def _row(self, generator: str, result: str) -> Row | None:
        rows = (row for row in self.run.summary.rows if (row.generator, row.metric) == (generator, result))
        return next((row for row in rows if row.status == "ok"), None)

    def _sign(self, result: str) -> float:
        return 1.0 if self.metric(result).direction == "up" else -1.0


def label(table: int, row: str) -> str:
    """How a row is called in figures and tables: rows of Table 2 are numbers, which say little."""
    return ABLATION.get(row, row) if table == 2 else row


def read_measured(folders: Sequence[Path]) -> list[Measured]:
    """The runs, one for each table, in the tables' order.

    Raises `UsageError` when a run names rows of several tables or none, or two runs the same table; `InputError` when a
    row comes twice.
    """
    found: dict[int, Measured] = {}
    for run in read_runs(folders):
        rows = [(generator.paper, generator.name) for generator in run.generators if generator.paper is not None]
        tables = sorted({paper.table for paper, _ in rows})
        if len(tables) != 1:
            raise UsageError(
                f"the run's generators stand for rows of {len(tables)} tables of the paper",
                where=str(run.path),
                expected="generators with `paper: {table: 1, row: 'Syn only'}`, all of one table",
            )
        if tables[0] in found:
            raise UsageError(
                f"two runs stand for Table {tables[0]}",
                where=f"{found[tables[0]].run.path}, {run.path}",
                expected="one run folder per table, with all its seeds",
            )
        generators: dict[str, str] = {}
        for paper, name in rows:
            if paper.row in generators:
                raise InputError(f"two generators stand for row '{paper.row}'", where=str(run.path))
            generators[paper.row] = name
        others = [generator.name for generator in run.generators if generator.paper is None]
        if BASE in others:
            generators[BASE] = BASE
        sets, note = _sets(run)
        references = tuple(name for name in others if name != BASE)
        found[tables[0]] = Measured(run, tables[0], generators, references, sets, note)
    return [found[table] for table in sorted(found)]


def _sets(run: RunResults) -> tuple[dict[str, SetResult], str]:
    try:
        found = set_results(run)
    except BenchError as error:
        return {}, f"distances are known in sum only: {error.message}"
    return found, "" if found else "distances are known in sum only: no stored pictures"
