"""The timings of a report as plain tables, a set for each machine: speeds of two machines are never ranked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.gate.inputs import Input, two_sides
from bench.gate.page import gate_page
from bench.gate.words import headline
from bench.results.numbers import format_interval, format_value
from bench.results.read import RunResults
from bench.results.summary import TimingInfo
from groundwork.errors import UserError
from reports.table import Table

EXPLANATION = (
    "Each generator alone, in a process of its own, on the same objects with new noise in every pass. Values from "
    "different hardware, precision, batch or compile mode have different signatures and are never ranked."
)
UNKNOWN = "unknown"


@dataclass(frozen=True)
class SpeedTable:
    """A titled table of texts; the first cell of a row is its label."""

    title: str
    note: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class MachineSpeeds:
    """All that was timed on one machine."""

    machine: str
    tables: tuple[SpeedTable, ...]


def speeds(table: Table) -> list[MachineSpeeds]:
    """By machine, in the order in which they come."""
    found: dict[str, list[tuple[RunResults, TimingInfo]]] = {}
    for run in table.runs:
        for timing in run.summary.throughput:
            found.setdefault(_machine(timing), []).append((run, timing))
    return [MachineSpeeds(machine, tuple(_tables(timed))) for machine, timed in found.items()]


def _machine(timing: TimingInfo) -> str:
    """The GPU or processor, with what else of the machine decides."""
    hardware = timing.hardware
    cores = "" if hardware.get("gpu") else f", {hardware.get('cpu_cores')} cores"
    driver = f", driver {hardware['driver']}" if hardware.get("driver") else ""
    return f"{timing.machine or 'unknown machine'}{cores}{driver}, torch {timing.torch or UNKNOWN}"


def _tables(timed: Sequence[tuple[RunResults, TimingInfo]]) -> Iterator[SpeedTable]:
    timings = [timing for _, timing in timed]
    yield SpeedTable(
        "Settings and times",
        "Steps and guidance are the generator's own options. Compiling is a part of the warm-up.",
        (
            "generator", "s an object", "images/s", "steps", "guidance", "size", "precision", "compile", "8 bits",
            "offload", "batch", "objects", "threads", "load, s", "warm-up, s", "compiling, s", "each pass, images/s",
        ),
        tuple(_settings(timing) for timing in timings),
    )  # fmt: skip
    if any(timing.stages or timing.baking is not None for timing in timings):
        note = "Seconds an object, in a pass of its own. Other: control maps, the scheduler, pictures to 8 bits."
        heads: tuple[str, ...] = ("generator", "text", "encode", "denoise", "a step", "decode", "other", "bake")
        yield SpeedTable("Where the time goes", note, heads, tuple(_stages(timing) for timing in timings))
    if any(timing.parameters or timing.power or timing.no_power for timing in timings):
        note = "The matrix rate is measured on the same device, at the same precision, in the same process."
        heads = ("generator", "weights, million", "matrix rate, TFLOP/s", "power, W", "clock, MHz", "throttled")
        yield SpeedTable("Size and power", note, heads, tuple(_power(timing) for timing in timings))
    swept = [timing for timing in timings if timing.sweep or timing.too_large]
    if swept:
        note = "Seconds an object in the median of three passes, and the most device memory, by objects in a batch."
        sizes = sorted({one.size for timing in swept for one in timing.sweep})
        heads = ("generator", *map(str, sizes), "out of memory at")
        yield SpeedTable("Batch sizes", note, heads, tuple(_sweep(timing, sizes) for timing in swept))
    raced = [(run, timing) for run, timing in timed if timing.turns or timing.no_turns]
    if raced:
        note = (
            "Timed in turns in one process; the ratio is of times within a round. Its pictures: what the suite's gates "
            "say of them beside those of the generator that it was timed against."
        )
        heads = ("generator", "times as fast", "as", "rounds", "its pictures")
        yield SpeedTable("Settings against each other", note, heads, tuple(_turns(*one) for one in raced))


def _settings(timing: TimingInfo) -> tuple[str, ...]:
    low, high = timing.seconds_interval
    seconds = timing.values.get("seconds_per_object")
    rate = timing.values.get("throughput")
    size = "" if timing.resolution is None else f"{timing.views or '?'} x {timing.resolution} px"
    return (
        timing.generator,
        f"{format_value(seconds, 's', low, high)} {format_interval(seconds, 's', low, high)}".strip(),
        format_value(rate, "images/s", *timing.interval),
        str(timing.steps or UNKNOWN),
        UNKNOWN if timing.guidance is None else f"{timing.guidance:g}",
        size or UNKNOWN,
        timing.precision,
        timing.compile,
        _chosen(timing.quantise),
        _chosen(timing.offload),
        str(timing.batch_size or UNKNOWN),
        str(len(timing.cases)),
        str(timing.threads or UNKNOWN),
        format_value(timing.load, "s"),
        ", ".join(format_value(seconds, "s") for seconds in timing.warm_up) or "none",
        UNKNOWN if timing.compiling is None else format_value(timing.compiling, "s"),
        ", ".join(format_value(rate, "images/s") for rate in timing.rates),
    )


def _chosen(setting: str) -> str:
    return setting if setting and setting != "none" else "no"


def _stages(timing: TimingInfo) -> tuple[str, ...]:
    found = {stage.name: stage for stage in timing.stages}
    step = found.get("denoise")
    other = None if timing.staged is None else timing.staged - sum(stage.seconds for stage in timing.stages)
    # a step serves the whole batch, whose seconds an object are shared out
    per_step = step.seconds * (timing.batch_size or 1) / step.calls if step is not None and step.calls else None

    def shown(name: str) -> str:
        return format_value(found[name].seconds, "s") if name in found else "none"

    return (
        timing.generator,
        shown("text"),
        shown("encode"),
        shown("denoise"),
        "none" if per_step is None else f"{format_value(per_step, 's')} a batch",
        shown("decode"),
        UNKNOWN if other is None else format_value(max(other, 0.0), "s"),
        "not asked for" if timing.baking is None else format_value(timing.baking, "s"),
    )


def _power(timing: TimingInfo) -> tuple[str, ...]:
    power = timing.power
    weights = UNKNOWN if timing.parameters is None else f"{timing.parameters / 1e6:.3g}"
    rate = UNKNOWN if timing.matrix_rate is None else f"{timing.matrix_rate:.3g}"
    if power is None:
        return (timing.generator, weights, rate, timing.no_power or UNKNOWN, UNKNOWN, UNKNOWN)
    clocks = [clock for clock in (power.clock_low, power.clock_high) if clock is not None]
    of = f" of {power.clock_possible}" if power.clock_possible is not None else ""
    return (
        timing.generator,
        weights,
        rate,
        UNKNOWN if power.watts is None else f"{power.watts:.0f}",
        f"{' to '.join(map(str, dict.fromkeys(clocks)))}{of}" if clocks else UNKNOWN,
        ", ".join(power.throttled) or "no",
    )


def _sweep(timing: TimingInfo, sizes: Sequence[int]) -> tuple[str, ...]:
    found = {one.size: one for one in timing.sweep}
    cells = []
    for size in sizes:
        one = found.get(size)
        memory = "" if one is None or one.peak_device_memory is None else f", {one.peak_device_memory:.3g} GiB"
        cells.append("" if one is None else f"{format_value(one.seconds_per_object, 's')}{memory}")
    end = "not reached" if timing.too_large is None else str(timing.too_large)
    return (timing.generator, *cells, end if timing.recovered else f"{end}, and did not recover")


def _turns(run: RunResults, timing: TimingInfo) -> tuple[str, ...]:
    turns = timing.turns
    if turns is None:
        return (timing.generator, "not measured", "", "", timing.no_turns)
    low, high = turns.interval
    ratio = f"{turns.ratio:.3g}" + ("" if low is None or high is None else f" [{low:.3g}, {high:.3g}]")
    pictures = _pictures(run, timing.generator, turns.against)
    return (timing.generator, ratio, turns.against, str(len(turns.seconds)), pictures)


def _pictures(run: RunResults, faster: str, against: str) -> str:
    """The gates' verdict, by the same tests as `compare`."""
    try:
        found = Input(run.path, run=run)
        return headline(gate_page(*two_sides(found, found, renamed=(against, faster))))
    except UserError as error:
        return f"not judged: {error.message}"
