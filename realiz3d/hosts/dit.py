"""DiT: class labels, epsilon prediction.

Two peculiarities. The output head reads the timestep and label embedder of the first block, so a gradient cut in front of
a later block must stop there as well. And every block drops labels by its own random draw while training; dropping labels
for classifier-free guidance is the trainer's business (one draw a sample, label = number of classes), so it is off here.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from realiz3d.errors import HostRefused
from realiz3d.hosts.base import Window
from realiz3d.hosts.patch_embed import PatchEmbedHost
from realiz3d.slots import Slot, cut_gradient
from realiz3d.text import Text, require
from realiz3d.tiling import Grid


class DiTHost(PatchEmbedHost):
    """`DiTTransformer2DModel`."""

    objective = "epsilon"

    def check(self, grid: Grid) -> None:
        """DiT's output layer assumes square pictures."""
        if grid[0] != grid[1]:
            raise HostRefused(
                f"DiT runs square pictures only, and a grid of {grid[0]} x {grid[1]} views is not square",
                expected="views=(2, 2) with square views",
            )

    def install(self, slots: list[Slot]) -> list[RemovableHandle]:
        """Also cut the embedder that the head borrows from the first block."""
        for block in self.transformer.transformer_blocks:
            block.norm1.emb.class_embedder.dropout_prob = 0.0

        def cut_head(_module: nn.Module, _args: Any, embedding: Tensor) -> Tensor:
            return cut_gradient(embedding, slots[0].read().head_cut)

        embedder = self.transformer.transformer_blocks[0].norm1.emb
        return [*super().install(slots), embedder.register_forward_hook(cut_head)]

    def run(self, pictures: Tensor, t: Tensor, text: Text, window: Window | None) -> Tensor:
        """Class labels instead of text."""
        labels = require(text.labels, "labels", self.name)
        output: Tensor = self.transformer(pictures, timestep=t, class_labels=labels, return_dict=False)[0]
        return output
