"""Plug-ins with one mistake each. A metric, generator or extractor that has none heads each part."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pydantic

from bench.generators.protocol import Generator, MultiviewImage
from bench.metrics.declaration import ErrorScale, Measurement, ObjectMetric, Result

GAUGE = Result("gauge", "up", "", axis="consistency")


class Metric:
    class Options(pydantic.BaseModel, extra="forbid"):
        pass

    def __init__(self, options: Any) -> None:
        self.options = options

    def results(self) -> Any:
        return (GAUGE,)

    def parameters(self) -> Any:
        return "v1"

    def measure(self, sample: Any) -> Any:
        return {"gauge": Measurement(1.0)}


class NoOptions:
    def __init__(self, options: Any) -> None: ...
    def results(self) -> Any:
        return (GAUGE,)

    def parameters(self) -> str:
        return "v1"

    def measure(self, sample: Any) -> Any:
        return {}


class PlainOptions(Metric):
    class Options:  # type: ignore[assignment]
        pass


class LaxOptions(Metric):
    class Options(pydantic.BaseModel):  # type: ignore[assignment]
        pass


class OtherInit(Metric):
    def __init__(self, options: Any, device: str) -> None: ...


class BrokenInit(Metric):
    def __init__(self, options: Any) -> None:
        raise KeyError("views")


class ExitingInit(Metric):
    def __init__(self, options: Any) -> None:
        sys.exit(0)


class NoResults:
    Options = Metric.Options

    def __init__(self, options: Any) -> None: ...
    def parameters(self) -> str:
        return "v1"

    def measure(self, sample: Any) -> Any:
        return {}


class BrokenResults(Metric):
    def results(self) -> Any:
        raise RuntimeError("not today")


class EmptyResults(Metric):
    def results(self) -> Any:
        return ()


class TextResults(Metric):
    def results(self) -> Any:
        return ("gauge",)


class TwiceTheSame(Metric):
    def results(self) -> Any:
        return (GAUGE, GAUGE)


class WrongDirection(Metric):
    def results(self) -> Any:
        return (Result("gauge", "sideways", "", axis="consistency"),)  # type: ignore[arg-type]


class WrongUnit(Metric):
    def results(self) -> Any:
        return (Result("gauge", "up", None, axis="consistency"),)  # type: ignore[arg-type]


class WrongAxis(Metric):
    def results(self) -> Any:
        return (Result("gauge", "up", "", axis="beauty"),)  # type: ignore[arg-type]


class NoAxis(Metric):
    def results(self) -> Any:
        return (Result("gauge", "up", ""),)  # type: ignore[call-arg]


class BrokenParameters(Metric):
    def parameters(self) -> Any:
        raise AttributeError("sigma")


class NumberParameters(Metric):
    def parameters(self) -> Any:
        return 1


class NoVersion(Metric):
    def parameters(self) -> Any:
        return "sigma=2"


class NoMeasure:
    Options = Metric.Options
    results, parameters = Metric.results, Metric.parameters

    def __init__(self, options: Any) -> None: ...


class NarrowMeasure(Metric):
    def measure(self) -> Any:  # type: ignore[override]
        return {}


class FlatMap(Metric):
    @property
    def error_scale(self) -> Any:
        return ErrorScale("gauge", "parts", 0.0)

    def error_map(self, sample: Any) -> Any:
        return None


class ScaleWithoutMap(Metric):
    error_scale = ErrorScale("gauge", "parts", 1.0)


class BrokenPrepare(Metric):
    def prepare(self, device: str, offline: bool) -> None:
        raise OSError("no such file: weights.pt")


class OddMissing(Metric):
    def missing(self) -> Any:
        return ["gauge"]


class AbstractMetric(ObjectMetric):
    def results(self) -> Any:
        return (GAUGE,)


class Distance:
    class Options(pydantic.BaseModel, extra="forbid"):
        reference: str
        extractor: str = "efficientnet_lite0_texture"

    def __init__(self, options: Any) -> None:
        self.reference, self.extractor = options.reference, options.extractor

    def result(self) -> Any:
        return Result(f"far@{self.reference}", "down", "", axis="realism")

    def parameters(self) -> Any:
        return "v1"

    def distance(self, generated: Any, reference: Any) -> Any:
        return float(np.abs(generated.features.mean(axis=0) - reference.features.mean(axis=0)).mean())


class NoExtractor(Distance):
    def __init__(self, options: Any) -> None:
        self.reference = options.reference


class NoReference(Distance):
    def __init__(self, options: Any) -> None:
        self.extractor = options.extractor


class NarrowDistance(Distance):
    def distance(self, generated: Any) -> Any:  # type: ignore[override]
        return 0.0


class TurnedLimits(Distance):
    limits = (1.0, 0.0)


class Source:
    class Options(pydantic.BaseModel, extra="forbid"):
        pass

    def __init__(self, name: str, options: Any, context: Any) -> None:
        self.name = name

    def fingerprint(self) -> Any:
        return "v1"

    def generate(self, requests: Any) -> Any:
        for request in requests:
            views = np.random.default_rng(request.noise_seeds[0]).integers(0, 255, (4, 32, 32, 3), np.uint8)
            yield MultiviewImage(request.case.id, request.seed, views)


class SourceWithoutOptions:
    __init__, fingerprint, generate = Source.__init__, Source.fingerprint, Source.generate


class SourceWithoutGenerate:
    Options, __init__, fingerprint = Source.Options, Source.__init__, Source.fingerprint


class SourceWithoutFingerprint:
    Options, __init__, generate = Source.Options, Source.__init__, Source.generate


class LaxSource(Source):
    class Options(pydantic.BaseModel):  # type: ignore[assignment]
        pass


class NarrowGenerate(Source):
    def generate(self) -> Any:  # type: ignore[override]
        yield from ()


class WideGenerate(Source):
    def generate(self, requests: Any, device: str) -> Any:  # type: ignore[override]
        yield from ()


class BrokenFingerprint(Source):
    def fingerprint(self) -> Any:
        return {}["weights"]


class NumberFingerprint(Source):
    def fingerprint(self) -> Any:
        return 7


class SourceOfOtherArguments(Source):
    def __init__(self, checkpoint: str) -> None: ...


class BrokenSource(Source):
    def __init__(self, name: str, options: Any, context: Any) -> None:
        raise ValueError("no CUDA")


class OddTraining(Source):
    def training(self) -> Any:
        return [{"phase": "one", "steps": "many"}]


class AbstractSource(Generator):
    def fingerprint(self) -> str:
        return "v1"


def source_function(name: str, options: Any, context: Any) -> Source:
    return Source(name, options, context)


source_instance = Source("mine", None, None)


class Means:
    """An extractor of the mean colour."""

    dimension: Any = 3

    def __init__(self, device: str = "cpu", offline: bool = True) -> None:
        self.name = f"{__name__}:{type(self).__name__}"

    def fingerprint(self) -> Any:
        return "0" * 64

    def signature(self) -> Any:
        return "extractor=means"

    def extract(self, pictures: Any) -> Any:
        return np.array([picture.reshape(-1, 3).mean(axis=0) for picture in pictures], np.float32)


class ListExtractor(Means):
    def extract(self, pictures: Any) -> Any:
        return [[0.0, 0.0, 0.0] for _ in pictures]


class TextDimension(Means):
    dimension = "3"


class BrokenExtractor(Means):
    def extract(self, pictures: Any) -> Any:
        raise IndexError("layer 12")


class SilentExtractor(Means):
    signature = None  # type: ignore[assignment]


class OtherFactory(Means):
    def __init__(self, weights: str) -> None: ...
