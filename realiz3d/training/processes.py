"""The processes that train together: those that accelerate launched, or one alone, which needs no package for that."""

from __future__ import annotations

import gc
from typing import Literal, Protocol, cast

import torch
from torch import Tensor

from realiz3d.errors import UsageError


class Processes(Protocol):
    """What a trainer asks of them; accelerate's `Accelerator` is one."""

    device: torch.device
    process_index: int
    num_processes: int
    is_main_process: bool

    def wait_for_everyone(self) -> None:
        """Return when all processes have called it."""

    def reduce(self, tensor: Tensor, reduction: Literal["sum"]) -> Tensor:
        """The sum of all processes' tensors."""
        ...

    def free_memory(self) -> None:
        """Let go of what is no longer referred to."""


class Alone:
    """One process on one device."""

    process_index, num_processes, is_main_process = 0, 1, True

    def __init__(self, device: torch.device | str) -> None:
        self.device = torch.device(device)

    def wait_for_everyone(self) -> None:
        """Nobody else is there."""

    def reduce(self, tensor: Tensor, reduction: Literal["sum"]) -> Tensor:
        """The tensor itself."""
        return tensor

    def free_memory(self) -> None:
        """Collect garbage, on the GPU too."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def launched(device: str | None = None) -> Processes:
    """The processes that `accelerate launch` started, or this one. device: 'cpu' keeps off the GPU.

    Raises `UsageError` for ways of training together that are not supported.
    """
    from accelerate import Accelerator
    from accelerate.utils import DistributedType

    accelerator = Accelerator(cpu=device == "cpu")
    if accelerator.distributed_type not in (DistributedType.NO, DistributedType.MULTI_GPU, DistributedType.MULTI_CPU):
        raise UsageError(
            f"training under {accelerator.distributed_type.value} is not supported",
            expected="one device, or data-parallel processes (accelerate launch --multi_gpu)",
        )
    return cast(Processes, accelerator)
