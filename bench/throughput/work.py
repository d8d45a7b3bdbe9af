"""Work and size of a generator's networks, and the peak rate that the hardware promises for them.

Only matrix products, convolutions and attention are counted, as torch counts them (a multiply and an add are two): all
but a per cent or so of a diffusion model's work. Elementwise work, and whatever a kernel outside of torch does, is not
seen. What is compiled runs eagerly while it is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

# (part of the device's name, precision -> dense peak in TFLOP/s), as the makers' data sheets state them
_PEAKS: tuple[tuple[str, dict[str, float]], ...] = (
    ("H200", {"bfloat16": 989.4, "float16": 989.4, "tf32": 494.7, "float32": 66.9}),
    ("H100 PCIe", {"bfloat16": 756.0, "float16": 756.0, "tf32": 378.0, "float32": 51.2}),
    ("H100 NVL", {"bfloat16": 835.5, "float16": 835.5, "tf32": 417.7, "float32": 60.0}),
    ("H100", {"bfloat16": 989.4, "float16": 989.4, "tf32": 494.7, "float32": 66.9}),
    ("A100", {"bfloat16": 312.0, "float16": 312.0, "tf32": 156.0, "float32": 19.5}),
    ("L40S", {"bfloat16": 362.0, "float16": 362.0, "tf32": 183.0, "float32": 91.6}),
    ("NVIDIA L4", {"bfloat16": 121.0, "float16": 121.0, "tf32": 60.0, "float32": 30.3}),
    ("A10G", {"bfloat16": 70.0, "float16": 70.0, "tf32": 35.0, "float32": 35.0}),
    ("V100", {"float16": 125.0, "float32": 15.7}),
    ("T4", {"float16": 65.0, "float32": 8.1}),
)


DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def count_flops(work: Callable[[], object]) -> int:
    """Floating-point operations that torch does on this thread while `work` runs, nothing of it compiled."""
    from torch.utils.flop_counter import FlopCounterMode  # brings triton: only who counts waits for it

    counter = FlopCounterMode(display=False)
    with counter, torch.compiler.set_stance("force_eager"):
        work()
    return int(counter.get_total_flops())


def networks_of(pipelines: Iterable[Any]) -> nn.ModuleList | None:
    """All networks of diffusers-like pipelines; None where there are none."""
    found = [part for one in pipelines for part in getattr(one, "components", {}).values()]
    networks = {id(part): part for part in found if isinstance(part, nn.Module)}
    return nn.ModuleList(networks.values()) if networks else None


def size_of(module: nn.Module) -> tuple[int, int]:
    """Weights (those in 8 bits, which are buffers, too) and bytes of weights and buffers, each once."""
    parameters = list(module.parameters())
    buffers = list(module.buffers())
    weights = sum(p.numel() for p in parameters) + sum(b.numel() for b in buffers if b.dtype == torch.int8)
    return weights, sum(tensor.nbytes for tensor in (*parameters, *buffers))


def seconds_compiling() -> float | None:
    """Seconds that this process has spent in torch.compile so far; None where this torch does not tell."""
    try:
        from torch._dynamo.utils import calculate_time_spent

        return float(calculate_time_spent().get("entire_frame_compile", 0.0))
    except Exception:  # no public function tells: whatever another torch does here, it does not tell
        return None


def precision_of(module: nn.Module | None) -> str:
    """Precision of the module's weights: 'bfloat16', 'float32', ...; 'mixed' for several, 'unknown' for none."""
    kinds = {p.dtype for p in module.parameters() if p.is_floating_point()} if module is not None else set()
    if len(kinds) != 1:
        return "mixed" if kinds else "unknown"
    return str(kinds.pop()).removeprefix("torch.")


def compiled(module: nn.Module | None) -> bool:
    """Whether `torch.compile` is at work anywhere in the module."""
    return module is not None and any(
        type(part).__name__ == "OptimizedModule" or getattr(part, "_compiled_call_impl", None) is not None
        for part in module.modules()
    )


def peak_rate(device_name: str, precision: str) -> float | None:
    """Dense peak in TFLOP/s of a known GPU at a precision; None for others, and for CPUs.

    float32 products count against the TF32 peak where torch may use it.
    """
    if precision == "float32" and torch.get_float32_matmul_precision() != "highest":
        precision = "tf32"
    for part, rates in _PEAKS:
        if part in device_name:
            return rates.get(precision)
    return None
