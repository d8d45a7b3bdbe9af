"""Texture atlases: whether a mesh's own texture coordinates can hold one, and new ones where they cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bench.errors import MeshError, UsageError
from bench.geometry.mesh import FloatArray, Mesh
from bench.geometry.rasteriser import rasterise_uv

PROBE = 1024  # texels a side on which coordinates are judged
MAX_OVERLAP = 0.02  # of the faces' area in the atlas
GUTTER = 4  # texels between charts of a new atlas


def atlas_fault(mesh: Mesh) -> str:
    """Why every point of the surface has no texel of its own; '' when it has.

    Coordinates must lie in the unit square, not overlap (mirrored halves, tiled patterns, several materials on top of
    one another), and give the faces some area.
    """
    if mesh.uv is None:
        return "the mesh has no texture coordinates"
    if not np.isfinite(mesh.uv).all() or mesh.uv.min() < -1e-4 or mesh.uv.max() > 1 + 1e-4:
        return "texture coordinates lie outside the unit square"
    area = float(np.abs(_doubled_areas(mesh.uv[mesh.faces])).sum()) / 2 * PROBE**2
    covered = int((rasterise_uv(mesh, PROBE)[0] >= 0).sum())
    if area < 16 or covered == 0:
        return "texture coordinates give the faces no area"
    overlap = 1 - covered / area
    if overlap > MAX_OVERLAP:
        return f"{overlap:.0%} of the faces share their texels with others"
    return ""


def unwrap(mesh: Mesh, size: int) -> Mesh:
    """The mesh with new texture coordinates by xatlas, packed for an atlas of `size` texels; vertices split at seams.

    Raises `UsageError` when xatlas is not installed, `MeshError` when it finds no way to lay out the mesh.
    """
    try:
        import xatlas
    except ImportError as error:
        raise UsageError(
            f"making texture coordinates needs the Python package xatlas, which cannot be imported: {error}",
            hint="pip install 'realiz3d-bench[bake]', or give the mesh texture coordinates in a 3D program",
        ) from error
    options = xatlas.PackOptions()
    options.padding, options.resolution, options.bilinear = GUTTER, size, True
    atlas = xatlas.Atlas()
    try:
        atlas.add_mesh(mesh.vertices.astype(np.float32), mesh.faces.astype(np.uint32), mesh.normals.astype(np.float32))
        atlas.generate(pack_options=options)
        origin, faces, uv = atlas[0]
    except (RuntimeError, ValueError, IndexError) as error:
        raise MeshError(f"the mesh cannot be laid out: {error}", hint="clean the mesh in a 3D program") from error
    if len(faces) != len(mesh.faces):
        raise MeshError(
            f"{len(mesh.faces) - len(faces)} faces got no place in the atlas", hint="remove faces without area"
        )
    return replace(
        mesh,
        vertices=mesh.vertices[origin],
        faces=np.ascontiguousarray(faces, dtype=np.int32),
        normals=mesh.normals[origin],
        uv=np.asarray(uv, dtype=np.float64),
        colours=None if mesh.colours is None else mesh.colours[origin],
    )


def charts(mesh: Mesh) -> npt.NDArray[np.int32]:
    """The chart of each face, int32 (F,): faces that hang together by vertices, which seams split."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    a, b, c = mesh.faces.T
    ones = np.ones(2 * len(a), dtype=np.int8)
    links = coo_array((ones, (np.concatenate([a, b]), np.concatenate([b, c]))), shape=(len(mesh.vertices),) * 2)
    _, label = connected_components(links, directed=False)
    return np.asarray(label[a], dtype=np.int32)


def _doubled_areas(corners: FloatArray) -> FloatArray:
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.asarray(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
