"""Timing one generator: load, warm up, timed passes over the same cases, memory, work, stages. Nothing is stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from bench.errors import GeneratorError
from bench.generators.protocol import GenerationRequest, Generator, MultiviewImage
from bench.throughput.ceilings import Ceiling, matrix_rate
from bench.throughput.power import Power, PowerMeter
from bench.throughput.stages import StageClock, StageTime
from bench.throughput.stopwatch import (
    Stopwatch,
    make_stopwatch,
    peak_device_memory,
    peak_host_memory,
    reset_peak_device_memory,
)
from bench.throughput.sweep import Sweep, sweep
from bench.throughput.work import DTYPES, compiled, count_flops, networks_of, precision_of, seconds_compiling, size_of

Batch = Sequence[GenerationRequest]


@dataclass(frozen=True)
class Repeat:
    """One timed pass: `seconds` for all of it, and each object's latency (s), from its batch's request to its views."""

    seconds: float
    latencies: tuple[float, ...]


@dataclass(frozen=True)
class Timing:
    """What was measured of one generator. Bytes and counts are None where they cannot be known.

    `images` and `objects` a pass; `load` seconds to build the generator; `first_image` from there to the first answer,
    loading included; `warm_up` seconds of each untimed batch, `compiling` those of them that torch spent compiling;
    `flops` of one pass; `stages` of one more pass, which took `staged` seconds, `baking` seconds of an object's texture
    after it; `matrix` the rate of matrix products (FLOP/s) that this device reached at the generator's precision.
    """

    images: int
    objects: int
    load: float
    first_image: float
    warm_up: tuple[float, ...]
    repeats: tuple[Repeat, ...]
    peak_host_bytes: int | None
    peak_device_bytes: int | None
    flops: int | None
    precision: str
    compile_mode: str
    compiling: float | None = None
    parameters: int | None = None
    model_bytes: int | None = None
    stages: tuple[StageTime, ...] = ()
    staged: float | None = None
    baking: float | None = None
    matrix: Ceiling | None = None
    power: Power | None = None
    no_power: str = ""
    sweep: Sweep | None = None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Wishes:
    """How a generator is timed: passes, untimed batches, least seconds of all passes, and what else is measured.

    `sweep`: the largest batch of a sweep, 0 for none. `bake`: how an object's views become its texture, None to not.
    """

    repeats: int
    warm_up: int
    seconds: float = 0.0
    sweep: int = 0
    bake: Callable[[MultiviewImage], object] | None = None


def time_generator(
    build: Callable[[], Generator],
    batches: Callable[[int], Sequence[Batch]],
    device: str,
    wishes: Wishes,
    batch_of: Callable[[int, int], Batch] | None = None,
) -> Timing:
    """Time a generator over batches of requests, after `wishes.warm_up` untimed batches.

    `batches(0)` are those of the warm-up, `batches(1)` and on those of each pass: the same cases with other noise, so
    that nothing kept from an earlier pass answers a later one. `batch_of(size, number)`: a batch for the sweep.
    A generator may offer `pipelines()`, or `module`, the torch module that does its work (for work, memory, precision),
    and `precision` and `compile_mode`, texts that say more than the module shows. Raises what the generator raises, and
    `GeneratorError` for answers that are missing.
    """
    reset_peak_device_memory(device)
    clock = make_stopwatch(device)
    start = time.perf_counter()
    generator = build()
    load = time.perf_counter() - start
    images = sum(len(request.cameras) for batch in batches(0) for request in batch)

    compiling_before = seconds_compiling()
    first, untimed = 0.0, []
    for number in range(wishes.warm_up):
        latencies = _batch(generator, batches(0)[number % len(batches(0))], clock)
        untimed.append(latencies[-1])
        first = first or load + latencies[0]
    compiling = seconds_compiling()
    meter = PowerMeter(device)
    meter.start()
    passes: list[Repeat] = []
    while len(passes) < wishes.repeats or sum(one.seconds for one in passes) < wishes.seconds:
        passes.append(_pass(generator, batches(len(passes) + 1), clock))
        first = first or load + passes[0].latencies[0]
    power = meter.stop()
    # before the count, which keeps more alive than the generator does
    host, on_device = peak_host_memory(), peak_device_memory(device)

    pipelines = list(_pipelines(generator))
    module = generator.module if isinstance(generator.module, nn.Module) else networks_of(pipelines)
    stages, staged, baking = _staged(generator, pipelines, batches(0), device, clock, wishes)
    precision = str(generator.precision or precision_of(module))
    parameters, model_bytes = size_of(module) if module is not None else (None, None)
    # torch counts what it runs itself: a compiled graph runs eagerly for it
    flops = None if module is None else count_flops(lambda: _pass(generator, batches(0), clock)) or None
    return Timing(
        images=images,
        objects=sum(map(len, batches(0))),
        load=load,
        first_image=first,
        warm_up=tuple(untimed),
        repeats=tuple(passes),
        peak_host_bytes=host,
        peak_device_bytes=on_device,
        flops=flops,
        precision=precision,
        compile_mode=str(generator.compile_mode or ("torch.compile" if compiled(module) else "none")),
        compiling=None if compiling is None or compiling_before is None else compiling - compiling_before,
        parameters=parameters,
        model_bytes=model_bytes,
        stages=stages,
        staged=staged,
        baking=baking,
        matrix=matrix_rate(device, DTYPES[precision]) if flops and precision in DTYPES else None,
        power=power,
        no_power=meter.unavailable,
        sweep=_swept(generator, batch_of, wishes.sweep, device, clock) if batch_of is not None else None,
        options=_settings(generator),
    )


def _pipelines(generator: Generator) -> Sequence[Any]:
    """Classes of others may call something else so."""
    ask = getattr(generator, "pipelines", None)
    return ask() if callable(ask) else ()


def _settings(generator: Generator) -> dict[str, Any]:
    """What a table of speeds says of a sampling, where the generator's options have it."""
    options = getattr(generator, "options", None)
    wanted = ("steps", "guidance", "quantise", "offload")
    found = {name: getattr(options, name, None) for name in wanted}
    return {name: value for name, value in found.items() if isinstance(value, int | float | str)}


