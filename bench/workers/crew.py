"""Several workers and a list of tasks: whoever is free takes the next one, and whoever is lost is replaced."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, Queue
from types import TracebackType
from typing import Any, Self, TypeVar

from bench.workers.child import READY, RemoteError
from bench.workers.frames import pack, unpack
from bench.workers.limits import GIB, Limits, Lost, WorkerLost, died, no_limits, too_large, too_slow
from bench.workers.process import Worker

Task = TypeVar("Task")
Answer = TypeVar("Answer")

START_SECONDS = 600.0  # a machine under load takes its time to import torch
_LOOK = 0.2  # seconds between looks at the clock and at memory


class Crew:
    """Up to `size` worker processes. With `keep` they stay for the next `map`, until `close`.

    A worker works for one `owner` (an attribute of tasks; none: those without) and for nobody else. New workers import
    the module `imports` (None: the function's) before the clock is looked at, and compute with `threads` (None: as many
    as this process).
    """

    def __init__(self, size: int, keep: bool = False, imports: str | None = None, threads: int | None = None) -> None:
        self.size, self.keep = size, keep
        self.imports, self.threads = imports, threads
        self._heard: Queue[tuple[Worker, bytes | None]] = Queue()
        self._workers: list[Worker] = []
        self._looked = 0.0  # when clock and memory were last looked at

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all workers."""
        while self._workers:
            self._workers.pop().kill()

    def map(
        self, function: Callable[[Task], Answer], tasks: Iterable[Task], limits: Callable[[Task], Limits] = no_limits
    ) -> Iterator[Answer | Lost[Task]]:
        """Answers as they are ready, and a `Lost` for each task whose worker died or took more than it may.

        Tasks are asked for when a worker is free. What a task raises is raised here. When the caller stops, what is
        under way is stopped.
        """
        waiting = iter(tasks)
        try:
            while True:
                self._hand_out(function, waiting)
                if not any(worker.busy for worker in self._workers):
                    return
                yield from self._next(limits)
        finally:
            for worker in [w for w in self._workers if w.busy or not self.keep]:
                self._end(worker)

    def _hand_out(self, function: Callable[[Task], Answer], waiting: Iterator[Task]) -> None:
        """A task for everybody who has none, and new workers as long as there are tasks for them."""
        for worker in [w for w in self._workers if not w.busy and w.process.poll() is not None]:
            self._end(worker)  # died while it waited
        idle = [worker for worker in self._workers if not worker.busy]
        while idle or len(self._workers) < self.size:
            try:
                task = next(waiting)
            except StopIteration:
                return
            owner = str(getattr(task, "owner", ""))
            fitting = [worker for worker in idle if worker.owner == owner]
            if not fitting and len(self._workers) == self.size:
                self._end(idle.pop(0))  # who has been there longest
            if fitting:
                idle.remove(worker := fitting[0])
            else:
                worker = Worker(self._heard)
                self._workers.append(worker)
                worker.tell(pack((self.imports or function.__module__, self.threads or torch_threads())))
            worker.owner = owner
            worker.give(task, pack((function, task)))

    def _next(self, limits: Callable[[Any], Limits]) -> Iterator[Any]:
        """What happened next, if anything did."""
        if time.monotonic() - self._looked > _LOOK:
            self._looked = time.monotonic()
            yield from self._overdue(limits)
        try:
            worker, content = self._heard.get(timeout=_LOOK)
        except Empty:
            return
        if worker not in self._workers:  # ended by us before its last words arrived
            return
        if content is None:
            task, seconds, ready = worker.task, worker.seconds, worker.ready
            code = self._end(worker)
            if not ready:
                raise WorkerLost(
                    f"a worker process ended while it started (exit code {code})",
                    expected="a Python that can start another one; its words are above",
                )
            if worker.busy:
                yield Lost(task, died(code), seconds)
            return
        kind, answer = unpack(content)
        if kind == READY:
            worker.ready, worker.since = True, time.monotonic()
            return
        worker.busy, worker.task = False, None
        if kind is True:
            yield answer
            return
        error, trace = answer
        raise error from RemoteError(trace)

    def _overdue(self, limits: Callable[[Any], Limits]) -> Iterator[Lost[Any]]:
        for worker in [w for w in self._workers if w.busy]:
            seconds = worker.seconds
            if not worker.ready:
                if seconds > START_SECONDS:
                    self._end(worker)
                    raise WorkerLost(f"a worker process did not start within {START_SECONDS:.0f} s")
                continue
            error: WorkerLost | None = None
            allowed = limits(worker.task)
            if allowed.memory is not None and (used := worker.memory()) > allowed.memory * GIB:
                error = too_large(used, allowed.memory)
            elif allowed.seconds is not None and seconds > allowed.seconds:
                error = too_slow(allowed.seconds)
            if error is not None:
                self._end(worker)
                yield Lost(worker.task, error, seconds)

    def _end(self, worker: Worker) -> int:
        self._workers.remove(worker)
        return worker.kill()


def torch_threads() -> int | None:
    """How many threads torch computes with here; None where it was not imported."""
    torch = sys.modules.get("torch")
    return None if torch is None else int(torch.get_num_threads())
