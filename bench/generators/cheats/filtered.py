"""The truth through a filter that makes pictures louder, crisper or coarser: done to impress, not to be right."""

from __future__ import annotations

import io
from typing import ClassVar

import numpy as np
from PIL import Image
from pydantic import BaseModel, Field

from bench.generators.cheats.cheat import Cheat, CheatOptions, Floats, Stage, extended


class BoostedOptions(CheatOptions):
    """Options of `boosted`."""

    contrast: float = Field(1.6, ge=0.0, le=8.0, description="of the object's colours about their mean; 1: as they are")
    saturation: float = Field(1.6, ge=0.0, le=8.0, description="distance of a colour from its grey; 1: as it is")


class Boosted(Cheat):
    """Calibration: the ceiling with more contrast and stronger colours, in all views alike."""

    Options: ClassVar[type[BaseModel]] = BoostedOptions

    def paint(self, stage: Stage) -> Floats:
        """Colours about the mean of all views, so that they agree as well as before."""
        paint, inside = own_paint(stage)
        grey = paint.mean(axis=-1, keepdims=True)
        vivid = grey + self.options.saturation * (paint - grey)
        mean = vivid[inside].mean(axis=0)
        return stage.framed(mean + self.options.contrast * (vivid - mean))


class SharpenedOptions(CheatOptions):
    """Options of `sharpened`."""

    amount: float = Field(1.5, ge=0.0, le=16.0, description="how much of the detail is added once more")
    sigma: float = Field(1.5, gt=0.0, le=64.0, description="of the blur whose remainder is the detail, px")


class Sharpened(Cheat):
    """Calibration: the ceiling under an unsharp mask."""

    Options: ClassVar[type[BaseModel]] = SharpenedOptions

    def paint(self, stage: Stage) -> Floats:
        """Each view by itself; paint goes on beyond the outline, so that no halo tells where it is."""
        from scipy import ndimage

        paint, _ = own_paint(stage)
        sigma = self.options.sigma
        soft = ndimage.gaussian_filter(paint, (0.0, sigma, sigma, 0.0), mode="nearest")
        return stage.framed(paint + self.options.amount * (paint - soft))


class CompressedOptions(CheatOptions):
    """Options of `compressed`."""

    quality: int = Field(20, ge=1, le=95, description="of the JPEG")


class Compressed(Cheat):
    """Calibration: the ceiling after JPEG. Its blocks are detail, and the same where views show the same."""

    Options: ClassVar[type[BaseModel]] = CompressedOptions

    def paint(self, stage: Stage) -> Floats:
        """Whole pictures, as they would be saved."""
        made = []
        for view in stage.truth.views:
            file = io.BytesIO()
            Image.fromarray(view).save(file, "JPEG", quality=self.options.quality)
            made.append(np.asarray(Image.open(file), dtype=np.float64) / 255.0)
        return np.stack(made)


class PosterisedOptions(CheatOptions):
    """Options of `posterised`."""

    levels: int = Field(8, ge=2, le=255, description="of each channel")


class Posterised(Cheat):
    """Calibration: the ceiling in few colours, as a poster is printed."""

    Options: ClassVar[type[BaseModel]] = PosterisedOptions

    def paint(self, stage: Stage) -> Floats:
        """Whole pictures; white stays white."""
        steps = self.options.levels - 1
        return np.asarray(np.round(stage.truth.views / 255.0 * steps) / steps)


class Mirrored(Cheat):
    """Calibration: each view of the ceiling mirrored. The object's mirror image, seen from the other side."""

    def paint(self, stage: Stage) -> Floats:
        """Views stay in their places."""
        return stage.truth.views[:, :, ::-1] / 255.0


def own_paint(stage: Stage) -> tuple[Floats, np.ndarray]:
    """The truth's paint (V, H, W, 3), which goes on beyond the outline, and where it was seen whole, bool (V, H, W)."""
    inside = stage.truth.alpha > 0.99
    return extended(stage.truth.views / 255.0, inside), inside
