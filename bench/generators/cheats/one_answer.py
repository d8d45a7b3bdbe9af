"""The same answer to every prompt, and answers that were seen before."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import BaseModel, Field

from bench.cases.miniworld.world import LookName, Split, miniworld_cases
from bench.generators.base import SingleCaseGenerator
from bench.generators.cheats.cheat import CheatOptions, Floats
from bench.generators.cheats.solid import SolidNoiseOptions, any_photograph, sampled, solid_noise
from bench.generators.ground_truth import small_views
from bench.generators.protocol import GenerationRequest
from bench.geometry.cameras import Cameras
from bench.geometry.mesh import Material, Mesh
from bench.identity.colours import PALETTES, Palette, named_colours
from bench.references.pictures import picture_paths, reference_picture
from groundwork.pictures import enlarged


class OneShapeOptions(CheatOptions):
    """Options of `one_shape`."""

    paint: Literal["noise", "photograph", "prompt"] = Field(
        "noise", description="a solid noise, a photograph projected, or one in the colours that the prompt names"
    )
    palette: Palette = Field("common", description="which colours their names mean, as for `identity`")


class OneShape(SingleCaseGenerator):
    """Calibration: the same painted ball for every prompt. Any views of it agree, and it needs no mesh."""

    Options: ClassVar[type[BaseModel]] = OneShapeOptions
    calibration: ClassVar[bool] = True

    def views(self, request: GenerationRequest) -> npt.NDArray[np.uint8]:
        """A ball of diameter 1; each prompt has its own noise, as a sampler would."""
        size = self.options.size
        cameras = request.cameras if size is None else request.cameras.at_resolution(size)
        pictures = np.round(255.0 * np.clip(self._ball(request, cameras), 0.0, 1.0)).astype(np.uint8)
        return pictures if size is None else enlarged(pictures, request.cameras.resolution)

    def _ball(self, request: GenerationRequest, cameras: Cameras) -> Floats:
        from bench.geometry.rasteriser import rasterise

        buffer = rasterise(ball(), cameras, self.context.device)
        inside = buffer.mask.cpu().numpy()
        points = buffer.position.cpu().numpy()
        random = np.random.default_rng(request.noise_seeds[0])
        if self.options.paint == "noise":
            paint = 0.45 + solid_noise(points, SolidNoiseOptions.model_validate({}), random)
        else:
            plane = points[..., :2] @ np.array([[0.8, 0.3], [-0.3, 0.8]]) + 0.5 * points[..., 2:]
            paint = sampled(any_photograph(random), plane, random)
            if self.options.paint == "prompt":
                paint = self._in_colours(paint, points[..., 1], request.case.prompt)
        return np.where(inside[..., None], paint, np.asarray(request.background))

    def _in_colours(self, paint: Floats, height: Floats, prompt: str) -> Floats:
        """The photograph's light and shade in bands of the prompt's colours, one above the other; grey without any."""
        colours = [PALETTES[self.options.palette][name] for name in sorted(named_colours(prompt))]
        bands = np.array(colours or [(128, 128, 128)]) / 255.0
        band = np.clip(((height + 0.5) * len(bands)).astype(np.int64), 0, len(bands) - 1)
        shade = paint.mean(axis=-1, keepdims=True)
        return np.asarray(bands[band] * shade / shade.mean())


class SwappedObjects(SingleCaseGenerator):
    """Calibration: each prompt gets the ceiling of the suite's next object. Every picture is right for another."""

    Options: ClassVar[type[BaseModel]] = CheatOptions
    calibration: ClassVar[bool] = True

    def views(self, request: GenerationRequest) -> npt.NDArray[np.uint8]:
        """The last prompt gets the first object's. Raises `MeshError` when that case has no mesh."""
        cases = self.context.cases
        place = [case.id for case in cases].index(request.case.id)
        other = cases[(place + 1) % len(cases)]
        return small_views(other, request.cameras, request.background, self.context.device, self.options.size)


class OneAnswer(SingleCaseGenerator):
    """Calibration: the ceiling of the suite's first object for every prompt. A perfect picture of something else."""

    Options: ClassVar[type[BaseModel]] = CheatOptions
    calibration: ClassVar[bool] = True

    def views(self, request: GenerationRequest) -> npt.NDArray[np.uint8]:
        """Raises `MeshError` when the first case has no mesh."""
        first = self.context.cases[0]
        return small_views(first, request.cameras, request.background, self.context.device, self.options.size)


class ReferenceCopiesOptions(CheatOptions):
    """Options of `reference_copies`."""

    folder: Path | None = Field(None, description="the reference's own pictures; null: renders of the mini-world")
    split: Split = Field("eval", description="of the mini-world")
    look: LookName = Field("rich", description="of the mini-world's objects")
    first: int = Field(40, ge=0, description="number of the first object that is copied")


class ReferenceCopies(SingleCaseGenerator):
    """Calibration: the reference's own pictures, handed in as answers."""

    Options: ClassVar[type[BaseModel]] = ReferenceCopiesOptions
    calibration: ClassVar[bool] = True

    def views(self, request: GenerationRequest) -> npt.NDArray[np.uint8]:
        """Case number k of the suite gets pictures k V to k V + V - 1 of the folder, or object `first` + k."""
        place = [case.id for case in self.context.cases].index(request.case.id)
        if self.options.folder is None:
            number = self.options.first + place
            other = miniworld_cases(self.options.split, number + 1, self.options.look)[number]
            return small_views(other, request.cameras, request.background, self.context.device, self.options.size)
        paths = picture_paths(self.context.suite_folder / self.options.folder)
        side = request.cameras.resolution
        chosen = [paths[(place * len(request.cameras) + view) % len(paths)] for view in range(len(request.cameras))]
        pictures = [Image.fromarray(reference_picture(path, request.background)) for path in chosen]
        return np.stack([np.asarray(one.resize((side, side), Image.Resampling.BICUBIC)) for one in pictures])


def ball() -> Mesh:
    """A sphere of diameter 1, smooth enough for any view."""
    import trimesh

    shape = trimesh.creation.icosphere(subdivisions=5, radius=0.5)
    faces = np.array(shape.faces, dtype=np.int32)
    vertices = np.array(shape.vertices, dtype=np.float64)
    return Mesh(vertices, faces, 2.0 * vertices, None, None, np.zeros(len(faces), dtype=np.int32), (Material(),))
