"""The steps of a day, in order of value: what each is for, how long it may take, and what it plans to find.

Steps that need packages which a borrowed machine may lack come after those that need torch and diffusers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from bench.gpu_day.findings import Notes, Planned, absent_package
from bench.gpu_day.settings import Settings


@dataclass(frozen=True)
class Step:
    """`seconds` is the most that it may take; with fewer left than `least` it is skipped. `place`: module:function.

    Beside the function stands `plan_<function>`, which needs no package.
    """

    name: str
    title: str
    place: str
    seconds: float
    least: float

    @property
    def run(self) -> Callable[..., None]:
        """The function; imported now."""
        module, _, name = self.place.partition(":")
        found: Callable[..., None] = getattr(import_module(f"bench.gpu_day.{module}"), name)
        return found

    def plan(self, settings: Settings) -> tuple[Planned, ...]:
        """What it is to find."""
        module, _, name = self.place.partition(":")
        planned: Callable[[Settings], Sequence[Planned]] = getattr(
            import_module(f"bench.gpu_day.{module}"), f"plan_{name}"
        )
        return tuple(planned(settings))


STEPS = (
    Step("facts", "The machine", "ceilings:facts", 40, 5),
    Step("ceilings", "What it reaches at best", "ceilings:ceilings", 45, 15),
    Step("sampling", "Sampling at PixArt-XL's size: 512 px, 4 views", "sampling:sampling", 110, 30),
    Step("training", "Training at PixArt-XL's size", "training:training", 90, 40),
    Step("shifters", "What domain shifters cost", "sampling:shifters", 40, 20),
    Step("twins", "The same answers as on a CPU", "twins:twins", 110, 30),
    Step("batches", "Batch sizes of Realiz3D, eager", "sampling:batches", 60, 20),
    Step("distances", "Distances of large sets of features", "scoring:distances", 60, 20),
    Step("pictures", "Scoring pictures", "scoring:pictures", 60, 20),
    Step("compiled", "Compiled against eager", "sampling:compiled", 120, 50),
    Step("objects", "Object metrics", "scoring:objects", 60, 20),
    Step("tests", "The project's own tests for CUDA", "own_tests:own_tests", 60, 20),
    Step("world", "The mini-world's trainings", "world:world", 500, 60),
)


def step_named(name: str) -> Step:
    """Raises `KeyError` for a name that no step has."""
    return {step.name: step for step in STEPS}[name]


def carry_out(step: Step, settings: Settings, notes: Notes, **more: Any) -> str:
    """Run a step here; why it ended early, '' when it did not. Packages that are absent are named."""
    try:
        step.run(settings, notes, **more)
    except Exception as error:
        package = absent_package(error)
        return f"the package {package} is absent" if package else f"{type(error).__name__}: {str(error)[:400]}"
    return ""
