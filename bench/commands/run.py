"""`run`: plan, generate, score, store, report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bench.commands import flags
from bench.commands.terminal import answer, answer_json, invocation, note, only_answers_on_stdout
from bench.errors import EXIT_INCOMPLETE
from bench.run.options import RunOptions, default_folder

if TYPE_CHECKING:
    from bench.suite.schema import Suite

FEW = 6  # generators: more are counted, not named


@only_answers_on_stdout()
def run(
    context: typer.Context,
    suite: flags.Suite,
    out: flags.Out = None,
    generators: flags.Generators = None,
    limit: flags.Limit = None,
    device: flags.Device = RunOptions.device,
    batch_size: flags.BatchSize = RunOptions.batch_size,
    seeds: flags.Seeds = None,
    executor: flags.Executor = RunOptions.executor,
    workers: flags.RunWorkers = None,
    isolate: flags.Isolate = RunOptions.isolate,
    timeout: flags.Timeout = None,
    memory: flags.Memory = None,
    cache: flags.Cache = None,
    overrides: flags.Set = None,
    dry_run: flags.DryRun = False,
    as_json: flags.Json = False,
) -> None:
    """Run a suite: generate, score, store, report. The same command resumes where it stopped."""
    options = read_options(
        context, out, flags.names(generators, "--generators"), limit, device, batch_size, seeds, executor, workers,
        dry_run, as_json, isolate, timeout, memory, cache,
    )  # fmt: skip
    from bench.suite.declare import load_apart

    execute(load_apart(suite, overrides or (), options.isolate, options.timeout), options)


def read_options(
    context: typer.Context,
    out: Path | None,
    generators: tuple[str, ...] | None,
    limit: int | None,
    device: str,
    batch_size: int,
    seeds: str | None,
    executor: str,
    workers: int | None,
    dry_run: bool,
    as_json: bool,
    isolate: str = RunOptions.isolate,
    timeout: float | None = None,
    memory: float | None = None,
    cache: Path | None = None,
) -> RunOptions:
    """The flags that `run` and `score` share, as a run takes them. Raises `UsageError` for values that mean nothing."""
    from bench.run.executors import default_workers

    call = invocation(context)
    return RunOptions(
        out=out,
        generators=generators,
        limit=limit,
        device=device,
        batch_size=batch_size,
        seeds=flags.seed_numbers(seeds),
        executor=flags.one_of(executor, flags.EXECUTORS, "executor"),
        workers=workers or (0 if executor == "ray" else RunOptions.workers),
        measurers=None if workers else default_workers(device),
        offline=call.offline,
        debug=call.debug,
        dry_run=dry_run,
        json=as_json,
        argv=call.argv,
        isolate=flags.one_of(isolate, flags.ISOLATE, "value of --isolate"),  # type: ignore[arg-type]
        timeout=flags.positive(timeout, "--timeout"),
        memory=flags.positive(memory, "--memory"),
        cache=None if cache is None else cache.absolute(),
    )


def execute(suite: Suite, options: RunOptions) -> None:
    """Run a loaded suite, report and print the answer; leaves with exit code 3 when something is incomplete."""
    if not options.dry_run:  # before torch is imported, which takes seconds
        names = options.generators or tuple(entry.name for entry in suite.generators)
        listed = ", ".join(names) if len(names) <= FEW else f"{len(names)} generators"
        place = options.out or default_folder(suite.name)
        note(f"suite {suite.name} v{suite.version}: {listed}; results go to {place}")
    from bench.run import session

    if options.dry_run:
        plan = session.dry_run(suite, options)
        if options.json:
            answer_json({"plan": plan.splitlines()})
        else:
            answer(plan)
        return
    outcome = session.run(suite, options)
    from reports import verdict_lines, write_reports

    write_reports([outcome.folder])
    verdict = verdict_lines([outcome.folder])
    for line in verdict:
        note(line)
    for line in outcome.incomplete:
        note(f"incomplete: {line}", style="yellow")
    if options.json:
        answer_json(outcome.summary.to_json())
    else:
        answer(str(outcome.report))
    if outcome.incomplete:
        raise typer.Exit(EXIT_INCOMPLETE)
