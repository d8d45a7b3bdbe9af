"""What a metric says about itself, beside the pure function that its number is.

Three kinds exist. An *object metric* judges one sample (the views of one object) and is averaged over objects. A *set
metric* compares the pictures of all samples with a reference set and has no value for a single object. A *generator
metric* is about the generator and not its pictures: `throughput`.
A metric is called as `factory(options)`, with its `Options`, a pydantic model (extra='forbid') of the keys that the
suite may give it. It inherits one of the classes here, or has their methods (see `bench.plugins.contract`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from bench.errors import InputError, UsageError
from bench.plugins.options import NoOptions
from bench.results.terms import AXES, DIRECTIONS
from bench.results.terms import Axis as Axis
from bench.results.terms import Direction as Direction
from bench.results.terms import Status as Status
from groundwork.hashing import hash_array, hash_strings

if TYPE_CHECKING:  # a label needs no torch
    from torch import Tensor

    from bench.extractors.protocol import Features
    from bench.geometry.cameras import Cameras
    from bench.geometry.scene import SceneGeometry
    from bench.references.reference_set import ReferenceFeatures
    from bench.stats.difference import Difference

NO_LIMITS = (-math.inf, math.inf)
SHARE = (0.0, 1.0)
POSITIVE = (0.0, math.inf)

MAX_NAME = 120  # letters of a result's name: columns and files are called by it


@dataclass(frozen=True)
class Result:
    """A number that a metric yields: `name` as printed, which way is better, its unit ('' when it has none), the `axis`
    that it judges, and the `worst` value that a sample that failed may count as, where there is one. Values cannot
    leave `limits`, and so no interval does.
    Raises `ValueError` that says what is wrong with it.
    """

    name: str
    direction: Direction
    unit: str
    title: str = ""  # a few words for people, e.g. 'leave-one-view-out PSNR'
    axis: Axis = field(kw_only=True)
    worst: float | None = field(default=None, kw_only=True)
    limits: tuple[float, float] = field(default=NO_LIMITS, kw_only=True)

    def __post_init__(self) -> None:
        for attribute in ("name", "unit", "title"):
            text = getattr(self, attribute)
            if not isinstance(text, str) or not (text.isprintable() and text == text.strip()):
                raise ValueError(f"a result's {attribute} is {text!r}, not a text on one line")
        if not self.name or len(self.name) > MAX_NAME or " " in self.name:
            raise ValueError(f"a result's name is {self.name[:80]!r}, not 1 to {MAX_NAME} letters without blanks")
        if self.direction not in DIRECTIONS:
            raise ValueError(f"the direction of '{self.name}' is {self.direction!r}, not 'up' or 'down'")
        if self.axis not in AXES:
            raise ValueError(f"the axis of '{self.name}' is {self.axis!r}, not one of {', '.join(AXES)}")
        if not self.limits[0] < self.limits[1]:
            raise ValueError(f"the limits of '{self.name}' are {self.limits!r}, not the lower and the higher one")


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


@dataclass(frozen=True)
class ErrorScale:
    """How a metric's error maps are drawn: the `result` whose error they show, its `unit` in words, and `top`, the
    error at the end of the colour scale. Fixed, so that maps of any two objects and generators compare by eye.
    Raises `ValueError` for a top that is no end of a scale.
    """

    result: str
    unit: str
    top: float

    def __post_init__(self) -> None:
        if not (isinstance(self.top, int | float) and math.isfinite(self.top) and self.top > 0):
            raise ValueError(f"the error maps of '{self.result}' end at {self.top!r}, not at a number above 0")


class ObjectMetric(ABC):
    """A metric with one value per sample."""

    Options: ClassVar[type[BaseModel]] = NoOptions
    needs_mesh: ClassVar[bool] = False
    never_primary: ClassVar[Mapping[str, str]] = MappingProxyType({})  # results that must decide no suite, and why
    error_scale: ClassVar[ErrorScale | None] = None  # of metrics that have an `error_map`

    def __init__(self, options: Any) -> None:
        self.options = options

    @abstractmethod
    def results(self) -> tuple[Result, ...]:
        """The numbers that `measure` returns, in print order."""

    @abstractmethod
    def parameters(self) -> str:
        """Everything that decides the number beside the views and the mesh, as `key=value ...`, for the signature.

        Ends with the metric's own version, such as `v1`, raised whenever its numbers change.
        """

    @abstractmethod
    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """A measurement for each name in `results()`."""

    def prepare(self, device: str, offline: bool) -> None:  # noqa: B027  most metrics have no weights
        """Load the weights, once a process, onto `device`; fetch none when `offline`. Called before all else.

        Never raises `WeightsMissing`: `missing` tells. `parameters` is asked afterwards and names the weights' SHA-256.
        """

    def missing(self) -> Mapping[str, str]:
        """Results that cannot be measured for lack of weights, each with the reason: which file, where it was looked
        for, what to do. They become rows that say so. `measure` need not answer them, and is not called when all are
        missing.
        """
        return {}

    def see_prompts(self, prompts: tuple[str, ...]) -> None:  # noqa: B027  most metrics need none
        """The suite's prompts in order, before the signature is asked for.

        For metrics whose scale depends on the whole suite, such as the chance of picking the right prompt.
        """

    def error_map(self, sample: Sample) -> Tensor:
        """The error of each pixel of each view, float (V, H, W), 0 or more; NaN where nothing is predicted.

        Asked of metrics with an `error_scale`.
        """
        raise NotImplementedError(f"{type(self).__name__} has an error_scale but no error_map()")


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Features of one generator's pictures, float32 (N, D), with the id of the object that each picture shows."""

    features: Features
    objects: tuple[str, ...]

    @cached_property
    def identity(self) -> str:
        """SHA-256 (hex) of all that distances can depend on."""
        return hash_strings([hash_array(np.asarray(self.features)), *self.objects])


