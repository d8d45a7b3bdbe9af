"""Who does the work: this process, several local ones, or a Ray cluster. The numbers never depend on which.

A task is a picklable function and its argument; results come back as they are ready. Local tasks write pictures to the
run folder themselves. On a cluster everything travels with tasks and answers: only this process writes to the folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from bench.errors import UsageError, nearest
from bench.run.environment import versions
from bench.workers.cluster import Cluster
from bench.workers.crew import Crew
from bench.workers.limits import Limits, Lost, no_limits

Task = TypeVar("Task")
Answer = TypeVar("Answer")


class Executor(Protocol):
    """Maps a function over tasks."""

    def map(
        self, function: Callable[[Task], Answer], tasks: Iterable[Task], limits: Callable[[Task], Limits] = no_limits
    ) -> Iterator[Answer | Lost[Task]]:
        """Answers in the order in which they are ready.

        Executors with processes of their own give a `Lost` for a task whose process died or broke the limits.
        """
        ...


class InProcess:
    """One task after the other, here. Nothing is pickled and whatever a task caches stays warm; no limits hold."""

    def map(
        self, function: Callable[[Task], Answer], tasks: Iterable[Task], limits: Callable[[Task], Limits] = no_limits
    ) -> Iterator[Answer]:
        """Answers in the tasks' order."""
        for task in tasks:
            yield function(task)


Processes = Crew
"""A number of local processes."""


def default_workers(device: str) -> int:
    """Two processes where there are two cores, one beside a GPU."""
    return min(2, os.cpu_count() or 1) if device == "cpu" else 1


def make_executor(name: str, workers: int, device: str, keep: bool = False) -> Executor:
    """`local` with one worker stays in this process, `ray` with 0 has as many as the cluster holds.

    keep: local processes stay for the next tasks, until they are closed.
    Raises `UsageError` for an unknown name, a missing package, or a device that a cluster's workers do not know.
    """
    if name == "local":
        return InProcess() if workers <= 1 else Processes(workers, keep)
    if name == "ray":
        if ":" in device:
            raise UsageError(
                f"--device {device} with --executor ray",
                expected="--device cuda: Ray gives each worker GPUs of its own, and it sees no others",
            )
        return Cluster(workers, versions)
    raise UsageError(f"unknown executor '{name}'", hint=nearest(name, ["local", "ray"]))
