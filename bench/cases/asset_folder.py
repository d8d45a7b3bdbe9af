"""Side files of a mesh (buffers, materials, pictures), read from inside the mesh's own folder and nowhere else.

Meshes come from strangers: a material file may point at `../../secrets`, a picture may unpack to gigabytes. trimesh
asks for every side file through a resolver and swallows what goes wrong there, so this one keeps the first failure for
the caller, together with the bytes that it handed out (they belong to the mesh's fingerprint).
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from urllib.parse import unquote

from PIL import Image
from trimesh.resolvers import Resolver

from bench.errors import MeshError

MAX_FILE_BYTES = 512 * 2**20
MAX_TEXTURE_PIXELS = 8192 * 8192
# Pillow reads more, some of it (PostScript) by running other programs
PICTURE_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TGA", "TIFF", "GIF")
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tga", ".tif", ".tiff", ".gif"})


def read_limited(path: Path) -> bytes:
    """The bytes of a regular file of at most `MAX_FILE_BYTES`. Raises `MeshError`."""
    if not path.is_file():
        raise MeshError("no such file", where=str(path), expected="a regular file")
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise MeshError(f"the file is too large: {size} bytes", where=str(path), expected=f"at most {MAX_FILE_BYTES}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise MeshError(f"the file cannot be read: {error.strerror}", where=str(path)) from error


def check_picture(data: bytes, where: str) -> None:
    """Look at a picture's header, not its pixels. Raises `MeshError` when it is no picture or too large a one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=PICTURE_FORMATS) as picture:
                width, height = picture.size
    except Image.DecompressionBombError as error:
        raise MeshError("the texture is too large", where=where, expected="at most 8192 x 8192 pixels") from error
    except Exception as error:  # Pillow's readers raise whatever their formats make them raise
        expected = f"one of {', '.join(PICTURE_FORMATS)}"
        raise MeshError("the texture is not a picture that can be read", where=where, expected=expected) from error
    if width * height > MAX_TEXTURE_PIXELS:
        raise MeshError(
            f"the texture is too large: {width} x {height}",
            where=where,
            expected="at most 8192 x 8192 pixels",
            hint="scale the texture down",
        )


class AssetFolder(Resolver):
    """trimesh resolver for the folder of `mesh_path`; `virtual` holds side files that live inside the mesh file itself.

    `used` maps each name that was handed out to its bytes; `failure` is the first `MeshError`, or None.
    """

    def __init__(self, mesh_path: Path, virtual: dict[str, bytes] | None = None) -> None:
        self.mesh_path = mesh_path
        self.folder = mesh_path.parent.resolve()
        self.virtual = virtual or {}
        self.used: dict[str, bytes] = {}
        self.failure: MeshError | None = None

    def get(self, key: str) -> bytes:
        """The bytes of the side file that the mesh calls `key`. Raises `MeshError`, and remembers it."""
        try:
            return self._read(key)
        except MeshError as error:
            self.failure = self.failure or error
            raise

    def _read(self, key: str) -> bytes:
        if key in self.virtual:
            return self.virtual[key]
        name = key.strip().replace("\\", "/")
        where = f"{self.mesh_path}: '{key.strip()[:200]}'"
        path = self._inside(name, where)
        if not path.is_file() and "%" in name:
            path = self._inside(unquote(name), where)  # glTF addresses are percent-encoded
        if not path.is_file():
            raise MeshError(
                "the mesh refers to a file that is not there",
                where=where,
                expected=f"a file in {self.folder}",
                hint="put it beside the mesh, or remove the reference",
            )
        data = read_limited(path)
        if path.suffix.lower() in PICTURE_SUFFIXES:
            check_picture(data, where)
        self.used[name] = data
        return data

    def _inside(self, name: str, where: str) -> Path:
        outside = MeshError(
            "the mesh refers to a file outside its own folder",
            where=where,
            expected="a path below the mesh's folder",
            hint="copy the file there and refer to it by its name",
        )
        if "\0" in name or "://" in name:
            raise outside
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder):
            raise outside
        return path

    def keys(self) -> list[str]:
        """Names that were handed out so far."""
        return list(self.used)

    def namespaced(self, namespace: str) -> AssetFolder:
        """Refused: no reader of the supported formats needs a sub-folder resolver."""
        raise MeshError("the mesh refers to another mesh", where=f"{self.mesh_path}: '{namespace}'")

    def write(self, name: str, data: str | bytes) -> None:
        """Refused: reading a mesh writes nothing."""
        raise MeshError("reading a mesh must not write files", where=f"{self.mesh_path}: '{name}'")
