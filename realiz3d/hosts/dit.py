"""DiT: class labels, epsilon prediction.

Two peculiarities. The output head reads the timestep and label embedder of the first block, so a gradient cut in
front of a later block must stop there as well. And every block drops labels by its own random draw while training;
dropping labels for classifier-free guidance is the trainer's business (one draw a sample, label = number of classes),
so it is off here.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from realiz3d.errors import HostRefused
from realiz3d.hosts.base import Removable, Window
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

    def install(self, slots: list[Slot]) -> list[Removable]:
        """Also cut the embedder that the head borrows from the first block."""
        embedders = [block.norm1.emb for block in self.transformer.transformer_blocks]
        embedders[0].__dict__["realiz3d_slot"] = slots[0]
        dropouts = [_NoLabelDropout(embedder.class_embedder) for embedder in embedders]
        return [*super().install(slots), embedders[0].register_forward_hook(_cut_head), *dropouts]

    def run(self, pictures: Tensor, t: Tensor, text: Text, window: Window | None) -> Tensor:
        """Class labels instead of text."""
        labels = require(text.labels, "labels", self.name)
        output: Tensor = self.transformer(pictures, timestep=t, class_labels=labels, return_dict=False)[0]
        return output


class _NoLabelDropout:
    """Switches a label embedder's own dropout off until removed."""

    def __init__(self, class_embedder: Any) -> None:
        self.class_embedder, self.probability = class_embedder, class_embedder.dropout_prob
        class_embedder.dropout_prob = 0.0

    def remove(self) -> None:
        self.class_embedder.dropout_prob = self.probability


def _cut_head(embedder: nn.Module, _args: Any, embedding: Tensor) -> Tensor:
    return cut_gradient(embedding, embedder.__dict__["realiz3d_slot"].read().head_cut)
