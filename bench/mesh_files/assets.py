"""Side files of a mesh (buffers, materials, pictures), read from inside the mesh's own folder and nowhere else.

Two more places belong to the mesh: where a linked mesh file really lies, and `../materials/textures` of a mesh in a
folder `meshes`, which is how Gazebo's models and Google's scans are laid out.

Meshes come from strangers: a material file may point at `../../secrets` or at another machine. What was read is kept by
name: it belongs to the mesh's fingerprint.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from urllib.parse import unquote

from bench.errors import MeshError

MAX_FILE_BYTES = 512 * 2**20


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).lower()


class SideFileMissing(MeshError):
    """A file that the mesh refers to is not there."""


def read_limited(path: Path) -> bytes:
    """The bytes of a regular file of at most `MAX_FILE_BYTES`. Raises `MeshError`."""
    if not path.is_file():
        raise MeshError("no such file", where=str(path), expected="a regular file")
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise MeshError(
                f"the file is too large: {size} bytes", where=str(path), expected=f"at most {MAX_FILE_BYTES}"
            )
        data = path.read_bytes()
    except OSError as error:
        raise MeshError(f"the file cannot be read: {error.strerror}", where=str(path)) from error
    if not data:
        raise MeshError("the file is empty (zero bytes)", where=str(path), hint="make or download it again")
    return data


class AssetFolder:
    """The folder of the mesh at `mesh_path`. `used` maps the names that were asked for to what was there.

    A file that is missing or refused is in `used` too, with a digest of nothing: when it appears, the mesh has changed.
    """

    def __init__(self, mesh_path: Path) -> None:
        self.mesh_path = mesh_path
        self.folder = mesh_path.parent.resolve()
        self.more = [mesh_path.resolve().parent] if mesh_path.is_symlink() else []
        if self.folder.name == "meshes":
            self.more.append((self.folder.parent / "materials" / "textures").resolve())
        self.used: dict[str, bytes] = {}

    def get(self, key: str, encoded: bool = False) -> bytes:
        """The bytes of the side file that the mesh calls `key`; `encoded` names may be percent-encoded.

        Raises `SideFileMissing` where it is not there, `MeshError` where it lies outside or cannot be read.
        """
        name = key.strip().replace("\\", "/")
        if self.used.get(name):
            return self.used[name]
        self.used[name] = b""
        where = f"{self.mesh_path}: '{key.strip()[:200]}'"
        path = self._inside(name, where)
        if path is None and encoded and "%" in name:
            path = self._inside(unquote(name), where)
        if path is None:
            raise SideFileMissing(
                "the mesh refers to a file that is not there",
                where=where,
                expected=f"a file in {self.folder}",
                hint="put it beside the mesh, or remove the reference",
            )
        data = self.used[name] = read_limited(path)
        return data

    def has(self, key: str) -> bool:
        """Whether a name leads to a file inside the folder. Raises `MeshError` for one that leads outside."""
        name = key.strip().replace("\\", "/")
        return self._inside(name, f"{self.mesh_path}: '{key.strip()[:200]}'") is not None

    def _inside(self, name: str, where: str) -> Path | None:
        """The file of that name, also in other capitals as Windows allows it; None where there is none."""
        outside = MeshError(
            "the mesh refers to a file outside its own folder",
            where=where,
            expected="a path below the mesh's folder",
            hint="copy the file there and refer to it by its name",
        )
        if "\0" in name or "://" in name or name.startswith(("/", "file:")) or name[1:2] == ":":
            raise outside
        try:
            if not (self.folder / name).resolve().is_relative_to(self.folder):
                raise outside
        except (OSError, ValueError, RuntimeError):  # a name too long, a loop of links
            return None
        return next((path for folder in (self.folder, *self.more) if (path := self._in(folder, name))), None)

    @classmethod
    def _in(cls, folder: Path, name: str) -> Path | None:
        try:
            path = (folder / name).resolve()
            if path.is_file():
                return path if path.is_relative_to(folder) else None
            return cls._spelled_otherwise(folder, name)
        except (OSError, ValueError, RuntimeError):
            return None

    @staticmethod
    def _spelled_otherwise(path: Path, name: str) -> Path | None:
        """In other capitals, or with its accents stored otherwise, as archives from a Mac have them."""
        for step in name.split("/"):
            if step in ("", "."):
                continue
            alike = [one for one in path.iterdir() if _plain(one.name) == _plain(step)] if path.is_dir() else []
            if len(alike) != 1 or alike[0].is_symlink() or step == "..":
                return None
            path = alike[0]
        return path if path.is_file() else None
