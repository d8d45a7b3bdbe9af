"""Plug-ins without weights for tests of the suite reader: only names, options and results matter here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from bench.metrics.declaration import Measurement, Result
from bench.suite.check import Plugins
from groundwork.registry import Registry


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Generator:
    def __init__(self, name: str, options: Any, context: Any) -> None:
        self.name, self.options = name, options

    def fingerprint(self) -> str:
        return "none"

    def generate(self, requests: Any) -> Any:
        yield from ()


class Renders(_Generator):
    class Options(_Options):
        strength: float = 0.5


class Pictures(_Generator):
    class Options(_Options):
        path: Path = Field(description="root of the pictures")
        backup: Path | None = None


class Detail:
    needs_mesh = True

    class Options(_Options):
        pass

    never_primary: ClassVar[dict[str, str]] = {"detail_coverage": "everyone has it"}

    def __init__(self, options: Any) -> None:
        self.options = options

    def results(self) -> tuple[Result, ...]:
        return (Result("detail", "up", "", axis="consistency"), Result("detail_coverage", "up", "", axis="consistency"))

    def parameters(self) -> str:
        return "v1"

    def measure(self, sample: Any) -> dict[str, Measurement]:
        return {}


class Distance:
    class Options(_Options):
        reference: str = Field(description="a name of `references`")
        extractor: str = "pooled"

    def __init__(self, options: Any) -> None:
        self.options = options
        self.reference, self.extractor = options.reference, options.extractor

    def parameters(self) -> str:
        return "v1"

    def distance(self, generated: Any, reference: Any) -> float:
        return 0.0

    def result(self) -> Result:
        return Result(f"distance[{self.options.extractor}]@{self.options.reference}", "down", "", axis="realism")


PLUGINS = Plugins(
    Registry("generator", "no.such.group", {"renders": "fake_plugins:Renders", "pictures": "fake_plugins:Pictures"}),
    Registry("metric", "no.such.group", {"detail": "fake_plugins:Detail", "distance": "fake_plugins:Distance"}),
    Registry("extractor", "no.such.group", {"pooled": "nowhere:x", "texture": "nowhere:y"}),
    reference_sets=lambda: ("photo_cutouts", "mine"),
)
