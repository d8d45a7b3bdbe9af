"""The ceiling: ground-truth renders. No generator can be more consistent than the textured mesh itself."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from bench.generators.base import SingleCaseGenerator
from bench.generators.ground_truth import ground_truth
from bench.generators.protocol import GenerationRequest


class Ceiling(SingleCaseGenerator):
    """Calibration: renders of the cases' own textured meshes."""

    calibration: ClassVar[bool] = True
    role: ClassVar[Literal["ceiling", "floor"] | None] = "ceiling"

    def views(self, request: GenerationRequest) -> npt.NDArray[np.uint8]:
        """The case's own appearance."""
        return ground_truth(request.case, request.cameras, request.background, self.context.device).views
