"""How an optimiser step is cut up: which samples run in which forward on which device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from realiz3d.errors import UsageError
from realiz3d.plan import Domain
from realiz3d.training.method import Phase


@dataclass(frozen=True)
class Shape:
    """How a step is cut up: `accumulation` forwards of `micro` samples on each of `world` devices.

    synthetic and real are the samples of each kind in one forward.
    """

    world: int
    accumulation: int
    synthetic: int
    real: int

    @classmethod
    def of(cls, phase: Phase, samples: int, micro: int, world: int) -> Shape:
        """Raises `UsageError` when `samples` a step cannot be dealt out evenly."""
        rows = {"samples_per_step": samples, "micro_batch": micro, "devices": world}
        where = ", ".join(f"{name} = {value}" for name, value in rows.items())
        if samples % world:
            raise UsageError("a step's samples cannot be shared among the devices", where=where)
        micro = min(micro, samples // world)
        if samples // world % micro:
            raise UsageError(
                "a step's samples do not fill whole micro batches",
                where=where,
                expected="samples_per_step divisible by devices x micro_batch",
            )
        if phase.mix == "both" and micro % 2:
            raise UsageError(
                f"phase '{phase.name}' mixes synthetic and real samples half and half",
                where=where,
                expected="an even number of samples in every micro batch",
            )
        half = micro // 2
        counts = {"both": (half, half), "synthetic": (micro, 0), "real": (0, micro)}[phase.mix]
        return cls(world, samples // world // micro, *counts)

    @property
    def synthetic_per_step(self) -> int:
        """On all devices."""
        return self.synthetic * self.accumulation * self.world

    @property
    def real_per_step(self) -> int:
        """On all devices."""
        return self.real * self.accumulation * self.world

    def of_forward(self, rank: int, micro: int) -> list[int]:
        """Places, within the step's samples (synthetic ones first), of one forward's samples."""
        synthetic = places(rank, self.world, micro, self.synthetic)
        real = places(rank, self.world, micro, self.real)
        return [*synthetic, *(self.synthetic_per_step + place for place in real)]


def domains_of(n_synthetic: int, n_real: int) -> Tensor:
    """Domains of a step's samples, synthetic ones first."""
    return torch.tensor([int(Domain.SYNTHETIC)] * n_synthetic + [int(Domain.REAL)] * n_real)


def places(rank: int, world: int, micro: int, batch: int) -> range:
    """Places within a step, in one stream, of the samples of a rank's `micro`-th forward (as `SeededBatches` deals)."""
    first = (micro * world + rank) * batch
    return range(first, first + batch)
