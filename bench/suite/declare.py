"""What strangers' metrics say of themselves, asked in a process of their own: none is ever made in the program's.

One process serves all of them, from the reading of the suite to the last `prepare()`. A metric that ends or hangs it is
named, and the next one gets a fresh process: each question makes its metric anew, so that none depends on another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.errors import BenchError, PluginError
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import NO_LIMITS, ErrorScale, ObjectMetric, Result, SetMetric
from bench.plugins.guard import frames_of
from bench.plugins.held import HeldObjectMetric
from bench.plugins.origin import ships
from bench.plugins.state import own_process
from bench.suite.check import make_metric
from bench.suite.load import load_suite
from bench.suite.schema import MetricEntry, Suite
from bench.workers.child import RemoteError
from bench.workers.crew import Crew
from bench.workers.limits import Limits, Lost

SECONDS = 3600.0  # that a plug-in's set-up may take where nobody sets a limit: hashing a large checkpoint takes minutes
LEAST = 60.0  # and always may: importing torch takes its time on a busy machine


@dataclass(frozen=True)
class Question:
    """Of a metric: what it is, with `prompts` once it saw them, with `device` also once its weights are loaded."""

    entry: MetricEntry
    prompts: tuple[str, ...] | None = None
    device: str | None = None
    offline: bool = True


@dataclass(frozen=True)
class Declared:
    """What a metric said: of a set metric all, of an object metric what it can say so far.

    `broken` is what kept an object metric from being made ready, as `HeldObjectMetric.broken`, `trace` where.
    """

    results: tuple[Result, ...]
    parameters: str = ""
    needs_mesh: bool = False
    error_scale: ErrorScale | None = None
    never_primary: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    broken: BenchError | None = None
    trace: str = ""
    reference: str = ""
    extractor: str = ""
    limits: tuple[float, float] = NO_LIMITS

    def why(self) -> BenchError | None:
        """`broken` with its traceback as its cause."""
        if self.broken is not None:
            self.broken.__cause__ = RemoteError(self.trace)
        return self.broken


def set_up_limits(timeout: float | None, memory: float | None = None) -> Limits:
    """Of what plug-ins do before the first batch: an hour, or the time limit of a batch, yet never under a minute."""
    return Limits(SECONDS if timeout is None else max(timeout, LEAST), memory)


_crew = Crew(1, keep=True)


def declared(question: Question, limits: Limits) -> Declared:
    """The answer. Raises what the metric raises, and `PluginError` when it costs its process."""
    (answer,) = _crew.map(_declare, [question], lambda _: limits)
    if isinstance(answer, Lost):
        lost = answer.error
        step = "prepare()" if question.device is not None else "import, or set-up"
        subject = f"metric '{question.entry.name}'"
        raise PluginError(f"{subject}: {step}: {lost.message}", expected=lost.expected, hint=lost.hint)
    return answer


def rest() -> None:
    """End the process until the next question."""
    _crew.close()


def load_apart(source: str | Path, overrides: Sequence[str], isolate: str, timeout: float | None = None) -> Suite:
    """As `load_suite`, for a run with `--isolate`: strangers' metrics are made elsewhere, unless that is 'none'."""
    if isolate == "none":
        return load_suite(source, overrides)
    limits = set_up_limits(timeout)

    def ask(entry: MetricEntry) -> Declared | None:
        return None if ships(METRICS, entry.name) else declared(Question(entry), limits)

    return load_suite(source, overrides, elsewhere=ask)


def _declare(question: Question) -> Declared:
    with own_process():
        metric = make_metric(question.entry, METRICS)
        if isinstance(metric, SetMetric):
            return Declared(
                metric.results(), metric.parameters(), reference=metric.reference, extractor=metric.extractor,
                limits=metric.limits,
            )  # fmt: skip
        if not isinstance(metric, ObjectMetric):
            return Declared(tuple(metric.results()))
        return _object(metric, question)


def _object(metric: ObjectMetric, question: Question) -> Declared:
    if question.prompts is not None:
        metric.see_prompts(question.prompts)
    found = Declared(
        (), needs_mesh=metric.needs_mesh, error_scale=metric.error_scale, never_primary=dict(metric.never_primary)
    )
    if question.device is not None:
        metric.prepare(question.device, question.offline)
        found = replace(found, missing=dict(metric.missing()), parameters=metric.parameters())
    found = replace(found, results=metric.results())
    broken = metric.broken if isinstance(metric, HeldObjectMetric) else None
    return found if broken is None else replace(found, broken=broken, trace=frames_of(broken))
