"""Solid textures: paint that is a function of the surface point, so that any views of it agree perfectly."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field

from bench.cases.miniworld.photos import PHOTOS, photograph
from bench.generators.cheats.cheat import Cheat, CheatOptions, Floats, Stage, extended

Palette = Literal["grey", "own", "photograph", "drawn"]
_LATTICE = 64  # cells a side; coarser than that would repeat on an object


class FlatOptions(CheatOptions):
    """Options of `flat_colour`."""

    colour: Palette = Field("grey", description="mid-grey; the truth's mean; a photograph's mean; or any at random")


class FlatColour(Cheat):
    """Calibration: the object in one colour. Perfectly consistent, and nothing is there."""

    Options: ClassVar[type[BaseModel]] = FlatOptions

    def paint(self, stage: Stage) -> Floats:
        """One colour for all views."""
        mean, _ = palette(stage, self.options.colour)
        return stage.framed(np.broadcast_to(mean, stage.truth.views.shape))


class SolidNoiseOptions(CheatOptions):
    """Options of `solid_noise`."""

    frequencies: tuple[float, ...] = Field((8.0, 16.0, 32.0, 64.0), description="lattice cells a world unit")
    contrast: float = Field(0.12, ge=0.0, le=2.0, description="standard deviation of the brightness; white is 1")
    slope: float = Field(0.5, description="amplitude of an octave: its frequency to the power of minus this")
    chroma: float = Field(0.2, ge=0.0, le=1.0, description="share of the noise that is not grey")
    colour: Palette = Field("photograph", description="the mean colour, as for `flat_colour`")


class SolidNoise(Cheat):
    """Calibration: octaves of smooth noise in space, about one colour. Consistent detail that means nothing."""

    Options: ClassVar[type[BaseModel]] = SolidNoiseOptions

    def paint(self, stage: Stage) -> Floats:
        """Noise of the surface points, the same in all views."""
        mean, _ = palette(stage, self.options.colour)
        return stage.framed(mean + solid_noise(stage.points, self.options, stage.random("noise")))


class MatchedNoise(Cheat):
    """Calibration: solid noise with the object's own colours and, octave by octave, as much detail as it has."""

    def paint(self, stage: Stage) -> Floats:
        """Noise of lattice cells as wide as each octave's details; colours vary together as the object's do."""
        from scipy import ndimage

        random, side = stage.random("noise"), stage.request.cameras.resolution
        inside = stage.truth.alpha > 0.99
        own = extended(stage.truth.views / 255.0, inside)
        mean = own[inside].mean(axis=0)
        _, across = np.linalg.eigh(np.cov(own[inside].T) + 1e-9 * np.eye(3))
        noise, finer, octaves = np.zeros(own.shape), own, int(np.log2(side)) - 2
        for octave in range(octaves):
            sigma = 0.7 * 2.0**octave
            last = octave == octaves - 1
            coarser = mean if last else ndimage.gaussian_filter(own, (0.0, sigma, sigma, 0.0), mode="nearest")
            amount = ((finer - coarser)[inside] @ across).std(axis=0)  # of this octave, along its main colours
            frequency = side / (6.0 * sigma)
            only = SolidNoiseOptions.model_validate(
                {"frequencies": [frequency], "slope": 0, "chroma": 1, "contrast": 1}
            )
            noise += (solid_noise(stage.points, only, random) * amount) @ across.T
            finer = coarser
        return stage.framed(mean + noise - noise[inside].mean(axis=0))


class PaintedNormals(Cheat):
    """Calibration: the normal map as a picture. All the edges of the shape, no paint."""

    def paint(self, stage: Stage) -> Floats:
        """(n + 1) / 2 of the smooth normals."""
        buffer = stage.scene.gbuffer
        return stage.framed((buffer.normal.cpu().numpy() + 1.0) / 2.0)


class PhotographProjectedOptions(CheatOptions):
    """Options of `photograph_projected`."""

    colour: Literal["own", "photograph"] = Field("photograph", description="as it is, or tinted to the object's mean")


