"""Typed access to a stranger's glTF tree: each value is checked where it is read, and errors say where it stands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.errors import MeshError


@dataclass(frozen=True)
class Entry:
    """A JSON object and its place in the file, as errors name it."""

    value: dict[str, Any]
    place: str

    def __contains__(self, key: str) -> bool:
        return key in self.value

    def wrong(self, key: str, expected: str) -> MeshError:
        """The error for a value that is not what the format asks for."""
        if key not in self.value:
            return MeshError(f"'{key}' is missing", where=self.place, expected=expected)
        found = repr(self.value[key])
        found = found if len(found) <= 80 else found[:80] + "..."
        return MeshError(f"'{key}' is {found}", where=self.place, expected=expected)

    def integer(self, key: str, default: int | None = None, low: int = 0, high: int = 2**53) -> int:
        """A whole number in [low, high]. Without a `default` the key must be there."""
        value = self.value.get(key, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(key, f"a whole number, {low} or more" if high == 2**53 else f"{low} ... {high}")
        return value

    def number(self, key: str, default: float) -> float:
        """A finite number."""
        return self.numbers(key, 1, (default,))[0] if key not in self.value else self._finite(key, self.value[key])

    def numbers(self, key: str, count: int, default: Sequence[float] | None = None) -> tuple[float, ...]:
        """`count` finite numbers."""
        value = self.value.get(key, default)
        if not isinstance(value, (list, tuple)) or len(value) != count:
            raise self.wrong(key, f"{count} numbers")
        return tuple(self._finite(key, one) for one in value)

    def _finite(self, key: str, value: object) -> float:
        try:
            number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.wrong(key, "a finite number")
        return number

    def text(self, key: str, default: str | None = None) -> str:
        """A text."""
        value = self.value.get(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, "a text")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """true or false."""
        value = self.value.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def child(self, key: str) -> Entry | None:
        """An object inside this one, or None where there is none."""
        if key not in self.value:
            return None
        if not isinstance(self.value[key], dict):
            raise self.wrong(key, "an object")
        return Entry(self.value[key], f"{self.place}.{key}")

    def need(self, key: str) -> Entry:
        """An object that must be inside this one."""
        found = self.child(key)
        if found is None:
            raise self.wrong(key, "an object")
        return found

    def items(self, key: str) -> list[Entry]:
        """A list of objects; empty where there is none."""
        value = self.value.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self.wrong(key, "a list of objects")
        return [Entry(one, f"{self.place}.{key}[{index}]") for index, one in enumerate(value)]

    def integers(self, key: str) -> list[int]:
        """A list of whole numbers from 0; empty where there is none."""
        value = self.value.get(key, [])
        if not isinstance(value, list) or not all(type(one) is int and one >= 0 for one in value):
            raise self.wrong(key, "a list of whole numbers")
        return list(value)

    def texts(self, key: str) -> list[str]:
        """A list of texts; empty where there is none."""
        value = self.value.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.wrong(key, "a list of texts")
        return list(value)

    def extension(self, name: str) -> Entry | None:
        """What an extension says of this object, or None."""
        extensions = self.child("extensions")
        return None if extensions is None else extensions.child(name)
