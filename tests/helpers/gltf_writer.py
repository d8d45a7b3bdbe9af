"""glTF files put together by hand, piece by piece: legal ones of every kind, and, through `tree`, illegal ones."""

from __future__ import annotations

import base64
import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
COMPONENTS = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
# a square that faces +z, its corners from the top left clockwise, and glTF's texture coordinates for it (v down)
SQUARE = np.float32([[-0.5, 0.5, 0], [0.5, 0.5, 0], [0.5, -0.5, 0], [-0.5, -0.5, 0]])
SQUARE_UV = np.float32([[0, 0], [1, 0], [1, 1], [0, 1]])
SQUARE_FACES = np.uint16([0, 2, 1, 0, 3, 2])
# red, green over blue, yellow
FOUR = np.uint8([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 0]]])


def encoded(pixels: np.ndarray, form: str = "PNG", **options: Any) -> bytes:
    """A picture file's bytes."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form, **options)
    return stream.getvalue()


def blocks(side: int = 8) -> np.ndarray:
    """The four colours as blocks of `side` texels."""
    return np.kron(FOUR, np.ones((side, side, 1), np.uint8))


class Gltf:
    """`tree` is the JSON; arrays and pictures go into one binary chunk."""

    def __init__(self, **tree: Any) -> None:
        self.blob = b""
        self.tree: dict[str, Any] = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": []}], **tree}

    def add(self, table: str, **entry: Any) -> int:
        """Append to a top-level list; the index."""
        self.tree.setdefault(table, []).append(entry)
        return len(self.tree[table]) - 1

    def view(self, data: bytes, **more: Any) -> int:
        self.blob += b"\0" * (-len(self.blob) % 4)
        index = self.add("bufferViews", buffer=0, byteOffset=len(self.blob), byteLength=len(data), **more)
        self.blob += data
        return index

    def array(self, values: np.ndarray, **more: Any) -> int:
        values = np.ascontiguousarray(values)
        kind = values.dtype.str.lstrip("<|")
        width = 1 if values.ndim == 1 else int(np.prod(values.shape[1:]))
        described = {"componentType": COMPONENTS[kind], "count": len(values), "type": TYPES[width]}
        return self.add("accessors", bufferView=self.view(values.tobytes()), **described, **more)

    def texture(self, content: bytes, mime: str = "image/png", sampler: dict[str, Any] | None = None) -> int:
        source = self.add("images", bufferView=self.view(content), mimeType=mime)
        more = {} if sampler is None else {"sampler": self.add("samplers", **sampler)}
        return self.add("textures", source=source, **more)

    def material(self, **shading: Any) -> int:
        """A material with this `pbrMetallicRoughness`."""
        return self.add("materials", pbrMetallicRoughness=shading)

    def square(self, material: int | None = None, at: Any = (0, 0, 0), **attributes: np.ndarray) -> dict[str, Any]:
        """A primitive: the square with its texture coordinates, and other attributes beside them."""
        arrays = {"POSITION": SQUARE + np.float32(at), "TEXCOORD_0": SQUARE_UV, **attributes}
        primitive: dict[str, Any] = {
            "attributes": {name: self.array(values) for name, values in arrays.items()},
            "indices": self.array(SQUARE_FACES),
        }
        return primitive if material is None else {**primitive, "material": material}

    def node(self, *primitives: dict[str, Any], root: bool = True, **more: Any) -> int:
        """A node, with a mesh where primitives are given."""
        if primitives:
            more["mesh"] = self.add("meshes", primitives=list(primitives))
        index = self.add("nodes", **more)
        if root:
            self.tree["scenes"][0]["nodes"].append(index)
        return index

    def save(self, path: Path) -> Path:
        """As `.glb`, or as `.gltf` with the buffer in a data URI."""
        self.blob += b"\0" * (-len(self.blob) % 4)
        if self.blob and "buffers" not in self.tree:
            self.tree["buffers"] = [{"byteLength": len(self.blob)}]
        if path.suffix == ".gltf":
            uri = "data:application/octet-stream;base64," + base64.b64encode(self.blob).decode()
            path.write_text(json.dumps({**self.tree, "buffers": [{"byteLength": len(self.blob), "uri": uri}]}))
            return path
        text = json.dumps(self.tree).encode()
        text += b" " * (-len(text) % 4)
        body = struct.pack("<2I", len(text), 0x4E4F534A) + text
        if self.blob:
            body += struct.pack("<2I", len(self.blob), 0x004E4942) + self.blob
        path.write_bytes(struct.pack("<3I", 0x46546C67, 2, 12 + len(body)) + body)
        return path
