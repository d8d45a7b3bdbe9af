"""Between torch and Warp: a quiet start, devices by torch's names, tensors as arrays, launches in step with torch."""

# Warp's bridge to torch is not annotated.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
import warp as wp
from torch import Tensor

from bench.errors import UsageError

_VECTORS = {
    (torch.float64, 2): wp.vec2d,
    (torch.float64, 3): wp.vec3d,
    (torch.float64, 4): wp.vec4d,
    (torch.float32, 4): wp.vec4f,
    (torch.int32, 3): wp.vec3i,
    (torch.int32, 4): wp.vec4i,
    (torch.uint8, 4): wp.vec4ub,
}
_SCALARS = {
    torch.uint8: wp.uint8,
    torch.int32: wp.int32,
    torch.int64: wp.int64,
    torch.float32: wp.float32,
    torch.float64: wp.float64,
}


def ready_device(name: str) -> torch.device:
    """The torch device called `name` ('cpu', 'cuda', 'cuda:1'), with Warp started for it. Raises `UsageError`."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"unknown device '{name}'", expected="cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"geometry cannot be computed on device '{name}'", expected="cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"device '{name}' is not there: this process sees {torch.cuda.device_count()} CUDA devices",
            hint="use --device cpu, or look at CUDA_VISIBLE_DEVICES and `realiz3d-bench doctor`",
        )
    _start()
    return device


@cache
def _start() -> None:
    if hasattr(wp.config, "log_level"):
        wp.config.log_level = max(wp.config.log_level, 30)
    else:
        wp.config.quiet = True  # type: ignore[attr-defined]  # how older releases spell it
    if torch.cuda.is_available():
        wp.init()
        return
    # without a driver the native library warns on stderr whatever the log level; on a CPU that is no news
    kept, silent = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silent, 2)
        wp.init()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silent)


def vectors(tensor: Tensor) -> Any:
    """A contiguous tensor (..., n) as a Warp array of n-vectors that shares its memory."""
    return wp.from_torch(tensor, dtype=_VECTORS[tensor.dtype, tensor.shape[-1]])


def matrices(tensor: Tensor) -> Any:
    """A contiguous float64 tensor (..., 4, 4) as a Warp array of matrices that shares its memory."""
    return wp.from_torch(tensor, dtype=wp.mat44d)


def scalars(tensor: Tensor) -> Any:
    """A tensor as a Warp array of numbers that shares its memory."""
    return wp.from_torch(tensor, dtype=_SCALARS[tensor.dtype])


def launch(kernel: Any, shape: Sequence[int], arguments: Sequence[Any], device: torch.device) -> None:
    """Run a kernel over `shape` threads, ordered with torch's work on the same device."""
    stream = wp.stream_from_torch(device) if device.type == "cuda" else None
    wp.launch(kernel, dim=tuple(shape), inputs=list(arguments), device=wp.device_from_torch(device), stream=stream)
