"""Progress for people on stderr: bars with an ETA on a terminal, plain lines elsewhere, nothing on stdout ever."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

PLAIN_INTERVAL = 10.0  # seconds between plain lines, so that logs stay readable


class Stage(Protocol):
    """A stage of known length that is under way."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Some of it is done; `note` stands beside the count."""
        ...


class _Bar:
    def __init__(self, progress: Progress, name: str, total: int, done: int) -> None:
        self.progress, self.task = progress, progress.add_task(name, total=total, completed=done, note="")

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.progress.update(self.task, advance=steps, note=note)


class _Lines:
    def __init__(self, console: Console, name: str, total: int, done: int) -> None:
        self.console, self.name, self.total, self.first, self.done = console, name, total, done, done
        self.start = self.last = time.monotonic()
        console.print(f"{name}: {total - done} to do", highlight=False)

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.done += steps
        now = time.monotonic()
        if self.done >= self.total or now - self.last >= PLAIN_INTERVAL:
            self.last, elapsed = now, now - self.start
            left = elapsed / max(self.done - self.first, 1) * (self.total - self.done)
            tail = f"{elapsed:.0f} s" if self.done >= self.total else f"about {left:.0f} s left"
            words = ", ".join(filter(None, (f"{self.name}: {self.done}/{self.total}", note, tail)))
            self.console.print(words, highlight=False)


class Reporter:
    """Shows stages one after the other and keeps their wall times, in seconds, in `seconds`."""

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console  # here and below: what trains without a terminal needs no rich

        self.console = console or Console(file=sys.stderr)
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, total: int, done: int = 0) -> Iterator[Stage]:
        """A stage of `total` steps, `done` of them earlier; nothing is shown for an empty one."""
        start = time.monotonic()
        try:
            if total == 0:
                yield _Silent()
            elif self.console.is_terminal:
                from rich.progress import (
                    BarColumn,
                    MofNCompleteColumn,
                    Progress,
                    TextColumn,
                    TimeElapsedColumn,
                    TimeRemainingColumn,
                )  # fmt: skip

                columns = (
                    TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(),
                    TextColumn("{task.fields[note]}"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
                )  # fmt: skip
                with Progress(*columns, console=self.console) as progress:
                    yield _Bar(progress, name, total, done)
            else:
                yield _Lines(self.console, name, total, done)
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - start, 3)

    def say(self, message: str) -> None:
        """A line for people."""
        self.console.print(message, highlight=False, markup=False)


class _Silent:
    def advance(self, steps: int = 1, note: str = "") -> None:
        pass
