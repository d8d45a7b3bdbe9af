"""Numbers that hold: features are stored, compared and pinned, so speed that costs digits is no bargain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bench.threads import alone

if TYPE_CHECKING:
    import torch


@contextmanager
def exact_kernels(device: torch.device) -> Iterator[None]:
    """Repeatable kernels in full float32. A GPU might round products to TF32.

    On a CPU the calling thread computes alone, because sums that are shared out depend on the number of cores; whoever
    has many pictures gives each a thread of its own (`bench.threads.each_alone`).
    """
    if device.type == "cpu":
        with alone():
            yield
        return
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

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
