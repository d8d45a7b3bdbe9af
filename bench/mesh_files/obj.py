"""Wavefront OBJ as programs write it: polygons, negative indices, several material files, vertex colours.

A material that no file defines keeps the mesh from being painted, not from being read. Vertex colours stand in for the
colour of materials without a texture (MeshLab writes a grey material beside them); under a texture they are left out.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.errors import MeshError
from bench.geometry.mesh import FloatArray, Material, Mesh
from bench.mesh_files.assets import AssetFolder, SideFileMissing
from bench.mesh_files.colour import to_bytes
from bench.mesh_files.lines import text_lines
from bench.mesh_files.mtl import MtlSurface, TexturedSurface, read_mtl
from bench.mesh_files.part import Bytes4, Indices, Part, check_faces, corners, join
from bench.mesh_files.polygons import triangulate
from bench.mesh_files.textures import Textures

_NUMBERS = ("v", "vt", "vn", "f")  # statements that a comment may follow; in names, # is a letter like others


_LEFT_OUT = ("l", "p", "surf", "curv", "curv2")


@dataclass
class _Lines:
    """What the lines of a file say, in their order. Corner indices count from 0; -1 where a corner has none."""

    positions: list[list[float]] = field(default_factory=list)
    colours: list[list[float]] = field(default_factory=list)
    uv: list[list[float]] = field(default_factory=list)
    normals: list[list[float]] = field(default_factory=list)
    corners: tuple[array[int], array[int], array[int]] = field(
        default_factory=lambda: (array("q"), array("q"), array("q"))
    )
    counts: array[int] = field(default_factory=lambda: array("q"))
    materials: array[int] = field(default_factory=lambda: array("q"))  # of each polygon, into `names`
    names: list[str | None] = field(default_factory=lambda: [None])
    libraries: list[str] = field(default_factory=list)
    small: int = 0  # faces of fewer than three corners
    left_out: dict[str, int] = field(default_factory=dict)  # statements of geometry that is no polygon


def read_obj(data: bytes, path: Path, assets: AssetFolder, notes: list[str]) -> Mesh:
    """An OBJ file as one mesh. Raises `MeshError`."""
    lines = _parse(text_lines(data), path)
    if lines.small:
        notes.append(f"{lines.small} faces of fewer than three corners are left out")
    if strokes := sum(lines.left_out.get(kind, 0) for kind in ("l", "p")):
        notes.append(f"{strokes} lines and points are left out")
    if free := sum(lines.left_out.get(kind, 0) for kind in ("surf", "curv", "curv2")):
        notes.append(f"{free} free-form surfaces and curves are left out")
    if not lines.counts:
        raise MeshError("the mesh has no faces", where=str(path), expected="triangles or polygons")
    positions = _table(lines.positions, 3)
    counts, materials = np.array(lines.counts, np.int64), np.array(lines.materials, np.int64)
    v, vt, vn = (np.array(one, np.int64) for one in lines.corners)
    check_faces(v.reshape(-1, 1), len(positions), str(path))
    places, polygon = triangulate(positions, counts, v)
    colours, fault = _vertex_colours(lines, path)
    surfaces = _Surfaces(lines, path, assets, notes, colours is not None, fault)
    vt = _known(vt, len(lines.uv), "texture coordinates", notes)
    vn = _known(vn, len(lines.normals), "normals", notes)
    textured = (vt[places] >= 0).all(axis=1)
    group = materials[polygon] * 2 + textured
    parts = []
    for one in dict.fromkeys(group.tolist()):
        own = places[group == one]
        surface = surfaces.get(lines.names[one // 2])
        with_uv = bool(one % 2)
        part = _part(lines, positions, v[own], vt[own] if with_uv else None, vn[own], colours, surface)
        parts.append(part)
    return join(parts, path)


def _parse(lines: list[str], path: Path) -> _Lines:
    found = _Lines()
    material = 0
    known: dict[str, int] = {}
    number = 0
    try:
        for line in lines:
            number += 1
            kind, *rest = line.split(None, 1)[:2] or [""]
            said = rest[0] if rest else ""
            if "#" in said and kind in _NUMBERS:
                said = said.partition("#")[0]
            if kind == "v":
                values = [float(one) for one in said.split()]
                found.positions.append(values[:3])
                if len(values) in (6, 7):
                    found.colours.append(values[3:])
            elif kind == "vt":
                found.uv.append([float(one) for one in said.split()[:2]])
            elif kind == "vn":
                found.normals.append([float(one) for one in said.split()[:3]])
            elif kind == "f":
                _face(found, said.split(), material)
            elif kind == "usemtl":
                name = said.strip()
                if name not in known:
                    known[name] = len(found.names)
                    found.names.append(name)
                material = known[name]
            elif kind == "mtllib":
                found.libraries.append(said.strip())
            elif kind in _LEFT_OUT:
                found.left_out[kind] = found.left_out.get(kind, 0) + 1
    except (ValueError, OverflowError) as error:
        raise MeshError(f"the line cannot be read: {error}", where=f"{path}:{number}") from error
    return found


def _face(found: _Lines, fields: list[str], material: int) -> None:
    if len(fields) < 3:
        found.small += 1
        return
    known = (len(found.positions), len(found.uv), len(found.normals))
    for corner in fields:
        parts = corner.split("/")
        for slot, column in enumerate(found.corners):
            said = parts[slot] if slot < len(parts) else ""
            if not said:
                column.append(-1)
                continue
            index = int(said)
            if index == 0 or index < -known[slot]:
                raise ValueError(f"index {index}; indices count from 1, or from -1 backwards")
            column.append(index - 1 if index > 0 else known[slot] + index)
    found.counts.append(len(fields))
    found.materials.append(material)


def _table(rows: list[list[float]], width: int) -> FloatArray:
    """Rows (N, width); what a row lacks is NaN, which is refused where a face uses it."""
    if all(len(row) == width for row in rows):
        return np.array(rows, np.float64).reshape(-1, width)
    return np.array([[*row, *[np.nan] * width][:width] for row in rows], np.float64)


def _known(indices: Indices, count: int, what: str, notes: list[str]) -> Indices:
    """The indices; -1 where they point at what the file does not have: geometry alone needs none of them."""
    lost = indices >= count
    if lost.any():
        notes.append(f"{int(lost.sum())} corners ask for {what} that the file does not have, and are read without")
    return np.where(lost, -1, indices)


def _vertex_colours(lines: _Lines, path: Path) -> tuple[Bytes4 | None, str]:
    """Colours of all vertices as sRGB, None where there are none, and what is wrong with them."""
    if not lines.colours:
        return None, ""
    colours = np.array([[*row, 1.0][:4] for row in lines.colours], np.float64)
    if len(colours) != len(lines.positions):
        return None, str(MeshError("some vertices have a colour and some have none", where=str(path)))
    if not np.isfinite(colours).all():
        return None, str(MeshError("the mesh has vertex colours that are not finite numbers", where=str(path)))
    if colours[:, :3].max() > 1:
        colours[:, :3] /= 255.0
        colours[:, 3] = np.where(colours[:, 3] > 1, colours[:, 3] / 255.0, colours[:, 3])
    return to_bytes(colours), ""


def _part(
    lines: _Lines,
    positions: FloatArray,
    v: Indices,
    vt: Indices | None,
    vn: Indices,
    colours: Bytes4 | None,
    surface: TexturedSurface,
) -> Part:
    texture = surface.material.texture
    if texture is not None and vt is None:
        told = "the material has a texture, but its faces have no texture coordinates"
        surface = TexturedSurface(surface.material, told)
    normals = _table(lines.normals, 3) if lines.normals and (vn >= 0).any() else None
    faces, rows = corners(v, vt, vn if normals is not None else None)
    place, coordinate, normal = rows
    assert place is not None
    given = None
    if normals is not None and normal is not None:
        given = np.where(normal[:, None] >= 0, normals[normal], np.nan)
    return Part(
        positions[place],
        faces,
        given,
        None if coordinate is None else _table(lines.uv, 2)[coordinate] * surface.scale + surface.offset,
        None if colours is None or texture is not None else colours[place],
        surface,
    )


class _Surfaces:
    """Materials by name; only those that faces use are opened."""

    def __init__(
        self, lines: _Lines, path: Path, assets: AssetFolder, notes: list[str], coloured: bool, fault: str
    ) -> None:
        self.path, self.assets, self.notes, self.coloured, self.fault = path, assets, notes, coloured, fault
        self.textures = Textures()
        self.missing = ""
        self.defined: dict[str, MtlSurface] = {}
        for library in lines.libraries:
            for name in self._files(library):
                self._open(name)
        self.made: dict[str | None, TexturedSurface] = {}

    def _files(self, library: str) -> list[str]:
        """The files of one `mtllib` line: names may hold blanks, or blanks may part names."""
        if len(library) > 1 and library[0] == library[-1] == '"':
            return [library[1:-1]]
        try:
            if self.assets.has(library) or " " not in library or all(not self.assets.has(n) for n in library.split()):
                return [library]
        except MeshError:
            return [library]
        return library.split()

    def _open(self, name: str) -> None:
        try:
            content = self.assets.get(name)
        except MeshError as error:
            self.missing = self.missing or str(error)
            told = "is not there" if isinstance(error, SideFileMissing) else "cannot be opened"
            self.notes.append(f"the material file '{name[:200]}' {told}: the mesh is read without its colours")
            return
        for material, surface in read_mtl(content, f"{self.path.parent / name}").items():
            self.defined.setdefault(material, surface)

    def get(self, name: str | None) -> TexturedSurface:
        """The surface of faces in that material; None: in none."""
        if name not in self.made:
            made = self._make(name)
            if self.fault and made.material.texture is None and not made.unpainted:
                made = TexturedSurface(made.material, self.fault)
            self.made[name] = made
        return self.made[name]

    def _make(self, name: str | None) -> TexturedSurface:
        if name is None:
            return TexturedSurface(Material())
        defined = self.defined.get(name)
        if defined is not None:
            surface = defined.surface(self.assets, self.textures)
            if self.coloured and surface.material.texture is None and not surface.unpainted:
                if surface.material.factor[:3] != (1.0, 1.0, 1.0):
                    self.notes.append(f"the vertices' colours stand in for the colour of material '{name[:100]}'")
                opacity = surface.material.factor[3]
                return TexturedSurface(Material(None, (1.0, 1.0, 1.0, opacity), surface.material.alpha_mode))
            if self.coloured and surface.material.texture is not None:
                self.notes.append(f"the vertices' colours are left out under the texture of material '{name[:100]}'")
            return surface
        if self.coloured:
            return TexturedSurface(Material())
        if self.missing:
            return TexturedSurface(Material(), self.missing)
        self.notes.append(f"the material '{name[:100]}' is defined nowhere: the mesh is read without its colours")
        told = MeshError(
            f"the material '{name[:100]}' is defined nowhere",
            where=str(self.path),
            expected="`newmtl` in a file that a `mtllib` line names",
            hint="put the material file beside the mesh, or remove the `usemtl` line",
        )
        return TexturedSurface(Material(), str(told))
