"""The workers of a Ray cluster: as many as it holds, each with its share of it, and replaced when they are lost.

An actor belongs to one owner, so that a model is loaded once. It gets one task at a time, and the next one when its
answer has been taken: no more pictures are on their way than there are workers.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from bench.errors import UsageError
from bench.workers.agent import Agent, Sealed
from bench.workers.child import RemoteError
from bench.workers.crew import START_SECONDS, torch_threads
from bench.workers.frames import seal, unpack
from bench.workers.limits import Limits, Lost, WorkerLost, no_limits
from groundwork.notes import tell

Task = TypeVar("Task")
Answer = TypeVar("Answer")

LOSSES = 2  # of workers, after which a task is given up
_LOOK = 1.0  # seconds between looks at what takes long
_COUNT = 5.0  # seconds between counts of what the cluster has
_SLOW, _SLOW_SECONDS = 3.0, 30.0  # a straggler takes so many times the usual, and at least so long
_OBJECT_STORE = 2 * 2**30  # bytes at most, of a cluster of our own: pictures pass through it, none stay


@dataclass(frozen=True)
class Share:
    """What a worker takes of a cluster; fractions share a processor or a GPU."""

    cpus: float = 1.0
    gpus: float = 0.0


@dataclass
class _Load:
    task: Any
    owner: str
    share: Share
    lost: list[str] = field(default_factory=list)  # the workers that it was lost with


@dataclass
class _Slot:
    """An actor, and what it is asked."""

    actor: Any
    owner: str
    share: Share
    pending: Any  # reference of the answer that is awaited; None when it is free
    since: float
    ready: bool = False
    load: _Load | None = None
    where: str = "a worker that had not started"
    slow: bool = False  # was told already

    def fits(self, load: _Load) -> bool:
        """Whether it works for the task's owner, and has what the task takes."""
        return (self.owner, self.share) == (load.owner, load.share)


