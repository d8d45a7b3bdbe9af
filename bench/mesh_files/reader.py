"""One door for mesh files: by suffix to the reader, and whatever goes wrong inside becomes an error of that file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError, MeshError
from bench.geometry.mesh import Mesh
from bench.mesh_files.assets import AssetFolder, read_limited

MESH_SUFFIXES = (".glb", ".gltf", ".obj", ".ply", ".stl", ".off")


@dataclass(frozen=True)
class MeshRead:
    """A mesh, not normalised, what was left out of it (one line each), and the files beside it that it asked for."""

    mesh: Mesh
    notes: tuple[str, ...]
    used: Mapping[str, bytes]


def read_mesh(path: Path) -> MeshRead:
    """Read a mesh file. Raises `MeshError` when its geometry is broken, too large, or of a kind that is not read."""
    assets = AssetFolder(path)
    mesh, notes = read_with(path, read_limited(path), assets)
    return MeshRead(mesh, notes, assets.used)


def read_with(path: Path, data: bytes, assets: AssetFolder) -> tuple[Mesh, tuple[str, ...]]:
    """The mesh in the bytes of the file at `path`, and the notes. `assets` keeps what was asked for, errors or not."""
    notes: list[str] = []
    try:
        mesh = _read(path, data, assets, notes)
    except BenchError as error:
        if isinstance(error, MeshError) and error.where:
            raise
        where = error.where or str(path)
        raise MeshError(error.message, where=where, expected=error.expected, hint=error.hint) from error
    except MemoryError as error:
        raise MeshError("the mesh does not fit in memory", where=str(path)) from error
    except Exception as error:  # a stranger's file found a hole: it costs this file, never the run
        raise MeshError(
            f"the mesh cannot be read ({type(error).__name__}: {str(error)[:200]})",
            where=str(path),
            hint="open it in a mesh viewer and export it again",
        ) from error
    return mesh, tuple(dict.fromkeys(notes))


def _read(path: Path, data: bytes, assets: AssetFolder, notes: list[str]) -> Mesh:
    suffix = path.suffix.lower()
    if suffix in (".glb", ".gltf"):
        from bench.mesh_files.gltf.scene import read_gltf

        return read_gltf(data, path, assets, notes)
    if suffix == ".obj":
        from bench.mesh_files.obj import read_obj

        return read_obj(data, path, assets, notes)
    if suffix == ".ply":
        from bench.mesh_files.ply import read_ply

        return read_ply(data, path, assets, notes)
    if suffix in (".stl", ".off"):
        from bench.mesh_files.bare import read_off, read_stl

        return (read_stl if suffix == ".stl" else read_off)(data, path, notes)
    raise MeshError(f"unknown mesh format '{suffix}'", where=str(path), expected=" ".join(MESH_SUFFIXES))
