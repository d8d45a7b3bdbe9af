"""A timing as it is kept in `throughput.json`, and as rows of the summary."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from bench.cases.case import Case
from bench.metrics.declaration import Result
from bench.results.summary import (
    BatchInfo,
    PowerInfo,
    RepeatInfo,
    Row,
    StageInfo,
    TimingInfo,
    TurnsInfo,
)
from bench.results.terms import Status
from bench.run.plan import Plan, case_digest
from bench.run.summary import row_of
from bench.stats.intervals import mean_interval
from bench.throughput.declaration import Throughput
from bench.throughput.timing import Timing
from bench.throughput.turns import Turns
from groundwork.hashing import hash_strings

_GIB, _TERA = 2**30, 1e12
RATIO = "speed_ratio"


def timed_cases(plan: Plan, metric: Throughput) -> tuple[Case, ...]:
    """The cases that a pass makes."""
    return plan.cases[: metric.options.cases]


def record_of(
    plan: Plan, metric: Throughput, generator: str, identity: str, timing: Timing, machine: Mapping[str, Any],
    threads: int, size: int,
) -> TimingInfo:  # fmt: skip
    """Everything that was measured of a generator alone."""
    cases = timed_cases(plan, metric)
    images, objects = timing.images, timing.objects
    rates = [images / repeat.seconds for repeat in timing.repeats]
    seconds = [repeat.seconds / objects for repeat in timing.repeats]
    latencies = [latency for repeat in timing.repeats for latency in repeat.latencies]
    flops = timing.flops / images if timing.flops else None
    rate, matrix = float(np.mean(rates)), timing.matrix
    power = timing.power
    joules = None if power is None else power.joules
    values = {
        "seconds_per_object": float(np.mean(seconds)),
        "throughput": rate,
        "latency_p50": float(np.percentile(latencies, 50)),
        "latency_p95": float(np.percentile(latencies, 95)),
        "time_to_first_image": timing.first_image,
        "model_memory": timing.model_bytes / _GIB if timing.model_bytes else None,
        "peak_host_memory": timing.peak_host_bytes / _GIB if timing.peak_host_bytes else None,
        "peak_device_memory": timing.peak_device_bytes / _GIB if timing.peak_device_bytes else None,
        "flops_per_image": flops / _TERA if flops else None,
        "mfu": 100 * rate * flops / matrix.rate if flops and matrix is not None else None,
        "energy_per_object": None if joules is None else joules / (objects * len(timing.repeats)),
    }
    counts = {plan.views_of(case) for case in cases}
    found = timing.options
    return TimingInfo(
        generator=generator,
        identity=identity,
        signature=_signature(plan, metric, machine, threads, timing, size),
        hardware=dict(machine),
        torch=torch.__version__,
        threads=threads,
        precision=timing.precision,
        compile=timing.compile_mode,
        batch_size=size,
        cases=tuple(case.id for case in cases),
        images=images,
        views=counts.pop() if len(counts) == 1 else None,
        resolution=plan.suite.views.resolution,
        steps=_kind(found.get("steps"), int),
        guidance=_kind(found.get("guidance"), float, int),
        quantise=_kind(found.get("quantise"), str) or "",
        offload=_kind(found.get("offload"), str) or "",
        load=timing.load,
        compiling=timing.compiling,
        warm_up=tuple(timing.warm_up),
        repeats=tuple(RepeatInfo(seconds=r.seconds, latencies=tuple(r.latencies)) for r in timing.repeats),
        stages=tuple(
            StageInfo(name=one.name, seconds=one.seconds / objects, calls=one.calls / -(-objects // size))
            for one in timing.stages
        ),
        staged=None if timing.staged is None else timing.staged / objects,
        baking=timing.baking,
        parameters=timing.parameters,
        matrix_rate=None if matrix is None else matrix.rate / _TERA,
        power=None
        if power is None
        else PowerInfo(
            watts=power.watts,
            clock_low=power.clock_low,
            clock_high=power.clock_high,
            clock_possible=power.clock_possible,
            throttled=power.throttled,
        ),
        no_power=timing.no_power,
        values=values,
        interval=mean_interval(rates),
        seconds_interval=mean_interval(seconds),
        **_swept(timing, images / objects),
    )


def _kind(value: object, *kinds: type) -> Any:
    return value if isinstance(value, kinds) and not isinstance(value, bool) else None


def _swept(timing: Timing, views: float) -> dict[str, Any]:
    if timing.sweep is None:
        return {}
    sizes = tuple(
        BatchInfo(
            size=one.size,
            seconds_per_object=one.seconds_per_object,
            images_per_second=views / one.seconds_per_object,
            peak_device_memory=None if one.peak_device_bytes is None else one.peak_device_bytes / _GIB,
        )
        for one in timing.sweep.sizes
    )
    return {"sweep": sizes, "too_large": timing.sweep.too_large, "recovered": timing.sweep.recovered}


def with_turns(record: TimingInfo, against: str, turns: Turns | None, why: str = "") -> TimingInfo:
    """A record with what came of timing it in turns with another, or why nothing did."""
    if turns is None:
        return record.model_copy(update={"turns": None, "no_turns": why, "values": record.values | {RATIO: None}})
    found = TurnsInfo(
        against=against,
        ratio=turns.times_as_fast,
        interval=turns.interval(),
        seconds=turns.new,
        against_seconds=turns.old,
    )
    return record.model_copy(update={"turns": found, "no_turns": "", "values": record.values | {RATIO: found.ratio}})


def _signature(
    plan: Plan, metric: Throughput, machine: Mapping[str, Any], threads: int, timing: Timing, size: int
) -> str:
    cases = hash_strings([case_digest(case) for case in timed_cases(plan, metric)])[:12]
    where = machine.get("gpu") or f"{machine.get('cpu')} x{machine.get('cpu_cores')}"
    driver = machine.get("driver") or machine.get("cuda") or "none"
    settings = "".join(
        f" {name}={_word(timing.options[name])}"
        for name in ("quantise", "offload")
        if timing.options.get(name, "none") != "none"
    )
    return (
        f"{plan.views_signature()} hardware={_word(where)} driver={_word(driver)} torch={torch.__version__} "
        f"threads={threads} dtype={_word(timing.precision)} compile={_word(timing.compile_mode)}{settings} "
        f"batch={size} n={len(timed_cases(plan, metric))} cases=sha256:{cases} {metric.parameters()}"
    )


def _word(text: object) -> str:
    """Without blanks, which separate the parts of a signature."""
    return re.sub(r"\s+", "_", str(text).strip()) or "unknown"


_UNKNOWN = {
    "model_memory": "the generator offers no torch module",
    "peak_host_memory": "this system does not tell",
    "peak_device_memory": "no GPU was used",
    "flops_per_image": "the generator offers no torch module to count in",
    "mfu": "needs the operations an image, and weights of one precision to measure the device's rate at",
}


def rows_of(
    plan: Plan, metric: Throughput, generator: str, record: TimingInfo | None, status: Status, note: str
) -> list[Row]:
    """A row for each result; without a record all of them with `status` and `note`."""
    return [_row(plan, result, generator, record, status, note) for result in metric.results()]


def _row(plan: Plan, result: Result, generator: str, record: TimingInfo | None, status: Status, note: str) -> Row:
    signature = f"{result.name} {record.signature}" if record is not None else ""
    value = record.values.get(result.name) if record is not None else None
    if record is None or value is None:
        if record is not None:
            status, note = "not_measurable", _why(record, result.name)
        return row_of(generator, result, signature=signature, status=status, note=note)
    if result.name == RATIO and record.turns is not None:
        signature += f" against={record.turns.against}"
    low, high = _interval(record, result.name)
    images = sum(plan.views_of(case) for case in plan.cases if case.id in record.cases)
    return row_of(
        generator, result, value=value, ci_low=low, ci_high=high, n_objects=len(record.cases), n_images=images,
        signature=signature, status="ok",
    )  # fmt: skip


def _interval(record: TimingInfo, name: str) -> tuple[float | None, float | None]:
    if name == RATIO and record.turns is not None:
        return record.turns.interval
    return {"throughput": record.interval, "seconds_per_object": record.seconds_interval}.get(name, (None, None))


def _why(record: TimingInfo, name: str) -> str:
    if name == "energy_per_object":
        return record.no_power or "this card counts no energy"
    if name == RATIO:
        return record.no_turns or "this is what the others are timed against"
    return _UNKNOWN.get(name, "not known")