class PhotographProjected(Cheat):
    """Calibration: one photograph of something else, projected through the object askew. Real, consistent, wrong."""

    Options: ClassVar[type[BaseModel]] = PhotographProjectedOptions

    def paint(self, stage: Stage) -> Floats:
        """As `projected_photograph` has it."""
        paint = projected_photograph(stage)
        if self.options.colour == "own":
            paint = paint * (palette(stage, "own")[0] / paint[stage.truth.alpha > 0.99].mean(axis=0))
        return stage.framed(paint)


class PhotographEachView(Cheat):
    """Calibration: the same photograph of something else behind the outline of each view. Real, and no object."""

    def paint(self, stage: Stage) -> Floats:
        """In the frame's own coordinates."""
        random = stage.random("photograph")
        side = stage.request.cameras.resolution
        x = (np.arange(side) + 0.5) / side * 1.4 - 0.7
        plane = np.stack(np.meshgrid(x, x, indexing="xy"), axis=-1)
        flat = sampled(any_photograph(random), plane, random)
        return stage.framed(np.broadcast_to(flat, stage.truth.views.shape))


def palette(stage: Stage, colour: Palette) -> tuple[npt.NDArray[np.float64], np.random.Generator]:
    """A colour (3,) in [0, 1], and the random numbers that it was drawn with."""
    random = stage.random("colour")
    if colour == "grey":
        return np.full(3, 0.5), random
    if colour == "drawn":
        return random.uniform(0.1, 0.9, 3), random
    if colour == "photograph":
        return any_photograph(random).reshape(-1, 3).mean(axis=0), random
    inside = stage.truth.alpha > 0.99
    return stage.truth.views[inside].mean(axis=0) / 255.0, random


def solid_noise(points: Floats, options: SolidNoiseOptions, random: np.random.Generator) -> Floats:
    """Value noise at points (..., 3), (..., 3), of standard deviation `contrast` about 0."""
    from scipy import ndimage

    total = np.zeros(points.shape)
    for frequency in options.frequencies:
        lattice = random.standard_normal((4, _LATTICE, _LATTICE, _LATTICE))
        where = np.moveaxis(points * frequency, -1, 0) + _LATTICE / 2
        values = [ndimage.map_coordinates(one, where, order=1, mode="grid-wrap") for one in lattice]
        grey, colours = values[0][..., None], np.stack(values[1:], axis=-1)
        total += frequency**-options.slope * ((1.0 - options.chroma) * grey + options.chroma * colours)
    noise: Floats = options.contrast * total / max(float(total.std()), 1e-9)
    return noise


def any_photograph(random: np.random.Generator) -> Floats:
    """One of the photographs that installed packages carry, (H, W, 3) in [0, 1]."""
    names = sorted(PHOTOS)
    return photograph(names[int(random.integers(len(names)))]) / 255.0


def projected_photograph(stage: Stage) -> Floats:
    """Paint (V, H, W, 3), fixed to the surface: along a direction that no camera looks in, which would stretch it."""
    random = stage.random("photograph")
    picture = any_photograph(random)
    right, up = np.array([0.83, 0.0, -0.55]), np.array([-0.26, 0.88, -0.39])
    return sampled(picture, np.stack([stage.points @ right, stage.points @ -up], axis=-1), random)


def sampled(picture: Floats, plane: Floats, random: np.random.Generator) -> Floats:
    """`picture` (H, W, 3) at plane coordinates (..., 2) in about [-.7, .7], where its shorter side spans 1.4."""
    from scipy import ndimage

    scale = min(min(picture.shape[:2]), 400) / 1.4  # finer than a view shows it would alias
    centre = [random.uniform(0.7 * scale, extent - 0.7 * scale) for extent in picture.shape[1::-1]]
    where = np.stack([plane[..., 1] * scale + centre[1], plane[..., 0] * scale + centre[0]])
    channels = [ndimage.map_coordinates(picture[..., c], where, order=1, mode="mirror") for c in range(3)]
    return np.stack(channels, axis=-1)
