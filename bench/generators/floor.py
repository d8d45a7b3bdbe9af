"""The floor: every view wears another object's texture, so that views agree in shape and in nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from bench.errors import GeneratorError, MeshError
from bench.generators.base import SingleCaseGenerator
from bench.generators.ground_truth import SUPERSAMPLE
from bench.generators.protocol import GenerationRequest, GeneratorContext


class Floor(SingleCaseGenerator):
    """Calibration: each view is rendered with the texture of a different object of the suite."""

    calibration: ClassVar[bool] = True
    role: ClassVar[Literal["ceiling", "floor"] | None] = "floor"

    def __init__(self, name: str, options: Any, context: GeneratorContext) -> None:
        super().__init__(name, options, context)
        donors = [case.mesh for case in context.cases if case.mesh is not None]
        if len(donors) < 2:
            raise GeneratorError(
                f"generator '{name}': a floor needs textures of at least two objects, the suite has {len(donors)}"
            )
        self.donors = donors

    def views(self, request: GenerationRequest) -> npt.NDArray[np.uint8]:
        """View v of object k wears the look of object k + v + 1 (cyclic, never its own)."""
        from bench.geometry.rendering import render_albedo

        mesh = request.case.mesh
        if mesh is None:
            raise MeshError(f"case '{request.case.id}' has no mesh, so there is nothing to paint")
        others = [donor for donor in self.donors if donor.fingerprint != mesh.fingerprint]
        start = next((k for k, d in enumerate(self.donors) if d.fingerprint == mesh.fingerprint), 0)
        pictures = []
        for view in range(len(request.cameras)):
            painted = mesh.load(texture_of=others[(start + view) % len(others)])
            camera = replace(
                request.cameras,
                world_to_camera=request.cameras.world_to_camera[view : view + 1],
                intrinsics=request.cameras.intrinsics[view : view + 1],
            )
            pictures.append(render_albedo(painted, camera, request.background, self.context.device, SUPERSAMPLE)[0])
        return np.stack(pictures)
