"""What every cheat has in common: the case's ground truth, its geometry and a size to paint at.

Cheats know more than a model would (the outline, the colours of the truth, which pixels are judged): what does not pay
for them pays for nobody.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from bench.errors import MeshError
from bench.generators.base import SingleCaseGenerator
from bench.generators.ground_truth import GroundTruth, ground_truth
from bench.generators.protocol import GenerationRequest
from bench.geometry.cameras import cameras_digest
from bench.geometry.scene import SceneGeometry
from groundwork.hashing import seed_from
from groundwork.pictures import enlarged

Floats = npt.NDArray[np.float64]


class CheatOptions(BaseModel):
    """Options of every cheat."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    size: int | None = Field(
        None, ge=4, le=4096, description="paint at this many pixels a side and enlarge; null: the suite's resolution"
    )


@dataclass(frozen=True)
class Stage:
    """A request at the size that the cheat paints at, with what it may look at."""

    request: GenerationRequest
    device: str

    @property
    def truth(self) -> GroundTruth:
        """Renders of the case's own mesh."""
        return ground_truth(self.request.case, self.request.cameras, self.request.background, self.device)

    @property
    def scene(self) -> SceneGeometry:
        """Geometry of the case's mesh."""
        return _scene(self.request, self.device)

    @property
    def points(self) -> Floats:
        """The surface point that each pixel shows, (V, H, W, 3); beside the object, the nearest pixel's."""
        buffer = self.scene.gbuffer
        return extended(buffer.position.cpu().numpy(), buffer.mask.cpu().numpy())

    def random(self, *parts: str | int) -> np.random.Generator:
        """Random numbers that depend on the case, the sample's noise and `parts`."""
        return np.random.default_rng(seed_from("cheat", self.request.case.id, self.request.noise_seeds[0], *parts))

    def framed(self, paint: Floats) -> Floats:
        """Paint (V, H, W, 3) in [0, 1] inside the object's outline, the background elsewhere."""
        alpha = self.truth.alpha[..., None].astype(np.float64)
        framed: Floats = alpha * paint + (1.0 - alpha) * np.asarray(self.request.background)
        return framed


class Cheat(SingleCaseGenerator):
    """Calibration: pictures that nobody would want, made to win."""

    Options: ClassVar[type[BaseModel]] = CheatOptions
    calibration: ClassVar[bool] = True

    def views(self, request: GenerationRequest) -> npt.NDArray[np.uint8]:
        """The pictures, at the suite's resolution. Raises `MeshError` for a case without mesh, or without looks."""
        size = self.options.size
        cameras = request.cameras if size is None else request.cameras.at_resolution(size)
        painted = self.paint(Stage(replace(request, cameras=cameras), self.context.device))
        pictures = np.round(np.clip(painted, 0.0, 1.0) * 255.0).astype(np.uint8)
        return pictures if size is None else enlarged(pictures, request.cameras.resolution)

    @abstractmethod
    def paint(self, stage: Stage) -> Floats:
        """The views, (V, H, W, 3) in [0, 1]."""


def extended(values: npt.NDArray[np.float64], mask: npt.NDArray[np.bool_]) -> Floats:
    """`values` (V, H, W, C) with each pixel outside of `mask` (V, H, W) replaced by the nearest one inside."""
    from scipy import ndimage

    filled = np.array(values)
    for view, inside in enumerate(mask):
        if inside.any():
            row, column = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
            filled[view] = values[view, row, column]
    return filled


_KEPT = 24  # scenes: of four views of 256 px 45 MB each, so about a gigabyte
_kept: OrderedDict[str, SceneGeometry] = OrderedDict()


def _scene(request: GenerationRequest, device: str) -> SceneGeometry:
    """Scenes are kept: cheats are tried one after the other on the same few objects."""
    mesh = request.case.mesh
    if mesh is None:
        raise MeshError(f"case '{request.case.id}' has no mesh, so this cheat has nothing to paint")
    key = mesh.fingerprint + cameras_digest(request.cameras) + device
    if key not in _kept:
        _kept[key] = SceneGeometry(mesh.load(), request.cameras, device)
        if len(_kept) > _KEPT:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return _kept[key]
