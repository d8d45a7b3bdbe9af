"""What a task may take, and how a worker that took more, or died, is described to people."""

from __future__ import annotations

import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from bench.errors import BenchError

Task = TypeVar("Task")

GIB = 2**30


@dataclass(frozen=True)
class Limits:
    """`seconds` that one task may take, and `memory` (GiB, resident) of a worker with all that it started.

    None: as much as it takes.
    """

    seconds: float | None = None
    memory: float | None = None


def no_limits(_: object) -> Limits:
    """Of any task."""
    return Limits()


class WorkerLost(BenchError):
    """A worker process ended, or was ended, before it answered; what it worked on is lost."""


@dataclass(frozen=True)
class Lost(Generic[Task]):
    """What takes the place of an answer: the task, why its worker is gone, and after how many seconds."""

    task: Task
    error: WorkerLost
    seconds: float


def died(code: int | None) -> WorkerLost:
    """A process that ended by itself, by its exit code (negative: the signal that killed it)."""
    if code is None or code >= 0:
        return WorkerLost(
            f"its process ended with exit code {code} in the middle of the work",
            expected="code that returns or raises: os._exit() ends the process without a word",
        )
    name = f"signal {-code}"
    with suppress(ValueError):
        name = signal.Signals(-code).name
    if name == "SIGKILL":
        return WorkerLost(
            "its process was killed (SIGKILL)",
            expected="enough memory: the system kills the largest process when there is none left",
            hint="a smaller --batch-size or fewer --workers take less; --memory sets a limit that is told by name",
        )
    return WorkerLost(
        f"its process crashed ({name})", hint="a crash in compiled code; the lines above may say where it happened"
    )


def too_slow(seconds: float) -> WorkerLost:
    """A task that took longer than it may."""
    return WorkerLost(
        f"it took longer than {seconds:g} s, the time limit of a batch, and was stopped",
        hint="if it only needs longer: --timeout SECONDS, or `timeout:` in the suite",
    )


def too_large(used: int, allowed: float) -> WorkerLost:
    """A worker that holds more memory than it may."""
    return WorkerLost(
        f"its process used {used / GIB:.1f} GiB of memory, more than the limit of {allowed:g} GiB, and was stopped",
        hint="if it only needs more: --memory GIB, or `memory:` in the suite; a smaller --batch-size takes less",
    )
