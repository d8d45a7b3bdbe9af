"""The widths and strides of EfficientNet-Lite0: what can be known of the network without loading it."""

from __future__ import annotations

from dataclasses import dataclass

IMAGE_SIZE = 224
TEXTURE_STAGE = 3  # the level at which colour and grain live: 40 channels, 28 x 28


@dataclass(frozen=True)
class Stage:
    """`repeats` inverted-residual blocks; the first one has `stride` and changes the width to `channels`."""

    kernel: int
    stride: int
    expansion: int
    channels: int
    repeats: int


STEM_CHANNELS = 32
STAGES = (
    Stage(3, 1, 1, 16, 1),
    Stage(3, 2, 6, 24, 2),
    Stage(5, 2, 6, 40, 2),
    Stage(3, 2, 6, 80, 3),
    Stage(5, 1, 6, 112, 3),
    Stage(5, 2, 6, 192, 4),
    Stage(3, 1, 6, 320, 1),
)
HEAD_CHANNELS = 1280
CLASSES = 1000
TEXTURE_DIMENSION = 2 * STAGES[TEXTURE_STAGE - 1].channels
