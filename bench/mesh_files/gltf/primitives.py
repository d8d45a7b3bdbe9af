"""Primitives: the triangles of a glTF mesh with what their vertices carry, before any node places them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.errors import MeshError
from bench.geometry.mesh import FloatArray
from bench.mesh_files.colour import encode, to_bytes
from bench.mesh_files.gltf.accessors import Accessors
from bench.mesh_files.gltf.draco import Decoded, can_decode, decode_draco
from bench.mesh_files.gltf.fields import Entry
from bench.mesh_files.gltf.materials import GltfMaterial, Materials
from bench.mesh_files.part import Bytes4, Indices, Part, check_faces

_DRACO = "KHR_draco_mesh_compression"
_POINTS_AND_LINES = (0, 1, 2, 3)
_STRIP, _FAN = 5, 6
_ANY = ("VEC2", "VEC3", "VEC4")


@dataclass(frozen=True)
class Shape:
    """A primitive: its part, and where it is skinned the joints int64 (N, J) of each vertex and their weights."""

    part: Part
    joints: Indices | None = None
    weights: FloatArray | None = None


class Primitives:
    """Reads primitives of a document."""

    def __init__(self, accessors: Accessors, materials: Materials) -> None:
        self.accessors, self.materials, self.document = accessors, materials, accessors.document
        self.quantised = "KHR_mesh_quantization" in self.document.root.texts("extensionsUsed")

    def read(self, primitive: Entry, morph_weights: tuple[float, ...], skinned: bool) -> Shape | None:
        """The primitive under the weights of its morph targets; None for points and lines, which are left out."""
        mode = primitive.integer("mode", 4, high=6)
        if mode in _POINTS_AND_LINES:
            self.document.note("points and lines are left out")
            return None
        material = self.materials.get(primitive.integer("material") if "material" in primitive else None)
        source = self._source(primitive)
        positions = source.floats("POSITION", ("VEC3",))
        faces = self._faces(primitive, source, len(positions), mode)
        check_faces(faces, len(positions), primitive.place)
        normals = source.floats("NORMAL", ("VEC3",)) if source.has("NORMAL") else None
        uv, material = self._uv(source, material, primitive)
        colours = self._linear_colours(source)
        lengths = {len(one) for one in (positions, normals, uv, colours) if one is not None}
        if len(lengths) > 1:
            raise MeshError("attributes have different numbers of vertices", where=primitive.place)
        if any(morph_weights):
            positions, normals, uv, colours = self._morphed(
                primitive,
                morph_weights,
                {"POSITION": positions, "NORMAL": normals, "UV": uv, "COLOR_0": colours},
                material,
            )
        part = Part(
            positions,
            faces,
            normals,
            None if uv is None else material.uv(uv),
            _painted(colours),
            material.surface,
        )
        if not skinned or not source.has("JOINTS_0"):
            return Shape(part.compact())
        return Shape(part, *self._influences(source, primitive, len(positions)))

    def _source(self, primitive: Entry) -> _Attributes | _Compressed:
        attributes = primitive.need("attributes")
        compressed = primitive.extension(_DRACO)
        if compressed is None or (not can_decode() and self._uncompressed(attributes)):
            return _Attributes(self, attributes)
        data = self.document.view(compressed.integer("bufferView"))[0]
        return _Compressed(self, attributes, compressed.need("attributes"), decode_draco(bytes(data), compressed.place))

    def _uncompressed(self, attributes: Entry) -> bool:
        """Whether the geometry is there without compression too, as files that do not require Draco may have it."""
        return "bufferView" in self.document.entry("accessors", attributes.integer("POSITION"))

    def _faces(self, primitive: Entry, source: _Attributes | _Compressed, vertices: int, mode: int) -> Indices:
        indices = source.indices()
        if indices is None:
            if "indices" in primitive:
                indices = self.accessors.integers(primitive.integer("indices"), ("SCALAR",))[:, 0]
            else:
                indices = np.arange(vertices, dtype=np.int64)
        if mode == _STRIP:
            return strip(indices)
        if mode == _FAN:
            first = np.full(max(len(indices) - 2, 0), indices[0])
            return np.stack([indices[1:-1], indices[2:], first], axis=1)
        if len(indices) % 3:
            raise MeshError(f"{len(indices)} indices do not make whole triangles", where=primitive.place)
        return indices.reshape(-1, 3)

    def _uv(
        self, source: _Attributes | _Compressed, material: GltfMaterial, primitive: Entry
    ) -> tuple[FloatArray | None, GltfMaterial]:
        """Texture coordinates of the set that the material looks at, as stored."""
        name = f"TEXCOORD_{material.coordinates}"
        if source.has(name):
            return source.floats(name, ("VEC2",)), material
        if material.surface.material.texture is not None:
            told = MeshError(
                f"the material's texture looks at {name}, which the primitive does not have", where=primitive.place
            )
            return None, self.materials.lacking(material, str(told))
        return (source.floats("TEXCOORD_0", ("VEC2",)) if source.has("TEXCOORD_0") else None), material

    @staticmethod
    def _linear_colours(source: _Attributes | _Compressed) -> FloatArray | None:
        """COLOR_0 as linear RGBA in [0, 1]."""
        if not source.has("COLOR_0"):
            return None
        colours = source.floats("COLOR_0", ("VEC3", "VEC4"))
        opaque = np.ones((len(colours), 1))
        return np.hstack([colours[:, :3], colours[:, 3:] if colours.shape[1] == 4 else opaque])

    def _morphed(
        self,
        primitive: Entry,
        weights: tuple[float, ...],
        at_rest: dict[str, FloatArray | None],
        material: GltfMaterial,
    ) -> tuple[FloatArray, FloatArray | None, FloatArray | None, FloatArray | None]:
        targets = primitive.value.get("targets", [])
        if not isinstance(targets, list) or len(targets) != len(weights):
            raise primitive.wrong("targets", f"{len(weights)} morph targets, as many as the mesh has weights")
        names = {"UV": f"TEXCOORD_{material.coordinates}"}
        moved = dict(at_rest)
        for entry, weight in zip(primitive.items("targets"), weights, strict=True):
            for key, values in at_rest.items():
                name = names.get(key, key)
                if weight and values is not None and name in entry:
                    change = self.accessors.floats(entry.integer(name), _ANY)
                    if len(change) != len(values) or change.shape[1] > values.shape[1]:
                        raise entry.wrong(name, f"an accessor of {len(values)} elements")
                    before = moved[key]
                    assert before is not None
                    moved[key] = before + weight * np.pad(change, ((0, 0), (0, values.shape[1] - change.shape[1])))
        assert moved["POSITION"] is not None
        return moved["POSITION"], moved["NORMAL"], moved["UV"], moved["COLOR_0"]

    def _influences(
        self, source: _Attributes | _Compressed, primitive: Entry, vertices: int
    ) -> tuple[Indices, FloatArray]:
        joints, weights, number = [], [], 0
        while source.has(f"JOINTS_{number}"):
            if not source.has(f"WEIGHTS_{number}"):
                raise MeshError(f"JOINTS_{number} has no WEIGHTS_{number}", where=primitive.place)
            joints.append(source.floats(f"JOINTS_{number}", ("VEC4",)).astype(np.int64))
            weights.append(source.floats(f"WEIGHTS_{number}", ("VEC4",)))
            number += 1
        all_joints, all_weights = np.hstack(joints), np.hstack(weights)
        if len(all_joints) != vertices or len(all_weights) != vertices:
            raise MeshError("attributes have different numbers of vertices", where=primitive.place)
        total = all_weights.sum(axis=1, keepdims=True)
        if (all_weights < 0).any() or (total <= 0).any():
            raise MeshError(
                "a vertex has no weight on any joint", where=primitive.place, expected="weights that sum to 1"
            )
        return all_joints, all_weights / total


class _Attributes:
    """Attributes of a primitive from its accessors."""

    def __init__(self, reader: Primitives, entry: Entry) -> None:
        self.reader, self.entry = reader, entry

    def has(self, name: str) -> bool:
        return name in self.entry

    def floats(self, name: str, kinds: tuple[str, ...]) -> FloatArray:
        index = self.entry.integer(name)
        stored = self.reader.document.entry("accessors", index)
        integers = stored.integer("componentType") != 5126
        if integers and not self.reader.quantised and name.partition("_")[0] not in ("JOINTS", "WEIGHTS", "COLOR"):
            normalised_uv = name.startswith("TEXCOORD") and stored.flag("normalized")
            if not normalised_uv:
                raise stored.wrong("componentType", f"5126 (floats) for {name}, or KHR_mesh_quantization")
        values = self.reader.accessors.floats(index, kinds)
        if name.startswith(("COLOR", "WEIGHTS")) and integers and not stored.flag("normalized"):
            # the format allows integers here as fractions only; some exporters forget to say so
            values = values / {5121: 255.0, 5123: 65535.0}.get(stored.integer("componentType"), 1.0)
        return values

    def indices(self) -> Indices | None:
        return None


class _Compressed:
    """Attributes of a primitive from a Draco stream; what the stream does not hold comes from accessors."""

    def __init__(self, reader: Primitives, entry: Entry, ids: Entry, decoded: Decoded) -> None:
        self.plain, self.ids, self.decoded = _Attributes(reader, entry), ids, decoded
        self.entry = entry

    def has(self, name: str) -> bool:
        return self.plain.has(name)

    def floats(self, name: str, kinds: tuple[str, ...]) -> FloatArray:
        if name not in self.ids:
            return self.plain.floats(name, kinds)
        values = self.decoded.attribute(self.ids.integer(name), self.ids.place)
        stored = self.plain.reader.document.entry("accessors", self.entry.integer(name))
        if values.dtype.kind in "iu" and (stored.flag("normalized") or name.startswith("COLOR")):
            return np.maximum(values / np.iinfo(values.dtype).max, -1.0)
        return values.astype(np.float64)

    def indices(self) -> Indices | None:
        return self.decoded.faces.ravel()


def strip(indices: Indices) -> Indices:
    """The triangles (F, 3) of a strip: each vertex closes one with the two before it, every other one turned round."""
    count = max(len(indices) - 2, 0)
    odd = np.arange(count) % 2
    return np.stack([indices[:count], indices[1 + odd + np.arange(count)], indices[2 - odd + np.arange(count)]], axis=1)


def _painted(linear: FloatArray | None) -> Bytes4 | None:
    if linear is None:
        return None
    return to_bytes(np.hstack([encode(linear[:, :3]), linear[:, 3:]]))