def _staged(
    generator: Generator, pipelines: Sequence[Any], batches: Sequence[Batch], device: str, clock: Stopwatch,
    wishes: Wishes,
) -> tuple[tuple[StageTime, ...], float | None, float | None]:  # fmt: skip
    """Stages of one more pass, its seconds, and seconds to bake an object's texture."""
    stages: tuple[StageTime, ...] = ()
    staged = None
    answers: list[MultiviewImage] = []
    if pipelines or wishes.bake is not None:
        watch = StageClock(device)
        with watch.watching(pipelines):
            staged = _pass(generator, batches, clock, answers).seconds
        stages = watch.read()
    baking = None
    if wishes.bake is not None:
        wishes.bake(answers[0])  # kernels are compiled, and the atlas made
        start = time.perf_counter()
        for answer in answers:
            wishes.bake(answer)
        baking = (time.perf_counter() - start) / len(answers)
    return stages, staged if stages else None, baking


def _swept(
    generator: Generator, batch_of: Callable[[int, int], Batch], largest: int, device: str, clock: Stopwatch
) -> Sweep | None:
    if largest < 1:
        return None
    return sweep(lambda size, number: _batch(generator, batch_of(size, number), clock)[-1], largest, device)


def _pass(
    generator: Generator, batches: Sequence[Batch], clock: Stopwatch, answers: list[MultiviewImage] | None = None
) -> Repeat:
    found = [_batch(generator, batch, clock, answers) for batch in batches]
    return Repeat(sum(latencies[-1] for latencies in found), tuple(one for latencies in found for one in latencies))


def _batch(
    generator: Generator, requests: Batch, clock: Stopwatch, answers: list[MultiviewImage] | None = None
) -> list[float]:
    """Seconds from asking for a batch to each of its answers."""
    clock.mark()
    for answer in generator.generate(requests):
        clock.mark()
        if answers is not None:
            answers.append(answer)
    seconds = clock.seconds()
    if len(seconds) != len(requests):
        raise GeneratorError(
            f"the generator gave {len(seconds)} answers to {len(requests)} requests",
            expected="one MultiviewImage per request",
        )
    return seconds
