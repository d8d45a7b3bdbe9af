"""The baseline's pictures scored again: as they are (did the stack drift?), and corrupted (could this gate fail?).

This is the only part of the gate that computes. It is a run of its own beside the page, of stored pictures in place of
models and of the gated metrics alone, so that it resumes, and each corruption is judged by the very gate that judges
the candidate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench.gate.document import Drift, GatePage, KnownHarm
from bench.gate.measuring.stored_pictures import read_corruptions
from bench.gate.page import gate_page
from bench.gate.sides import Scored, Side, side_of_run
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import GeneratorMetric
from bench.results.layout import RunLayout
from bench.results.read import RunResults, read_run
from bench.run.options import RunOptions
from bench.run.session import run
from bench.suite.check import make_metric
from bench.suite.load import load_suite
from bench.suite.schema import GeneratorEntry, GeneratorReference, MetricEntry, Suite
from groundwork.errors import InputError, UsageError
from groundwork.hashing import hash_json

SAME = 1e-6  # of the largest value: other machines round differently, other versions move more

_UNCHANGED = "unchanged"
USE = "bench.gate.measuring.stored_pictures:StoredPictures"


@dataclass(frozen=True)
class Rescoring:
    """How to score again: the suite (None: the shipped one of that name), where to keep it, what to look for."""

    suite: str | None
    overrides: tuple[str, ...]
    device: str
    offline: bool
    out: Path
    drift: bool
    corruptions: str


def rescored_page(
    baseline: Side, candidate: Side, source: Side, deltas: Mapping[str, float], strict: bool, asked: Rescoring
) -> GatePage:
    """The page, with drift and sensitivity where they were asked for. Verdicts use today's scores of the baseline.

    `source` is the baseline with the run folder that holds its pictures. Raises `UsageError` when none does.
    """
    gates = {**candidate.gates, **deltas}
    corruptions = read_corruptions(asked.corruptions)
    suite = _suite(source, asked, set(gates))
    again = _scored_again(suite, source, corruptions, asked)
    today = side_of_run(again, _UNCHANGED)
    if today.digests != {sample: source.digests.get(sample) for sample in today.digests}:
        raise InputError(
            "the baseline's pictures were changed since they were scored",
            where=str(source.root),
            hint="give the run command again: it makes again what was changed",
        )
    today = _with_failures(baseline, today)
    drift = tuple(_drift(baseline.results[name], today.results[name]) for name in gates if _both(baseline, today, name))
    moved = [one.metric for one in drift if one.drifted]
    held = _today(baseline, today) if asked.drift else baseline
    notes = []
    if asked.drift and moved:
        notes.append(
            f"drift: the baseline's own pictures score differently today ({', '.join(moved)}); verdicts are against "
            "today's scores of them, so that what remains is the model's doing"
        )
    page = gate_page(held, candidate, deltas, strict, notes)
    found: tuple[KnownHarm, ...] | None = None
    if corruptions:
        # against today's scores: a corruption must not be caught for what the stack did
        reference = _today(baseline, today)
        found = tuple(_known(reference, again, name, size, gates) for name, size in corruptions)
    return page.model_copy(
        update={
            "drift": drift if asked.drift else None,
            "sensitivity": found,
            "could_fail": page.could_fail and (found is None or any(one.caught_by for one in found)),
        }
    )


def _suite(source: Side, asked: Rescoring, gated: set[str]) -> Suite:
    if source.root is None:
        raise UsageError(
            "the baseline's pictures are not at hand, and these are what is scored again",
            where=source.place,
            hint="name the run that it was accepted from, with its samples: --pictures RUN",
        )
    suite = load_suite(asked.suite or source.suite, asked.overrides)
    if (suite.name, suite.version) != (source.suite, source.version):
        raise UsageError(
            f"the suite is {suite.name} v{suite.version}, and the baseline is of {source.suite} v{source.version}",
            where=f"--suite {asked.suite or source.suite}",
        )
    metrics = tuple(entry for entry in suite.metrics if results_of(entry) & gated)
    if not metrics:
        raise UsageError(
            "no metric of the suite yields a gated result", expected=f"one that yields {', '.join(sorted(gated))}"
        )
    there = {name for entry in metrics for name in results_of(entry)}
    update = {"metrics": metrics, "primary": tuple(name for name in suite.primary if name in there), "gates": {}}
    return suite.model_copy(update=update)


def results_of(entry: MetricEntry) -> set[str]:
    """The results that a metric of a suite yields of pictures; none for timings."""
    metric = make_metric(entry, METRICS)
    return set() if isinstance(metric, GeneratorMetric) else {result.name for result in metric.results()}


def _scored_again(suite: Suite, source: Side, corruptions: list[tuple[str, float]], asked: Rescoring) -> RunResults:
    assert source.root is not None
    samples = RunLayout(source.root).samples
    digest = hash_json(dict(sorted(source.digests.items())))

    def stored(name: str, generator: str, **more: object) -> GeneratorEntry:
        options = {"samples": str(samples.absolute()), "generator": generator, "digest": digest, **more}
        return GeneratorEntry.model_validate({"name": name, "use": USE, **options})

    entries = [stored(_UNCHANGED, source.generator)]
    entries += [stored(_label(n, s), source.generator, corruption=n, size=s) for n, s in corruptions]
    # generators whose pictures are a reference stand for themselves, as the run left them
    kept = {one.generator for one in suite.references.values() if isinstance(one, GeneratorReference)}
    entries += [stored(name, name) for name in sorted(kept)]
    limit = None if source.comparable else len(source.cases)
    options = RunOptions(
        out=asked.out, seeds=source.seeds, limit=limit, device=asked.device, offline=asked.offline, workers=1
    )
    run(suite.model_copy(update={"generators": tuple(entries)}), options)
    return read_run(asked.out)


def _label(name: str, size: float) -> str:
    return f"{name}-{size:g}"


def _both(baseline: Side, today: Side, name: str) -> bool:
    return all(side.results.get(name) is not None and side.results[name].status == "ok" for side in (baseline, today))


def _drift(stored: Scored, today: Scored) -> Drift:
    shared = [case for case in stored.values if case in today.values]
    changes = [abs(stored.values[case] - today.values[case]) for case in shared]
    changes.append(abs(stored.value - today.value))
    size = max([abs(stored.value), *(abs(stored.values[case]) for case in shared)])
    moved = max(changes) > SAME * size or stored.signature != today.signature
    moved = moved or set(stored.values) != set(today.values)
    return Drift(metric=stored.metric, stored=stored.value, today=today.value, largest=max(changes), drifted=moved)


def _today(baseline: Side, today: Side) -> Side:
    """The baseline with today's scores of its pictures."""
    results = dict(baseline.results)
    for name, scored in today.results.items():
        before = baseline.results.get(name)
        if before is not None and math.isfinite(scored.value):
            results[name] = scored
    return replace(baseline, results=results)


def _with_failures(baseline: Side, again: Side) -> Side:
    """Scores of the baseline's pictures; what failed there counts as it did there: this run has no floor beside it."""
    results = dict(again.results)
    for name, scored in again.results.items():
        before = baseline.results.get(name)
        if before is None or scored.whole or not scored.values:
            continue
        failed = {case: before.values[case] for case in before.failed if case in before.values}
        values = {**scored.values, **failed}
        value = math.fsum(values.values()) / len(values) if failed else scored.value
        results[name] = replace(scored, value=value, values=values, floors=before.floors)
    return replace(again, results=results)


def _known(reference: Side, again: RunResults, name: str, size: float, gates: Mapping[str, float]) -> KnownHarm:
    label = _label(name, size)
    broken = _with_failures(reference, replace(side_of_run(again, label), gates={}))
    page = gate_page(reference, broken, gates)
    caught = tuple(one.metric for one in page.results if one.verdict == "regression")
    return KnownHarm(corruption=f"{name} {size:g}", verdict=page.verdict, caught_by=caught)
