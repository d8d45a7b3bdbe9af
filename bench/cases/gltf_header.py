"""The JSON half of glTF and GLB files: taken apart and judged before trimesh sees it.

trimesh reads what it knows and passes over the rest in silence: compressed geometry becomes zeros, a second set of
texture coordinates becomes the first, colour factors lose precision. What would be read wrongly is refused here by
name, and the factors are read from the header itself.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import MeshError

MAX_ELEMENTS = 50_000_000  # of all accessors together; an accessor without data is a cheap way to ask for gigabytes
MAX_NODES = 100_000
BINARY_CHUNK = "binary chunk of the GLB file"
_FLOAT, _UBYTE = 5126, 5121
_HARMLESS = ("KHR_materials_", "KHR_lights_", "KHR_xmp", "EXT_texture_webp")


@dataclass(frozen=True)
class GltfMaterial:
    """What the header says of a material: linear RGBA factor, alpha mode (lower case), cutoff, texture or none."""

    factor: tuple[float, float, float, float]
    alpha_mode: str
    alpha_cutoff: float
    textured: bool


@dataclass(frozen=True)
class GltfHeader:
    """A glTF file ready for trimesh: JSON whose materials are named by their index, and the GLB's binary chunk."""

    json_bytes: bytes
    virtual: dict[str, bytes]
    materials: tuple[GltfMaterial, ...]


def read_gltf_header(data: bytes, path: Path) -> GltfHeader:
    """Take apart the bytes of a `.glb` or `.gltf` file. Raises `MeshError` for what is broken or not supported."""
    virtual: dict[str, bytes] = {}
    if data[:4] == b"glTF":
        text, binary = _chunks(data, path)
        virtual[BINARY_CHUNK] = binary
    else:
        text = data
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MeshError("the glTF header is not JSON", where=str(path)) from error
    if not isinstance(header, dict):
        raise MeshError("the glTF header is not a JSON object", where=str(path))
    try:
        _check_support(header, path)
        for buffer in header.get("buffers", []):
            if "uri" not in buffer:
                buffer["uri"] = BINARY_CHUNK
        materials = tuple(_material(entry, path) for entry in header.get("materials", []))
        for index, entry in enumerate(header.get("materials", [])):
            entry["name"] = str(index)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise MeshError(f"the glTF header is malformed ({error!r})", where=str(path)) from error
    return GltfHeader(json.dumps(header).encode(), virtual, materials)


def _chunks(data: bytes, path: Path) -> tuple[bytes, bytes]:
    truncated = MeshError("the GLB file is truncated or damaged", where=str(path), hint="export or download it again")
    if len(data) < 20:
        raise truncated
    _, version, length, json_length, kind = struct.unpack("<5I", data[:20])
    if version != 2:
        raise MeshError(f"glTF version {version} is not supported", where=str(path), expected="version 2")
    if length > len(data) or 20 + json_length > len(data) or kind != 0x4E4F534A:
        raise truncated
    text, rest = data[20 : 20 + json_length], data[20 + json_length :]
    if len(rest) < 8:
        return text, b""
    binary_length, kind = struct.unpack("<2I", rest[:8])
    if binary_length > len(rest) - 8 or kind != 0x004E4942:
        raise truncated
    return text, rest[8 : 8 + binary_length]


def _check_support(header: dict[str, Any], path: Path) -> None:
    where = str(path)
    required = [name for name in header.get("extensionsRequired", []) if not str(name).startswith(_HARMLESS)]
    if required:
        raise MeshError(
            f"the file requires glTF extensions that are not supported: {', '.join(map(str, required))}",
            where=where,
            hint="export without compression, quantisation or texture transforms",
        )
    accessors = header.get("accessors", [])
    elements, nodes = sum(int(accessor["count"]) for accessor in accessors), len(header.get("nodes", []))
    if elements > MAX_ELEMENTS or nodes > MAX_NODES:
        limits = f"at most {MAX_ELEMENTS} elements in all accessors and {MAX_NODES} nodes"
        raise MeshError(f"the mesh is too large: {elements} elements, {nodes} nodes", where=where, expected=limits)
    for mesh in header.get("meshes", []):
        for primitive in mesh["primitives"]:
            attributes = primitive["attributes"]
            if "TEXCOORD_0" in attributes and accessors[attributes["TEXCOORD_0"]]["componentType"] != _FLOAT:
                raise MeshError("texture coordinates are integers", where=where, expected="TEXCOORD_0 as floats")
            if "COLOR_0" in attributes and accessors[attributes["COLOR_0"]]["componentType"] not in (_FLOAT, _UBYTE):
                raise MeshError("vertex colours have 16 bits", where=where, expected="COLOR_0 as bytes or floats")


def _material(entry: dict[str, Any], path: Path) -> GltfMaterial:
    shading = entry.get("pbrMetallicRoughness", {})
    texture = shading.get("baseColorTexture")
    extensions = {} if texture is None else texture.get("extensions", {})
    if texture is not None and (texture.get("texCoord", 0) != 0 or "KHR_texture_transform" in extensions):
        raise MeshError(
            "the base colour texture uses a second set of texture coordinates or a texture transform",
            where=f"{path}: material '{entry.get('name', '')}'",
            expected="baseColorTexture on TEXCOORD_0",
            hint="bake the transform into the texture coordinates",
        )
    r, g, b, a = (min(max(float(value), 0.0), 1.0) for value in shading.get("baseColorFactor", (1, 1, 1, 1)))
    mode = str(entry.get("alphaMode", "OPAQUE")).lower()
    if mode not in ("opaque", "mask", "blend"):
        raise MeshError(f"unknown alphaMode '{mode}'", where=str(path), expected="OPAQUE, MASK or BLEND")
    return GltfMaterial((r, g, b, a), mode, float(entry.get("alphaCutoff", 0.5)), texture is not None)
