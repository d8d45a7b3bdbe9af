"""What the machine reaches at best, measured: matrix products, memory, copies between host and device.

A data sheet's peak is a promise at clocks that a hot card does not hold. Utilisation is therefore told against a rate
that this device reached in this process, at this precision, minutes ago.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

from bench.throughput.stopwatch import make_stopwatch

GROUPS = 5  # at least: the median of fewer says little


@dataclass(frozen=True)
class Ceiling:
    """A rate in units a second, the median of `groups` timings; `best` is the fastest of them."""

    rate: float
    best: float
    groups: int


def matrix_rate(device: str, dtype: torch.dtype, size: int | None = None, seconds: float = 0.5) -> Ceiling:
    """FLOP/s of square matrix products, on random numbers: products of zeros draw less power and run faster.

    size: side of the matrices; None: 8192 on a GPU, 1024 on a CPU. Raises what torch raises for a dtype that the device
    does not multiply.
    """
    size = size or (8192 if device.startswith("cuda") else 1024)
    rng = torch.Generator().manual_seed(0)
    a, b = (torch.randn(size, size, generator=rng).to(device, dtype) for _ in range(2))
    out = torch.empty_like(a)
    return _rate(lambda: torch.mm(a, b, out=out), 2.0 * size**3, device, seconds)


def memory_rate(device: str, mebibytes: int | None = None, seconds: float = 0.5) -> Ceiling:
    """Bytes a second of a copy within the device's memory, counting those read and those written."""
    count = (mebibytes or (1024 if device.startswith("cuda") else 64)) * 2**20
    source = torch.ones(count, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return _rate(lambda: target.copy_(source), 2.0 * count, device, seconds)


def copy_rate(device: str, to_device: bool, pinned: bool, mebibytes: int = 256, seconds: float = 0.5) -> Ceiling:
    """Bytes a second of copies between the host's memory (page-locked or not) and the device's."""
    count = mebibytes * 2**20
    host = torch.ones(count, dtype=torch.uint8, pin_memory=pinned)
    there = torch.empty(count, dtype=torch.uint8, device=device)
    source, target = (host, there) if to_device else (there, host)
    return _rate(lambda: target.copy_(source, non_blocking=pinned), float(count), device, seconds)


def _rate(work: Callable[[], object], amount: float, device: str, seconds: float) -> Ceiling:
    """In groups of calls that take about a fifth of `seconds`, so that starting a call costs nothing that shows."""
    clock = make_stopwatch(device)

    def timed(calls: int) -> float:
        clock.mark()
        for _ in range(calls):
            work()
        clock.mark()
        return clock.seconds()[0]

    timed(1)
    calls = max(1, int(seconds / GROUPS / max(timed(1), 1e-6)))
    started, found = time.monotonic(), list[float]()
    while len(found) < GROUPS or time.monotonic() - started < seconds:
        found.append(amount * calls / max(timed(calls), 1e-9))
    return Ceiling(median(found), max(found), len(found))
