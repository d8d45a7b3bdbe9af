"""The table that a PLY file is: elements with columns of numbers and of lists, as text or as binary."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import MeshError
from bench.mesh_files.lines import text_lines
from bench.mesh_files.part import Indices

Column = npt.NDArray[Any]
_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}


@dataclass(frozen=True)
class _Property:
    name: str
    kind: str  # numpy's code without byte order
    counted: str = ""  # the code of a list's length, empty for single numbers


@dataclass
class Element:
    """`columns` by name; `lists` by name as (lengths of each row, all values one after the other)."""

    name: str
    count: int
    properties: list[_Property] = field(default_factory=list)
    columns: dict[str, Column] = field(default_factory=dict)
    lists: dict[str, tuple[Indices, Column]] = field(default_factory=dict)


@dataclass(frozen=True)
class Ply:
    """Elements by name, and comments in their order."""

    elements: dict[str, Element]
    comments: list[str]


def read_ply_table(data: bytes, path: Path) -> Ply:
    """Raises `MeshError` for a header that is broken or a body that is cut off."""
    order, elements, comments, body = _header(data, path)
    try:
        rest = _AsciiBody(data[body:].split()) if order == "" else _BinaryBody(memoryview(data)[body:], order)
        for element in elements:
            rest.read(element)
    except (ValueError, IndexError, OverflowError) as error:
        raise MeshError(
            "the PLY file is cut off, or its rows are not what its header says",
            where=str(path),
            hint="export or download it again",
        ) from error
    return Ply({element.name: element for element in elements}, comments)


def _header(data: bytes, path: Path) -> tuple[str, list[Element], list[str], int]:
    broken = MeshError("the PLY header cannot be read", where=str(path), hint="export or download it again")
    end = data.find(b"end_header")
    after = data.find(b"\n", end)
    if data[:3] != b"ply" or end < 0:
        raise broken
    if after < 0:
        after = len(data) - 1
    order: str | None = None
    elements: list[Element] = []
    comments: list[str] = []
    try:
        for line in text_lines(data[:end])[1:]:
            words = line.split()
            if words[:1] == ["format"]:
                order = _ORDERS[words[1]]
            elif words[:1] == ["element"]:
                elements.append(Element(words[1], int(words[2])))
            elif words[:2] == ["property", "list"]:
                elements[-1].properties.append(_Property(words[4], _TYPES[words[3]], _TYPES[words[2]]))
            elif words[:1] == ["property"]:
                elements[-1].properties.append(_Property(words[2], _TYPES[words[1]]))
            elif words[:1] == ["comment"]:
                comments.append(line.strip()[len("comment") :].strip())
    except (KeyError, IndexError, ValueError) as error:
        raise broken from error
    smallest = sum(element.count * max(len(element.properties), 1) for element in elements)
    if order is None or any(element.count < 0 for element in elements) or smallest > len(data) - after:
        raise (
            broken
            if order is None
            else MeshError("the PLY file is cut off or damaged", where=str(path), hint="export or download it again")
        )
    return order, elements, comments, after + 1


class _AsciiBody:
    """Numbers as words."""

    def __init__(self, words: list[bytes]) -> None:
        self.words, self.at = words, 0

    def read(self, element: Element) -> None:
        plain = [one for one in element.properties if not one.counted]
        if len(plain) == len(element.properties):
            width = len(plain)
            table = self._numbers(element.count * width).reshape(element.count, width)
            for column, one in enumerate(plain):
                element.columns[one.name] = table[:, column].astype(one.kind)
            return
        rows: dict[str, list[float]] = {one.name: [] for one in element.properties}
        lengths: dict[str, list[int]] = {one.name: [] for one in element.properties if one.counted}
        for _ in range(element.count):
            for one in element.properties:
                length = 1
                if one.counted:
                    length = int(self.words[self.at])
                    lengths[one.name].append(length)
                    self.at += 1
                stop = self.at + length
                if length < 0 or stop > len(self.words):
                    raise ValueError("cut off")
                rows[one.name] += map(float, self.words[self.at : stop])
                self.at = stop
        for one in element.properties:
            values = np.array(rows[one.name], np.float64).astype(one.kind)
            if one.counted:
                element.lists[one.name] = (np.array(lengths[one.name], np.int64), values)
            else:
                element.columns[one.name] = values

    def _numbers(self, count: int) -> npt.NDArray[np.float64]:
        words = self.words[self.at : self.at + count]
        if len(words) < count:
            raise ValueError("cut off")
        self.at += count
        return np.array(words, dtype="S").astype(np.float64) if words else np.zeros(0)


class _BinaryBody:
    """Rows of bytes. Rows whose lists are all as long as the first one's are read at once, which is nearly always."""

    def __init__(self, data: memoryview, order: str) -> None:
        self.data, self.order, self.at = data, order, 0

    def read(self, element: Element) -> None:
        if not element.count:
            for one in element.properties:
                empty = np.zeros(0, one.kind)
                if one.counted:
                    element.lists[one.name] = (np.zeros(0, np.int64), empty)
                else:
                    element.columns[one.name] = empty
            return
        lengths = self._first_lengths(element)
        row = np.dtype(
            [
                item
                for one, length in zip(element.properties, lengths, strict=True)
                for item in ([(f"#{one.name}", self.order + one.counted)] if one.counted else [])
                + [(one.name, self.order + one.kind, (length,))]
            ]
        )
        if self.at + element.count * row.itemsize <= len(self.data):
            table = np.frombuffer(self.data, row, element.count, self.at)
            alike = all(
                (table[f"#{one.name}"] == length).all()
                for one, length in zip(element.properties, lengths, strict=True)
                if one.counted
            )
            if alike:
                self.at += element.count * row.itemsize
                for one, length in zip(element.properties, lengths, strict=True):
                    values = table[one.name].reshape(-1)
                    if one.counted:
                        element.lists[one.name] = (np.full(element.count, length, np.int64), values)
                    else:
                        element.columns[one.name] = values
                return
        self._row_by_row(element)

    def _take(self, code: str, count: int) -> Column:
        kind = np.dtype(self.order + code)
        if count < 0 or self.at + count * kind.itemsize > len(self.data):
            raise ValueError("cut off")
        values = np.frombuffer(self.data, kind, count, self.at)
        self.at += count * kind.itemsize
        return values

    def _first_lengths(self, element: Element) -> list[int]:
        start, lengths = self.at, []
        for one in element.properties:
            lengths.append(int(self._take(one.counted, 1)[0]) if one.counted else 1)
            self._take(one.kind, lengths[-1])
        self.at = start
        return lengths

    def _row_by_row(self, element: Element) -> None:
        rows: dict[str, list[Column]] = {one.name: [] for one in element.properties}
        for _ in range(element.count):
            for one in element.properties:
                length = int(self._take(one.counted, 1)[0]) if one.counted else 1
                rows[one.name].append(self._take(one.kind, length))
        for one in element.properties:
            values = np.concatenate(rows[one.name])
            if one.counted:
                element.lists[one.name] = (np.array([len(row) for row in rows[one.name]], np.int64), values)
            else:
                element.columns[one.name] = values
