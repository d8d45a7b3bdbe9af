"""Clocks and memory high-water marks. CUDA work is asynchronous, so on a GPU the device's own events are asked."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any, Protocol

import torch

_KIB = 1024


class Stopwatch(Protocol):
    """Marks moments; times between them are known once `seconds` has waited for the device."""

    def mark(self) -> None:
        """Now, in the order of the work that was asked for so far."""
        ...

    def seconds(self) -> list[float]:
        """Time from the first mark to each later one. Ends the measurement: the next `mark` starts a new one."""
        ...


class HostStopwatch:
    """Wall time of this process."""

    def __init__(self) -> None:
        self.marks: list[float] = []

    def mark(self) -> None:
        """Now."""
        self.marks.append(time.perf_counter())

    def seconds(self) -> list[float]:
        """Since the first mark."""
        marks, self.marks = self.marks, []
        return [mark - marks[0] for mark in marks[1:]]


class CudaStopwatch:
    """CUDA events on the current stream. The first one waits for idle, so that earlier work is not counted."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.events: list[torch.cuda.Event] = []

    def mark(self) -> None:
        """Now, on the device's clock."""
        with torch.cuda.device(self.device):
            if not self.events:
                torch.cuda.synchronize()
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record()
        self.events.append(event)

    def seconds(self) -> list[float]:
        """Since the first mark, once all work is done."""
        torch.cuda.synchronize(self.device)
        events, self.events = self.events, []
        return [events[0].elapsed_time(event) / 1000.0 for event in events[1:]]


class Moments:
    """Points in time between which much else happens: CUDA events, or the process's clock."""

    def __init__(self, device: str) -> None:
        self.device = device if device.startswith("cuda") else ""

    def now(self) -> Any:
        """A moment, in the order of the work that was asked for so far. Waits for nothing."""
        if not self.device:
            return time.perf_counter()
        with torch.cuda.device(self.device):
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record()
        return event

    def wait(self) -> None:
        """Until all work is done."""
        if self.device:
            torch.cuda.synchronize(self.device)

    def between(self, first: Any, second: Any) -> float:
        """Seconds from one moment to another, after `wait`."""
        return float(first.elapsed_time(second)) / 1000.0 if self.device else float(second - first)


def make_stopwatch(device: str) -> Stopwatch:
    """The clock for work on `device` ('cpu', 'cuda', 'cuda:1')."""
    return CudaStopwatch(device) if device.startswith("cuda") else HostStopwatch()


def peak_host_memory() -> int | None:
    """Largest resident memory of this process so far, in bytes; None where the system does not tell."""
    try:
        # not getrusage: on Linux its maximum is inherited from the parent process
        status = Path("/proc/self/status").read_text()
    except OSError:
        return _rusage_peak()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * _KIB if found else None


def _rusage_peak() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIB


def reset_peak_device_memory(device: str) -> None:
    """Start a new device high-water mark; nothing on a CPU."""
    if device.startswith("cuda"):
        torch.cuda.init()  # type: ignore[no-untyped-call]  # resetting fails before; nor is starting CUDA the generator's time
        torch.cuda.reset_peak_memory_stats(device)


def peak_device_memory(device: str) -> int | None:
    """Most bytes that torch had allocated on the GPU since the reset; None on a CPU."""
    return int(torch.cuda.max_memory_allocated(device)) if device.startswith("cuda") else None
