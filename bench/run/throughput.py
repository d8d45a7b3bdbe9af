"""The throughput stage: each generator alone in a fresh process, timed on a few of the suite's cases.

Timings are not deterministic, so they are no rows of `scores.parquet`, which is. They are kept in `throughput.json`
under what decides them (generator, hardware, batch, cases, options), and a generator is timed again only when that
changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from bench.cases.case import Case
from bench.errors import BenchError
from bench.generators.protocol import GenerationRequest, GeneratorContext
from bench.metrics.declaration import Result
from bench.plugins.guard import frames_of, plugin_code
from bench.results.summary import RepeatInfo, Row, TimingInfo
from bench.results.terms import Status
from bench.run.environment import hardware
from bench.run.executors import Executor, InProcess, Processes
from bench.run.failures import Failure
from bench.run.folder import RunFolder
from bench.run.generate import SceneControls
from bench.run.options import RunOptions
from bench.run.places import Places
from bench.run.plan import Plan, build_generator, case_digest, generator_class, is_calibration
from bench.run.summary import row_of
from bench.stats.intervals import mean_interval
from bench.suite.schema import GeneratorEntry
from bench.throughput.declaration import Throughput
from bench.throughput.timing import Timing, time_generator
from bench.throughput.work import peak_rate
from bench.workers.limits import Lost
from groundwork.hashing import hash_json, hash_strings
from groundwork.progress import Reporter

FORMAT = 1
_GIB, _TERA = 2**30, 1e12


@dataclass(frozen=True)
class Speeds:
    """Rows for the summary, what failed, and what the report lists of each generator's timing."""

    rows: tuple[Row, ...] = ()
    failures: tuple[Failure, ...] = ()
    timings: tuple[TimingInfo, ...] = ()


@dataclass(frozen=True)
class _Task:
    entry: GeneratorEntry
    context: GeneratorContext
    batches: tuple[tuple[Case, ...], ...]
    noise: tuple[tuple[int, Mapping[str, tuple[int, ...]]], ...]  # by pass: the seed, and each case's noise seeds
    repeats: int
    warm_up: int


@dataclass(frozen=True)
class _Answer:
    timing: Timing | None
    hardware: dict[str, Any]
    threads: int
    error: str = ""
    traceback: str = ""


def measure_throughput(
    plan: Plan, fingerprints: Mapping[str, str], options: RunOptions, folder: RunFolder, places: Places,
    reporter: Reporter,
) -> Speeds:  # fmt: skip
    """Time every generator that has not been timed like this before; nothing when the suite does not ask for it."""
    metric = plan.throughput
    if metric is None:
        return Speeds()
    size = _batch_size(plan, metric, options)
    alone = _alone(places.executor)
    records = _read(folder)
    rows: list[Row] = []
    failures: list[Failure] = []
    timings: list[TimingInfo] = []
    with reporter.stage("time generators", len(plan.generators)) as stage:
        for entry in plan.generators:
            if not fingerprints[entry.name]:
                rows += _rows(plan, metric, entry.name, None, "failed", "it could not be set up")
                stage.advance()
                continue
            identity = _identity(plan, metric, fingerprints[entry.name], options)
            if is_calibration(entry) or not generator_class(entry).timed:
                rows += _rows(plan, metric, entry.name, None, "not_measurable", "no model makes these pictures")
                stage.advance()
                continue
            record = records.get(entry.name)
            if record is None or record.identity != identity:
                record = None
                answer = _ask(alone, _task(plan, metric, entry, options), places)
                if answer.timing is None:
                    failures.append(Failure(entry.name, "", None, f"throughput: {answer.error}", answer.traceback))
                    rows += _rows(plan, metric, entry.name, None, "failed", answer.error)
                    records.pop(entry.name, None)
                else:
                    record = _record(plan, metric, entry.name, identity, answer.timing, answer, size)
                    records[entry.name] = record
                _write(folder, records)
            if record is not None:
                rows += _rows(plan, metric, entry.name, record, "ok", "")
                timings.append(record)
            stage.advance()
    return Speeds(tuple(rows), tuple(failures), tuple(timings))


def _alone(executor: Executor) -> Executor:
    """Not beside other work, and in a process of its own: its memory and its first image are the generator's."""
    return Processes(1) if isinstance(executor, InProcess | Processes) else executor


def _batch_size(plan: Plan, metric: Throughput, options: RunOptions) -> int:
    return min(options.batch_size, len(_cases(plan, metric)))


def _task(plan: Plan, metric: Throughput, entry: GeneratorEntry, options: RunOptions) -> _Task:
    cases, size, repeats = _cases(plan, metric), _batch_size(plan, metric, options), metric.options.repeats
    seeds = range(plan.seeds[0], plan.seeds[0] + repeats + 1)
    return _Task(
        entry,
        plan.context,
        tuple(cases[start : start + size] for start in range(0, len(cases), size)),
        tuple((seed, {case.id: plan.noise_seeds(case, seed) for case in cases}) for seed in seeds),
        repeats,
        metric.options.warm_up,
    )


def _cases(plan: Plan, metric: Throughput) -> tuple[Case, ...]:
    return plan.cases[: metric.options.cases]


def _ask(executor: Executor, task: _Task, places: Places) -> _Answer:
    batch = places.making(max(map(len, task.batches)))
    batches = len(task.batches) * (task.repeats + task.warm_up)
    limits = replace(batch, seconds=None if batch.seconds is None else batch.seconds * batches)
    answer = next(iter(executor.map(_time, [task], lambda _: limits)))
    return _Answer(None, {}, 0, str(answer.error)) if isinstance(answer, Lost) else answer


