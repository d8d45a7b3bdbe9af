"""Sizes of everything that is measured: those of a real GPU, and tiny ones that run the same code on any CPU."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

VIEWS = 4  # of an object


@dataclass(frozen=True)
class Settings:
    """`world`: a file of `python -m suites.miniworld pack-world`, or None."""

    device: str
    tiny: bool
    world: Path | None = None

    @property
    def cuda(self) -> bool:
        """Whether a GPU does the work."""
        return self.device.startswith("cuda")

    @property
    def kind(self) -> str:
        """What sort of day it is, in words."""
        return f"{'a GPU' if self.cuda else 'a CPU'}, {'tiny' if self.tiny else 'full'} sizes"

    @property
    def architecture(self) -> str:
        """Of the models that are sampled and trained."""
        return "tiny" if self.tiny else "pixart-xl"

    @property
    def dtype(self) -> str:
        """Precision of sampling."""
        return "float32" if self.tiny else "bfloat16"

    @property
    def resolution(self) -> int:
        """Side of a view in pixels."""
        return 32 if self.tiny else 512

    @property
    def steps(self) -> int:
        """Denoising steps."""
        return 2 if self.tiny else 50

    @property
    def compiled(self) -> tuple[str, ...]:
        """Models that are compiled, first those that matter most."""
        return ("realiz3d",) if self.tiny else ("realiz3d", "base", "sdedit")

    @property
    def passes(self) -> int:
        """Timed passes of a sampling."""
        return 2 if self.tiny else 3

    @property
    def largest_batch(self) -> int:
        """Of the sweep, in objects."""
        return 2 if self.tiny else 64

    @property
    def rounds(self) -> int:
        """Of timings in turns."""
        return 4 if self.tiny else 20

    @property
    def seconds(self) -> float:
        """That a ceiling is measured for."""
        return 0.02 if self.tiny else 0.5

    @property
    def pictures(self) -> tuple[int, ...]:
        """How many pictures are scored."""
        return (2, 4) if self.tiny else (160, 1000)

    @property
    def features(self) -> tuple[int, int]:
        """Rows and columns of the features whose distances are timed."""
        return (40, 16) if self.tiny else (10_000, 2048)

    @property
    def training_steps(self) -> int:
        """Optimiser steps of a stage, the first of which is not counted."""
        return 2 if self.tiny else 6

    @property
    def micro_batch(self) -> int:
        """Grids in one forward pass of training, all of a step."""
        return 2 if self.tiny else 8
