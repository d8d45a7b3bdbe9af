"""Cheats that choose: the best of many draws, or which objects to answer at all."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import torch
from pydantic import BaseModel, Field

from bench.errors import GeneratorError
from bench.generators.cheats.cheat import Cheat, CheatOptions, Floats, Stage
from bench.metrics.cde import cde


class BestOfOptions(CheatOptions):
    """Options of `best_of`."""

    draws: int = Field(8, ge=1, le=64, description="how many samples to choose from; 1: the honest generator")
    slip: int = Field(4, ge=0, le=32, description="by how many pixels a view may be off, each way")


class BestOf(Cheat):
    """Calibration: a generator whose views slip at random, and the best of several draws by the metric itself."""

    Options: ClassVar[type[BaseModel]] = BestOfOptions

    def paint(self, stage: Stage) -> Floats:
        """The draw with the highest `cde`."""
        draws = self.drawn(stage)
        return max(draws, key=lambda views: own_cde(stage, views)) if len(draws) > 1 else draws[0]

    def drawn(self, stage: Stage) -> list[Floats]:
        """All draws: the truth, each view moved by up to `slip` pixels."""
        random, draws = stage.random("slips"), []
        for _ in range(self.options.draws):
            slips = random.integers(-self.options.slip, self.options.slip + 1, (len(stage.request.cameras), 2))
            moved = [np.roll(view, slip, axis=(0, 1)) for view, slip in zip(stage.truth.views, slips, strict=True)]
            draws.append(np.stack(moved) / 255.0)
        return draws


class AverageOf(BestOf):
    """Calibration: the mean of several draws, as of several methods. Errors average out; so does detail."""

    def paint(self, stage: Stage) -> Floats:
        """Over all draws."""
        return np.asarray(np.mean(self.drawn(stage), axis=0))


class FailsOnHardOptions(CheatOptions):
    """Options of `fails_on_hard`."""

    sigma: float = Field(2.0, gt=0.0, description="of the blur, px")
    least: float = Field(0.65, ge=0.0, le=1.0, description="the own score below which the object is not answered")


class FailsOnHard(Cheat):
    """Calibration: a blur that makes no picture of the objects that it does badly on."""

    Options: ClassVar[type[BaseModel]] = FailsOnHardOptions

    def paint(self, stage: Stage) -> Floats:
        """Raises `GeneratorError` where its own `cde` is below `least`."""
        from scipy import ndimage

        sigma = self.options.sigma
        views = ndimage.gaussian_filter(stage.truth.views / 255.0, (0.0, sigma, sigma, 0.0), mode="nearest")
        if own_cde(stage, views) < self.options.least:
            raise GeneratorError(f"generator '{self.name}' gives up: it does badly on '{stage.request.case.id}'")
        return np.asarray(views)


def own_cde(stage: Stage, views: Floats) -> float:
    """What `cde` says of views; 1 where it says nothing."""
    found = cde(torch.from_numpy(views), stage.scene.correspondence).value
    return 1.0 if math.isnan(found) else found
