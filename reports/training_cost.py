"""What each generator's training cost, phase by phase, with the same accounting for all methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.results.summary import PhaseInfo
from reports.table import Table

HEADS = (
    "trained parameters", "optimiser steps", "synthetic samples", "real samples", "FLOPs", "time", "peak memory",
)  # fmt: skip
EXPLANATION = (
    "A sample is a grid of views. FLOPs count forward and backward passes of the network that trains; memory is one "
    "device's. Methods that saw more samples or spent more FLOPs had more to learn from."
)
_KINDS = {"base": "base model", "synthetic": "synthetic data", "real": "real data"}
_TIMES = ((3600.0, "h"), (60.0, "min"))
_SIZES = ((2**30, "GiB"), (2**20, "MiB"))


@dataclass(frozen=True)
class TrainingRow:
    """A phase of a generator's training, or all of it. `cells` are texts, in the order of `HEADS`."""

    generator: str
    phase: str
    cells: tuple[str, ...]


def training_rows(table: Table) -> list[TrainingRow]:
    """What is known of the generators' trainings: their phases in order, and their sum where there are several."""
    rows = []
    for source in table.sources:
        phases = source.generator.training
        rows += [TrainingRow(source.label, phase.phase, _cells(phase)) for phase in phases]
        if len(phases) > 1:
            rows.append(TrainingRow(source.label, "in all", _cells(_sum(phases))))
    return rows


def remarks(table: Table) -> list[str]:
    """Sentences on what the trainings had in common, where they ran, and of which generators nothing is known."""
    known = {source.label: source.generator.training[0] for source in table.sources if source.generator.training}
    if not known:
        return []
    said = []
    alike = []
    for field, kind in _KINDS.items():
        users = {label: value for label, phase in known.items() if (value := getattr(phase, field))}
        if len(set(users.values())) > 1:
            said.append(f"Not the same {kind}: {_grouped({label: value[:12] for label, value in users.items()})}.")
        elif len(users) > 1:
            alike.append(kind)
    if alike:
        said.insert(0, f"The same for all that have it: {', '.join(alike)}.")
    machines = {label: _machine(phase) for label, phase in known.items() if phase.device}
    said += [f"Trained on {_grouped(machines)}."] if machines else []
    others = [source.label for source in table.sources if source.label not in known and not source.calibrates]
    said += [f"Nothing is known of the training of {', '.join(others)}."] if others else []
    return said


def _grouped(values: Mapping[str, str]) -> str:
    """'cpu (a, b); gpu (c)', or the value alone where there is one."""
    names: dict[str, list[str]] = {}
    for label, value in values.items():
        names.setdefault(value, []).append(label)
    if len(names) == 1:
        return next(iter(names))
    return "; ".join(f"{value} ({', '.join(labels)})" for value, labels in names.items())


def _machine(phase: PhaseInfo) -> str:
    return phase.device if phase.processes == 1 else f"{phase.processes} × {phase.device}"


def _sum(phases: Sequence[PhaseInfo]) -> PhaseInfo:
    """Costs add up, memory does not; parameters of several phases are mostly not the same ones."""
    return PhaseInfo(
        phase="",
        steps=sum(phase.steps for phase in phases),
        synthetic_samples=sum(phase.synthetic_samples for phase in phases),
        real_samples=sum(phase.real_samples for phase in phases),
        flops=sum(phase.flops for phase in phases),
        seconds=sum(phase.seconds for phase in phases),
        peak_memory_bytes=max(phase.peak_memory_bytes for phase in phases),
    )


def _cells(phase: PhaseInfo) -> tuple[str, ...]:
    counts = (phase.steps, phase.synthetic_samples, phase.real_samples)
    return (
        f"{phase.trainable_parameters:,}" if phase.trainable_parameters else "–",
        *(f"{count:,}" for count in counts),
        f"{phase.flops:.2e}".replace("e+", "e"),
        _with_unit(phase.seconds, _TIMES, "s"),
        _with_unit(phase.peak_memory_bytes, _SIZES, "B"),
    )


def _with_unit(amount: float, units: Sequence[tuple[float, str]], smallest: str) -> str:
    """In the largest unit that leaves a number of at least one."""
    for size, name in units:
        if amount >= size:
            return f"{amount / size:.1f} {name}"
    return f"{amount:.0f} {smallest}"
