"""EfficientNet-Lite0 as published for TensorFlow (Tan & Le 2019; the Lite variants of Liu 2020), inference only.

MBConv stages without squeeze-and-excitation, ReLU6 throughout, stem and head of fixed width. The published weights were
trained with TensorFlow's 'same' padding, which puts the odd pixel at the bottom right of a strided convolution. With
symmetric padding they still name most photographs, but with less certainty (cross-entropy 0.89 against 0.69 on 160
photographs, centre crops). Batch normalisation (epsilon 1e-3) is folded into the convolutions.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.extractors.efficientnet_lite0_shape import (
    CLASSES,
    HEAD_CHANNELS,
    STAGES,
    STEM_CHANNELS,
    TEXTURE_STAGE,
)

BATCH_NORM_EPSILON = 1e-3


class Convolution(nn.Module):
    """Convolution with TensorFlow's 'same' padding for even inputs, folded batch normalisation and optional ReLU6."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, relu: bool = True
    ) -> None:
        super().__init__()
        # 'same' pads a strided convolution by one more at the end than at the start. Padding both ends alike and giving
        # the kernel a leading row and column of zeros is the same sum, without a copy of the padded input.
        self.lead = stride - 1
        self.conv = nn.Conv2d(
            inputs, outputs, kernel + self.lead, stride, (kernel - stride + 1 + self.lead) // 2, groups=groups
        )
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H / stride, W / stride)."""
        x = self.conv(x)
        return functional.relu6(x, inplace=True) if self.relu else x


class InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow without activation; the input is added where the shape allows."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        widen = [Convolution(inputs, width, 1)] if expansion > 1 else []
        depthwise = Convolution(width, width, kernel, stride, groups=width)
        self.layers = nn.Sequential(*widen, depthwise, Convolution(width, outputs, 1, relu=False))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H / stride, W / stride)."""
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """The network. `forward` returns both feature levels of one pass; `classify` the ImageNet logits."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, STEM_CHANNELS, 3, 2)
        stages, inputs = [], STEM_CHANNELS
        for stage in STAGES:
            blocks = []
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                blocks.append(InvertedResidual(inputs, stage.channels, stage.kernel, stride, stage.expansion))
                inputs = stage.channels
            stages.append(nn.Sequential(*blocks))
        self.low = nn.Sequential(*stages[:TEXTURE_STAGE])
        self.high = nn.Sequential(*stages[TEXTURE_STAGE:])
        self.head = Convolution(inputs, HEAD_CHANNELS, 1)
        self.classifier = nn.Linear(HEAD_CHANNELS, CLASSES)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """sRGB values 0..255, float32 (B, 3, 224, 224), to pooled features (B, 1280) and texture features (B, 80).

        Texture features are each channel's mean, then each channel's (biased) standard deviation over the plane.
        """
        texture = self.low(self.stem((pictures - 127.0) / 128.0))
        deviation, mean = torch.std_mean(texture, dim=(2, 3), correction=0)
        pooled = self.head(self.high(texture)).mean(dim=(2, 3))
        return pooled, torch.cat([mean, deviation], dim=1)

    def classify(self, pooled: Tensor) -> Tensor:
        """Logits (B, 1000) of ImageNet's classes in the order of their WordNet ids, from pooled features."""
        logits: Tensor = self.classifier(pooled)
        return logits


def network_from(tensors: dict[str, Tensor]) -> EfficientNetLite0:
    """The network in inference mode with the published tensors, which are taken in file order.

    Each convolution is followed by its normalisation's scale, shift, mean, variance and step count; the classifier is
    last. Folding happens in float64. Raises `ValueError` when a shape or the number of tensors does not fit.
    """
    network = EfficientNetLite0()
    source = iter(tensors.values())
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, Convolution):
                _fold(module, source)
        _assign(network.classifier.weight, next(source))
        _assign(network.classifier.bias, next(source))
    if next(source, None) is not None:
        raise ValueError("more tensors than the network has")
    return network.eval().requires_grad_(False)


def _fold(convolution: Convolution, source: Iterator[Tensor]) -> None:
    kernel, scale, shift, mean, variance, _ = (next(source).double() for _ in range(6))
    gain = scale / torch.sqrt(variance + BATCH_NORM_EPSILON)
    lead = convolution.lead
    _assign(convolution.conv.weight, functional.pad(kernel * gain[:, None, None, None], (lead, 0, lead, 0)))
    assert convolution.conv.bias is not None
    _assign(convolution.conv.bias, shift - mean * gain)


def _assign(target: Tensor, value: Tensor) -> None:
    if target.shape != value.shape:
        raise ValueError(f"a tensor of shape {tuple(value.shape)} where {tuple(target.shape)} belongs")
    target.copy_(value)
