"""The truth with another outline: scores that look at the frame instead of the object pay for it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import BaseModel, Field

from bench.generators.cheats.cheat import Cheat, CheatOptions, Floats, Stage


class ErodedOptions(CheatOptions):
    """Options of `eroded`."""

    pixels: int = Field(1, ge=1, description="how much of the rim becomes background")


class Eroded(Cheat):
    """Calibration: the ceiling without its rim. The outline's soft pixels, which a network sees, are gone."""

    Options: ClassVar[type[BaseModel]] = ErodedOptions

    def paint(self, stage: Stage) -> Floats:
        """Pixels that are wholly the object's, less the outermost ones."""
        from scipy import ndimage

        whole = stage.truth.alpha > 0.999
        kept = [
            ndimage.binary_erosion(one, np.ones((3, 3), dtype=bool), iterations=self.options.pixels) for one in whole
        ]
        views = stage.truth.views / 255.0
        return np.where(np.stack(kept)[..., None], views, np.asarray(stage.request.background))


class ScaledOptions(CheatOptions):
    """Options of `scaled`."""

    factor: float = Field(0.9, gt=0.1, le=1.0, description="of the object's size in the frame")


class Scaled(Cheat):
    """Calibration: the ceiling smaller in its frame. No texture changes but its scale."""

    Options: ClassVar[type[BaseModel]] = ScaledOptions

    def paint(self, stage: Stage) -> Floats:
        """Each view shrunk about its centre, area-filtered by a Gaussian."""
        from scipy import ndimage

        truth, factor = stage.truth, self.options.factor
        behind = np.asarray(stage.request.background)
        centre = (stage.request.cameras.resolution - 1) / 2
        blur = 0.5 * np.sqrt(1.0 / factor**2 - 1.0)  # what shrinking must remove
        made = []
        for view in truth.views / 255.0:
            soft = ndimage.gaussian_filter(view, (blur, blur, 0.0)) if blur > 0 else view
            channels = [
                ndimage.affine_transform(
                    soft[..., c], np.full(2, 1.0 / factor), centre - centre / factor, order=1, cval=behind[c]
                )
                for c in range(3)
            ]
            made.append(np.stack(channels, axis=-1))
        return np.stack(made)
