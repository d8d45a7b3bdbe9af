"""Surfaces to one mesh with a texture atlas: each surface becomes a rectangle, packed in shelves with gutters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.cases.miniworld.surfaces import Surface
from bench.geometry.mesh import FloatArray, Mesh
from bench.mesh_files.part import smooth_normals

GUTTER = 4  # texels on each side of a chart, so that bilinear lookups at its border stay clear of its neighbours


def unwrap(surfaces: list[Surface], size: int) -> tuple[Mesh, npt.NDArray[np.int32]]:
    """The normalised mesh with UV for a square atlas of `size` texels, and the slot of each face, int32 (F,)."""
    rulers = [(_ruler(s.points.swapaxes(0, 1)), _ruler(s.points)) for s in surfaces]  # along columns, along rows
    places, scale = _pack([(float(u[-1]), float(v[-1])) for u, v in rulers], size)
    vertices, faces, uv, slots = [], [], [], []
    start = 0
    for surface, (u, v), (left, low) in zip(surfaces, rulers, places, strict=True):
        rows, columns = surface.points.shape[:2]
        across, upwards = np.meshgrid(left + scale * u, low + scale * v)
        vertices.append(surface.points.reshape(-1, 3))
        uv.append(np.stack([across, upwards], axis=-1).reshape(-1, 2) / size)
        triangles = _triangles(surface.points) + start
        faces.append(triangles)
        slots.append(np.full(len(triangles), surface.slot, np.int32))
        start += rows * columns
    points, corners = np.concatenate(vertices), np.concatenate(faces)
    normals = np.empty_like(points)
    group_of_face = np.repeat([s.group for s in surfaces], [len(f) for f in faces])
    for group in np.unique(group_of_face):
        mine = corners[group_of_face == group]
        used = np.unique(mine)
        normals[used] = smooth_normals(points, mine)[used]
    used, compact = np.unique(corners, return_inverse=True)
    mesh = Mesh(
        vertices=points[used],
        faces=compact.reshape(-1, 3).astype(np.int32),
        normals=normals[used],
        uv=np.concatenate(uv)[used],
        colours=None,
        face_material=np.zeros(len(corners), np.int32),
        materials=(),
    )
    return mesh.normalised(), np.concatenate(slots)


def _ruler(points: FloatArray) -> FloatArray:
    """Positions of the grid's rows on a ruler, by the longest step between neighbouring rows, (rows,)."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=-1).max(axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _triangles(points: FloatArray) -> npt.NDArray[np.int64]:
    """Two triangles a cell, counter-clockwise, less those that a pole folds to nothing."""
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    triangles = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    corner = points.reshape(-1, 3)[triangles]
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    kept: npt.NDArray[np.int64] = triangles[area > 1e-12]
    return kept


def _pack(extents: list[tuple[float, float]], size: int) -> tuple[list[tuple[float, float]], float]:
    """Lower left corners (texels) of the charts and the common scale (texels a world unit), as large as fits."""
    low, high = 0.0, size / max(max(extent) for extent in extents)
    places: list[tuple[float, float]] = []
    for _ in range(24):
        middle = (low + high) / 2
        found = _shelves([(width * middle, height * middle) for width, height in extents], size)
        if found is None:
            high = middle
        else:
            low, places = middle, found
    return places, low


def _shelves(extents: list[tuple[float, float]], size: int) -> list[tuple[float, float]] | None:
    places = [(0.0, 0.0)] * len(extents)
    x, y, shelf = 0.0, 0.0, 0.0
    for chart in sorted(range(len(extents)), key=lambda k: -extents[k][1]):
        width, height = (np.ceil(side) + 2 * GUTTER for side in extents[chart])
        if x + width > size:
            x, y, shelf = 0.0, y + shelf, 0.0
        if x + width > size or y + height > size:
            return None
        places[chart] = (x + GUTTER, y + GUTTER)
        x, shelf = x + width, max(shelf, height)
    return places
