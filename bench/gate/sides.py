"""One side of a comparison: what one generator scored, read from a run folder or from a baseline directory."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from bench.results.layout import is_name
from bench.results.leave_one_out import read_leave_one_out, read_pairs
from bench.results.read import RunResults
from bench.results.scores import ScoreRow, sample_values
from bench.results.summary import Row
from bench.results.terms import Direction, Status
from bench.stats.gaps import Completed, complete, judged_cases
from bench.stats.normalise import yardsticks_of
from groundwork.errors import InputError, UsageError, nearest


@dataclass(frozen=True)
class Scored:
    """One result of one generator.

    `values`: by object, what the summary's mean was taken over, samples that failed among it as the floor (`whole`
    False), or for a statistic of the whole set the statistic without the object (`whole` True). `floors`: what a
    missing sample of each object counts as. `failed`: samples without a value, by object, of the `samples` that each
    has. `signature` says what decided the numbers. `timing`: it tells how fast the generator is, or what it costs.
    `pairs`: what each object adds to a statistic of the whole set with each one (`bench.stats.pairs`), where known.
    """

    metric: str
    direction: Direction
    unit: str
    title: str
    status: Status
    note: str
    value: float
    signature: str
    whole: bool
    samples: int = 1
    values: Mapping[str, float] = field(default_factory=dict, repr=False)
    floors: Mapping[str, float] = field(default_factory=dict, repr=False)
    failed: Mapping[str, int] = field(default_factory=dict, repr=False)
    timing: bool = False
    pairs: Mapping[str, tuple[float, ...]] = field(default_factory=dict, repr=False)

    @property
    def lacking(self) -> int:
        """Samples without a value."""
        return sum(self.failed.values())


@dataclass(frozen=True)
class Side:
    """A generator's results. `root` is the run folder that holds its pictures, None where there are none.

    Raises `InputError` for names that are no names of folders: they come from files and lead to files.
    """

    kind: Literal["run", "baseline"]
    place: str
    generator: str
    suite: str
    version: int
    suite_hash: str
    comparable: bool
    protocol: Mapping[str, Any]
    cases: tuple[str, ...]
    seeds: tuple[int, ...]
    gates: Mapping[str, float]
    versions: Mapping[str, str]
    commit: str
    results: Mapping[str, Scored]
    digests: Mapping[str, str] = field(default_factory=dict, repr=False)
    root: Path | None = None
    author: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        for what, name in (("suite", self.suite), ("generator", self.generator)):
            if not is_name(name):
                raise InputError(f"the {what} is called {name!r}", where=self.place, expected="a name, not a path")


def side_of_run(run: RunResults, name: str) -> Side:
    """The results of the generator `name` of a run. Raises `UsageError` when it is not there."""
    names = [info.name for info in run.generators]
    if name not in names:
        raise UsageError(f"the run has no generator '{name}'", where=str(run.path), hint=nearest(name, names))
    manifest, summary = run.manifest, run.summary
    suite = manifest.get("suite")
    suite = suite if isinstance(suite, dict) else {}
    rows = run.score_rows
    scored = _scored(run, name, rows)
    return Side(
        kind="run",
        place=run.label,
        generator=name,
        suite=summary.suite.name,
        version=summary.suite.version,
        suite_hash=summary.suite.hash,
        comparable=summary.comparable,
        protocol=_protocol(manifest),
        cases=tuple(case.id for case in summary.cases),
        seeds=summary.seeds,
        gates=_gates(suite.get("gates")),
        versions=_texts(manifest.get("versions")),
        commit=_texts(manifest.get("git")).get("commit", ""),
        results=scored,
        digests=_digests(rows, name),
        root=run.path,
    )


def _scored(run: RunResults, generator: str, rows: Sequence[ScoreRow]) -> dict[str, Scored]:
    without, pairs = read_leave_one_out(run.layout.leave_one_out), read_pairs(run.layout.leave_one_out)
    by_metric: dict[str, list[ScoreRow]] = {}
    for score in rows:
        if score.case is not None:
            by_metric.setdefault(score.metric, []).append(score)
    sound = {score.case for score in rows if score.status == "ok"}
    found = {}
    for row in run.summary.rows:
        if row.generator != generator:
            continue
        if row.metric in by_metric:
            found[row.metric] = _means(run, row, by_metric[row.metric], sound)
        else:
            key = generator, row.metric
            found[row.metric] = replace(_whole(run, row, without.get(key, {})), pairs=pairs.get(key, {}))
    return found


def _means(run: RunResults, row: Row, rows: Sequence[ScoreRow], sound: Collection[str | None]) -> Scored:
    own = [score for score in rows if score.generator == row.generator]
    status = {(one.case, one.seed): one.status for one in own}
    failed: dict[str, int] = {}
    for (case, _), state in status.items():
        if case is not None and state != "ok":
            failed[case] = failed.get(case, 0) + 1
    signature = next((one.signature for one in own if one.signature), "")
    completed = _completed(run, row, rows, sound)
    values, floors = (completed.values, completed.floors) if completed is not None else ({}, {})
    return _labelled(run, row, signature, False, values, floors, failed)


def _completed(run: RunResults, row: Row, rows: Sequence[ScoreRow], sound: Collection[str | None]) -> Completed | None:
    """The objects' values as the summary's row was made of them, None without any: same rule, same yardsticks.

    `sound` are the cases that some generator has a number for: where the row counts fewer objects than the rest of the
    rule leaves, the others' own meshes were broken.
    """
    samples = sample_values(rows, row.metric)
    unmeasurable = {score.case for score in rows if score.status == "not_measurable" and score.case is not None}
    judged = judged_cases(samples, unmeasurable, [case.id for case in run.summary.cases])
    if row.n_objects < len(judged):
        judged = tuple(case for case in judged if case in sound)
    yardsticks = yardsticks_of({info.name: info.role for info in run.generators})
    least = run.metric(row.metric).worst
    found = complete(samples, judged, run.summary.seeds, row.direction, least, yardsticks.floor, yardsticks.ceiling)
    return found.get(row.generator)


def _whole(run: RunResults, row: Row, without: Mapping[str, float]) -> Scored:
    """A distance counts the samples that it lacks already; which they are is told by the failures of the run."""
    lacking = {"": row.n_missing} if row.n_missing else {}
    return _labelled(run, row, row.signature, True, without, {}, lacking)


def _labelled(
    run: RunResults, row: Row, signature: str, whole: bool, values: Mapping[str, float],
    floors: Mapping[str, float], failed: Mapping[str, int],
) -> Scored:  # fmt: skip
    return Scored(
        metric=row.metric,
        direction=row.direction,
        unit=row.unit,
        title=run.metric(row.metric).title,
        status=row.status,
        note=row.note,
        value=math.nan if row.value is None else row.value,
        signature=signature,
        whole=whole,
        samples=max(1, len(run.summary.seeds)),
        values=dict(values),
        floors=dict(floors),
        failed=dict(failed),
        timing=row.axis == "speed",
    )


def _digests(rows: Iterable[ScoreRow], generator: str) -> dict[str, str]:
    """`case/seed` -> digest of the pictures that were scored."""
    return {
        f"{row.case}/{row.seed}": row.sample
        for row in rows
        if row.generator == generator and row.case is not None and row.sample
    }


def _protocol(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a sample means, less the noise that it is drawn from: checkpoints may be compared across seeds."""
    protocol = manifest.get("protocol")
    found = dict(protocol) if isinstance(protocol, dict) else {}
    found.pop("seed", None)
    return found


def _gates(gates: Any) -> dict[str, float]:
    """Result -> delta, as the suite has them. Raises `InputError` for anything else."""
    found = {}
    for name, gate in (gates if isinstance(gates, dict) else {}).items():
        delta = gate.get("delta") if isinstance(gate, dict) else None
        if not isinstance(delta, int | float) or not math.isfinite(delta) or delta < 0:
            raise InputError(
                f"the gate of '{name}' tolerates {delta!r}", expected="a number of 0 or more under gates.NAME.delta"
            )
        found[str(name)] = float(delta)
    return found


def _texts(mapping: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in mapping.items()} if isinstance(mapping, dict) else {}
