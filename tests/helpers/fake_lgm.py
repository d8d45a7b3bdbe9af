"""Stand-ins for what cannot be had in a test: a small U-Net of LGM's interface, and a rasteriser that runs on a CPU.

The U-Net is written to a folder laid out as LGM's checkout and is loaded from there. gsplat needs a CUDA device; what
takes its place here draws the same thing the plain way: every Gaussian on every pixel, front to back.
"""

from __future__ import annotations

import json
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

UNET = '''
import torch
from torch import nn
from core.attention import GROUPS


class UNet(nn.Module):
    """Down to 16 x 16 in one step; LGM's arguments."""

    def __init__(self, in_channels=3, out_channels=3, down_channels=(64,), down_attention=(False,),
                 mid_attention=True, up_channels=(64,), up_attention=(False,), layers_per_block=2):
        super().__init__()
        self.conv_in = nn.Conv2d(in_channels, down_channels[0], 16, stride=16)
        self.norm = nn.GroupNorm(GROUPS, down_channels[0])
        self.conv_out = nn.Conv2d(up_channels[-1], out_channels, 1)

    def forward(self, x):
        return self.conv_out(torch.tanh(self.norm(self.conv_in(x))))
'''
CONFIG = {
    "down_channels": [8],
    "down_attention": [False],
    "mid_attention": False,
    "up_channels": [8],
    "up_attention": [False],
}


def write_checkout(folder: Path, unet: str = UNET) -> Path:
    """A folder with core/unet.py and what it imports."""
    (folder / "core").mkdir(parents=True)
    (folder / "core" / "attention.py").write_text("GROUPS = 4\n")
    (folder / "core" / "unet.py").write_text(unet)
    return folder


def write_weights(folder: Path, tensors: dict[str, Tensor], config: dict[str, object] = CONFIG) -> Path:
    """Weights and their configuration, as a person puts them under REALIZ3D_BENCH_WEIGHTS (returned)."""
    (folder / "LGM").mkdir(parents=True)
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()},
        folder / "LGM" / "model_fp16_fixrot.safetensors",
    )
    (folder / "LGM" / "config.json").write_text(json.dumps(config))
    return folder


def rasterization(
    means, quats, scales, opacities, colors, viewmats, Ks, width, height, *, near_plane, eps2d, packed  # noqa: N803
):  # fmt: skip
    """gsplat.rasterization for pinhole cameras: colours (C, H, W, 3) times alpha, alpha (C, H, W, 1), nothing else."""
    w, x, y, z = quats.double().unbind(-1)
    rotation = torch.stack(
        [
            1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
            2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
            2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
        ],
        dim=-1,
    ).reshape(-1, 3, 3)  # fmt: skip
    spread = rotation * scales.double()[:, None]
    covariance = spread @ spread.mT
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack((column, row), dim=-1).double() + 0.5
    images, alphas = [], []
    for matrix, k in zip(viewmats.double(), Ks.double(), strict=True):
        local = means.double() @ matrix[:3, :3].T + matrix[:3, 3]
        order = torch.argsort(local[:, 2])
        order = order[local[order, 2] > near_plane]
        image, passed = torch.zeros(height, width, 3).double(), torch.ones(height, width).double()
        for index in order:
            px, py, depth = local[index]
            jacobian = (
                torch.tensor(
                    [[k[0, 0] / depth, 0, -k[0, 0] * px / depth**2], [0, k[1, 1] / depth, -k[1, 1] * py / depth**2]]
                ).double()
                @ matrix[:3, :3]
            )
            flat = jacobian @ covariance[index] @ jacobian.T + eps2d * torch.eye(2)
            centre = torch.stack((k[0, 0] * px / depth + k[0, 2], k[1, 1] * py / depth + k[1, 2]))
            offset = pixels - centre
            power = (offset @ torch.linalg.inv(flat) * offset).sum(-1)
            alpha = (opacities[index] * torch.exp(-0.5 * power)).clamp(max=0.999)
            image += (passed * alpha)[..., None] * colors[index]
            passed = passed * (1 - alpha)
        images.append(image)
        alphas.append(1 - passed)
    return torch.stack(images).float(), torch.stack(alphas).float()[..., None], {}


GSPLAT: Any = ModuleType("gsplat")
GSPLAT.__spec__ = ModuleSpec("gsplat", None)
GSPLAT.rasterization = rasterization
