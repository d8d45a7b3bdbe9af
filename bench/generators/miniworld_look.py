"""The mini-world's objects in a chosen look: what a perfectly consistent but synthetic-looking generator would make."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from bench.cases.miniworld.world import LookName, MiniworldObject
from bench.errors import GeneratorError
from bench.generators.base import SingleCaseGenerator
from bench.generators.ground_truth import small_views
from bench.generators.protocol import GenerationRequest


class LookOptions(BaseModel):
    """Options of `miniworld_look`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    look: LookName = Field(
        "synthetic", description="flat colours, vivid flat colours, or photo textures with baked light"
    )
    size: int | None = Field(
        None, ge=4, le=4096, description="render at this many pixels a side and enlarge; null: the suite's resolution"
    )


class MiniworldLook(SingleCaseGenerator):
    """Calibration: the mini-world's objects in one of their looks; as small as models paint them, if wanted."""

    calibration: ClassVar[bool] = True

    Options: ClassVar[type[BaseModel]] = LookOptions

    def views(self, request: GenerationRequest) -> npt.NDArray[np.uint8]:
        """The same shape in the chosen look."""
        mesh = request.case.mesh
        if not isinstance(mesh, MiniworldObject):
            raise GeneratorError(
                f"generator '{self.name}': case '{request.case.id}' is not an object of the mini-world",
                hint="use it in suites with `cases: {source: miniworld}` only",
            )
        dressed = replace(request.case, mesh=replace(mesh, look=self.options.look))
        return small_views(dressed, request.cameras, request.background, self.context.device, self.options.size)
