"""A run from suite to report. Every stage looks at what the run folder holds already and does only what is missing."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError, InputError, PluginError
from bench.results.leave_one_out import write_leave_one_out
from bench.results.summary import PhaseInfo, Summary
from bench.run.comparisons import best_and_ties, compare
from bench.run.environment import git_state, hardware, optional_versions, versions
from bench.run.error_maps import MapStore
from bench.run.failures import Failure, FailureLog
from bench.run.folder import RunFolder
from bench.run.generate import Generation, generate_samples
from bench.run.nearest import keep_nearest
from bench.run.options import RunOptions, default_folder
from bench.run.places import Places, open_places
from bench.run.plan import Plan, make_plan, set_up_generators, training_of
from bench.run.references import Library, find_library, prepare_metrics
from bench.run.samples import SampleKey, SampleStore
from bench.run.score_objects import ObjectScoring, failed_rows, score_objects, write_table
from bench.run.score_sets import score_sets, set_failures
from bench.run.scores import ScoreTable
from bench.run.summary import build_summary, summarise_objects, summarise_sets
from bench.run.throughput import measure_throughput
from bench.suite import declare
from bench.suite.schema import Suite, suite_hash
from bench.workers.limits import WorkerLost
from groundwork.files import remove_leftovers
from groundwork.lock import hold_folder
from groundwork.progress import Reporter


@dataclass(frozen=True)
class RunOutcome:
    """What a run left: its folder, what is incomplete (one line each), and the summary.

    `report` is the page that `reports.write_reports([folder])` writes from it; a run itself writes none.
    """

    folder: Path
    report: Path
    incomplete: tuple[str, ...]
    summary: Summary


def run(suite: Suite, options: RunOptions, reporter: Reporter | None = None) -> RunOutcome:
    """Plan, generate, score, store. Raises `BenchError` for what is wrong before or beside single cases."""
    reporter = reporter or Reporter()
    started = time.time()
    with open_places(suite, options) as places:
        plan = make_plan(suite, options, places)
        folder = run_folder(suite, options)
        folder.fits(plan)  # or not even a lock is written
        fingerprints, unset = set_up_generators(plan, places)
        with hold_folder(folder.root, options.argv):
            return _run(plan, options, folder, fingerprints, unset, places, reporter, started)


def _run(
    plan: Plan, options: RunOptions, folder: RunFolder, fingerprints: dict[str, str],
    unset: Mapping[str, BenchError], places: Places, reporter: Reporter, started: float,
) -> RunOutcome:  # fmt: skip
    """Everything that writes to the folder."""
    suite = plan.suite
    begun = _begun(plan, options, folder.fits(plan), fingerprints, started)
    if folder.read_manifest() is None:  # before anything else: the folder says whose it is
        folder.write_json(folder.manifest, begun)
    remove_leftovers(folder.root)
    for case in plan.cases:
        said = [*(case.mesh.notes if case.mesh is not None else ()), *(case.cameras.notes if case.cameras else ())]
        for note in said:
            reporter.say(f"case '{case.id}': {note}")
    missing = prepare_metrics(plan, options, reporter)
    declare.rest()
    features = options.cache or folder.features
    library = find_library(plan, options, features, reporter, places)
    manifest = begun | _found(library, missing)
    folder.write_json(folder.manifest, manifest)

    store, table = SampleStore(folder.samples), _table(folder, reporter)
    log = FailureLog(folder.failures, reporter.say if options.debug else None)
    generation = generate_samples(plan, fingerprints, store, places, options.batch_size, reporter, log, unset)
    places.rest()
    digests = _stored(plan, fingerprints, store)
    table.keep(plan.samples, digests, [result.name for result in plan.results], store)
    left_out = len(table.rows) - len(table.of(plan.samples))
    if left_out:
        reporter.say(f"{left_out} scores of what this command leaves out stay in {folder.scores.name}")
    table.replace(failed_rows(plan, generation.failures))
    scoring = ObjectScoring(store, MapStore(folder.maps), options.offline)
    measuring = places.to_measure(plan.object_entries, len(digests), options)
    failures = [
        *generation.failures,
        *score_objects(plan, digests, scoring, table, measuring, places.measuring, reporter, log),
    ]
    places.rest()
    found = score_sets(plan, digests, store, library, features, reporter)
    told = [failure for failure in set_failures(found) if failure not in failures]  # a damaged sample is met by both
    log.add(told)
    failures += told
    table.replace(failed_rows(plan, found.unreadable))
    table.replace(score.row() for score in found.scores)
    write_table(plan, table)
    write_leave_one_out(folder.leave_one_out, found.leave_one_out(), found.pairs())
    speeds = measure_throughput(plan, fingerprints, options, folder, places, reporter)
    log.add(speeds.failures)
    failures += speeds.failures

    of_objects, objects = summarise_objects(plan, table.of(plan.samples))
    rows = [*of_objects, *summarise_sets(found), *speeds.rows]
    comparisons = compare(plan, rows, objects, found, reporter)
    log.add(found.untested)
    failures += found.untested
    bold = best_and_ties(plan, rows, comparisons)
    trainings, untold = _trainings(plan, unset, places)
    log.add(untold)
    failures += untold
    summary = build_summary(
        plan, rows, bold, comparisons, found, failures, speeds.timings, trainings, suite_hash(suite)
    )
    keep_nearest(plan, found, rows, summary.generators, folder)
    folder.write_json(folder.summary, summary.to_json())
    folder.write_json(folder.manifest, manifest | {"timing": _timing(reporter, generation, started)})
    return RunOutcome(folder.root, folder.report / "index.html", _incomplete(failures), summary)


def _trainings(
    plan: Plan, unset: Collection[str], places: Places
) -> tuple[dict[str, tuple[PhaseInfo, ...]], list[Failure]]:
    """What each generator's training cost, and which could not say it."""
    found: dict[str, tuple[PhaseInfo, ...]] = {}
    failures = []
    for entry in plan.generators:
        found[entry.name] = ()
        if entry.name in unset:
            continue
        try:
            found[entry.name] = training_of(entry, plan.context, places)
        except (PluginError, WorkerLost) as error:
            failures.append(Failure.of(entry.name, "", None, error))
    return found, failures


