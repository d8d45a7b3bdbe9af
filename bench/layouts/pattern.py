"""Patterns of file names: `{case}/rgb_000_{view}`, `{case}`, `**/{case}/{seed}`.

`{case}` is a case of the suite, `{seed}` a number, `{view}` a number (zeros before it do not matter) or one of given
names, `*` anything inside a name, and `**/` at the start any folders. A pattern that ends in no suffix takes any
picture.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath

from groundwork.errors import UsageError

FIELDS = ("case", "seed", "view")
VIDEOS = (".mp4", ".webm", ".mov", ".mkv")


def composed(name: str) -> str:
    """With each accent and its letter as one character (Unicode's NFC)."""
    return unicodedata.normalize("NFC", name)


@dataclass(frozen=True)
class Place:
    """What a file's name says. `view` counts from 0 and is None for pictures that hold several views."""

    case: str
    seed: int | None
    view: int | None


@dataclass(frozen=True)
class Pattern:
    """A pattern of file names. `names` are the words that `{view}` may be, in order; without them it is a number.

    `first` is the number of the first view. Raises `UsageError` for a pattern that cannot tell cases apart.
    """

    text: str
    names: tuple[str, ...] = ()
    first: int = 0

    def __post_init__(self) -> None:
        fields = re.findall(r"\{([^{}]*)\}", self.text)
        strange = [name for name in fields if name not in FIELDS]
        if strange or "case" not in fields or any(fields.count(name) > 1 for name in ("seed", "view")):
            raise UsageError(
                f"'{self.text}' is not a pattern of file names",
                expected="{case}, and at most one {view} and one {seed}, such as '{case}/rgb_000_{view}'",
                hint=f"there is no '{{{strange[0]}}}'" if strange else "",
            )

    @property
    def single(self) -> bool:
        """Whether each file is one view."""
        return "{view}" in self.text

    def place(self, relative: str, cases: Collection[str]) -> Place | None:
        """What the file at `relative` (posix, below the root) is, if it is a picture of one of `cases`.

        Accents count the same composed and decomposed: a Mac's disk and a suite's file store them otherwise.
        """
        found = self._read(self._expression(cases), composed(relative))
        if found is None or found.case in cases:
            return found
        return replace(found, case=next(case for case in cases if composed(case) == found.case))

    def stranger(self, relative: str) -> str | None:
        """The case that a file would be of, whatever cases there are."""
        place = self._read(self._anything, composed(relative))
        return None if place is None else place.case

    @cached_property
    def _anything(self) -> re.Pattern[str]:
        return self._compiled(r"[^/]+?")

    def _expression(self, cases: Collection[str]) -> re.Pattern[str]:
        known = "|".join(re.escape(composed(case)) for case in sorted(cases, key=len, reverse=True))
        return self._compiled(known or r"(?!)")

    def _compiled(self, case: str) -> re.Pattern[str]:
        words = "|".join(re.escape(composed(name)) for name in sorted(self.names, key=len, reverse=True))
        texts = {"case": case, "seed": "[0-9]{1,9}", "view": words or "[0-9]{1,9}"}
        anywhere, rest = self.text.startswith("**/"), self.text.removeprefix("**/")
        parts, seen = [r"(?:.*/)?" if anywhere else ""], set()
        for piece in re.split(r"(\{[^{}]*\}|\*)", rest):
            name = piece[1:-1]
            if piece == "*":
                parts.append(r"[^/]*")
            elif piece.startswith("{") and name in seen:
                parts.append(f"(?P={name})")
            elif piece.startswith("{"):
                seen.add(name)
                parts.append(f"(?P<{name}>{texts[name]})")
            else:
                parts.append(re.escape(composed(piece)))
        suffix = "" if PurePosixPath(rest).suffix.lower() in _suffixes() else r"\.[^./]+"
        return re.compile("".join(parts) + suffix, re.IGNORECASE if suffix == "" else 0)

    def _read(self, expression: re.Pattern[str], relative: str) -> Place | None:
        found = expression.fullmatch(relative)
        if found is None:
            return None
        groups = found.groupdict()
        view = groups.get("view")
        index = (
            None
            if view is None
            else [composed(name) for name in self.names].index(view)
            if self.names
            else int(view) - self.first
        )
        if index is not None and index < 0:
            return None
        return Place(groups["case"], None if groups.get("seed") is None else int(groups["seed"]), index)


def _suffixes() -> Iterable[str]:
    from groundwork.pictures import SUFFIXES

    return (*SUFFIXES, *VIDEOS)
