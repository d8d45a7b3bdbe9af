"""LGM's network: the authors' U-Net, and the convolution that makes Gaussians of its output."""

from __future__ import annotations

from torch import Tensor, nn


class LgmNetwork(nn.Module):
    """The U-Net and what makes Gaussians of its output. `unet` maps (V, 9, H, W) to (V, 14, h, w)."""

    def __init__(self, unet: nn.Module) -> None:
        super().__init__()
        self.unet = unet
        self.conv = nn.Conv2d(14, 14, kernel_size=1)

    def forward(self, inputs: Tensor) -> Tensor:
        """`inputs` (V, 9, H, W): normalised colours and Plücker rays. Returns the raw Gaussians, (V h w, 14)."""
        raw: Tensor = self.conv(self.unet(inputs)).permute(0, 2, 3, 1).reshape(-1, 14)
        return raw
