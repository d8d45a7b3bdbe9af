"""Where plug-ins work: what ships in the run's own process, code that a suite brings along in processes of its own.

A process of its own costs the seconds that torch takes to start, once a stage. It buys that a crash, a hang, a leak, a
changed directory or a polluted standard output stays in there. The numbers are the same either way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from bench.errors import UsageError
from bench.generators.catalogue import GENERATORS
from bench.generators.protocol import Generator
from bench.metrics.catalogue import METRICS
from bench.plugins.contract import plugin_class
from bench.plugins.origin import ships
from bench.run.executors import Executor, InProcess, Processes, make_executor
from bench.run.options import RunOptions
from bench.suite import declare
from bench.suite.schema import GeneratorEntry, MetricEntry, Resources, Suite
from bench.workers.cluster import Cluster, Share
from bench.workers.crew import Crew
from bench.workers.limits import Limits

Task = TypeVar("Task")
Isolate = Literal["foreign", "all", "none"]

OURS = "those that ship"  # no generator can have this name
MANY = 64  # samples: fewer are measured before other processes have started
SECONDS_A_SAMPLE = 3600.0
"""What a sample may take, on average over its batch, where nobody sets a limit: more is no slowness but a hang."""


def share_of(resources: Resources, device: str) -> Share:
    """What a worker with these resources takes, with a GPU of its own where none is named and the run uses CUDA."""
    own = 1.0 if device.startswith("cuda") else 0.0
    return Share(resources.cpus, own if resources.gpus is None else resources.gpus)


def _has_model(entry: GeneratorEntry) -> bool:
    factory: type[Generator] = plugin_class(GENERATORS, entry.use)
    return factory.timed and not factory.calibration


@dataclass(frozen=True)
class Places:
    """`executor` for what may work here, `apart` for what works in processes of its own; they may be the same."""

    executor: Executor
    apart: Executor
    isolate: Isolate
    timeout: float | None
    memory: float | None
    _more: list[Crew] = field(default_factory=list)
    _here: InProcess = field(default_factory=InProcess)

    def of_generator(self, entry: GeneratorEntry) -> Executor:
        """Where a generator works. On a cluster do those with a model; the others read files that lie here."""
        if isinstance(self.executor, Cluster) and _has_model(entry):
            return self.executor
        return self.beside(entry)

    def beside(self, entry: GeneratorEntry) -> Executor:
        """Where a generator is asked for what files here decide: never on a cluster."""
        beside = self._here if isinstance(self.executor, Cluster) else self.executor
        return self.apart if self._alone(entry) else beside

    def owner(self, entry: GeneratorEntry) -> str:
        """Whose code works for a generator. Those that ship are one owner's and share processes, where they may; with
        `isolate` none that is everybody.

        On a cluster each goes by its own name: how long its batches take is compared with its own.
        """
        return entry.name if self._alone(entry) or isinstance(self.executor, Cluster) else OURS

    def _alone(self, entry: GeneratorEntry) -> bool:
        return self.isolate == "all" or (self.isolate == "foreign" and not ships(GENERATORS, entry.use))

    def apart_from_us(self, ours: bool) -> bool:
        """Whether a distance or an extractor gets a process of its own; ours never do, they hold no strangers' code."""
        return self.isolate != "none" and not ours

    def one_more(self) -> Crew:
        """A process for one plug-in, until the places are closed."""
        self._more.append(Crew(1, keep=True))
        return self._more[-1]

    def close(self) -> None:
        """End every process that is kept."""
        declare.rest()
        self.rest()
        if isinstance(self.executor, Cluster):
            self.executor.close()
        while self._more:
            self._more.pop().close()

    def to_measure(self, metrics: Sequence[MetricEntry], samples: int, options: RunOptions) -> Executor:
        """Where object metrics work: with one that is not ours among them, all in other processes."""
        apart = self.isolate == "all" or (
            self.isolate == "foreign" and any(not ships(METRICS, entry.name) for entry in metrics)
        )
        if isinstance(self.executor, Cluster):
            return self.executor
        if options.measurers is not None and samples >= MANY:
            if apart and options.measurers == 1:
                return Processes(1)
            return make_executor(options.executor, options.measurers, options.device)
        return self.apart if apart else self.executor

    def setting_up(self) -> Limits:
        """Of what plug-ins do before the first batch."""
        return declare.set_up_limits(self.timeout, self.memory)

    def preparing(self, steps: int) -> Limits:
        """Of work that is done once, before the first batch, in so many steps: training takes as long as it takes."""
        return Limits(SECONDS_A_SAMPLE * max(1, steps), self.memory)

    def rest(self) -> None:
        """End the processes that are kept: what generators loaded is not needed any more."""
        if isinstance(self.executor, Cluster):
            self.executor.rest()
        for executor in (self.executor, self.apart):
            if isinstance(executor, Processes):
                executor.close()

    def batch(self, size: int, samples: int, share: Share) -> int:
        """How many of a generator's samples are asked for at once: `size`, or fewer where workers would be idle."""
        if not isinstance(self.executor, Cluster):
            return size
        return max(1, min(size, math.ceil(samples / self.executor.workers(share))))

    def making(self, samples: int) -> Limits:
        """Of a batch of so many samples."""
        return Limits(self.timeout or SECONDS_A_SAMPLE * samples, self.memory)

    def measuring(self, samples: int) -> Limits:
        """Of a task of metrics, which holds all samples of a case: what a batch may take is what each may."""
        return Limits((self.timeout or SECONDS_A_SAMPLE) * samples, self.memory)

    def shared_out(
        self, tasks: Sequence[Task], entry_of: Callable[[Task], GeneratorEntry]
    ) -> Iterator[tuple[Executor, list[Task]]]:
        """The tasks by where they work, in their order."""
        for executor in dict.fromkeys([self.executor, self.apart, self._here]):
            its = [task for task in tasks if self.of_generator(entry_of(task)) is executor]
            if its:
                yield executor, its


@contextmanager
def open_places(suite: Suite, options: RunOptions) -> Iterator[Places]:
    """The places of a run; processes that are kept between stages end with it. Raises `UsageError`.

    A time or memory limit holds for every generator, so each works in a process that can be stopped.
    """
    timeout = options.timeout if options.timeout is not None else suite.timeout
    memory = options.memory if options.memory is not None else suite.memory
    limited = timeout is not None or memory is not None
    if limited and options.isolate == "none":
        raise UsageError(
            "a limit of time or memory needs processes that can be stopped",
            where="--isolate none",
            hint="leave that out, or the limit (--timeout, --memory; in the suite timeout, memory)",
        )
    executor = make_executor(options.executor, options.workers, options.device, True)
    apart = executor
    if isinstance(executor, InProcess | Cluster) and options.isolate != "none":
        apart = Processes(1, keep=True)
    places = Places(executor, apart, "all" if limited else options.isolate, timeout, memory)
    try:
        yield places
    finally:
        places.close()
