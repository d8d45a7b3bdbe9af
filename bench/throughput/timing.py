"""Timing one generator: load, warm up, timed passes over the same cases, memory, work. Nothing is stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from bench.errors import GeneratorError
from bench.generators.protocol import GenerationRequest, Generator
from bench.throughput.stopwatch import (
    Stopwatch,
    make_stopwatch,
    peak_device_memory,
    peak_host_memory,
    reset_peak_device_memory,
)
from bench.throughput.work import compiled, count_flops, precision_of


@dataclass(frozen=True)
class Repeat:
    """One timed pass: `seconds` for all of it, and each object's latency (s), from its batch's request to its views."""

    seconds: float
    latencies: tuple[float, ...]


@dataclass(frozen=True)
class Timing:
    """What was measured of one generator. Bytes and counts are None where they cannot be known.

    `images` a pass; `load` seconds to build the generator; `first_image` from there to the first answer, loading
    included; `warm_up` seconds of each untimed batch; `flops` of one pass.
    """

    images: int
    load: float
    first_image: float
    warm_up: tuple[float, ...]
    repeats: tuple[Repeat, ...]
    peak_host_bytes: int | None
    peak_device_bytes: int | None
    flops: int | None
    precision: str
    compile_mode: str


def time_generator(
    build: Callable[[], Generator],
    batches: Callable[[int], Sequence[Sequence[GenerationRequest]]],
    device: str,
    repeats: int,
    warm_up: int,
) -> Timing:
    """Time a generator over batches of requests, `repeats` times after `warm_up` untimed batches.

    `batches(0)` are those of the warm-up, `batches(1)` and on those of each pass: the same cases with other noise, so
    that nothing kept from an earlier pass answers a later one.
    A generator may offer `module`, the torch module that does its work (for FLOPs and precision), and `precision` and
    `compile_mode`, texts that say more than the module shows. Raises what the generator raises, and `GeneratorError`
    for answers that are missing.
    """
    reset_peak_device_memory(device)
    clock = make_stopwatch(device)
    start = time.perf_counter()
    generator = build()
    load = time.perf_counter() - start
    images = sum(len(request.cameras) for batch in batches(0) for request in batch)

    first, untimed = 0.0, []
    for number in range(warm_up):
        latencies = _batch(generator, batches(0)[number % len(batches(0))], clock)
        untimed.append(latencies[-1])
        first = first or load + latencies[0]
    passes = []
    for number in range(repeats):
        passes.append(_pass(generator, batches(number + 1), clock))
        first = first or load + passes[0].latencies[0]
    # before the count, which keeps more alive than the generator does
    host, on_device = peak_host_memory(), peak_device_memory(device)

    module = generator.module
    module = module if isinstance(module, nn.Module) else None
    graph = compiled(module)
    flops = None
    if module is not None and not graph:
        flops = count_flops(lambda: _pass(generator, batches(0), clock)) or None
    return Timing(
        images=images,
        load=load,
        first_image=first,
        warm_up=tuple(untimed),
        repeats=tuple(passes),
        peak_host_bytes=host,
        peak_device_bytes=on_device,
        flops=flops,
        precision=str(generator.precision or precision_of(module)),
        compile_mode=str(generator.compile_mode or ("torch.compile" if graph else "none")),
    )


def _pass(generator: Generator, batches: Sequence[Sequence[GenerationRequest]], clock: Stopwatch) -> Repeat:
    found = [_batch(generator, batch, clock) for batch in batches]
    return Repeat(sum(latencies[-1] for latencies in found), tuple(one for latencies in found for one in latencies))


def _batch(generator: Generator, requests: Sequence[GenerationRequest], clock: Stopwatch) -> list[float]:
    """Seconds from asking for a batch to each of its answers."""
    clock.mark()
    for _ in generator.generate(requests):
        clock.mark()
    seconds = clock.seconds()
    if len(seconds) != len(requests):
        raise GeneratorError(
            f"the generator gave {len(seconds)} answers to {len(requests)} requests",
            expected="one MultiviewImage per request",
        )
    return seconds
