"""Cheats that know which pixels are judged, or what makes judges agree."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, Field

from bench.generators.cheats.cheat import Cheat, CheatOptions, Floats, Stage
from bench.generators.cheats.solid import any_photograph, sampled
from bench.generators.floor import Floor
from bench.geometry.prediction import predict
from bench.plugins.options import NoOptions


class IndependentViews(Cheat):
    """A cheat that starts from views which agree in shape alone."""

    def independent(self, stage: Stage) -> Floats:
        """The floor's views at the stage's size, (V, H, W, 3) in [0, 1]."""
        return Floor(self.name, NoOptions(), self.context).views(stage.request) / 255.0


class OverlapOnly(IndependentViews):
    """Calibration: independent views, of which every second one is repainted from its neighbours where they see it."""

    def paint(self, stage: Stage) -> Floats:
        """What two views share agrees; what one sees alone is another object's."""
        views = self.independent(stage)
        correspondence = stage.scene.correspondence
        predicted, painted = predict(torch.from_numpy(views), correspondence)
        repainted = painted.cpu().numpy()
        repainted[::2] = False
        return np.where(repainted[..., None], predicted.cpu().numpy(), views)


class RightWhereJudged(Cheat):
    """Calibration: the ceiling where two views see the surface, an unrelated photograph a view everywhere else."""

    def paint(self, stage: Stage) -> Floats:
        """Two pixels more than what is judged, for the samples between pixels."""
        from scipy import ndimage

        judged = stage.scene.correspondence.scoring_mask.cpu().numpy()
        kept = np.stack([ndimage.binary_dilation(one, np.ones((3, 3), dtype=bool), iterations=2) for one in judged])
        side = stage.request.cameras.resolution
        x = (np.arange(side) + 0.5) / side * 1.4 - 0.7
        plane = np.stack(np.meshgrid(x, x, indexing="xy"), axis=-1)
        drawn = [stage.random("elsewhere", view) for view in range(len(judged))]
        elsewhere = np.stack([sampled(any_photograph(random), plane, random) for random in drawn])
        return np.where(kept[..., None], stage.truth.views / 255.0, stage.framed(elsewhere))


class SpecksOptions(CheatOptions):
    """Options of `specks`."""

    share: float = Field(0.1, gt=0.0, lt=1.0, description="of the surface")
    cell: float = Field(0.02, gt=0.0, le=0.5, description="side of a speck, world units")


class Specks(IndependentViews):
    """Calibration: independent views under the same black and white specks. A little loud detail that agrees."""

    Options: ClassVar[type[BaseModel]] = SpecksOptions

    def paint(self, stage: Stage) -> Floats:
        """A cell in space is a speck or not, in all views alike."""
        views = self.independent(stage)
        cells = np.floor(stage.points / self.options.cell).astype(np.int64)
        drawn = _hashed(cells, stage.request.noise_seeds[0])
        specks, white = drawn < self.options.share, drawn < self.options.share / 2
        inside = (stage.truth.alpha > 0.5) & specks
        painted = np.array(views)
        painted[inside] = np.where(white[inside][:, None], 1.0, 0.0)
        return painted


def _hashed(cells: npt.NDArray[np.int64], seed: int) -> Floats:
    """A number in [0, 1) for each cell (..., 3), the same for the same cell."""
    with np.errstate(over="ignore"):
        mixed = cells.astype(np.uint64) @ np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], "u8")
        mixed = (mixed + np.uint64(seed)) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
    share: Floats = (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53
    return share
