"""Strangers' metrics and extractors in processes of their own: here stands what they say of themselves, work is sent.

A process that dies, hangs or leaks fails the call that it was in, and the next call starts another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError, PluginError
from bench.extractors.catalogue import EXTRACTORS, load_extractor
from bench.extractors.protocol import Extractor, Features, Picture
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import FeatureSet, Measurement, ObjectMetric, Result, Sample, SetMetric
from bench.plugins.contract import plugin_class
from bench.plugins.origin import ships
from bench.references.reference_set import ReferenceFeatures
from bench.run.places import Places
from bench.stats.difference import Difference
from bench.suite.check import make_metric
from bench.suite.declare import Question, declared
from bench.suite.schema import MetricEntry
from bench.workers.crew import Crew
from bench.workers.limits import Limits, Lost


@dataclass(frozen=True)
class _Call:
    make: Callable[..., Any]
    how: tuple[Any, ...]
    method: str
    arguments: tuple[Any, ...]


_object: Any = None  # in a worker: the plug-in that it is for


def _answer(call: _Call) -> Any:
    global _object
    if _object is None:
        _object = call.make(*call.how)
    found = getattr(_object, call.method, None)
    return found(*call.arguments) if callable(found) else found


class _Elsewhere:
    """An object that `make(*how)` gives in another process, and the calls to it."""

    def __init__(self, places: Places, subject: str, make: Callable[..., Any], *how: Any) -> None:
        self.subject, self._make, self._how = subject, make, how
        self._crew: Crew = places.one_more()
        self._limits: Limits = places.making(1)

    def call(self, method: str, *arguments: Any) -> Any:
        """What the method (or attribute) gives. Raises what it raises, and `PluginError` when the process is lost."""
        call = _Call(self._make, self._how, method, arguments)
        (answer,) = self._crew.map(_answer, [call], lambda _: self._limits)
        if isinstance(answer, Lost):
            lost = answer.error
            raise PluginError(f"{self.subject}: {method}(): {lost.message}", expected=lost.expected, hint=lost.hint)
        return answer


class ApartObjectMetric(ObjectMetric):
    """An object metric that is made, made ready and used elsewhere: processes that measure make it again.

    Raises what its set-up raises. One that fails later, or costs the process that makes it ready, is `broken`.
    """

    def __init__(self, entry: MetricEntry, places: Places) -> None:
        self.what, self._limits = f"metric '{entry.name}'", places.setting_up()
        self._question = Question(entry)
        self.broken: BenchError | None = None
        self._said = declared(self._question, self._limits)
        self.needs_mesh = self._said.needs_mesh  # type: ignore[misc]
        self.error_scale = self._said.error_scale  # type: ignore[misc]
        self.never_primary = self._said.never_primary  # type: ignore[misc]

    def results(self) -> tuple[Result, ...]:
        """As it declared them."""
        return self._said.results

    def see_prompts(self, prompts: tuple[str, ...]) -> None:
        """Its titles may tell of them."""
        self._ask(replace(self._question, prompts=prompts))

    def prepare(self, device: str, offline: bool) -> None:
        """Also asks what is missing, and for the signature."""
        self._ask(replace(self._question, device=device, offline=offline))

    def missing(self) -> Mapping[str, str]:
        """As it said when it was made ready."""
        return {} if self.broken else self._said.missing

    def parameters(self) -> str:
        """As it said when it was made ready; 'unknown' of a broken metric."""
        return "unknown" if self.broken else self._said.parameters

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """Never called here: `bench.run.score_objects` measures in processes that make the metric again."""
        raise AssertionError(f"{self.what} is not in this process")

    def _ask(self, question: Question) -> None:
        self._question = question
        if self.broken is not None:
            return
        try:
            said = declared(question, self._limits)
        except BenchError as error:
            self.broken = error
        else:
            self.broken = said.why()
            self._said = said if said.results else replace(said, results=self._said.results)


class ApartSetMetric(SetMetric):
    """A set metric that measures elsewhere."""

    def __init__(self, entry: MetricEntry, places: Places) -> None:
        self._said = said = declared(Question(entry), places.setting_up())
        self.reference, self.extractor = said.reference, said.extractor
        self.limits = said.limits  # type: ignore[misc]
        self._there = _Elsewhere(places, f"metric '{entry.name}'", make_metric, entry, METRICS)

    def result(self) -> Result:
        """As it declared it."""
        (found,) = self._said.results
        return found

    def parameters(self) -> str:
        """As it said."""
        return self._said.parameters

    def distance(self, generated: FeatureSet, reference: ReferenceFeatures) -> float:
        """Measured there."""
        found: float = self._there.call("distance", generated, reference)
        return found

    def leave_one_object_out(self, generated: FeatureSet, reference: ReferenceFeatures) -> npt.NDArray[np.float64]:
        """Measured there."""
        found: npt.NDArray[np.float64] = self._there.call("leave_one_object_out", generated, reference)
        return found

    def pair_values(self, generated: FeatureSet, reference: ReferenceFeatures) -> npt.NDArray[np.float64] | None:
        """Measured there."""
        found: npt.NDArray[np.float64] | None = self._there.call("pair_values", generated, reference)
        return found

    def difference(self, a: FeatureSet, b: FeatureSet, reference: ReferenceFeatures) -> Difference | None:
        """Tested there."""
        found: Difference | None = self._there.call("difference", a, b, reference)
        return found


class ApartExtractor:
    """An extractor whose network is elsewhere. Raises at once what loading it raises."""

    def __init__(self, name: str, device: str, offline: bool, places: Places) -> None:
        self._there = _Elsewhere(places, f"extractor '{name}'", load_extractor, name, device, offline)
        self.name, self.device = name, device
        self.dimension: int = self._there.call("dimension")
        self.object_only = bool(self._there.call("object_only"))
        self._said = {method: str(self._there.call(method)) for method in ("fingerprint", "signature")}

    def fingerprint(self) -> str:
        """As it said when it was loaded."""
        return self._said["fingerprint"]

    def signature(self) -> str:
        """As it said when it was loaded."""
        return self._said["signature"]

    def extract(self, pictures: Iterable[Picture]) -> Features:
        """Computed there."""
        found: Features = self._there.call("extract", list(pictures))
        return found


def metric_of(entry: MetricEntry, places: Places) -> Any:
    """The metric of an entry where it belongs: made here, or elsewhere. Raises `BenchError` that names it."""
    if not places.apart_from_us(ships(METRICS, entry.name)):
        return make_metric(entry, METRICS)
    kind = plugin_class(METRICS, entry.name)
    if issubclass(kind, SetMetric):
        return ApartSetMetric(entry, places)
    return ApartObjectMetric(entry, places) if issubclass(kind, ObjectMetric) else make_metric(entry, METRICS)


def extractor(name: str, device: str, offline: bool, places: Places | None) -> Extractor:
    """As `load_extractor`, where it belongs."""
    if places is not None and places.apart_from_us(ships(EXTRACTORS, name)):
        return ApartExtractor(name, device, offline, places)
    return load_extractor(name, device, offline)
