"""What a search may take: seconds, of which progress is told, and what they did not suffice for."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from groundwork.progress import Reporter, Stage


class Budget:
    """Seconds from now on. `missed` is what they did not suffice for, in words; no `reporter`: no progress is told."""

    def __init__(self, seconds: float = math.inf, reporter: Reporter | None = None) -> None:
        self.seconds = seconds
        self.missed: list[str] = []
        self._end = time.monotonic() + seconds
        self._reporter = reporter

    def spent(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._end

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Stage]:
        """Progress of `total` steps."""
        if self._reporter is None:
            yield _Silent()
            return
        with self._reporter.stage(name, total) as stage:
            yield stage


class _Silent:
    def advance(self, steps: int = 1, note: str = "") -> None:
        pass
