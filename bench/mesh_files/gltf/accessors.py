"""Accessors: typed arrays in a glTF file's buffers, strided, sparse, normalised, every bound checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import MeshError
from bench.geometry.mesh import FloatArray
from bench.mesh_files.gltf.document import Document
from bench.mesh_files.gltf.fields import Entry

MAX_ELEMENTS = 50_000_000  # of all accessors together; one without data is a cheap way to ask for gigabytes
COMPONENTS: dict[int, np.dtype[Any]] = {
    5120: np.dtype("i1"),
    5121: np.dtype("u1"),
    5122: np.dtype("<i2"),
    5123: np.dtype("<u2"),
    5125: np.dtype("<u4"),
    5126: np.dtype("<f4"),
}
SIZES = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
Stored = npt.NDArray[Any]


class Accessors:
    """The accessors of a document by index. Arrays come out (count, components)."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._elements = 0

    def count(self, index: int) -> int:
        """How many elements an accessor promises."""
        return self.document.entry("accessors", index).integer("count", low=1)

    def stored(self, index: int, kinds: tuple[str, ...]) -> tuple[Stored, bool]:
        """The array as stored, and whether its integers stand for fractions. `kinds` are the types expected."""
        entry = self.document.entry("accessors", index)
        kind = entry.text("type")
        if kind not in kinds:
            raise entry.wrong("type", " or ".join(kinds))
        component = COMPONENTS.get(entry.integer("componentType"))
        if component is None:
            raise entry.wrong("componentType", f"one of {', '.join(map(str, COMPONENTS))}")
        count, width = self.count(index), SIZES[kind]
        self._elements += count
        if self._elements > MAX_ELEMENTS:
            raise MeshError(
                "the mesh is too large", where=entry.place, expected=f"at most {MAX_ELEMENTS} elements in all accessors"
            )
        if "bufferView" in entry:
            values = self._strided(entry, count, width, component)
        else:  # zeros, by the format; only sparse values make sense of that
            values = np.zeros((count, width), component)
        sparse = entry.child("sparse")
        if sparse is not None:
            values = self._overridden(values, sparse)
        return values, entry.flag("normalized")

    def floats(self, index: int, kinds: tuple[str, ...]) -> FloatArray:
        """float64 (count, components), finite; integers that stand for fractions are divided as the format says."""
        values, normalised = self.stored(index, kinds)
        with np.errstate(invalid="ignore"):
            numbers = values.astype(np.float64)
        if normalised and values.dtype.kind in "iu":
            numbers = np.maximum(numbers / np.iinfo(values.dtype).max, -1.0)
        if not np.isfinite(numbers).all():
            place = self.document.entry("accessors", index).place
            raise MeshError("the mesh has numbers that are not finite", where=place)
        return numbers

    def integers(self, index: int, kinds: tuple[str, ...]) -> npt.NDArray[np.int64]:
        """int64 (count, components) of unsigned integers."""
        values, normalised = self.stored(index, kinds)
        if values.dtype.kind != "u" or normalised:
            raise self.document.entry("accessors", index).wrong("componentType", "unsigned integers, not normalised")
        return values.astype(np.int64)

    def _strided(self, entry: Entry, count: int, width: int, component: np.dtype[Any]) -> Stored:
        data, view = self.document.view(entry.integer("bufferView"))
        element = width * component.itemsize
        stride = view.integer("byteStride", element)
        if "byteStride" in view and (stride < 4 or stride > 252 or stride < element):
            raise view.wrong("byteStride", f"{max(4, element)} ... 252 for elements of {element} bytes")
        return self._array(data, entry, count, width, component, stride)

    @staticmethod
    def _array(
        data: memoryview,
        entry: Entry,
        count: int,
        width: int,
        component: np.dtype[Any],
        stride: int | None = None,
    ) -> Stored:
        stride = stride or width * component.itemsize
        start = entry.integer("byteOffset", 0)
        end = start + (count - 1) * stride + width * component.itemsize
        if end > len(data):
            raise MeshError(
                f"the accessor reaches byte {end} of a buffer view of {len(data)}",
                where=entry.place,
                hint="export or download the mesh again",
            )
        strides = (stride, component.itemsize)
        return np.ndarray((count, width), component, data, start, strides).copy()

    def _overridden(self, values: Stored, sparse: Entry) -> Stored:
        """Sparse values laid over the others."""
        count = sparse.integer("count", low=1, high=len(values))
        where, what = sparse.need("indices"), sparse.need("values")
        kind = COMPONENTS.get(where.integer("componentType"))
        if kind is None or kind.kind != "u":
            raise where.wrong("componentType", "unsigned integers")
        indices = self._array(self.document.view(where.integer("bufferView"))[0], where, count, 1, kind)[:, 0]
        places = indices.astype(np.int64)
        if places.max() >= len(values) or (np.diff(places) <= 0).any():
            raise MeshError(
                "sparse indices are out of range or out of order",
                where=where.place,
                expected=f"rising numbers below {len(values)}",
            )
        data = self.document.view(what.integer("bufferView"))[0]
        values[places] = self._array(data, what, count, values.shape[1], values.dtype)
        return values
