"""The generator protocol: what a model must offer to be scored. Everything else is an adapter around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
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
    """What every generator may know of the suite. It never holds references or other generators."""

    cases: tuple[Case, ...]
    cameras: Cameras
    background: RGB
    device: str
    suite_folder: Path  # relative paths of a suite file are taken from here


class Generator(Protocol):
    """A source of multiview images.

    A class becomes usable in suites (`use: NAME` through the entry-point group `realiz3d_bench.generators`, or
    `use: module:attribute`) when it is called as `factory(name, options, context)` and has an attribute `Options`, a
    pydantic model (extra='forbid') of the keys that its entry in the suite may carry. One that reads files of its own
    may have a method `unusable()`, an iterator of `BenchError`s that cases will fail on: `validate` shows them.
    """

    name: str

    def fingerprint(self) -> str:
        """SHA-256 (hex) of all that decides the images: weights, code version, options. Samples are reused by it."""
        ...

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[MultiviewImage]:
        """One answer per request, in the requests' order. Raises `BenchError` for a case that cannot be made."""
        ...
