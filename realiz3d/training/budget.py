"""What a phase cost: the numbers that make methods comparable, so that none wins by compute."""

from __future__ import annotations

import resource
import sys
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from realiz3d.schedules import NoiseSchedule
from realiz3d.training.draws import MicroBatch


@dataclass
class Budget:
    """One phase's cost so far, over all devices.

    samples are grids; flops is the count of the phase's first micro batch (forward and backward), times the micro
    batches run: stops drawn at every step make single steps cheaper or dearer. seconds is wall time inside
    the phase, without checkpoints' callbacks. peak_memory_bytes: of the GPU's allocator on the main process, on a CPU
    of the whole process.
    """

    phase: str
    trainable_parameters: int = 0
    steps: int = 0
    synthetic_samples: int = 0
    real_samples: int = 0
    flops_per_sample: float = 0.0
    seconds: float = 0.0
    peak_memory_bytes: int = 0

    @property
    def flops(self) -> float:
        """Of all samples so far."""
        return self.flops_per_sample * (self.synthetic_samples + self.real_samples)

    def to_json(self) -> dict[str, Any]:
        """For `training.json`."""
        return {**asdict(self), "flops": self.flops, "seconds": round(self.seconds, 3)}


def count_flops(model: nn.Module, batch: MicroBatch, schedule: NoiseSchedule) -> float:
    """FLOPs a sample of one forward and backward of a micro batch. Leaves no gradient."""
    with FlopCounterMode(display=False) as counter, torch.compiler.set_stance("force_eager"):
        batch.losses(model, schedule).mean().backward()  # type: ignore[no-untyped-call]
    model.zero_grad(set_to_none=True)
    return float(counter.get_total_flops()) / len(batch.latents)


def peak_memory(device: torch.device) -> int:
    """Bytes; see `Budget`."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    # kilobytes, except on macOS
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
