"""An entry's published pictures measured again, and what that says: the same numbers, or which differ.

The pictures are those that were scored, to the pixel: their hashes are in the entry. So the numbers may differ only as
those of two machines do (docs/reports.md), and `TOLERANCE` is what is promised there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.gate.measuring.rescoring import USE, results_of
from bench.gate.sides import Scored, Side, side_of_run
from bench.leaderboard.entry import EntryRow
from bench.leaderboard.objects import ObjectValue
from bench.leaderboard.pin import Pin
from bench.leaderboard.repository import StoredEntry
from bench.leaderboard.rescoring.opening import Wanted, open_pictures
from bench.results.layout import RunLayout, sample_folder, stored_views
from bench.results.read import read_run
from bench.results.summary import Row
from bench.run.normalised import role_of
from bench.run.options import RunOptions
from bench.run.session import run
from bench.stats.difference import Difference, difference_of_distances, difference_of_means
from bench.stats.paired import holm
from bench.suite.load import load_suite
from bench.suite.schema import GeneratorEntry, GeneratorReference, Suite, suite_hash
from groundwork.errors import InputError, UsageError
from groundwork.hashing import hash_array, hash_file, hash_json, hash_strings
from groundwork.pictures import read_picture

TOLERANCE = 1e-4
"""Of the largest value of a result: what other processors make of the same pictures."""

NAME = "published"
LEVEL = 0.05


@dataclass(frozen=True)
class Asked:
    """How to measure: the suite (None: the shipped one of that name), changes to it, where, and in which folder."""

    suite: str | None
    overrides: tuple[str, ...]
    device: str
    offline: bool
    out: Path


@dataclass(frozen=True)
class Again:
    """A result measured again. `largest` is the largest change of the value or of one object, in parts of the size.

    `p_value` is of the paired test of the entry's values against today's: for pictures that were made again.
    """

    metric: str
    stored: float
    today: float
    largest: float
    problem: str = ""
    p_value: float | None = None

    @property
    def same(self) -> bool:
        """Whether it is the number that the entry has."""
        return not self.problem and self.largest <= TOLERANCE


def measured_again(stored: StoredEntry, pin: Pin, source: Path, asked: Asked, made: bool = False) -> list[Again]:
    """Every result of the entry that pictures decide, measured on those of `source`.

    They must be the very pictures that were scored, unless they were `made` by running the model again. Raises
    `InputError` where they are not, and `UsageError` where the suite is another one.
    """
    entry = stored.entry
    suite = _suite(stored, asked)
    archive = entry.pictures.sha256 if entry.pictures else None
    if archive and source.is_file() and not made and hash_file(source) != archive:
        raise InputError(
            "this is not the archive that the entry names", where=str(source), expected=f"SHA-256 {archive}"
        )
    samples = asked.out / "published"
    wanted = Wanted(frozenset(pin.case_ids), pin.seeds, len(pin.views.azimuths))
    open_pictures(source, samples, NAME, wanted)
    if not made:
        _same_pictures(stored, samples, source)
    layout = RunLayout(asked.out / "run")
    run(_with_pictures(suite, samples, stored), RunOptions(
        out=layout.root, seeds=pin.seeds, device=asked.device, offline=asked.offline, workers=1,
    ))  # fmt: skip
    found = read_run(layout.root)
    side = side_of_run(found, NAME)
    rows = {row.metric: row for row in found.summary.rows if row.generator == NAME}
    return [
        _again(row, stored.objects.get(row.metric, {}), rows.get(row.metric), side)
        for row in entry.rows
        if row.status == "ok" and row.axis != "speed"
    ]


def told_apart(found: list[Again], primary: tuple[str, ...]) -> list[str]:
    """Primary results on which pictures that were made again differ: by the paired test, corrected by Holm."""
    tested = [one for one in found if one.metric in primary]
    p_values = holm([math.nan if one.p_value is None else one.p_value for one in tested])
    return [
        one.metric for one, p in zip(tested, p_values, strict=True) if one.problem or (not math.isnan(p) and p < LEVEL)
    ]


def _suite(stored: StoredEntry, asked: Asked) -> Suite:
    """The suite with the metrics that the entry has results of."""
    entry = stored.entry
    suite = load_suite(asked.suite or entry.suite.name, asked.overrides)
    if suite_hash(suite) != entry.suite.hash:
        raise UsageError(
            f"the suite is not the one that the entry answers: {suite.name} v{suite.version} has another hash",
            where=f"--suite {asked.suite or entry.suite.name}",
            expected=f"{entry.board}, hash {entry.suite.hash[:16]}",
            hint="name its file: --suite FILE",
        )
    there = {row.metric for row in entry.rows if row.status == "ok"}
    metrics = tuple(one for one in suite.metrics if results_of(one) & there)
    names = set().union(*(results_of(one) for one in metrics)) if metrics else set()
    primary = tuple(name for name in suite.primary if name in names)
    return suite.model_copy(update={"metrics": metrics, "primary": primary, "gates": {}})


def _with_pictures(suite: Suite, samples: Path, stored: StoredEntry) -> Suite:
    """The suite with the pictures in place of its generators, less its yardsticks and what references are made of."""
    digest = hash_json(dict(sorted(stored.entry.samples.items())))
    options = {"samples": str(samples.absolute()), "generator": NAME, "digest": digest}
    pictures = GeneratorEntry.model_validate({"name": NAME, "use": USE, **options})
    kept = {one.generator for one in suite.references.values() if isinstance(one, GeneratorReference)}
    beside = [one for one in suite.generators if one.name in kept or role_of(one) is not None]
    return suite.model_copy(update={"generators": (pictures, *beside)})


def _same_pictures(stored: StoredEntry, samples: Path, source: Path) -> None:
    differing = []
    for sample, digest in stored.entry.samples.items():
        if digest is None:
            continue
        case, _, seed = sample.rpartition("/")
        views = stored_views(sample_folder(samples, NAME, case, int(seed)))
        if hash_strings([hash_array(read_picture(view)) for view in views]) != digest:
            differing.append(sample)
    if differing:
        count = len(differing), len(stored.entry.samples)
        raise InputError(
            f"these are not the pictures that were scored: {count[0]} of {count[1]} samples differ or are not there, "
            f"such as {differing[0]}",
            where=str(source),
            hint="ask whoever published them; pictures that you made by running the model again: --made",
        )


def _again(row: EntryRow, values: Mapping[str, ObjectValue], today: Row | None, side: Side) -> Again:
    assert row.value is not None  # the row is ok
    if today is None or today.status != "ok" or today.value is None:
        why = "is not measured here" if today is None else f"is {today.status.replace('_', ' ')}: {today.note}"
        return Again(row.metric, row.value, math.nan, math.inf, why)
    scored = side.results[row.metric]
    problem = "" if today.signature == row.signature else "was measured in another way: the signatures differ"
    if not problem and list(scored.values) != list(values):
        problem = "was measured on other objects"
    before = np.array([one.value for one in values.values()])
    after = np.array([scored.values.get(case, math.nan) for case in values])
    size = max(abs(row.value), float(np.abs(before).max(initial=0.0))) or 1.0
    changes = np.append(np.abs(before - after), abs(row.value - today.value))
    p_value = None if problem else _difference(row, today, before, after, scored).p_value()
    return Again(row.metric, row.value, today.value, float(changes.max()) / size, problem, p_value)


def _difference(
    row: EntryRow, today: Row, before: np.ndarray, after: np.ndarray, scored: Scored
) -> Difference:  # fmt: skip
    assert row.value is not None and today.value is not None
    if scored.whole:
        return difference_of_distances(row.value - today.value, before, after)
    return difference_of_means(before, after)
