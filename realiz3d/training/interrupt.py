"""SIGINT as a request: finish the step, save, then stop."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch

from realiz3d.training.processes import Processes


class Interrupt:
    """Whether somebody asked to stop; the second request raises `KeyboardInterrupt` at once."""

    def __init__(self) -> None:
        self.asked = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Listen inside; outside SIGINT means what it meant before."""
        try:
            before: Callable[..., Any] | int | None = signal.signal(signal.SIGINT, self._ask)
        except ValueError:  # not the main thread: whoever runs it there handles signals
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def anywhere(self, processes: Processes) -> bool:
        """Whether any process was asked. All processes must call it together."""
        if processes.num_processes == 1:
            return self.asked
        flag = torch.tensor(float(self.asked), device=processes.device)
        return bool(processes.reduce(flag, "sum") > 0)

    def _ask(self, _signal: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
