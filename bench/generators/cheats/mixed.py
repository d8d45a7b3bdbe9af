"""The truth mixed with what is not: enough of it to look right, and enough else to be cheap."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import BaseModel, Field

from bench.generators.cheats.cheat import Cheat, CheatOptions, Floats, Stage
from bench.generators.cheats.filtered import own_paint
from bench.generators.cheats.solid import SolidNoiseOptions, projected_photograph, solid_noise


class BlendedOptions(CheatOptions):
    """Options of `blended`."""

    share: float = Field(0.6, ge=0.0, le=1.0, description="of the truth")


class Blended(Cheat):
    """Calibration: the truth and a solid noise laid over each other."""

    Options: ClassVar[type[BaseModel]] = BlendedOptions

    def paint(self, stage: Stage) -> Floats:
        """Noise about the truth's mean colour."""
        paint, inside = own_paint(stage)
        noise = solid_noise(stage.points, SolidNoiseOptions.model_validate({}), stage.random("noise"))
        share = self.options.share
        return stage.framed(share * paint + (1.0 - share) * (paint[inside].mean(axis=0) + noise))


class OthersDetailOptions(CheatOptions):
    """Options of `others_detail`."""

    sigma: float = Field(4.0, gt=0.0, le=64.0, description="of the blur that parts colours from detail, px")


class OthersDetail(Cheat):
    """Calibration: the truth's colours, soft, under the detail of a photograph of something else through the mesh."""

    Options: ClassVar[type[BaseModel]] = OthersDetailOptions

    def paint(self, stage: Stage) -> Floats:
        """Both parted at one blur; the photograph is fixed to the surface."""
        from scipy import ndimage

        paint, _ = own_paint(stage)
        other = projected_photograph(stage).mean(axis=-1, keepdims=True)
        blur = (0.0, self.options.sigma, self.options.sigma, 0.0)
        soft = ndimage.gaussian_filter(paint, blur, mode="nearest")
        return stage.framed(soft + other - ndimage.gaussian_filter(other, blur, mode="nearest"))


class ChequeredOptions(CheatOptions):
    """Options of `chequered`."""

    cell: float = Field(0.012, gt=0.0, le=0.5, description="side of a cube, world units")
    amount: float = Field(0.04, ge=0.0, le=1.0, description="by which cubes are lighter or darker; white is 1")


class Chequered(Cheat):
    """Calibration: the truth under a fine chequer of cubes, fixed to the surface: detail that agrees in all views."""

    Options: ClassVar[type[BaseModel]] = ChequeredOptions

    def paint(self, stage: Stage) -> Floats:
        """Every second cube is lighter, the others darker."""
        paint, _ = own_paint(stage)
        cells = np.floor(stage.points / self.options.cell).astype(np.int64).sum(axis=-1, keepdims=True) % 2
        return stage.framed(paint + self.options.amount * (2.0 * cells - 1.0))
