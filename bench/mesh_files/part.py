"""Parts of a mesh as readers find them, and how they become one: the part that no file format decides.

* Normals of the file are used where they are sound: finite, of some length, on the outer side of their faces. Otherwise
  they are area-weighted means over all faces that share the position, so that texture seams stay smooth.
* Vertices that no face uses are dropped, and so are parts of no area (hidden by a scale of zero): they would move the
  bounding box that the views are framed by, and show nothing.
* Parts stay in the file's order, and materials are told apart by identity: readers make one object for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import MeshError
from bench.geometry.mesh import FloatArray, Material, Mesh

MAX_FACES = 5_000_000
Indices = npt.NDArray[np.int64]
Bytes4 = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Surface:
    """A material as a reader understood it, or, in `unpainted`, why it cannot be painted as the file says."""

    material: Material
    unpainted: str = ""


@dataclass(frozen=True)
class Part:
    """Triangles in one material: `vertices` float64 (N, 3), `faces` int64 (F, 3), and what the file says of vertices.

    `normals` float64 (N, 3) of any length, `uv` float64 (N, 2), v = 0 at the bottom, `colours` uint8 (N, 4) sRGB.
    """

    vertices: FloatArray
    faces: Indices
    normals: FloatArray | None
    uv: FloatArray | None
    colours: Bytes4 | None
    surface: Surface

    def compact(self) -> Part:
        """Without the vertices that no face uses."""
        used, inverse = np.unique(self.faces, return_inverse=True)
        if len(used) == len(self.vertices):
            return self
        return replace(
            self,
            vertices=self.vertices[used],
            faces=inverse.reshape(-1, 3),
            normals=None if self.normals is None else self.normals[used],
            uv=None if self.uv is None else self.uv[used],
            colours=None if self.colours is None else self.colours[used],
        )

    @property
    def has_area(self) -> bool:
        """Whether any face has an area, however small; what is not finite is for others to refuse."""
        with np.errstate(over="ignore", invalid="ignore"):
            return bool((_area_vectors(self.vertices, self.faces) != 0).any())

    def placed(self, matrix: FloatArray) -> Part:
        """Under a 4 x 4 affine matrix; one that mirrors turns the winding too: faces stay counter-clockwise outside."""
        linear = matrix[:3, :3]
        determinant = float(np.linalg.det(linear))
        normals = None
        if self.normals is not None and determinant != 0:
            normals = self.normals @ np.linalg.inv(linear)
        faces = self.faces[:, ::-1] if determinant < 0 else self.faces
        return replace(self, vertices=self.vertices @ linear.T + matrix[:3, 3], faces=faces, normals=normals)


def check_faces(faces: Indices, vertices: int, place: str) -> None:
    """Raises `MeshError` for a face that uses a vertex that does not exist."""
    if len(faces) and (faces.min() < 0 or faces.max() >= vertices):
        wrong = int(faces.max()) if faces.max() >= vertices else int(faces.min())
        raise MeshError(
            f"a face uses a vertex that does not exist: {wrong}", where=place, expected=f"0 ... {vertices - 1}"
        )


def join(parts: Sequence[Part], path: Path, linear_colours: bool = False) -> Mesh:
    """Parts in the world's coordinates as one mesh. Raises `MeshError` where there is nothing, or too much, to see."""
    parts = [part.compact() for part in parts if len(part.faces)]
    parts = [part for part in parts if part.has_area] or parts
    total = sum(len(part.faces) for part in parts)
    if total > MAX_FACES:
        raise MeshError(f"the mesh has too many faces: {total}", where=str(path), expected=f"at most {MAX_FACES}")
    if not parts:
        raise MeshError("the mesh has no faces", where=str(path), expected="triangles or polygons")
    if not all(np.isfinite(part.vertices).all() for part in parts):
        raise MeshError("the mesh has vertices that are not finite numbers", where=str(path))
    if any(part.uv is not None and not np.isfinite(part.uv).all() for part in parts):
        raise MeshError("the mesh has texture coordinates that are not finite numbers", where=str(path))
    surfaces = list({id(part.surface): part.surface for part in parts}.values())
    place = {id(surface): index for index, surface in enumerate(surfaces)}
    starts = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
    uv = colours = None
    if any(part.uv is not None for part in parts):
        uv = np.concatenate([np.zeros((len(p.vertices), 2)) if p.uv is None else p.uv for p in parts])
    if any(part.colours is not None for part in parts):
        white = [np.full((len(p.vertices), 4), 255, np.uint8) if p.colours is None else p.colours for p in parts]
        colours = np.concatenate(white)
    mesh = Mesh(
        vertices=np.concatenate([part.vertices for part in parts]),
        faces=np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=True)]).astype(np.int32),
        normals=np.concatenate([_sound_normals(part) for part in parts]),
        uv=uv,
        colours=colours,
        face_material=np.concatenate([np.full(len(p.faces), place[id(p.surface)], np.int32) for p in parts]),
        materials=tuple(surface.material for surface in surfaces),
        linear_colours=linear_colours,
        unpainted=next((surface.unpainted for surface in surfaces if surface.unpainted), ""),
    )
    _check_extent(mesh, path)
    missing = np.isnan(mesh.normals).any(axis=1)
    if missing.any():
        mesh.normals[missing] = smooth_normals(mesh.vertices, mesh.faces)[missing]
    return mesh


