"""PixArt-alpha and PixArt-Sigma: cross-attention to T5 tokens, epsilon prediction. The reference host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from realiz3d.hosts.base import Window, picture_size
from realiz3d.hosts.patch_embed import PatchEmbedHost
from realiz3d.hosts.prompts import Encoded, with_mask
from realiz3d.text import Text, require

_VAE_DOWNSCALING = 8


class PixArtHost(PatchEmbedHost):
    """`PixArtTransformer2DModel`."""

    objective = "epsilon"

    @classmethod
    def encoded_prompts(cls, answer: Sequence[Any], count: int) -> list[Encoded]:
        """T5 tokens with their mask."""
        return with_mask(answer[0], answer[1], count)

    def run(self, pictures: Tensor, t: Tensor, text: Text, window: Window | None) -> Tensor:
        """The 1024 px PixArt also wants the size of the picture."""
        conditions: dict[str, Any] = {"resolution": None, "aspect_ratio": None}
        if self.transformer.use_additional_conditions:
            height, width = picture_size(pictures, window)
            pixels = [height * _VAE_DOWNSCALING, width * _VAE_DOWNSCALING]
            conditions["resolution"] = pictures.new_tensor([pixels]).expand(len(pictures), 2)
            conditions["aspect_ratio"] = pictures.new_tensor([[height / width]]).expand(len(pictures), 1)
        output: Tensor = self.transformer(
            pictures,
            encoder_hidden_states=require(text.embeds, "embeds", self.name),
            encoder_attention_mask=text.mask,
            timestep=t,
            added_cond_kwargs=conditions,
            return_dict=False,
        )[0]
        return output
