"""Known corruptions of the ceiling. Each breaks one thing, so that a metric which claims to see it can be held to it.

Where a corruption must disagree between neighbouring views (a shift or a cast that all views share is consistent), odd
views get it with one sign and even views with the other or not at all, as each class says.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from bench.errors import GeneratorError
from bench.generators.base import SingleCaseGenerator
from bench.generators.ground_truth import ground_truth
from bench.generators.protocol import GenerationRequest

Floats = npt.NDArray[np.float64]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ShiftOptions(_Options):
    """Options of `shift`."""

    pixels: int = Field(1, ge=0, description="how far odd views are moved")
    axis: Literal["x", "y"] = Field("x", description="x moves right, y moves down")


class CastOptions(_Options):
    """Options of `colour_cast`."""

    strength: float = Field(0.1, ge=0.0, lt=1.0, description="0.1 multiplies red by 1.1 and blue by 0.9 in odd views")


class BlurOptions(_Options):
    """Options of `blur`."""

    sigma: float = Field(2.0, gt=0.0, description="standard deviation of the Gaussian in pixels")


class NoiseOptions(_Options):
    """Options of `noise`."""

    sigma: float = Field(0.05, gt=0.0, description="standard deviation, where white is 1")


class Corruption(SingleCaseGenerator):
    """A ceiling with something done to it."""

    calibration: ClassVar[bool] = True

    def views(self, request: GenerationRequest) -> npt.NDArray[np.uint8]:
        """The corrupted ground truth."""
        truth = ground_truth(request.case, request.cameras, request.background, self.context.device)
        corrupted = self.corrupt(truth.views / 255.0, truth.alpha[..., None].astype(np.float64), request)
        return np.round(np.clip(corrupted, 0.0, 1.0) * 255.0).astype(np.uint8)

    @abstractmethod
    def corrupt(self, views: Floats, alpha: Floats, request: GenerationRequest) -> Floats:
        """`views` (V, H, W, 3) in [0, 1], `alpha` (V, H, W, 1)."""


class Shift(Corruption):
    """Calibration: odd views of the ceiling moved by whole pixels."""

    Options: ClassVar[type[BaseModel]] = ShiftOptions

    def corrupt(self, views: Floats, alpha: Floats, request: GenerationRequest) -> Floats:
        """What is moved out is lost, what comes in is background."""
        step = self.options.pixels
        moved = np.array(views)
        if step:
            axis = 2 if self.options.axis == "x" else 1
            moved[1::2] = np.roll(views[1::2], step, axis=axis)
            incoming = (
                (slice(1, None, 2), slice(None), slice(0, step)) if axis == 2 else (slice(1, None, 2), slice(0, step))
            )
            moved[incoming] = request.background
        return moved


class SwappedViews(Corruption):
    """Calibration: the two side views of the ceiling change places."""

    def corrupt(self, views: Floats, alpha: Floats, request: GenerationRequest) -> Floats:
        """Of V views, numbers V / 4 and 3 V / 4 are exchanged."""
        count = len(views)
        if count < 4:
            raise GeneratorError(f"generator '{self.name}': side views exist from four views on, the suite has {count}")
        order = list(range(count))
        order[count // 4], order[3 * count // 4] = order[3 * count // 4], order[count // 4]
        swapped: Floats = np.take(views, order, axis=0)
        return swapped


class ColourCast(Corruption):
    """Calibration: odd views of the ceiling warmer, even views cooler; the background stays as it is."""

    Options: ClassVar[type[BaseModel]] = CastOptions

    def corrupt(self, views: Floats, alpha: Floats, request: GenerationRequest) -> Floats:
        """A gain on the object's own colour: view = alpha * gain * object + (1 - alpha) * background."""
        background = np.asarray(request.background)
        sign = np.where(np.arange(len(views)) % 2 == 1, 1.0, -1.0)[:, None]
        gain = 1.0 + self.options.strength * sign * np.array([1.0, 0.0, -1.0])
        painted = views - (1.0 - alpha) * background
        cast: Floats = painted * gain[:, None, None, :] + (1.0 - alpha) * background
        return cast


class Blur(Corruption):
    """Calibration: the ceiling blurred. The paper's PSNR rewards it; a realism metric must not."""

    Options: ClassVar[type[BaseModel]] = BlurOptions

    def corrupt(self, views: Floats, alpha: Floats, request: GenerationRequest) -> Floats:
        """A Gaussian over the whole picture, background included, as a soft generator would paint."""
        from scipy.ndimage import gaussian_filter

        sigma = self.options.sigma
        return np.asarray(gaussian_filter(views, sigma=(0.0, sigma, sigma, 0.0), mode="nearest"))


class Noise(Corruption):
    """Calibration: independent Gaussian noise on the object in every view."""

    Options: ClassVar[type[BaseModel]] = NoiseOptions

    def corrupt(self, views: Floats, alpha: Floats, request: GenerationRequest) -> Floats:
        """The noise of a view follows from its noise seed alone."""
        noise = [np.random.default_rng(s).standard_normal(views.shape[1:]) for s in request.noise_seeds]
        noisy: Floats = views + alpha * self.options.sigma * np.stack(noise)
        return noisy
