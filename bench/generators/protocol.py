"""The generator protocol: what a model must offer to be scored. Everything else is an adapter around it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from bench.errors import BenchError, UsageError
from bench.plugins.options import NoOptions
from bench.results.terms import Role

if TYPE_CHECKING:  # the protocol itself needs no torch
    from torch import Tensor

    from bench.cases.case import Case
    from bench.geometry.cameras import Cameras

RGB = tuple[float, float, float]


class ControlSource(Protocol):
    """Renders a case's control maps; the run passes one that caches geometry across generators."""

    def control(self, case: Case, cameras: Cameras, kind: str) -> Tensor:
        """`kind` 'normal', 'position' (V, H, W, 3), 'depth' or 'mask' (V, H, W); see `bench.geometry.control`."""
        ...


@dataclass(frozen=True)
class GenerationRequest:
    """Make the views of `case` seen by `cameras`, from the noise of `seed`. `background` is sRGB in [0, 1].

    `noise_seed(view)` depends on nothing but (suite seed, case, sample seed, view), so that a sample never changes with
    its batch, its worker or the order of the work.
    """

    case: Case
    cameras: Cameras
    seed: int
    background: RGB
    noise_seeds: tuple[int, ...]
    controls: ControlSource = field(repr=False, compare=False)

    def control(self, kind: str) -> Tensor:
        """A control map of this request, rendered on demand (lossless floats, never an 8-bit picture)."""
        return self.controls.control(self.case, self.cameras, kind)


@dataclass(frozen=True)
class MultiviewImage:
    """The answer to one request: `views` uint8 (V, H, W, 3), sRGB, in the suite's view order."""

    case: str
    seed: int
    views: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class GeneratorContext:
    """What every generator may know of the suite. It never holds references or other generators.

    `shared` are the cameras of all cases; None: each case has its own (`case.cameras`), which requests carry.
    """

    cases: tuple[Case, ...]
    shared: Cameras | None
    background: RGB
    device: str
    suite_folder: Path  # relative paths of a suite file are taken from here

    @property
    def cameras(self) -> Cameras:
        """The cameras of all cases. Raises `UsageError` in a suite where each case has its own.

        A generator that asks for them makes its pictures for one set of views: the error says so in its place.
        """
        if self.shared is None:
            raise UsageError(
                "it makes its pictures for one set of views, and each case of this suite has cameras of its own",
                expected="a suite whose `views` list azimuths, or a generator that reads the cameras of each request",
            )
        return self.shared

    def cameras_of(self, case: Case) -> Cameras:
        """The cameras that a case is seen by. Raises `InputError` where its own camera files are missing or broken."""
        return self.cameras if case.cameras is None else case.cameras.cameras()


@dataclass(frozen=True)
class Preparation:
    """Work before a generator can make its samples: rendering what its model learns from, training it.

    kind: what a run's stage of such work is called ("train models"); `steps` of one kind should take about equally
    long, because the run tells from those that are done when the rest will be. name: which one it is. key: equal for
    equal work, which is done once, whichever generators ask for it. kept: where its result stays, for people. do: does
    it; calls the function that it is given with the number of steps done since the last call. Raises `BenchError`.
    """

    kind: str
    name: str
    key: str
    steps: int
    kept: str
    do: Callable[[Callable[[int], None]], None]


class Generator(ABC):
    """A source of multiview images.

    A class becomes usable in suites (`use: NAME` through the entry-point group `realiz3d_bench.generators`, or
    `use: module:attribute`) when it is called as `factory(name, options, context)`, has an attribute `Options`, a
    pydantic model (extra='forbid') of the keys that its entry in the suite may carry, and the methods `fingerprint` and
    `generate`. It may inherit this class, and gets the rest from here if it does not.
    """

    Options: ClassVar[type[BaseModel]] = NoOptions
    calibration: ClassVar[bool] = False  # known by construction: shown as a yardstick, never ranked against real ones
    role: ClassVar[Role | None] = None  # the best or worst that each object's scores are set against
    timed: ClassVar[bool] = True  # False: no model makes the pictures, so that their time says nothing

    # of a loaded generator, for its timing: the torch module that does the work (for FLOPs and precision), and texts
    # that say more than the module shows
    module: Any = None
    precision: str | None = None
    compile_mode: str | None = None

    def __init__(self, name: str, options: Any, context: GeneratorContext) -> None:
        self.name, self.options, self.context = name, options, context

    @abstractmethod
    def fingerprint(self) -> str:
        """SHA-256 (hex) of all that decides the images: weights, code version, options. Samples are reused by it."""

    @abstractmethod
    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[MultiviewImage]:
        """One answer per request, in the requests' order. Raises `BenchError` for a case that cannot be made."""

    def pipelines(self) -> Sequence[Any]:
        """Once it has generated: the diffusers-like pipelines that did the work, in their order, for the time, memory
        and work of each stage. Empty where there are none.
        """
        return ()

    def preparations(self, seeds: Sequence[int]) -> Sequence[Preparation]:
        """What is missing before samples of these seeds can be made, in the order in which it has to be done.

        A run does it as stages of its own before the first sample; none is needed where this is empty. A generator that
        works in a process of its own is asked there, again for each piece: keys tell which one is meant.
        """
        return ()

    def training(self) -> Sequence[Mapping[str, Any]]:
        """What the training behind it cost, phase by phase, with the fields of `bench.results.summary.PhaseInfo`.

        Empty where nobody wrote that down.
        """
        return ()

    def unusable(self) -> Iterator[BenchError]:
        """Errors that cases will fail on, of generators that read files of their own: `validate` shows them."""
        return iter(())
