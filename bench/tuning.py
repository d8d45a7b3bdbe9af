"""Tuning a checkpoint's domain shifting on a suite: each setting is a generator of one resumable run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.errors import UsageError, nearest
from bench.metrics.declaration import Result
from bench.results.summary import Row
from bench.run.options import RunOptions
from bench.run.plan import Plan, make_plan
from bench.run.session import RunOutcome, run
from bench.suite.schema import GeneratorEntry, GeneratorReference, Suite
from realiz3d.sampling.shifting import Shifting
from realiz3d.tuning import Tradeoff


@dataclass(frozen=True)
class Axes:
    """The two results that are set against each other."""

    consistency: Result
    realism: Result


@dataclass(frozen=True)
class Measured:
    """A setting's value, low and high under both results, as tables print them; NaN where there is none."""

    consistency: tuple[float, float, float]
    realism: tuple[float, float, float]

    def both(self) -> tuple[float, float]:
        """The two values."""
        return self.consistency[0], self.realism[0]


def choose_axes(plan: Plan, consistency: str | None, realism: str | None) -> Axes:
    """By name, or the suite's first primary result of objects and of sets. Raises `UsageError` where there is none."""
    objects = {result.name for metric in plan.object_metrics for result in metric.results()}
    sets = {metric.result().name for metric in plan.set_metrics}
    return Axes(
        _axis(plan, consistency, objects, "--consistency"), _axis(plan, realism, objects | sets, "--realism", sets)
    )


def _axis(plan: Plan, name: str | None, valid: set[str], flag: str, usual: set[str] | None = None) -> Result:
    results = {result.name: result for result in plan.results if result.name in valid}
    if name is not None:
        if name not in results:
            raise UsageError(f"the suite has no result '{name}'", where=flag, hint=nearest(name, results))
        return results[name]
    found = next((result for result in results.values() if usual is None or result.name in usual), None)
    if found is None:
        raise UsageError(
            f"the suite measures nothing that {flag} could mean",
            where=f"suite '{plan.suite.name}'",
            expected="a distance to real pictures for --realism, a metric of each object for --consistency",
            hint="add one to its metrics: kd_cluster: {reference: photos, extractor: efficientnet_lite0_texture}",
        )
    return found


def label_of(setting: Shifting) -> str:
    """How results call a setting: `blocks-30` or `blocks-30-t-950`."""
    blocks = f"blocks-{100 * setting.block_frac:g}"
    return blocks if setting.t_max is None else f"{blocks}-t-{setting.t_max:g}"


class SuiteTradeoff:
    """Measures settings by running a suite in which each of them is a generator; the run resumes.

    options: the other options of the generator `realiz3d`. Generators of the suite whose pictures are a reference stay.
    """

    def __init__(self, suite: Suite, options: dict[str, Any], run_options: RunOptions, axes: Axes) -> None:
        kept = {r.generator for r in suite.references.values() if isinstance(r, GeneratorReference)}
        self.suite, self.options, self.run_options, self.axes = suite, options, run_options, axes
        self.generators = [entry for entry in suite.generators if entry.name in kept]
        self.measured: dict[Shifting, Measured] = {}
        self.outcome: RunOutcome | None = None

    def __call__(self, settings: Sequence[Shifting]) -> list[Tradeoff]:
        """Run the suite with these settings beside all earlier ones."""
        self.generators += [shifted_entry(setting, self.options) for setting in settings]
        suite = self.suite.model_copy(update={"generators": tuple(self.generators)})
        self.outcome = run(suite, replace(self.run_options, generators=None))
        rows = {(row.generator, row.metric): row for row in self.outcome.summary.rows}
        for setting in settings:
            found = [rows.get((label_of(setting), axis.name)) for axis in (self.axes.consistency, self.axes.realism)]
            self.measured[setting] = Measured(*(_interval(row) for row in found))
        return [self._oriented(setting) for setting in settings]

    def _oriented(self, setting: Shifting) -> Tradeoff:
        """Higher is better, whatever the metrics' own directions are."""
        measured = self.measured[setting]
        return Tradeoff(
            measured.consistency[0] * better(self.axes.consistency), measured.realism[0] * better(self.axes.realism)
        )


def better(result: Result) -> int:
    """1 where higher is better, -1 where lower is."""
    return 1 if result.direction == "up" else -1


def shifted_entry(setting: Shifting, options: dict[str, Any]) -> GeneratorEntry:
    """The suite entry of a setting."""
    shifting = {"block_frac": setting.block_frac, "t_max": setting.t_max}
    return GeneratorEntry.model_validate({"name": label_of(setting), "use": "realiz3d", **options, **shifting})


def check_suite(suite: Suite, options: dict[str, Any], run_options: RunOptions) -> Plan:
    """The plan of a suite with an unshifted checkpoint as its only generator, checked before anything is made."""
    entry = shifted_entry(Shifting(0.0, None), options)
    return make_plan(suite.model_copy(update={"generators": (entry,)}), replace(run_options, generators=None))


def _interval(row: Row | None) -> tuple[float, float, float]:
    if row is None or row.status != "ok" or row.value is None:
        return math.nan, math.nan, math.nan
    low, high = (row.value if end is None else end for end in (row.ci_low, row.ci_high))
    return row.value, low, high