class SetMetric(ABC):
    """A distance between a generator's pictures and a reference set, on the features of one extractor.

    `reference` and `extractor` are names of the suite; the options of the same names give them.
    """

    Options: ClassVar[type[BaseModel]] = NoOptions
    limits: ClassVar[tuple[float, float]] = NO_LIMITS  # that values cannot leave
    reference: str
    extractor: str

    def __init__(self, options: Any) -> None:
        self.options = options
        self.reference, self.extractor = options.reference, options.extractor

    @abstractmethod
    def result(self) -> Result:
        """The number's label; its name already carries `[extractor]` and `@reference`."""

    def results(self) -> tuple[Result, ...]:
        """The same, as object metrics say it."""
        return (self.result(),)

    @abstractmethod
    def parameters(self) -> str:
        """As for object metrics; extractor, resize, n and reference are added by the run."""

    @abstractmethod
    def distance(self, generated: FeatureSet, reference: ReferenceFeatures) -> float:
        """The distance. Raises `InputError` for fewer than two pictures on either side."""

    def leave_one_object_out(self, generated: FeatureSet, reference: ReferenceFeatures) -> npt.NDArray[np.float64]:
        """The distance without each object in turn (objects in order of first appearance), for the jackknife.

        When the reference shows the same objects, an object leaves both sides: it is what was drawn. NaN where too
        little remains. Here by measuring once for each object; most distances have a shorter way.
        """
        return np.array([self._without(name, generated, reference) for name in object_order(generated.objects)])

    def _without(self, name: str, generated: FeatureSet, reference: ReferenceFeatures) -> float:
        kept = np.array([shown != name for shown in generated.objects])
        rest = FeatureSet(generated.features[kept], tuple(shown for shown in generated.objects if shown != name))
        if reference.shares_objects:
            others = np.array([shown != name for shown in reference.clusters])
            clusters = tuple(shown for shown in reference.clusters if shown != name)
            reference = replace(reference, features=reference.features[others], clusters=clusters)
        try:
            return float(self.distance(rest, reference))
        except InputError:
            return math.nan

    def pair_values(self, generated: FeatureSet, reference: ReferenceFeatures) -> npt.NDArray[np.float64] | None:
        """What pairs of objects add to the distance (`bench.stats.pairs`), (objects, objects) in order of appearance.

        They are stored, so that runs are compared by the test that `difference` makes. None where that needs none.
        """
        return None

    def notes(self, reference: ReferenceFeatures) -> tuple[str, ...]:
        """What a reader should know of distances to this reference, such as that a term was estimated."""
        return ()

    def difference(self, a: FeatureSet, b: FeatureSet, reference: ReferenceFeatures) -> Difference | None:
        """distance(a) - distance(b) with its test of equal distances; both show the same objects.

        `bench.stats.difference.difference_of_distances` makes one of two `leave_one_object_out`. None for statistics
        that are descriptive only.
        """
        return None


class GeneratorMetric(ABC):
    """A metric of the generator itself: the run knows how it is measured."""

    Options: ClassVar[type[BaseModel]] = NoOptions

    @abstractmethod
    def results(self) -> tuple[Result, ...]:
        """The numbers that a generator gets, in print order."""

    @abstractmethod
    def parameters(self) -> str:
        """What decides how it is measured."""


def object_order(objects: Sequence[str]) -> tuple[str, ...]:
    """Distinct object ids in order of first appearance."""
    return tuple(dict.fromkeys(objects))
