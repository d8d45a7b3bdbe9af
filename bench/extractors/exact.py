"""Full precision on a GPU: features are stored, compared and pinned, so speed that costs digits is no bargain."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch


def exact_kernels(device: torch.device) -> AbstractContextManager[Any]:
    """Repeatable convolutions in full float32 on a GPU, which would otherwise round to TF32. Nothing on a CPU."""
    if device.type == "cpu":
        return nullcontext()
    return torch.backends.cudnn.flags(benchmark=False, deterministic=True, allow_tf32=False)
