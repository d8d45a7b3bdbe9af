"""Sampling at the paper's size with random weights: three models, eager and compiled; batches; what shifters cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

from bench.gpu_day.findings import Notes, Planned, planned_of_each
from bench.gpu_day.settings import VIEWS, Settings

MODELS = ("base", "realiz3d", "sdedit")


def plan_sampling(settings: Settings) -> Sequence[Planned]:
    """Names of what `sampling` finds, for one object of four views."""
    units = {
        "seconds an object": "s", "a step": "ms", "decoding": "s", "work an object": "TFLOP", "MFU": "%",
        "peak memory": "GiB", "energy an object": "J",
    }  # fmt: skip
    return planned_of_each([f"{model}, eager" for model in MODELS], units)


def sampling(settings: Settings, notes: Notes) -> None:
    """Each model eagerly."""
    from bench.throughput.timing import Wishes, time_generator

    for model in MODELS:
        timing = time_generator(
            partial(_generator, settings, model),
            lambda number: [_requests(settings, 1, number)],
            settings.device,
            Wishes(settings.passes, 1),
        )
        seconds = [one.seconds for one in timing.repeats]
        prefix = f"{model}, eager: "
        notes.number(prefix + "seconds an object", mean(seconds), low=min(seconds), high=max(seconds), n=len(seconds))
        stages = {stage.name: stage for stage in timing.stages}
        notes.number(prefix + "a step", 1000 * stages["denoise"].seconds / stages["denoise"].calls)
        notes.number(prefix + "decoding", stages["decode"].seconds)
        if timing.flops and timing.matrix:
            notes.number(prefix + "work an object", timing.flops / 1e12)
            notes.number(prefix + "MFU", 100 * timing.flops / mean(seconds) / timing.matrix.rate)
        notes.memory(prefix + "peak memory", timing.peak_device_bytes)
        if timing.power is None or timing.power.joules is None:
            notes.skipped(prefix + "energy an object", timing.no_power or "this card counts no energy")
        else:
            notes.number(
                prefix + "energy an object", timing.power.joules / len(seconds), text=f"{timing.power.watts:.0f} W"
            )


def plan_batches(settings: Settings) -> Sequence[Planned]:
    """Names of what `batches` finds."""
    sizes = [2**power for power in range(settings.largest_batch.bit_length())]
    found = [Planned(f"batch of {size}: seconds an object", "s") for size in sizes]
    found += [Planned(f"batch of {size}: peak memory", "GiB") for size in sizes]
    return (*found, Planned("end of memory"))


def batches(settings: Settings, notes: Notes) -> None:
    """Realiz3D, eager, in growing batches until memory is out. Fewer steps: a step costs the same at each."""
    from bench.throughput.stopwatch import make_stopwatch
    from bench.throughput.sweep import sweep

    fewer = max(1, settings.steps // 5)
    generator = _generator(settings, "realiz3d", steps=fewer)
    clock = make_stopwatch(settings.device)
    scale = settings.steps / fewer
    found = sweep(
        lambda size, number: _seconds(generator, _requests(settings, size, number), clock),
        settings.largest_batch,
        settings.device,
        passes=2,
    )
    note = f"with {fewer} steps in place of {settings.steps}" if scale != 1 else ""
    for one in found.sizes:
        notes.number(f"batch of {one.size}: seconds an object", one.seconds_per_object, n=len(one.seconds), text=note)
        if one.peak_device_bytes is not None:
            notes.number(f"batch of {one.size}: peak memory", one.peak_device_bytes / 2**30)
    if found.too_large is None:
        notes.fact("end of memory", f"not reached with {settings.largest_batch} objects")
    else:
        after = "a batch of one ran afterwards" if found.recovered else "nothing ran afterwards"
        notes.fact("end of memory", f"{found.too_large} objects do not fit; {after}")


def plan_compiled(settings: Settings) -> Sequence[Planned]:
    """Names of what `compiled` finds."""
    return planned_of_each(settings.compiled, {"compiling": "s", "compiled, times as fast as eager": "x"})


def compiled(settings: Settings, notes: Notes) -> None:
    """Each model compiled and eager, in turns."""
    from bench.throughput.stopwatch import make_stopwatch
    from bench.throughput.turns import in_turns
    from bench.throughput.work import seconds_compiling

    clock = make_stopwatch(settings.device)
    for model in settings.compiled:
        eager = _generator(settings, model)
        fast = _generator(settings, model, compile=True)
        before = seconds_compiling()
        warm = _seconds(fast, _requests(settings, 1, 0), clock)
        after = seconds_compiling()
        known = before is not None and after is not None
        notes.number(
            f"{model}: compiling",
            (after or 0.0) - (before or 0.0) if known else warm,
            text="" if known else "the whole first pass",
        )
        # 50 steps are many of the same: four rounds tell a ratio to a per cent
        turns = in_turns(_timed(settings, eager, clock), _timed(settings, fast, clock), 4)
        low, high = turns.interval()
        notes.number(
            f"{model}: compiled, times as fast as eager", turns.times_as_fast, low=low, high=high, n=len(turns.old)
        )


def plan_shifters(settings: Settings) -> Sequence[Planned]:
    """Names of what `shifters` finds."""
    return (Planned("step with shifters, times as fast as without", "x"), Planned("step without shifters", "ms"))


def shifters(settings: Settings, notes: Notes) -> None:
    """A denoising step with and without domain shifters, in turns, eager."""
    import torch

    from bench.generators.random_weights import realiz3d_pipeline
    from bench.throughput.stopwatch import make_stopwatch
    from bench.throughput.turns import in_turns
    from realiz3d import Text

    clock = make_stopwatch(settings.device)
    size = settings.architecture
    with_them, without = (realiz3d_pipeline(size, settings.dtype, 0, settings.device) for _ in range(2))
    without.domain_shifters = None
    side = settings.resolution // with_them.vae_scale_factor
    text = with_them.encode_prompt(["a red mug"])
    latents = torch.randn(1, VIEWS, 4, side, side, generator=torch.Generator().manual_seed(0)).to(settings.device)
    many = 2 if settings.tiny else 10

    def timed(pipeline: Any) -> Callable[[int], float]:
        def run(number: int) -> float:
            clock.mark()
            pipeline(
                Text(embeds=text.embeds, mask=text.mask), None, latents=latents, num_inference_steps=many,
                guidance_scale=1.0, height=settings.resolution, width=settings.resolution, output_type="latent",
            )  # fmt: skip
            clock.mark()
            return clock.seconds()[-1]

        pipeline.set_progress_bar_config(disable=True)
        return run

    turns = in_turns(timed(without), timed(with_them), settings.rounds, 2)
    low, high = turns.interval()
    notes.number(
        "step with shifters, times as fast as without", turns.times_as_fast, low=low, high=high, n=len(turns.old)
    )
    notes.number("step without shifters", 1000 * mean(turns.old) / many, n=len(turns.old))


class _Flat:
    """Control maps of no mesh: reading them costs what real ones cost."""

    def control(self, case: Any, cameras: Any, kind: str) -> Any:
        """(V, H, W, 3) in [0, 1]."""
        import torch

        return torch.full((len(cameras), cameras.resolution, cameras.resolution, 3), 0.5)


def _generator(settings: Settings, model: str, **options: Any) -> Any:
    from bench.generators.protocol import GeneratorContext
    from bench.generators.random_weights import RandomWeights, RandomWeightsOptions
    from bench.geometry.cameras import view_cameras

    chosen = {"size": settings.architecture, "model": model, "dtype": settings.dtype, "steps": settings.steps}
    cameras = view_cameras(resolution=settings.resolution)
    context = GeneratorContext((), cameras, (1.0, 1.0, 1.0), settings.device, Path())
    return RandomWeights(model, RandomWeightsOptions(**{**chosen, **options}), context)


def _requests(settings: Settings, count: int, number: int) -> list[Any]:
    from bench.cases.case import Case
    from bench.generators.protocol import GenerationRequest
    from bench.geometry.cameras import view_cameras

    cameras = view_cameras(resolution=settings.resolution)
    mesh: Any = "flat"  # the sampler asks whether there is one, and reads its maps through the request alone
    cases = [Case(f"object_{index}", "a realistic photo of a red mug on white", mesh) for index in range(count)]
    return [
        GenerationRequest(case, cameras, number, (1.0, 1.0, 1.0), _noise(number, index), _Flat())
        for index, case in enumerate(cases)
    ]


def _noise(number: int, index: int) -> tuple[int, ...]:
    return tuple(1000 * number + 10 * index + view for view in range(VIEWS))


def _timed(settings: Settings, generator: Any, clock: Any) -> Callable[[int], float]:
    return lambda number: _seconds(generator, _requests(settings, 1, number), clock)


def _seconds(generator: Any, requests: Sequence[Any], clock: Any) -> float:
    clock.mark()
    for _ in generator.generate(requests):
        clock.mark()
    found: list[float] = clock.seconds()
    return found[-1]
