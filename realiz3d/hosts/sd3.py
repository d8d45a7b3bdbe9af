"""Stable Diffusion 3 and 3.5: text and image tokens in two streams with joint attention, flow matching."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from realiz3d.hosts.base import Window
from realiz3d.hosts.patch_embed import PatchEmbedHost
from realiz3d.hosts.prompts import Encoded, with_pooled
from realiz3d.text import Text, require


class SD3Host(PatchEmbedHost):
    """`SD3Transformer2DModel`."""

    objective = "flow"
    text_stream = True

    @classmethod
    def encoded_prompts(cls, answer: Sequence[Any], count: int) -> list[Encoded]:
        """CLIP and T5 tokens, and the pooled CLIP vectors; between them stand those of the negative prompt."""
        return with_pooled(answer[0], answer[2], count)

    def run(self, pictures: Tensor, t: Tensor, text: Text, window: Window | None) -> Tensor:
        """SD3 knows no text mask: its encoders' padding is part of the prompt."""
        output: Tensor = self.transformer(
            pictures,
            encoder_hidden_states=require(text.embeds, "embeds", self.name),
            pooled_projections=require(text.pooled, "pooled", self.name),
            timestep=t,
            return_dict=False,
        )[0]
        return output
