"""The Inception network of FID (Szegedy et al. 2015, as TensorFlow published it on 2015-12-05) with random weights.

The published weights cannot come along with the tests. Speed, memory and agreement between programs do not depend on
what the weights are, so this network has the published architecture and tensor names, and seeded tensors. From one
state dict come the TorchScript file that this project and clean-fid read, and the networks of the other packages.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

Step = tuple[str, int, tuple[int, int]]  # name, channels, kernel; padded to keep the size unless strided

_SQUARE, _ROW, _COLUMN = (3, 3), (1, 7), (7, 1)


class Convolution(nn.Module):
    """Convolution, batch normalisation (epsilon 1e-3), ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: tuple[int, int], stride: int = 1, same: bool = True) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2) if same else (0, 0)
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    """Branches side by side, joined along the channels. The last step of a branch may fork into two kernels."""

    def __init__(self, inputs: int, branches: tuple[tuple[Step, ...], ...], pool: str, pooled: int = 0) -> None:
        super().__init__()
        self.branches, self.pool = branches, pool
        shrinks = pool == "max_shrink"
        for branch in branches:
            width = inputs
            for position, (name, outputs, kernel) in enumerate(branch):
                last = shrinks and position == len(branch) - 1
                setattr(self, name, Convolution(width, outputs, kernel, 2 if last else 1, same=not last))
                # the twins '..a' and '..b' read the same input
                width = width if name.endswith("a") else outputs
        if pooled:
            self.branch_pool = Convolution(inputs, pooled, (1, 1))

    def forward(self, x: Tensor) -> Tensor:
        outputs = []
        for branch in self.branches:
            y = x
            for name, _, _ in branch:
                if name.endswith("a"):
                    outputs.append(getattr(self, name)(y))
                else:
                    y = getattr(self, name)(y)
            outputs.append(y)
        if self.pool == "max_shrink":
            outputs.append(functional.max_pool2d(x, 3, 2))
        else:
            pooled = (
                functional.max_pool2d(x, 3, 1, 1)
                if self.pool == "max"
                else functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
            )
            outputs.append(self.branch_pool(pooled))
        return torch.cat(outputs, dim=1)


def _mixed_a(inputs: int, pooled: int) -> Mixed:
    branches = (
        (("branch1x1", 64, (1, 1)),),
        (("branch5x5_1", 48, (1, 1)), ("branch5x5_2", 64, (5, 5))),
        (("branch3x3dbl_1", 64, (1, 1)), ("branch3x3dbl_2", 96, _SQUARE), ("branch3x3dbl_3", 96, _SQUARE)),
    )
    return Mixed(inputs, branches, "mean", pooled)


def _mixed_b(inputs: int) -> Mixed:
    branches = (
        (("branch3x3", 384, _SQUARE),),
        (("branch3x3dbl_1", 64, (1, 1)), ("branch3x3dbl_2", 96, _SQUARE), ("branch3x3dbl_3", 96, _SQUARE)),
    )
    return Mixed(inputs, branches, "max_shrink")


def _mixed_c(inputs: int, inner: int) -> Mixed:
    long = [("branch7x7dbl_1", inner, (1, 1))]
    long += [(f"branch7x7dbl_{i}", inner if i < 5 else 192, _ROW if i % 2 else _COLUMN) for i in (2, 3, 4, 5)]
    short = (("branch7x7_1", inner, (1, 1)), ("branch7x7_2", inner, _ROW), ("branch7x7_3", 192, _COLUMN))
    return Mixed(inputs, ((("branch1x1", 192, (1, 1)),), short, tuple(long)), "mean", 192)


def _mixed_d(inputs: int) -> Mixed:
    long = (("branch7x7x3_1", 192, (1, 1)), ("branch7x7x3_2", 192, _ROW), ("branch7x7x3_3", 192, _COLUMN))
    branches = (
        (("branch3x3_1", 192, (1, 1)), ("branch3x3_2", 320, _SQUARE)),
        (*long, ("branch7x7x3_4", 192, _SQUARE)),
    )
    return Mixed(inputs, branches, "max_shrink")


def _mixed_e(inputs: int, pool: str) -> Mixed:
    branches = (
        (("branch1x1", 320, (1, 1)),),
        (("branch3x3_1", 384, (1, 1)), ("branch3x3_2a", 384, (1, 3)), ("branch3x3_2b", 384, (3, 1))),
        (
            ("branch3x3dbl_1", 448, (1, 1)),
            ("branch3x3dbl_2", 384, _SQUARE),
            ("branch3x3dbl_3a", 384, (1, 3)),
            ("branch3x3dbl_3b", 384, (3, 1)),
        ),
    )
    return Mixed(inputs, branches, pool, 192)


class InceptionLayers(nn.Module):
    """float32 (B, 3, 299, 299) in [-1, 1] to (B, 2048, 1, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, _SQUARE, 2, same=False)
        self.Conv2d_2a_3x3 = Convolution(32, 32, _SQUARE, same=False)
        self.Conv2d_2b_3x3 = Convolution(32, 64, _SQUARE)
        self.Conv2d_3b_1x1 = Convolution(64, 80, (1, 1))
        self.Conv2d_4a_3x3 = Convolution(80, 192, _SQUARE, same=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _mixed_a(192, 32), _mixed_a(256, 64), _mixed_a(288, 64)
        self.Mixed_6a = _mixed_b(288)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d = _mixed_c(768, 128), _mixed_c(768, 160), _mixed_c(768, 160)
        self.Mixed_6e = _mixed_c(768, 192)
        self.Mixed_7a = _mixed_d(768)
        self.Mixed_7b, self.Mixed_7c = _mixed_e(1280, "mean"), _mixed_e(2048, "max")

    def forward(self, x: Tensor) -> Tensor:
        for name, module in self.named_children():
            if name in ("Conv2d_3b_1x1", "Mixed_5b"):
                x = functional.max_pool2d(x, 3, 2)
            x = module(x)
        return functional.adaptive_avg_pool2d(x, 1)


class _Program(nn.Module):
    """What the published TorchScript offers: `layers`."""

    def __init__(self, layers: InceptionLayers) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def random_layers(seed: int = 0) -> InceptionLayers:
    """The network with seeded weights whose activations neither fade nor explode, in inference mode."""
    generator = torch.Generator().manual_seed(seed)
    layers = InceptionLayers().eval().requires_grad_(False)
    for module in layers.modules():
        if isinstance(module, nn.Conv2d):
            fan = module.weight[0].numel()
            module.weight.copy_(torch.randn(module.weight.shape, generator=generator) * (2 / fan) ** 0.5)
        elif isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in ((module.weight, 0.7, 1.3), (module.running_var, 0.7, 1.3)):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)
            for tensor in (module.bias, module.running_mean):
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.1)
    return layers


def published_state(layers: InceptionLayers) -> dict[str, Tensor]:
    """The tensors under the names of the published .pth file, with a classifier that nobody asks for."""
    return {**layers.state_dict(), "fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}


def torchscript(layers: InceptionLayers) -> bytes:
    """The network as a TorchScript program with an attribute `layers`, like inception-2015-12-05.pt."""
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated; the published file is what it is
        program: Any = torch.jit.trace(_Program(layers), torch.zeros(2, 3, 299, 299))
        torch.jit.save(program, stream)
    return stream.getvalue()


def loaded(path: Path) -> Any:
    """The TorchScript program in a file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.load(path).eval()