def _check_extent(mesh: Mesh, path: Path) -> None:
    """A point or a line fills no pixel, and coordinates without an extent cannot be normalised."""
    with np.errstate(over="ignore", invalid="ignore"):
        extent = float(np.ptp(mesh.vertices, axis=0).max())
        flat = extent > 0 and not (np.abs(_area_vectors(mesh.vertices / extent, mesh.faces)) > 1e-12).any()
    if not np.isfinite(extent) or extent == 0 or flat:
        what = "is a single point" if extent == 0 else "has faces of no area only" if flat else "is endlessly large"
        raise MeshError(f"the mesh {what}", where=str(path), expected="a surface that can be seen")


def _sound_normals(part: Part) -> FloatArray:
    """The file's normals at unit length; all NaN when they contradict the faces, NaN where one is no normal."""
    if part.normals is None:
        return np.full_like(part.vertices, np.nan)
    length = np.linalg.norm(part.normals, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        enough = length > 1e-6 * max(float(np.nanmax(length, initial=0.0)), 1e-300)
        unit = np.where(enough & np.isfinite(length), part.normals / length, np.nan)
        areas = _area_vectors(part.vertices, part.faces)
        agree = np.einsum("fi,fvi->fv", areas, unit[part.faces]).mean(axis=1)  # + or - area where normals are sound
    if np.nansum(agree) < 0.5 * np.linalg.norm(areas, axis=1).sum():
        return np.full_like(unit, np.nan)
    return unit


def _area_vectors(vertices: FloatArray, faces: npt.NDArray[Any]) -> FloatArray:
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)


def smooth_normals(vertices: FloatArray, faces: npt.NDArray[Any]) -> FloatArray:
    """Area-weighted unit normals (N, 3), shared by vertices at one position (to 1e-7 of the box); else (0, 1, 0)."""
    extent = max(float(np.ptp(vertices, axis=0).max()), 1e-300)
    quantised = np.rint((vertices - vertices.min(axis=0)) / (1e-7 * extent)).astype(np.int64)
    _, place = distinct(quantised)
    summed = np.zeros((int(place.max()) + 1, 3))
    areas = _area_vectors(vertices / extent, faces)
    for corner in range(3):
        np.add.at(summed, place[faces[:, corner]], areas)
    length = np.linalg.norm(summed, axis=1, keepdims=True)
    return np.where(length > 1e-14, summed / np.maximum(length, 1e-300), [0.0, 1.0, 0.0])[place]


def corners(*indices: Indices | None) -> tuple[Indices, list[Indices | None]]:
    """Vertices of their own for each combination of indices, all (F, 3): faces (F, 3), and each list's (N,) rows."""
    first, inverse = distinct(np.stack([index.ravel() for index in indices if index is not None], axis=1))
    return inverse.reshape(-1, 3), [None if index is None else index.ravel()[first] for index in indices]


def distinct(rows: Indices) -> tuple[Indices, Indices]:
    """For rows of whole numbers (N, K): where each distinct one first stands, in sorted order, and which one each is.

    As `numpy.unique` by rows says it, in a fraction of the time: rows are sorted as single numbers.
    """
    key = rows[:, 0] - rows[:, 0].min()
    for column in rows.T[1:]:
        digits = column - column.min()
        width = int(digits.max()) + 1
        if int(key.max()) >= 2**62 // width:
            key = np.unique(key, return_inverse=True)[1]
        key = key * width + digits
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return first, inverse