def dry_run(suite: Suite, options: RunOptions) -> str:
    """What `run` would do, for people: nothing is generated, fetched or written."""
    folder = run_folder(suite, options)
    store = SampleStore(folder.samples)
    with open_places(suite, options) as places:
        plan = make_plan(suite, options, places)
        folder.fits(plan)
        fingerprints, unset = set_up_generators(plan, places)
    there = _stored(plan, fingerprints, store)
    samples = len(plan.cases) * len(plan.seeds)
    lines = [
        f"suite       {suite.name} v{suite.version}, {suite.task}",
        f"run folder  {folder.root}",
        f"cases       {len(plan.cases)} of {len(plan.all_cases)}" + ("" if plan.comparable else "  (not comparable)"),
        f"views       {_counts(plan)} x {suite.views.resolution} px, {plan.views_signature()}",
        f"seeds       {', '.join(map(str, plan.seeds))}",
        "generators",
    ]
    for entry in plan.generators:
        done = sum(key.generator == entry.name for key in there)
        lines.append(f"  {entry.name}  ({entry.use})  {samples - done} of {samples} samples to make")
        lines += [f"    cannot be set up: {unset[entry.name].message}"] if entry.name in unset else []
    lines.append("metrics")
    for result in plan.results:
        mark = "  primary" if result.name in suite.primary else ""
        lines.append(f"  {result.name}  {'higher' if result.direction == 'up' else 'lower'} is better{mark}")
    return "\n".join(lines)


def _counts(plan: Plan) -> str:
    """'4', or '4 to 6' where cases have views of their own; those without readable cameras count no views."""
    counts = sorted({plan.views_of(case) for case in plan.cases})
    return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def run_folder(suite: Suite, options: RunOptions) -> RunFolder:
    """Where the run goes, as an absolute path: a plug-in may change the current directory."""
    return RunFolder((options.out or default_folder(suite.name)).absolute())


def _table(folder: RunFolder, reporter: Reporter) -> ScoreTable:
    """The scores of earlier commands. A damaged table is set aside: what the samples still show is measured again."""
    try:
        return ScoreTable(folder.scores)
    except InputError as error:
        aside = folder.scores.with_suffix(".damaged.parquet")
        folder.scores.replace(aside)
        reporter.say(f"{error.message}; it is now {aside.name}, and everything is measured again")
        return ScoreTable(folder.scores)


def _stored(plan: Plan, fingerprints: dict[str, str], store: SampleStore) -> dict[SampleKey, str]:
    found: dict[SampleKey, str] = {}
    for entry in plan.generators:
        for case in plan.cases:
            for seed in plan.seeds:
                key = SampleKey(entry.name, case.id, seed)
                digest = store.digest(key, plan.sample_identity(fingerprints[entry.name], case, seed))
                if digest is not None:
                    found[key] = digest
    return found


def _begun(
    plan: Plan, options: RunOptions, protocol: dict[str, Any], fingerprints: dict[str, str], started: float
) -> dict[str, Any]:
    """What the manifest says before anything is made."""
    return {
        "protocol": protocol,
        "suite": plan.suite.canonical(),
        "suite_hash": suite_hash(plan.suite),
        "comparable": plan.comparable,
        "cases": {case.id: case.mesh.fingerprint if case.mesh is not None else None for case in plan.cases},
        "cameras": {case.id: case.cameras.fingerprint for case in plan.cases if case.cameras is not None},
        "seeds": list(plan.seeds),
        "generators": fingerprints,
        "versions": versions() | optional_versions(),
        "hardware": hardware(options.device),
        "git": git_state(),
        "command": list(options.argv),
        "batch_size": options.batch_size,
        "workers": options.workers,
        "measurers": options.measurers,
        "executor": options.executor,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
    }


def _found(library: Library, missing: dict[str, str]) -> dict[str, Any]:
    """What it says once extractors and references were looked at."""
    return {
        "extractors": {name: extractor.fingerprint() for name, extractor in library.extractors.items()},
        "missing": library.missing | missing,
        "references": {f"{r} [{e}]": found.digest for (r, e), found in sorted(library.features.items())},
    }


def _timing(reporter: Reporter, generation: Generation, started: float) -> dict[str, Any]:
    """Wall times in seconds; `generators` counts only the samples that this command made."""
    return {
        "total": round(time.time() - started, 3),
        "stages": reporter.seconds,
        "generators": {
            name: {"samples": generation.made[name], "seconds": generation.seconds[name]} for name in generation.made
        },
    }


def _incomplete(failures: list[Failure]) -> tuple[str, ...]:
    return tuple(
        f"{f.generator} / {f.case} / seed {f.seed}: {f.message}" if f.case else f"{f.generator}: {f.message}"
        for f in failures
    )
