"""The truth's own paint in the wrong places, the same in all views: what agrees, is real, and is not what was asked."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from pydantic import BaseModel, Field

from bench.generators.cheats.cheat import Cheat, CheatOptions, Floats, Stage
from bench.generators.cheats.filtered import own_paint

_ROUNDS = 20  # of Lloyd's algorithm; two clusters of colours settle in fewer


class KaleidoscopeOptions(CheatOptions):
    """Options of `kaleidoscope`."""

    fronts: int = Field(4, ge=1, le=64, description="how often the front's paint goes round the object")


class Kaleidoscope(Cheat):
    """Calibration: the middle of the front view's paint all round the object, every second time mirrored.

    It is fixed to the surface, so that views agree: a Janus head that geometry allows.
    """

    Options: ClassVar[type[BaseModel]] = KaleidoscopeOptions

    def paint(self, stage: Stage) -> Floats:
        """Each surface point gets the paint of where the front shows it, turned about the upright axis."""
        from scipy import ndimage

        paint, _ = own_paint(stage)
        x, y, z = np.moveaxis(stage.points, -1, 0)
        step = 2.0 * np.pi / self.options.fronts
        angle = np.arctan2(x, z)
        turn = np.round(angle / step)
        folded = (angle - turn * step) * np.where(turn % 2 == 0, 1.0, -1.0)
        radius = np.hypot(x, z)
        turned = np.stack([radius * np.sin(folded), y, radius * np.cos(folded)], axis=-1)
        where, _ = stage.request.cameras.project(torch.from_numpy(turned), 0)
        column, row = np.moveaxis(where.numpy() - 0.5, -1, 0)
        channels = [
            ndimage.map_coordinates(paint[0, ..., channel], [row, column], order=1, mode="nearest")
            for channel in range(3)
        ]
        return stage.framed(np.stack(channels, axis=-1))


class ColoursExchanged(Cheat):
    """Calibration: the truth with its two main colours exchanged: a pink mug with a black handle for the other one."""

    def paint(self, stage: Stage) -> Floats:
        """Light, shade and detail stay where they are; each of two clusters is tinted to the other's mean colour."""
        paint, inside = own_paint(stage)
        means = two_colours(paint[inside])
        second = _second_is_nearer(paint, means)[..., None]
        means = np.maximum(means, 1.0 / 255.0)
        return stage.framed(np.where(second, paint * (means[0] / means[1]), paint * (means[1] / means[0])))


def two_colours(colours: Floats) -> Floats:
    """The means (2, 3) of the two clusters of `colours` (n, 3), which start at the ends of their main direction."""
    centred = colours - colours.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    along = centred @ directions[:, -1]
    means = np.stack([colours[along.argmin()], colours[along.argmax()]])
    for _ in range(_ROUNDS):
        second = _second_is_nearer(colours, means)
        if second.all() or not second.any():
            break
        means = np.stack([colours[~second].mean(axis=0), colours[second].mean(axis=0)])
    return means


def _second_is_nearer(colours: Floats, means: Floats) -> np.ndarray:
    first, second = (np.square(colours - mean).sum(axis=-1) for mean in means)
    return np.asarray(second < first)
