"""What a device computes in when bfloat16 is wanted: a processor without it imitates it, slowly.

An x86 processor without AVX-512 has no products of bfloat16, and torch's imitation of them takes eight times as long as
float32 (a step of the mini-world's base on an AMD EPYC of the third generation: 7.1 s against 0.9 s). Float32 rounds
less; nothing else changes.
"""

from __future__ import annotations

import platform
from typing import Literal

import torch

Precision = Literal["float32", "bfloat16"]


def computed_in(wanted: Precision, device: torch.device) -> Precision:
    """`wanted`, or float32 where `device` would only imitate bfloat16."""
    return "float32" if wanted == "bfloat16" and imitates_bfloat16(device) else wanted


def imitates_bfloat16(device: torch.device) -> bool:
    """Whether a device is an x86 processor without AVX-512. Of others nothing has been measured."""
    on_x86 = device.type == "cpu" and platform.machine().lower() in ("x86_64", "amd64")
    return on_x86 and torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2")
