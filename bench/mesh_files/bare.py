"""STL and OFF: geometry alone. Colours that some of these files carry are not read, and painting says so."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from bench.errors import MeshError
from bench.geometry.mesh import FloatArray, Material, Mesh
from bench.mesh_files.lines import text_lines
from bench.mesh_files.part import Part, Surface, check_faces, join
from bench.mesh_files.polygons import triangulate

_RECORD = np.dtype([("normal", "<f4", (3,)), ("corners", "<f4", (3, 3)), ("more", "<u2")])
_VERTEX = re.compile(rb"vertex\s+(\S+)\s+(\S+)\s+(\S+)", re.IGNORECASE)
_OFF = re.compile(r"(ST)?(C)?(N)?(4)?(n)?OFF(\s+BINARY)?")


def read_stl(data: bytes, path: Path, notes: list[str]) -> Mesh:
    """An STL file, binary or text, as one mesh of flat faces. Raises `MeshError`."""
    count = int.from_bytes(data[80:84], "little") if len(data) >= 84 else -1
    coloured = ""
    if len(data) == 84 + count * _RECORD.itemsize or (count >= 0 and not data[:6].lower().startswith(b"solid")):
        if len(data) < 84 + count * _RECORD.itemsize:
            raise MeshError("the STL file is cut off", where=str(path), expected=f"{count} triangles")
        corners = np.frombuffer(data, _RECORD, count, 84)["corners"].astype(np.float64).reshape(-1, 3)
        coloured = _left_out(path, notes) if b"COLOR=" in data[:80] else ""
    else:
        corners = _text_corners(data, path)
    faces = np.arange(len(corners), dtype=np.int64).reshape(-1, 3)
    return join([Part(corners, faces, None, None, None, Surface(Material(), coloured))], path)


def _text_corners(data: bytes, path: Path) -> FloatArray:
    found = _VERTEX.findall(data)
    try:
        corners = np.array(found, dtype="S").astype(np.float64).reshape(-1, 3) if found else np.zeros((0, 3))
    except ValueError as error:
        raise MeshError("the STL file has vertices that are not numbers", where=str(path)) from error
    if len(corners) % 3:
        raise MeshError("the STL file is cut off or damaged", where=str(path), expected="three vertices a facet")
    return corners


def read_off(data: bytes, path: Path, notes: list[str]) -> Mesh:
    """An OFF file as one mesh. Raises `MeshError`."""
    lines = [said for line in text_lines(data) if (said := line.partition("#")[0].strip())]
    header = _OFF.match(lines[0]) if lines else None
    if header is None or header[4] or header[5] or header[6]:
        raise MeshError("the OFF header cannot be read", where=str(path), expected="OFF as text, in three dimensions")
    first = lines[0][header.end() :].split()
    lines = ([" ".join(first)] if first else []) + lines[1:]
    try:
        vertices, faces = (int(one) for one in lines[0].split()[:2])
        if min(vertices, faces) < 0 or vertices + faces > len(lines) - 1:
            raise ValueError("cut off")
        positions = np.array([[float(one) for one in line.split()[:3]] for line in lines[1 : 1 + vertices]])
        rows = [line.split() for line in lines[1 + vertices : 1 + vertices + faces]]
        counts = np.array([int(row[0]) for row in rows], np.int64)
        indices = np.array([int(one) for row in rows for one in row[1 : 1 + int(row[0])]], np.int64)
        if len(indices) != counts.sum() or positions.shape[1:] != (3,):
            raise ValueError("cut off")
    except (ValueError, IndexError, OverflowError) as error:
        raise MeshError(
            "the OFF file is cut off or damaged", where=str(path), hint="export or download it again"
        ) from error
    coloured = bool(header[2]) or any(len(row) > 1 + int(row[0]) for row in rows)
    check_faces(indices.reshape(-1, 1), len(positions), str(path))
    places, _ = triangulate(positions, counts, indices)
    surface = Surface(Material(), _left_out(path, notes) if coloured else "")
    return join([Part(positions, indices[places], None, None, None, surface)], path)


def _left_out(path: Path, notes: list[str]) -> str:
    notes.append(f"colours of {path.suffix[1:].upper()} files are left out")
    return str(
        MeshError(
            f"colours of {path.suffix[1:].upper()} files are not read",
            where=str(path),
            hint="export the mesh with its texture embedded (GLB)",
        )
    )
