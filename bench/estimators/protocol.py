"""The estimator protocol: a picture in, the normals of what it shows out, in the frame of the camera that took it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from groundwork.pictures import Picture

NormalMap = npt.NDArray[np.float32]  # (H, W, 3)


class NormalEstimator(Protocol):
    """A frozen network. The normals of a picture depend on that picture alone: noise comes from constant seeds."""

    name: str

    def fingerprint(self) -> str:
        """SHA-256 (hex) of weights, preparation and everything else that decides the numbers."""
        ...

    def estimate(self, picture: Picture) -> NormalMap:
        """Unit normals, float (H, W, 3), of a uint8 (H, W, 3) picture.

        x points right in the picture, y up, z towards the viewer (OpenGL's camera): a surface that faces the camera is
        (0, 0, 1). Every pixel has a unit vector; what it says where there is no surface is not looked at.
        """
        ...
