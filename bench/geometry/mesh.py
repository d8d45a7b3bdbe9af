"""Triangle meshes with textures as plain arrays: what the rasteriser eats. Reading files is `bench.cases`' work."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


Wrap = Literal["repeat", "mirror", "clamp"]


@dataclass(frozen=True)
class Material:
    """Albedo of a part of the surface.

    `texture` is uint8 (H, W, 4) sRGB + alpha as stored in the file, row 0 on top, or None; texture coordinate v = 0 is
    the *bottom* row, as in OBJ. `factor` is RGBA in [0, 1], already sRGB-encoded, multiplied onto the texture. `wrap`
    says what lies beyond the texture's sides and ends; `nearest` shows texels as squares instead of blending them.
    """

    texture: npt.NDArray[np.uint8] | None = None
    factor: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    alpha_mode: Literal["opaque", "mask", "blend"] = "opaque"
    alpha_cutoff: float = 0.5
    wrap: tuple[Wrap, Wrap] = ("repeat", "repeat")
    nearest: bool = False


@dataclass(frozen=True)
class Mesh:
    """`vertices` float64 (N, 3), y up, front towards +z; `faces` int32 (F, 3), counter-clockwise seen from outside.

    `normals` float64 (N, 3) are unit smooth normals (shared across texture seams). `uv` float64 (N, 2) or None;
    `colours` uint8 (N, 4) sRGB vertex colours or None, blended between vertices in linear light where `linear_colours`
    (glTF), else as stored; `face_material` int32 (F,) indexes `materials`. `unpainted` says why the surface cannot be
    painted as its file says (a texture is missing, ...); such a mesh is geometry, and painting it is an error.
    """

    vertices: FloatArray
    faces: npt.NDArray[np.int32]
    normals: FloatArray
    uv: FloatArray | None
    colours: npt.NDArray[np.uint8] | None
    face_material: npt.NDArray[np.int32]
    materials: tuple[Material, ...]
    linear_colours: bool = False
    unpainted: str = ""

    @property
    def has_appearance(self) -> bool:
        """Whether there is anything to paint: a texture with coordinates, vertex colours, or a coloured factor."""
        if self.unpainted:
            return False
        textured = self.uv is not None and any(m.texture is not None for m in self.materials)
        return textured or self.colours is not None or any(m.factor[:3] != (1.0, 1.0, 1.0) for m in self.materials)

    def transformed(self, matrix: FloatArray) -> Mesh:
        """The mesh under a 4 x 4 similarity or rigid motion; normals follow by the inverse transpose."""
        vertices = self.vertices @ matrix[:3, :3].T + matrix[:3, 3]
        normals = self.normals @ np.linalg.inv(matrix[:3, :3])
        normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
        return replace(self, vertices=vertices, normals=normals)

    def normalised(self) -> Mesh:
        """Centred on its bounding box, scaled so that the longest side is 1: what the views are laid out for."""
        low, high = self.vertices.min(axis=0), self.vertices.max(axis=0)
        scale = 1.0 / max(float((high - low).max()), 1e-12)
        matrix = np.diag([scale, scale, scale, 1.0])
        matrix[:3, 3] = -scale * (low + high) / 2
        return self.transformed(matrix)
