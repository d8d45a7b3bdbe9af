"""PLY meshes: polygons with coordinates and colours at vertices, faces or corners, and textures named in comments."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.errors import BenchError, MeshError
from bench.geometry.mesh import FloatArray, Material, Mesh
from bench.mesh_files.assets import AssetFolder
from bench.mesh_files.colour import to_bytes
from bench.mesh_files.part import Bytes4, Indices, Part, Surface, check_faces, corners, join
from bench.mesh_files.ply_table import Element, Ply, read_ply_table
from bench.mesh_files.polygons import triangulate
from bench.mesh_files.textures import Textures

_INDICES = ("vertex_indices", "vertex_index")
_COLOURS = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b"))
_COORDINATES = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("texture_s", "texture_t"))


def read_ply(data: bytes, path: Path, assets: AssetFolder, notes: list[str]) -> Mesh:
    """A PLY file as one mesh. Raises `MeshError`."""
    ply = read_ply_table(data, path)
    vertex, face = ply.elements.get("vertex"), ply.elements.get("face")
    if "tristrips" in ply.elements:
        raise MeshError("the PLY file stores triangle strips, which are not read", where=str(path), expected="faces")
    if vertex is None or face is None or not face.count or not vertex.count:
        splats = vertex is not None and "f_dc_0" in vertex.columns
        points = vertex is not None and vertex.count
        what = "it holds Gaussian splats" if splats else "it is a cloud of points" if points else "it is empty"
        raise MeshError(f"the mesh has no faces: {what}", where=str(path), expected="triangles or polygons")
    positions = _columns(vertex, ("x", "y", "z"))
    if positions is None:
        raise MeshError("the vertices have no x, y, z", where=str(path))
    counts, indices = _polygons(face, path)
    check_faces(indices.reshape(-1, 1), len(positions), str(path))
    places, polygon = triangulate(positions, counts, indices)
    if not len(places):
        raise MeshError("the mesh has no faces: none has three corners", where=str(path))
    colours, by_face = _colours(vertex, path), _colours(face, path)
    if colours is not None and by_face is not None:
        notes.append("colours of faces are left out: the vertices have colours too")
        by_face = None
    normals = _columns(vertex, ("nx", "ny", "nz"))
    flat_uv = next((found for names in _COORDINATES if (found := _columns(vertex, names)) is not None), None)
    corner_uv = _corner_coordinates(face, counts, path)
    textures = _Textures(ply, path, assets)
    number = (
        face.columns["texnumber"].astype(np.int64) if "texnumber" in face.columns else np.zeros(len(counts), np.int64)
    )
    parts = []
    for one in dict.fromkeys(number[polygon].tolist()) if textures.names else [0]:
        own = np.flatnonzero(number[polygon] == one) if textures.names else np.arange(len(polygon))
        v = indices[places[own]]
        rows = polygon[own, None].repeat(3, axis=1)
        faces, (place, corner, row) = corners(
            v, places[own] if corner_uv is not None else None, rows if by_face is not None else None
        )
        assert place is not None
        uv = corner_uv[corner] if corner_uv is not None and corner is not None else None
        uv = flat_uv[place] if uv is None and flat_uv is not None else uv
        paint = colours[place] if colours is not None else by_face[row] if by_face is not None else None
        surface = textures.surface(int(one), uv is not None)
        if surface.material.texture is not None and paint is not None:
            notes.append("colours are left out under the texture")
            paint = None
        parts.append(Part(positions[place], faces, None if normals is None else normals[place], uv, paint, surface))
    return join(parts, path)


def _columns(element: Element, names: tuple[str, ...]) -> FloatArray | None:
    if not all(name in element.columns for name in names):
        return None
    return np.stack([element.columns[name].astype(np.float64) for name in names], axis=1)


def _polygons(face: Element, path: Path) -> tuple[Indices, Indices]:
    found = next((face.lists[name] for name in _INDICES if name in face.lists), None)
    if found is None:
        raise MeshError("the faces have no list of vertices", where=str(path), expected=" or ".join(_INDICES))
    counts, values = found
    return counts, values.astype(np.int64)


def _colours(element: Element, path: Path) -> Bytes4 | None:
    """sRGB as stored; floats count from 0 to 1, or to 255 where some are above 1; wider integers are scaled down."""
    names = next((names for names in _COLOURS if all(name in element.columns for name in names)), None)
    if names is None:
        return None
    opacity = [name for name in ("alpha", "diffuse_alpha", "a") if name in element.columns][:1]
    columns = [element.columns[name] for name in (*names, *opacity)]
    full = [1.0 if one.dtype.kind == "f" else 65535.0 if one.dtype.itemsize == 2 else 255.0 for one in columns]
    values = np.stack([one.astype(np.float64) / whole for one, whole in zip(columns, full, strict=True)], axis=1)
    if not np.isfinite(values).all():
        raise MeshError("the mesh has colours that are not finite numbers", where=str(path))
    for some in (slice(0, 3), slice(3, 4)):
        if all(one.dtype.kind == "f" for one in columns[some]) and values[:, some].max(initial=0.0) > 1:
            values[:, some] /= 255.0
    return to_bytes(values)


def _corner_coordinates(face: Element, counts: Indices, path: Path) -> FloatArray | None:
    """Texture coordinates (corners, 2) of faces that list them, as MeshLab writes them."""
    if "texcoord" not in face.lists:
        return None
    lengths, values = face.lists["texcoord"]
    if (lengths == 0).all():
        return None
    if (lengths != 2 * counts).any():
        raise MeshError("some faces list texture coordinates for other than all their corners", where=str(path))
    return values.astype(np.float64).reshape(-1, 2)


class _Textures:
    """The pictures that comments name, by number."""

    def __init__(self, ply: Ply, path: Path, assets: AssetFolder) -> None:
        self.names = [
            comment.split(None, 1)[1].strip()
            for comment in ply.comments
            if comment.lower().startswith("texturefile ") and len(comment.split(None, 1)) > 1
        ]
        self.path, self.assets, self.textures = path, assets, Textures()

    def surface(self, number: int, coordinates: bool) -> Surface:
        """The surface of faces with that texture number."""
        if not self.names:
            return Surface(Material())
        try:
            if not 0 <= number < len(self.names):
                raise MeshError(
                    f"a face has texture number {number}", where=str(self.path), expected=f"0 ... {len(self.names) - 1}"
                )
            if not coordinates:
                raise MeshError("the file names a texture but has no texture coordinates", where=str(self.path))
            name = self.names[number]
            picture = self.textures.read(name, self.assets.get(name), f"{self.path}: '{name[:200]}'")
        except BenchError as error:
            return Surface(Material(), str(error))
        return Surface(Material(picture, alpha_mode="blend" if (picture[..., 3] < 255).any() else "opaque"))
