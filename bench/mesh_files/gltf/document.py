"""A glTF file taken apart: its JSON tree, its binary chunk, its buffers, and what was said while it was read."""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from pathlib import Path
from typing import Any

from bench.errors import MeshError
from bench.mesh_files.assets import AssetFolder
from bench.mesh_files.gltf.extensions import check_extensions
from bench.mesh_files.gltf.fields import Entry
from bench.mesh_files.gltf.meshopt import NAMES, decode_meshopt


class Document:
    """A glTF or GLB file: `entry("meshes", 3)` is its fourth mesh, `buffer(0)` the bytes of its first buffer.

    `notes` collects what is left out. Raises `MeshError` for what is broken or asks for what is not supported.
    """

    def __init__(self, data: bytes, path: Path, assets: AssetFolder, notes: list[str]) -> None:
        self.path, self.assets, self.notes = path, assets, notes
        text, self._chunk = _chunks(data, path) if data[:4] == b"glTF" else (data, None)
        self.root = Entry(_tree(text, path), str(path))
        self._tables: dict[str, list[Entry]] = {}
        self._buffers: dict[int, bytes] = {}
        self._decoded: dict[int, bytes] = {}
        version = self.root.need("asset").text("version")
        if version.partition(".")[0] != "2":
            raise MeshError(f"glTF version {version} is not supported", where=str(path), expected="version 2")
        check_extensions(self.root, notes)

    def note(self, text: str) -> None:
        """Say once what is left out."""
        if text not in self.notes:
            self.notes.append(text)

    def entry(self, table: str, index: int) -> Entry:
        """An object of a top-level list. Raises `MeshError` for an index out of range."""
        entries = self.table(table)
        if not 0 <= index < len(entries):
            raise MeshError(
                f"{table}[{index}] does not exist", where=str(self.path), expected=f"one of {len(entries)} {table}"
            )
        return entries[index]

    def table(self, name: str) -> list[Entry]:
        """All objects of a top-level list."""
        if name not in self._tables:
            items = self.root.items(name)
            self._tables[name] = [Entry(item.value, f"{self.path}: {name}[{i}]") for i, item in enumerate(items)]
        return self._tables[name]

    def buffer(self, index: int) -> bytes:
        """The bytes of a buffer, at least as many as it promises."""
        if index not in self._buffers:
            entry = self.entry("buffers", index)
            length = entry.integer("byteLength", low=1)
            data = self._bytes(entry, index)
            if len(data) < length:
                raise MeshError(
                    f"the buffer is cut off: {len(data)} of {length} bytes",
                    where=entry.place,
                    hint="export or download the mesh again",
                )
            self._buffers[index] = data[:length]
        return self._buffers[index]

    def has_buffer(self, index: int) -> bool:
        """Whether a buffer's bytes are anywhere: fallbacks for readers without an extension may be empty promises."""
        entry = self.entry("buffers", index)
        promised = (entry.extension(name) for name in NAMES)
        if any(one is not None and one.flag("fallback") for one in promised) and "uri" not in entry:
            return False
        return "uri" in entry or (index == 0 and self._chunk is not None)

    def _bytes(self, entry: Entry, index: int) -> bytes:
        if "uri" in entry:
            return self.resource(entry)
        if index != 0 or self._chunk is None:
            raise MeshError("the buffer has no bytes", where=entry.place, expected="a uri, or the GLB's binary chunk")
        return self._chunk

    def resource(self, entry: Entry) -> bytes:
        """The bytes behind an entry's `uri`: inside the file (`data:`) or beside it."""
        uri = entry.text("uri")
        if uri[:5].lower() != "data:":
            return self.assets.get(uri, encoded=True)
        kind, comma, payload = uri.partition(",")
        if not comma or not kind.endswith(";base64"):
            raise MeshError("the data URI is not base64", where=entry.place, expected="data:...;base64,...")
        try:
            return base64.b64decode(payload)
        except (binascii.Error, ValueError) as error:
            raise MeshError("the data URI is damaged", where=entry.place) from error

    def view(self, index: int) -> tuple[memoryview, Entry]:
        """The bytes of a buffer view, and its entry."""
        entry = self.entry("bufferViews", index)
        packed = next((found for name in NAMES if (found := entry.extension(name)) is not None), None)
        if packed is None or self.has_buffer(entry.integer("buffer")):
            return self._range(entry), entry
        if index not in self._decoded:
            stream, length = bytes(self._range(packed)), entry.integer("byteLength", low=1)
            self._decoded[index] = decode_meshopt(packed, stream, length)
        return memoryview(self._decoded[index]), entry

    def _range(self, entry: Entry) -> memoryview:
        """The bytes that an entry with `buffer`, `byteOffset` and `byteLength` speaks of."""
        data = self.buffer(entry.integer("buffer"))
        start, length = entry.integer("byteOffset", 0), entry.integer("byteLength", low=1)
        if start + length > len(data):
            raise MeshError(
                f"the buffer view ends at byte {start + length} of a buffer of {len(data)}", where=entry.place
            )
        return memoryview(data)[start : start + length]


def _tree(text: bytes, path: Path) -> dict[str, Any]:
    try:
        # some exporters fill the chunk up with zeros in place of blanks
        tree = json.loads(text.rstrip(b"\0").decode("utf-8-sig"), parse_constant=_refuse, parse_float=_finite)
    except _NotFinite as error:
        raise MeshError(
            f"the glTF header holds the number {error}", where=str(path), expected="finite numbers"
        ) from error
    except (ValueError, RecursionError) as error:
        raise MeshError("the glTF header is not JSON", where=str(path)) from error
    if not isinstance(tree, dict):
        raise MeshError("the glTF header is not a JSON object", where=str(path))
    return tree


class _NotFinite(ValueError):
    pass


def _refuse(name: str) -> float:
    raise _NotFinite(name)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _NotFinite(text[:40])
    return value


def _chunks(data: bytes, path: Path) -> tuple[bytes, bytes | None]:
    """The JSON chunk and the binary one, None where the file has none."""
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
        return text, None
    binary_length, kind = struct.unpack("<2I", rest[:8])
    if binary_length > len(rest) - 8 or kind != 0x004E4942:
        raise truncated
    return text, rest[8 : 8 + binary_length]