class Cluster:
    """The cluster at RAY_ADDRESS, else one of this machine that ends with `close`.

    `most` workers at most; 0: as many as it holds. `described` says in each worker what must be equal everywhere, such
    as versions. Raises `UsageError` where there is no ray, or no cluster at that address.

    Tasks may have `owner`, whose workers alone do them, `share`, what one takes, and `travelling()`, the task as it is
    sent to a machine that has none of this one's files.
    """

    def __init__(self, most: int, described: Callable[[], dict[str, Any]]) -> None:
        try:
            import ray
        except ImportError as error:
            raise UsageError(
                "--executor ray needs the package ray",
                hint="pip install 'realiz3d-bench[ray]', or use --executor local",
            ) from error
        self.ray: Any = ray
        self._most, self._described, self._here = most, described, described()
        self._ours = not ray.is_initialized()
        if self._ours:
            _join(ray, most)
        self._slots: list[_Slot] = []
        self._seconds: dict[str, list[float]] = {}  # by owner: how long tasks took
        self._total, self._counted = Share(), -_COUNT
        self._failed_starts = 0

    def map(
        self, function: Callable[[Task], Answer], tasks: Iterable[Task], limits: Callable[[Task], Limits] = no_limits
    ) -> Iterator[Answer | Lost[Task]]:
        """As `Crew.map`. A task whose worker is lost is done once more, before it counts as `Lost`."""
        waiting, held = iter(tasks), deque[_Load]()
        try:
            while True:
                self._hand_out(function, waiting, held, limits)
                if not held and not any(slot.load for slot in self._slots):
                    return
                yield from self._next(held)
        finally:
            for slot in [slot for slot in self._slots if slot.load]:
                self._end(slot)

    def workers(self, share: Share) -> int:
        """How many workers with this share could work at once."""
        self._count()
        pairs = ((self._total.cpus, share.cpus), (self._total.gpus, share.gpus))
        room = min((int(total / each) for total, each in pairs if each), default=1)
        return max(1, min(room, self._most) if self._most else room)

    def rest(self) -> None:
        """End all workers: what they loaded is not needed any more."""
        while self._slots:
            self._end(self._slots[-1])

    def close(self) -> None:
        """End all workers, and the cluster where it is our own."""
        self.rest()
        if self._ours and self.ray.is_initialized():
            self.ray.shutdown()

    def _hand_out(
        self, function: Callable[[Any], Any], waiting: Iterator[Any], held: deque[_Load],
        limits: Callable[[Any], Limits],
    ) -> None:  # fmt: skip
        """A task for everybody who is free, and new workers while there is room; `held` are tasks that wait for one."""
        for load in list(held):
            if self._given(function, load, limits):
                held.remove(load)
            elif not any(not slot.ready and slot.fits(load) for slot in self._slots):
                self._start(load)
        while len(held) <= sum(not slot.ready for slot in self._slots):
            try:
                task = next(waiting)
            except StopIteration:
                return
            load = _Load(task, str(getattr(task, "owner", "")), getattr(task, "share", Share()))
            if not self._given(function, load, limits):
                held.append(load)
                self._start(load)

    def _given(self, function: Callable[[Any], Any], load: _Load, limits: Callable[[Any], Limits]) -> bool:
        """Whether somebody was free for it."""
        slot = next((slot for slot in self._slots if slot.ready and slot.load is None and slot.fits(load)), None)
        if slot is None:
            return False
        travelling = getattr(load.task, "travelling", None)
        sealed = Sealed(seal((function, travelling() if travelling is not None else load.task)))
        slot.pending = slot.actor.do.remote(function.__module__, sealed, limits(load.task))
        slot.load, slot.since, slot.slow = load, time.monotonic(), False
        return True

    def _start(self, load: _Load) -> None:
        """A new worker, where there is room or can be made."""
        self._count()
        for idle in [slot for slot in self._slots if slot.ready and slot.load is None and not slot.fits(load)]:
            if self._room(load.share):
                break
            self._end(idle)
        if not self._room(load.share):
            return
        actor = self.ray.remote(Agent).options(
            num_cpus=load.share.cpus, num_gpus=load.share.gpus, max_restarts=0, scheduling_strategy="SPREAD"
        ).remote([entry or str(Path.cwd()) for entry in sys.path], torch_threads())  # fmt: skip
        pending = actor.hello.remote(self._described)
        self._slots.append(_Slot(actor, load.owner, load.share, pending, time.monotonic()))

    def _room(self, share: Share) -> bool:
        """Whether a share more is left; at least one worker is always asked for, and the cluster may grow for it."""
        if not self._slots:
            return True
        if self._most and len(self._slots) >= self._most:
            return False
        cpus = sum(slot.share.cpus for slot in self._slots) + share.cpus
        gpus = sum(slot.share.gpus for slot in self._slots) + share.gpus
        return cpus <= self._total.cpus and gpus <= self._total.gpus

    def _count(self) -> None:
        if time.monotonic() - self._counted > _COUNT:
            self._counted = time.monotonic()
            found = self.ray.cluster_resources()
            self._total = Share(found.get("CPU", 0.0), found.get("GPU", 0.0))

    def _next(self, held: deque[_Load]) -> Iterator[Any]:
        """What happened next, if anything did."""
        by_reference = {slot.pending: slot for slot in self._slots if slot.pending is not None}
        ready, _ = self.ray.wait(list(by_reference), timeout=_LOOK)
        for reference in ready:
            slot = by_reference[reference]
            try:
                content = self.ray.get(reference)
            except self.ray.exceptions.RayError as error:
                yield from self._lost(slot, error, held)
                continue
            slot.pending = None
            if not slot.ready:
                self._welcome(slot, *content)
                continue
            load, slot.load = slot.load, None
            assert load is not None
            self._seconds.setdefault(load.owner, []).append(time.monotonic() - slot.since)
            kind, answer, *more = unpack(content)
            if kind == "lost":
                yield Lost(load.task, answer, more[0])
            elif kind == "raised":
                raise answer from RemoteError(more[0])
            else:
                yield answer
        self._watch()

    def _welcome(self, slot: _Slot, machine: str, process: int, described: dict[str, Any]) -> None:
        """It started. Raises `UsageError` where it computes with other code."""
        slot.ready, slot.where, self._failed_starts = True, f"{machine} (process {process})", 0
        other = [key for key in self._here if described.get(key) != self._here[key]]
        if other:
            raise UsageError(
                f"the worker on {machine} has other versions than this process",
                where=", ".join(f"{key} {described.get(key)}" for key in other),
                expected=", ".join(f"{key} {self._here[key]}" for key in other),
                hint="install the same versions on every machine of the cluster: numbers may depend on them",
            )

    def _lost(self, slot: _Slot, error: Exception, held: deque[_Load]) -> Iterator[Lost[Any]]:
        """An actor, its process or its machine is gone."""
        load, seconds = slot.load, time.monotonic() - slot.since
        reason = _reason(error)
        self._end(slot)
        if load is None:
            self._failed_starts += 1
            if self._failed_starts > LOSSES:
                raise WorkerLost(
                    f"no worker of the cluster starts: {reason}",
                    expected="this package, with the same Python, on every machine of the cluster",
                ) from error
            return
        load.lost.append(slot.where)
        if len(load.lost) < LOSSES:
            tell(f"{load.owner or 'a task'}: the worker on {slot.where} was lost ({reason}); its batch is done again")
            held.appendleft(load)
        else:
            told = f"its worker was lost {LOSSES} times, on {' and '.join(load.lost)}: {reason}"
            yield Lost(load.task, WorkerLost(told, hint="the same command tries again"), seconds)

    def _watch(self) -> None:
        """Tell of what takes much longer than usual, and stop waiting for workers that never start."""
        for slot in self._slots:
            seconds = time.monotonic() - slot.since
            if not slot.ready and seconds > START_SECONDS and not any(other.ready for other in self._slots):
                raise WorkerLost(
                    f"no worker started within {START_SECONDS:.0f} s",
                    where=slot.owner,
                    expected=f"a machine that has {slot.share.cpus:g} processors and {slot.share.gpus:g} GPUs free",
                )
            usual = self._seconds.get(slot.owner, [])
            if slot.load is None or slot.slow or len(usual) < 2 or seconds < _SLOW_SECONDS:
                continue
            if seconds > _SLOW * median(usual):
                slot.slow = True
                told = f"a batch on {slot.where} takes {seconds:.0f} s so far, the others took {median(usual):.0f} s"
                tell(f"{slot.owner or 'a task'}: {told}")

    def _end(self, slot: _Slot) -> None:
        self._slots.remove(slot)
        self.ray.kill(slot.actor)


def _join(ray: Any, most: int) -> None:
    """Connect to the cluster at RAY_ADDRESS, or start one here. Raises `UsageError`."""
    address = os.environ.get("RAY_ADDRESS")
    quiet: dict[str, Any] = {"log_to_driver": True, "logging_level": "ERROR"}
    try:
        if address:
            ray.init(address=address, **quiet)
        else:
            processors = max(most, os.cpu_count() or 1)
            ray.init(include_dashboard=False, num_cpus=processors, object_store_memory=_OBJECT_STORE, **quiet)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        said = str(error).splitlines() or [type(error).__name__]
        raise UsageError(
            f"no Ray cluster can be reached: {said[0]}",
            where=f"RAY_ADDRESS={address}" if address else "a cluster on this machine",
            hint="`ray status` says whether one runs; without RAY_ADDRESS a run starts one of its own",
        ) from error


def _reason(error: Exception) -> str:
    """Ray's words in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "dead because" in line or "killed" in line or "Error" in line]
    return (told or lines or [type(error).__name__])[-1][:300]
