"""Full precision on a GPU: features are stored, compared and pinned, so speed that costs digits is no bargain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def exact_kernels(device: torch.device) -> Iterator[None]:
    """Repeatable kernels in full float32 on a GPU, which might round products to TF32. Nothing on a CPU."""
    if device.type == "cpu":
        yield
        return
    matmul = torch.backends.cuda.matmul
    before, matmul.allow_tf32 = matmul.allow_tf32, False
    try:
        with (
            torch.backends.cudnn.flags(benchmark=False, deterministic=True, allow_tf32=False),
            sdpa_kernel(SDPBackend.MATH),
        ):
            yield
    finally:
        matmul.allow_tf32 = before
