"""What a metric says about itself. The number is a pure function in the metric's own file; this is the jar's label.

Three kinds exist. An *object metric* judges one sample (the views of one object) and is averaged over objects. A *set
metric* compares the pictures of all samples with a reference set and has no value for a single object. A *generator
metric* is about the generator and not its pictures: `throughput`.
A metric class is called as `factory(options)` and has an attribute `Options`, a pydantic model (extra='forbid') of the
keys that the suite may give it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from bench.errors import UsageError
from bench.extractors.protocol import Features
from bench.geometry.cameras import Cameras
from bench.geometry.scene import SceneGeometry
from bench.references.reference_set import ReferenceFeatures
from bench.results.terms import Axis as Axis
from bench.results.terms import Direction as Direction
from bench.results.terms import Status as Status
from bench.stats.difference import Difference


@dataclass(frozen=True)
class Result:
    """A number that a metric yields: `name` as printed, which way is better, its unit ('' when it has none), and the
    `axis` that it judges.
    """

    name: str
    direction: Direction
    unit: str
    title: str = ""  # a few words for people, e.g. 'leave-one-view-out PSNR'
    axis: Axis = field(kw_only=True)


@dataclass(frozen=True)
class Measurement:
    """One value of one sample. `per_view` is empty for metrics that pool the views; `coverage` is a fraction or None.

    A sample that a metric cannot judge has status 'not_measurable' and value NaN: it is shown, never dropped, never 0.
    """

    value: float
    status: Status = "ok"
    coverage: float | None = None
    per_view: tuple[float, ...] = ()


@dataclass(frozen=True)
class Sample:
    """What an object metric sees: `views` float32 (V, H, W, 3) and `background` sRGB in [0, 1], the scene of a case
    with a mesh, the cameras, the case's prompt and, in their fixed order, the prompts of all cases of the suite.
    """

    views: Tensor
    scene: SceneGeometry | None
    background: tuple[float, float, float]
    cameras: Cameras | None = None
    prompt: str = ""
    prompts: tuple[str, ...] = ()

    @property
    def geometry(self) -> SceneGeometry:
        """The scene, for metrics that need a mesh. Raises `UsageError` when there is none."""
        if self.scene is None:
            raise UsageError(
                "this metric compares views on the surface of a mesh, and the sample has none",
                hint="leave the metric out of suites without meshes, or give the cases meshes",
            )
        return self.scene


class ObjectMetric(Protocol):
    """A metric with one value a sample."""

    needs_mesh: bool

    def results(self) -> tuple[Result, ...]:
        """The numbers that `measure` returns, in print order."""
        ...

    def parameters(self) -> str:
        """Everything that decides the number beside the views and the mesh, as `key=value ...`, for the signature.

        Ends with the metric's own version, such as `v1`, raised whenever its numbers change.
        """
        ...

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """A measurement for each name in `results()`."""
        ...


class WeightedMetric(ObjectMetric, Protocol):
    """An object metric that looks through a network.

    Weights that cannot be had are no reason to stop: the run shows an explicit row that says what is missing.
    """

    def prepare(self, device: str, offline: bool) -> None:
        """Load the weights, once a process, onto `device`; fetch none when `offline`. Called before all else.

        Never raises `WeightsMissing`: `missing` tells. `parameters` is asked afterwards and names the weights' SHA-256.
        """
        ...

    def missing(self) -> Mapping[str, str]:
        """Results that cannot be measured, each with the reason: which file, where it was looked for, what to do.

        `measure` need not answer them, and is not called when all are missing.
        """
        ...


def missing_results(metric: ObjectMetric) -> Mapping[str, str]:
    """`metric.missing()` of a `WeightedMetric`; nothing for metrics without weights."""
    missing = getattr(metric, "missing", None)
    found: Mapping[str, str] = missing() if missing is not None else {}
    return found


def prepare_metric(metric: ObjectMetric, device: str, offline: bool) -> None:
    """`metric.prepare(...)` of a `WeightedMetric`; nothing for metrics without weights."""
    prepare = getattr(metric, "prepare", None)
    if prepare is not None:
        prepare(device, offline)


def show_prompts(metric: ObjectMetric, prompts: tuple[str, ...]) -> None:
    """`metric.see_prompts(prompts)`, if it has it: the suite's prompts in order, before its signature is asked for.

    For metrics whose scale depends on the whole suite, such as the chance of picking the right prompt.
    """
    see = getattr(metric, "see_prompts", None)
    if see is not None:
        see(prompts)


@dataclass(frozen=True)
class ErrorScale:
    """How a metric's error maps are drawn: the `result` whose error they show, its `unit` in words, and `top`, the
    error at the end of the colour scale. Fixed, so that maps of any two objects and generators compare by eye.
    """

    result: str
    unit: str
    top: float


class MappedMetric(ObjectMetric, Protocol):
    """An object metric that can show where a sample went wrong."""

    error_scale: ClassVar[ErrorScale]

    def error_map(self, sample: Sample) -> Tensor:
        """The error of each pixel of each view, float (V, H, W), 0 or more; NaN where nothing is predicted."""
        ...


def error_scale(metric: ObjectMetric) -> ErrorScale | None:
    """The scale of a `MappedMetric`; None for metrics that draw nothing."""
    scale: ErrorScale | None = getattr(metric, "error_scale", None)
    return scale


@dataclass(frozen=True)
class FeatureSet:
    """Features of one generator's pictures, float32 (N, D), with the id of the object that each picture shows."""

    features: Features
    objects: tuple[str, ...]


class SetMetric(Protocol):
    """A distance between a generator's pictures and a reference set, on the features of one extractor."""

    extractor: str
    reference: str

    def result(self) -> Result:
        """The number's label; its name already carries `[extractor]` and `@reference`."""
        ...

    def parameters(self) -> str:
        """As for object metrics; extractor, resize, n and reference are added by the run."""
        ...

    def distance(self, generated: FeatureSet, reference: ReferenceFeatures) -> float:
        """The distance. Raises `InputError` for fewer than two pictures on either side."""
        ...

    def leave_one_object_out(self, generated: FeatureSet, reference: ReferenceFeatures) -> npt.NDArray[np.float64]:
        """The distance without each object in turn (objects in order of first appearance), for the jackknife."""
        ...

    def difference(self, a: FeatureSet, b: FeatureSet, reference: ReferenceFeatures) -> Difference | None:
        """distance(a) - distance(b) with its test of equal distances; both show the same objects.

        `bench.stats.difference.difference_of_distances` makes one of two `leave_one_object_out`. None for statistics
        that are descriptive only.
        """
        ...


def kind_of(metric: object) -> Literal["object", "set", "generator"]:
    """Which of the three kinds a metric is of."""
    if hasattr(metric, "distance"):
        return "set"
    return "generator" if getattr(metric, "times_generators", False) else "object"


def limits_of(metric: SetMetric) -> tuple[float, float]:
    """The range that a set metric's values cannot leave, as its attribute `limits` says; unlimited without one."""
    low, high = getattr(metric, "limits", (-math.inf, math.inf))
    return float(low), float(high)


def object_order(objects: Sequence[str]) -> tuple[str, ...]:
    """Distinct object ids in order of first appearance."""
    return tuple(dict.fromkeys(objects))