def _time(task: _Task) -> _Answer:
    context = task.context
    controls = SceneControls(context.device)

    def batches(number: int) -> list[list[GenerationRequest]]:
        seed, noise = task.noise[number]
        return [
            [
                GenerationRequest(case, context.cameras_of(case), seed, context.background, noise[case.id], controls)
                for case in batch
            ]
            for batch in task.batches
        ]

    described, threads = hardware(context.device), torch.get_num_threads()
    try:
        with plugin_code(f"generator '{task.entry.name}'", "generate()"):
            timing = time_generator(
                lambda: build_generator(task.entry, context), batches, context.device, task.repeats, task.warm_up
            )
    except BenchError as error:
        return _Answer(None, described, threads, str(error), frames_of(error))
    return _Answer(timing, described, threads)


def _identity(plan: Plan, metric: Throughput, fingerprint: str, options: RunOptions) -> str:
    """What a timing is kept for."""
    return hash_json(
        [
            FORMAT, fingerprint, hardware(options.device), torch.__version__, torch.get_num_threads(),
            _batch_size(plan, metric, options), [case_digest(case) for case in _cases(plan, metric)],
            plan.views_signature(), metric.options.cases, metric.parameters(), options.executor,
        ]
    )  # fmt: skip


def _record(
    plan: Plan, metric: Throughput, generator: str, identity: str, timing: Timing, answer: _Answer, size: int
) -> TimingInfo:
    """Everything that was measured, as `throughput.json` keeps it."""
    machine = answer.hardware
    images = timing.images
    rates = [images / repeat.seconds for repeat in timing.repeats]
    latencies = [latency for repeat in timing.repeats for latency in repeat.latencies]
    low, high = mean_interval(rates)
    flops = timing.flops / images if timing.flops else None
    peak = peak_rate(machine.get("gpu", ""), timing.precision)
    rate = float(np.mean(rates))
    values = {
        "throughput": rate,
        "latency_p50": float(np.percentile(latencies, 50)),
        "latency_p95": float(np.percentile(latencies, 95)),
        "time_to_first_image": timing.first_image,
        "peak_host_memory": timing.peak_host_bytes / _GIB if timing.peak_host_bytes else None,
        "peak_device_memory": timing.peak_device_bytes / _GIB if timing.peak_device_bytes else None,
        "flops_per_image": flops / _TERA if flops else None,
        "mfu": 100 * rate * flops / _TERA / peak if flops and peak else None,
    }
    return TimingInfo(
        generator=generator,
        identity=identity,
        signature=_signature(plan, metric, machine, answer.threads, timing, size),
        hardware=machine,
        torch=torch.__version__,
        threads=answer.threads,
        precision=timing.precision,
        compile=timing.compile_mode,
        batch_size=size,
        cases=tuple(case.id for case in _cases(plan, metric)),
        images=images,
        load=timing.load,
        warm_up=tuple(timing.warm_up),
        repeats=tuple(RepeatInfo(seconds=r.seconds, latencies=tuple(r.latencies)) for r in timing.repeats),
        values=values,
        interval=(low, high),
    )


def _signature(
    plan: Plan, metric: Throughput, machine: Mapping[str, Any], threads: int, timing: Timing, size: int
) -> str:
    cases = hash_strings([case_digest(case) for case in _cases(plan, metric)])[:12]
    where = machine.get("gpu") or f"{machine.get('cpu')} x{machine.get('cpu_cores')}"
    driver = machine.get("driver") or machine.get("cuda") or "none"
    return (
        f"{plan.views_signature()} hardware={_word(where)} driver={_word(driver)} torch={torch.__version__} "
        f"threads={threads} dtype={_word(timing.precision)} compile={_word(timing.compile_mode)} batch={size} "
        f"n={len(_cases(plan, metric))} cases=sha256:{cases} {metric.parameters()}"
    )


def _word(text: object) -> str:
    """Without blanks, which separate the parts of a signature."""
    return re.sub(r"\s+", "_", str(text).strip()) or "unknown"


_UNKNOWN = {
    "peak_host_memory": "this system does not tell",
    "peak_device_memory": "no GPU was used",
    "flops_per_image": "the generator offers no torch module to count in, or a compiled one",
    "mfu": "needs the operations an image and a GPU whose peak rate is known",
}


def _rows(
    plan: Plan, metric: Throughput, generator: str, record: TimingInfo | None, status: Status, note: str
) -> list[Row]:
    return [_row(plan, result, generator, record, status, note) for result in metric.results()]


def _row(plan: Plan, result: Result, generator: str, record: TimingInfo | None, status: Status, note: str) -> Row:
    signature = f"{result.name} {record.signature}" if record is not None else ""
    value = record.values.get(result.name) if record is not None else None
    if record is None or value is None:
        if record is not None:
            status, note = "not_measurable", _UNKNOWN.get(result.name, "not known")
        return row_of(generator, result, signature=signature, status=status, note=note)
    low, high = record.interval if result.name == "throughput" else (None, None)
    images = sum(plan.views_of(case) for case in plan.cases if case.id in record.cases)
    return row_of(
        generator, result, value=value, ci_low=low, ci_high=high, n_objects=len(record.cases), n_images=images,
        signature=signature, status="ok",
    )  # fmt: skip


def _read(folder: RunFolder) -> dict[str, TimingInfo]:
    """Timings of earlier commands by generator; none when the file is not of this format."""
    try:
        content = json.loads(folder.throughput.read_bytes())
        if content["format"] != FORMAT:
            return {}
        records = [TimingInfo.model_validate(record) for record in content["timings"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # pydantic's errors are ValueErrors
        return {}
    return {record.generator: record for record in records}


def _write(folder: RunFolder, records: Mapping[str, TimingInfo]) -> None:
    timings = [record.model_dump(mode="json") for record in records.values()]
    folder.write_json(folder.throughput, {"format": FORMAT, "timings": timings})
