"""Losses by domain between two logs, kept on the device so that no step waits for them."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from realiz3d.training.processes import Processes


@dataclass(frozen=True)
class Reading:
    """Means over all processes; None = no samples of that kind. samples_per_second: of all processes, grids."""

    loss: float
    loss_synthetic: float | None
    loss_real: float | None
    samples_per_second: float


class Meter:
    """Adds up losses until it is read."""

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(2, device=device, dtype=torch.float64)
        self.counts = [0, 0]
        self.start = time.monotonic()

    def add(self, losses: Tensor, n_synthetic: int) -> None:
        """(B,) losses of one forward, synthetic samples first."""
        self.sums += torch.stack([losses[:n_synthetic].double().sum(), losses[n_synthetic:].double().sum()])
        self.counts = [self.counts[0] + n_synthetic, self.counts[1] + len(losses) - n_synthetic]

    def read(self, processes: Processes) -> Reading:
        """The means since the last reading. All processes must call it together."""
        synthetic, real = processes.reduce(self.sums, "sum").tolist()
        counts = [count * processes.num_processes for count in self.counts]
        elapsed = max(time.monotonic() - self.start, 1e-9)
        reading = Reading(
            (synthetic + real) / sum(counts),
            synthetic / counts[0] if counts[0] else None,
            real / counts[1] if counts[1] else None,
            sum(counts) / elapsed,
        )
        self.sums.zero_()
        self.counts, self.start = [0, 0], time.monotonic()
        return reading
