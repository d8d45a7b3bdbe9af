"""Mesh files as handles of cases: small, picklable, recognised by the bytes of all files that decide the mesh."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from bench.cases.case import MeshHandle
from bench.errors import MeshError
from bench.geometry.mesh import Material, Mesh
from bench.mesh_files.assets import AssetFolder, read_limited
from bench.mesh_files.reader import read_mesh, read_with

_VERSION = b"mesh-file v2"


@dataclass(frozen=True)
class MeshFile:
    """A mesh file as a handle: the path travels between processes, the arrays do not."""

    path: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the file's bytes and those of the side files that it asks for, each with its name.

        A file that cannot be read has one too, so that a run continues without it: `load` raises what is wrong.
        """
        return self._seen[0]

    @property
    def notes(self) -> tuple[str, ...]:
        """What reading the file leaves out, one line each; of a file that cannot be read, nothing."""
        return self._seen[1]

    @cached_property
    def _seen(self) -> tuple[str, tuple[str, ...]]:
        digest = hashlib.sha256(_VERSION)
        assets = AssetFolder(self.path)
        notes: tuple[str, ...] = ()
        try:
            data = read_limited(self.path)
            digest.update(hashlib.sha256(data).digest())
            _, notes = read_with(self.path, data, assets)
        except MeshError as error:
            digest.update(b"unreadable\0" + error.message.encode("utf-8", "replace"))
        for name in sorted(assets.used):
            content = hashlib.sha256(assets.used[name]).digest()
            digest.update(name.encode("utf-8", "replace") + b"\0" + content)
        return digest.hexdigest(), notes

    def load(self, texture_of: MeshHandle | None = None) -> Mesh:
        """The normalised mesh, in its own materials or in those of `texture_of`. Raises `MeshError`.

        The other's materials are laid on this mesh's own texture coordinates: material by material when both have the
        same number (two texturings of one object), else the other's first textured one everywhere.
        """
        return wearing_handle(load_mesh(self.path).normalised(), texture_of, str(self.path))


def wearing_handle(mesh: Mesh, texture_of: MeshHandle | None, where: str) -> Mesh:
    """What `MeshHandle.load` makes of a mesh that was read. `where` names the mesh in the `MeshError`s."""
    if texture_of is None:
        return mesh
    other = texture_of.load()
    if other.unpainted:
        raise MeshError(f"the other mesh's surface cannot be worn: {other.unpainted}")
    return wearing(mesh, other.materials, where)


def load_mesh(path: Path) -> Mesh:
    """Read a mesh file (`MESH_SUFFIXES`); the result is not normalised.

    Raises `MeshError` for a file that is unreadable, of another format, too large, or broken (no faces, vertices that
    are not finite, indices out of range). Where only the surface is not available, `unpainted` of the mesh says why.
    """
    return read_mesh(path).mesh


def wearing(mesh: Mesh, materials: tuple[Material, ...], where: str) -> Mesh:
    """The mesh in other materials, as `MeshFile.load` says. `where` names the mesh in the `MeshError`s."""
    if mesh.uv is None:
        raise MeshError("the mesh has no texture coordinates to wear another's texture on", where=where)
    textured = [material for material in materials if material.texture is not None]
    if not textured:
        raise MeshError("the other mesh has no texture to wear", where=where)
    mesh = replace(mesh, colours=None, unpainted="")
    if len(materials) == len(mesh.materials):
        return replace(mesh, materials=materials)
    everywhere = np.zeros(len(mesh.faces), np.int32)
    return replace(mesh, materials=(textured[0],), face_material=everywhere)
