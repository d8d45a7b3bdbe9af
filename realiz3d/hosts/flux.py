"""Flux.1: two-stream, then single-stream blocks, rotary positions from explicit coordinates, flow matching."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from realiz3d.hosts.base import Window, pack_latents, picture_size, unpack_latents, window_rows
from realiz3d.hosts.packed import PackedHost
from realiz3d.hosts.prompts import Encoded, with_pooled
from realiz3d.text import Text, require


class FluxHost(PackedHost):
    """`FluxTransformer2DModel`. Depth counts the two-stream blocks first, then the single-stream ones."""

    input_layer = "x_embedder"

    @property
    def blocks(self) -> list[nn.Module]:
        """Two-stream blocks, then single-stream blocks; both get the text tokens as an argument of their own."""
        return [*self.transformer.transformer_blocks, *self.transformer.single_transformer_blocks]

    @classmethod
    def encoded_prompts(cls, answer: Sequence[Any], count: int) -> list[Encoded]:
        """T5 tokens, and the pooled CLIP vector."""
        return with_pooled(answer[0], answer[1], count)

    def run(self, pictures: Tensor, t: Tensor, text: Text, window: Window | None) -> Tensor:
        """Coordinates (0, y, x) for image tokens, (0, 0, 0) for text tokens; the network takes t / 1000."""
        embeds = require(text.embeds, "embeds", self.name)
        size = (int(pictures.shape[-2]), int(pictures.shape[-1]))
        guidance = torch.full_like(t, text.guidance, dtype=torch.float32)
        tokens: Tensor = self.transformer(
            pack_latents(pictures, self.pack),
            encoder_hidden_states=embeds,
            pooled_projections=require(text.pooled, "pooled", self.name),
            timestep=t / 1000,
            img_ids=self._coordinates(pictures, window),
            txt_ids=torch.zeros(embeds.shape[1], 3, device=pictures.device),
            guidance=guidance if self.transformer.config.guidance_embeds else None,
            return_dict=False,
        )[0]
        return unpack_latents(tokens, self.pack, size)

    def _coordinates(self, pictures: Tensor, window: Window | None) -> Tensor:
        height, width = (side // self.pack for side in picture_size(pictures, window))
        y = torch.arange(height, device=pictures.device, dtype=torch.float32)
        x = torch.arange(width, device=pictures.device, dtype=torch.float32)
        grid = torch.stack(torch.meshgrid(y, x, indexing="ij"), dim=-1)
        ids = torch.nn.functional.pad(grid, (1, 0)).reshape(-1, 3)
        if window is None:
            return ids
        view_size = (pictures.shape[-2] // self.pack, pictures.shape[-1] // self.pack)
        return ids[window_rows(window, view_size, pictures.device)]
