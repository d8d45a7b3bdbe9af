"""Who does the work: this process, several local ones, or a Ray cluster. The numbers never depend on which.

A task is a picklable function and its argument; results come back as they are ready. Tasks write pictures to the run
folder themselves, so a Ray cluster needs a shared file system.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

from bench.errors import UsageError, nearest
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


class Ray:
    """A Ray cluster: the one at RAY_ADDRESS, else one of this machine. One GPU a task when the run uses CUDA."""

    def __init__(self, device: str) -> None:
        try:
            import ray
        except ImportError as error:
            raise UsageError(
                "--executor ray needs the package ray",
                hint="pip install 'realiz3d-bench[ray]', or use --executor local",
            ) from error
        self.ray: Any = ray
        self.gpus = 1 if device.startswith("cuda") else 0
        if not ray.is_initialized():
            ray.init(log_to_driver=False, include_dashboard=False)

    def map(
        self, function: Callable[[Task], Answer], tasks: Iterable[Task], limits: Callable[[Task], Limits] = no_limits
    ) -> Iterator[Answer]:
        """Answers as they are ready; what is left is cancelled when the caller stops. Limits are the cluster's own."""
        remote = self.ray.remote(num_gpus=self.gpus)(function)
        waiting = [remote.remote(task) for task in tasks]
        try:
            while waiting:
                ready, waiting = self.ray.wait(waiting)
                yield from self.ray.get(ready)
        finally:
            for reference in waiting:
                self.ray.cancel(reference)


def default_workers(device: str) -> int:
    """Two processes where there are two cores, one beside a GPU."""
    return min(2, os.cpu_count() or 1) if device == "cpu" else 1


def make_executor(name: str, workers: int, device: str) -> Executor:
    """`local` with one worker stays in this process. Raises `UsageError` for an unknown name or a missing package."""
    if name == "local":
        return InProcess() if workers <= 1 else Processes(workers)
    if name == "ray":
        return Ray(device)
    raise UsageError(f"unknown executor '{name}'", hint=nearest(name, ["local", "ray"]))
