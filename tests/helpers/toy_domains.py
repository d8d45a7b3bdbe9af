"""A toy of the paper's problem: pictures of one shape, in two domains that differ by their colours.

Real shapes are warm, synthetic ones cool; lightness and hue vary within both. Only synthetic samples carry a control,
the shape's mask: control and domain are confounded as in the paper. What the domain of a picture is can be computed:
the difference of red and blue within the mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from realiz3d.training.samples import Item

SIDE, VIEWS = 8, 4
SHAPES = ("disc", "box", "cross")
WARMTH = 0.5  # half of red minus blue, of real shapes; that of synthetic ones is its negative
BACKGROUND = 1.0


def mask_of(shape: str, rng: torch.Generator) -> Tensor:
    """(8, 8) of 0 and 1: a shape of random size and place, inside the picture."""
    radius = 2.0 + 1.2 * float(torch.rand(1, generator=rng))
    centre = 3.5 + (torch.rand(2, generator=rng) - 0.5) * 1.6
    y, x = torch.meshgrid(torch.arange(SIDE) - centre[0], torch.arange(SIDE) - centre[1], indexing="ij")
    if shape == "disc":
        return (x.square() + y.square() <= radius**2).float()
    if shape == "box":
        return ((x.abs() <= radius * 0.8) & (y.abs() <= radius * 0.8)).float()
    return (((x.abs() <= 1) & (y.abs() <= radius)) | ((y.abs() <= 1) & (x.abs() <= radius))).float()


def paint(mask: Tensor, colour: Tensor) -> Tensor:
    """(3, 8, 8) in [-1, 1]: the shape in its colour on white."""
    return torch.where(mask.bool()[None], colour[:, None, None], torch.tensor(BACKGROUND))


def colour_of(real: bool, rng: torch.Generator) -> Tensor:
    """(3,) warm or cool, of random lightness, warmth and greenness."""
    light, warmth, green = (torch.rand(3, generator=rng) - 0.5).tolist()
    warmth = (WARMTH + 0.3 * warmth) * (1 if real else -1)
    middle = -0.1 + 0.4 * light
    return torch.tensor([middle + warmth, middle + 0.4 * green, middle - warmth]).clamp(-1, 1)


def domain_score(pictures: Tensor, masks: Tensor) -> Tensor:
    """(...) mean of (red - blue) / 2 within the mask in units of `WARMTH`: about 1 real, -1 synthetic.

    pictures (..., 3, 8, 8); masks (..., 8, 8).
    """
    warmth = (pictures[..., 0, :, :] - pictures[..., 2, :, :]) / (2 * WARMTH)
    return (warmth * masks).sum(dim=(-2, -1)) / masks.sum(dim=(-2, -1))


def overlap(pictures: Tensor, masks: Tensor) -> Tensor:
    """(...) intersection over union of the control's mask and what is not background in a picture."""
    shown = (pictures - BACKGROUND).abs().amax(dim=-3) > 0.4
    wanted = masks.bool()
    return (shown & wanted).sum(dim=(-2, -1)) / (shown | wanted).sum(dim=(-2, -1))


@dataclass(frozen=True)
class ToyObjects:
    """Synthetic objects: four views of one shape in one colour, each view with its mask as control."""

    count: int = 512
    seed: int = 0

    def __len__(self) -> int:
        return self.count

    @lru_cache(maxsize=4096)  # noqa: B019  # drawn once, the toy's data live as long as its tests
    def __getitem__(self, index: int) -> Item:
        rng = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        shape, colour = SHAPES[index % len(SHAPES)], colour_of(False, rng)
        masks = [mask_of(shape, rng) for _ in range(VIEWS)]
        views = torch.stack([paint(mask, colour) for mask in masks])
        return Item(shape, {"latents": views, "control": torch.stack(masks)[:, None] * 2 - 1}, encoded=True)

    def captions(self) -> list[str]:
        return list(SHAPES)

    def fingerprint(self) -> str:
        return f"toy objects {self.count} {self.seed}"


@dataclass(frozen=True)
class ToyPictures:
    """Single pictures; a share of them synthetic (the base has seen both domains), the others real."""

    count: int = 2048
    seed: int = 1
    synthetic: float = 0.0

    def __len__(self) -> int:
        return self.count

    @lru_cache(maxsize=8192)  # noqa: B019
    def __getitem__(self, index: int) -> Item:
        rng = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        shape, real = SHAPES[index % len(SHAPES)], float(torch.rand(1, generator=rng)) >= self.synthetic
        colour = colour_of(real, rng)
        return Item(shape, {"latents": paint(mask_of(shape, rng), colour)[None]}, encoded=True)

    def captions(self) -> list[str]:
        return list(SHAPES)

    def fingerprint(self) -> str:
        return f"toy pictures {self.count} {self.seed} {self.synthetic}"
