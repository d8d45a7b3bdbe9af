"""Polygons to triangles: fans where the polygon is convex, ears cut off one by one where it is not."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from bench.errors import MeshError
from bench.geometry.mesh import FloatArray

MAX_CORNERS = 5000
Indices = npt.NDArray[np.int64]


def triangulate(vertices: FloatArray, counts: Indices, indices: Indices) -> tuple[Indices, Indices]:
    """Triangles of polygons with `counts` corners each, whose vertices `indices` lists one polygon after the other.

    Returns, for F triangles in the polygons' order, places in `indices`, (F, 3), and the polygon of each, (F,).
    Polygons of fewer than three corners give none. A fan would fold a concave polygon over itself. Raises `MeshError`
    for a concave polygon of more than `MAX_CORNERS`: ears take time by the square of their number.
    """
    starts = np.cumsum(counts) - counts
    several = np.maximum(counts - 2, 0)
    polygon = np.repeat(np.arange(len(counts)), several)
    step = np.arange(len(polygon)) - np.repeat(np.cumsum(several) - several, several)
    first = starts[polygon]
    places = np.stack([first, first + step + 1, first + step + 2], axis=1)
    concave = _concave(vertices, counts, indices, starts)
    if concave.any() and (most := int(counts[concave].max())) > MAX_CORNERS:
        raise MeshError(
            f"a polygon that is not convex has {most} corners", expected=f"at most {MAX_CORNERS}", hint="triangulate it"
        )
    for one in np.flatnonzero(concave):
        own = slice(*np.searchsorted(polygon, [one, one + 1]))
        corners = vertices[indices[starts[one] : starts[one] + counts[one]]]
        places[own] = starts[one] + _ears(corners)
    return places, polygon


def _concave(vertices: FloatArray, counts: Indices, indices: Indices, starts: Indices) -> npt.NDArray[np.bool_]:
    """Which polygons turn the other way at one of their corners."""
    many = np.flatnonzero(counts > 3)
    concave = np.zeros(len(counts), bool)
    if not len(many):
        return concave
    owner = np.repeat(many, counts[many])
    step = np.arange(len(owner)) - np.repeat(np.cumsum(counts[many]) - counts[many], counts[many])
    around = [vertices[indices[starts[owner] + (step + turn) % counts[owner]]] for turn in (0, 1, 2)]
    turns = np.cross(around[1] - around[0], around[2] - around[1])
    bounds = np.cumsum(counts[many]) - counts[many]
    normals = np.add.reduceat(np.cross(around[0], around[1]), bounds, axis=0)  # Newell: twice the vector area
    agrees = np.einsum("ij,ij->i", turns, np.repeat(normals, counts[many], axis=0))
    size = np.linalg.norm(turns, axis=1) * np.repeat(np.linalg.norm(normals, axis=1), counts[many])
    concave[many] = np.logical_or.reduceat(agrees < -1e-9 * size, bounds)
    return concave


def _ears(corners: FloatArray) -> Indices:
    """Triangles (n - 2, 3) of one simple polygon (n, 3), by cutting ears off its projection along its normal."""
    centred = corners - corners.mean(axis=0)
    normal = np.cross(centred, np.roll(centred, -1, axis=0)).sum(axis=0)
    axis = int(np.abs(normal).argmax())
    flat = np.delete(centred, axis, axis=1)
    if (normal[axis] > 0) == (axis == 1):  # dropping y, or looking from behind, mirrors the plane
        flat = flat[:, ::-1]
    left = list(range(len(corners)))
    triangles: list[tuple[int, int, int]] = []
    while len(left) > 3:
        ear = next((k for k in range(len(left)) if _is_ear(flat, left, k)), None)
        if ear is None:  # a polygon that crosses itself has no inside: whatever is left becomes a fan
            return np.array([*triangles, *((left[0], b, c) for b, c in itertools.pairwise(left[1:]))], np.int64)
        triangles.append((left[ear - 1], left[ear], left[(ear + 1) % len(left)]))
        del left[ear]
    triangles.append((left[0], left[1], left[2]))
    return np.array(triangles, np.int64)


def _is_ear(flat: FloatArray, left: list[int], place: int) -> bool:
    a, b, c = flat[left[place - 1]], flat[left[place]], flat[left[(place + 1) % len(left)]]
    if _turn(a, b, c) <= 0:
        return False
    corners = {left[place - 1], left[place], left[(place + 1) % len(left)]}
    others = flat[[one for one in left if one not in corners]]
    inside = (_turn(a, b, others.T) >= 0) & (_turn(b, c, others.T) >= 0) & (_turn(c, a, others.T) >= 0)
    return not inside.any()


def _turn(a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    """Twice the area of a, b, c, positive where they turn left."""
    turned: FloatArray = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return turned
