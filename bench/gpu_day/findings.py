"""What was found, a line of JSON each, written the moment it is known: a run that is killed keeps all it has."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Status = Literal["measured", "failed", "skipped"]
NO_GPU = "no GPU was used"


@dataclass(frozen=True)
class Planned:
    """A number (or fact) that a step is there to find: its name within the step, and its unit ('' for a fact)."""

    name: str
    unit: str = ""


def planned_of_each(groups: Sequence[str], units: Mapping[str, str]) -> tuple[Planned, ...]:
    """The same names, each with its unit, for every group: 'group: name'."""
    return tuple(Planned(f"{group}: {name}", unit) for group in groups for name, unit in units.items())


@dataclass(frozen=True)
class Finding:
    """A number with its unit, or a fact in words. `low`, `high`: its interval or spread; `n`: what it rests on.

    A finding without a name is about the step as a whole: how it ended and how long it took.
    """

    step: str
    name: str
    status: Status = "measured"
    value: float | None = None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    n: int | None = None
    text: str = ""

    @property
    def words(self) -> str:
        """The value as a table shows it."""
        if self.status != "measured":
            return f"{self.status}: {self.text}" if self.text else self.status
        if self.value is None:
            return self.text
        spread = "" if self.low is None or self.high is None else f" [{_short(self.low)}, {_short(self.high)}]"
        note = f" ({self.text})" if self.text else ""
        return f"{_short(self.value)}{spread}{f' {self.unit}' if self.unit else ''}{note}"


def _short(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


class Book:
    """The file of findings."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.parent.mkdir(parents=True, exist_ok=True)

    def write(self, finding: Finding) -> None:
        """Append one; it is on disk when this returns."""
        with self.file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(asdict(finding)) + "\n")

    def read(self) -> list[Finding]:
        """All that are whole: the last line of a killed run may not be. Later ones of a name replace earlier ones."""
        found: dict[tuple[str, str], Finding] = {}
        for finding in self._lines():
            found[finding.step, finding.name] = finding
        return list(found.values())

    def _lines(self) -> Iterator[Finding]:
        if not self.file.is_file():
            return
        for line in self.file.read_text(encoding="utf-8").splitlines():
            try:
                yield Finding(**json.loads(line))
            except (ValueError, TypeError):
                continue


class Notes:
    """What a step writes its findings with; names that nobody planned are refused, so that a page leaves out none."""

    def __init__(self, book: Book, step: str, planned: tuple[Planned, ...]) -> None:
        self.book, self.step = book, step
        self.units = {one.name: one.unit for one in planned}

    def number(
        self, name: str, value: float, *, low: float | None = None, high: float | None = None, n: int | None = None,
        text: str = "",
    ) -> None:  # fmt: skip
        """A measured number. Raises `ValueError` for one that is not finite."""
        if not math.isfinite(value):
            raise ValueError(f"{self.step}: {name} is {value}")
        self.book.write(Finding(self.step, name, "measured", value, self.units[name], low, high, n, text))

    def memory(self, name: str, peak: int | None) -> None:
        """The most bytes of a GPU's memory that were held, in GiB; None where no GPU was used."""
        if peak is None:
            self.skipped(name, NO_GPU)
        else:
            self.number(name, peak / 2**30)

    def fact(self, name: str, text: str) -> None:
        """Something in words."""
        self._known(name)
        self.book.write(Finding(self.step, name, text=text))

    def failed(self, name: str, why: str) -> None:
        """What could not be measured, and why."""
        self._known(name)
        self.book.write(Finding(self.step, name, "failed", text=why))

    def skipped(self, name: str, why: str) -> None:
        """What was not tried."""
        self._known(name)
        self.book.write(Finding(self.step, name, "skipped", text=why))

    def _known(self, name: str) -> None:
        if name not in self.units:
            raise KeyError(f"{self.step}: nobody planned '{name}'")


def absent_package(error: BaseException | None) -> str:
    """The package whose absence an error stems from, '' for other errors."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError):
            return str(error.name).partition(".")[0]
        error = error.__cause__ or error.__context__
    return ""
