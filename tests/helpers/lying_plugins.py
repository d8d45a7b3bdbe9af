"""Plug-ins that fit and then answer wrongly: what each does is said by its option."""

from __future__ import annotations

import math
import sys
from typing import Any, ClassVar

import numpy as np
import pydantic
from wrong_plugins import Distance, Source

from bench.metrics.declaration import Measurement, Result


class Habit(pydantic.BaseModel, extra="forbid"):
    habit: str = "none"


class Gauge:
    Options = Habit
    made: ClassVar[int] = 0

    def __init__(self, options: Any) -> None:
        self.habit = options.habit
        Gauge.made += 1

    def results(self) -> Any:
        return (Result(f"gauge_{self.habit}", "up", "", axis="consistency"),)

    def parameters(self) -> Any:
        return "v1"

    def prepare(self, device: str, offline: bool) -> None:
        if self.habit == "unready":
            raise OSError("no such file: weights.pt")

    def measure(self, sample: Any) -> Any:
        match self.habit:
            case "exits":
                sys.exit(0)
            case "escapes":
                raise GeneratorExit
            case "forgets":
                return {"views": 1}["camera"]
        answer = {
            "status": Measurement(1.0, "fantastic"),  # type: ignore[arg-type]
            "failed": Measurement(math.nan, "failed"),
            "covered": Measurement(1.0, coverage=900.0),
            "worded": Measurement(1.0, coverage="high"),  # type: ignore[arg-type]
            "huge": Measurement(1e308),
            "text": Measurement("1.0"),  # type: ignore[arg-type]
            "views": Measurement(1.0, per_view=(1.0, 1.0)),
        }.get(self.habit, Measurement(0.5))
        return {f"gauge_{self.habit}": answer}


class Far(Distance):
    class Options(Distance.Options):
        habit: str = "none"

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self.habit = options.habit

    def result(self) -> Any:
        return Result(f"far_{self.habit}@{self.reference}", "down", "", axis="realism")

    def distance(self, generated: Any, reference: Any) -> Any:
        return math.nan if self.habit == "nan" else super().distance(generated, reference)

    def leave_one_object_out(self, generated: Any, reference: Any) -> Any:
        return np.ones(2 if self.habit == "short" else len(set(generated.objects)))

    def difference(self, a: Any, b: Any, reference: Any) -> Any:
        return (7.0, "certain") if self.habit == "certain" else None


class Moody(Source):
    """Works until it is asked for the second object."""

    Options = Habit
    made: ClassVar[int] = 0

    def __init__(self, name: str, options: Any, context: Any) -> None:
        super().__init__(name, options, context)
        self.habit, self.cases = options.habit, [case.id for case in context.cases]
        Moody.made += 1
        if self.habit == "flaky" and Moody.made > 3:  # once each when the run is planned
            raise RuntimeError("out of memory")

    def generate(self, requests: Any) -> Any:
        for request in requests:
            if request.case.id == self.cases[1]:
                match self.habit:
                    case "escapes":
                        raise BaseException("away")
                    case "bare":
                        yield np.zeros((4, 32, 32, 3), np.uint8)
                    case "forgets":
                        self._look({"views": 1})
            yield from super().generate([request])

    def _look(self, batch: Any) -> Any:
        return batch["camera"]
