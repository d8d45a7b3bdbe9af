"""Sana: linear self-attention, cross-attention to text, and a depthwise convolution in every block; flow matching.

The convolution mixes neighbouring tokens. On a tiled grid it would leak the edge of one view into the next, which has
nothing to do with it. Only self-attention is meant to join views, so the convolution runs within each view, and a grid
call differs from the base model on the tiled picture in that respect alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from realiz3d.hosts.base import Removable, Window
from realiz3d.hosts.patch_embed import PatchEmbedHost
from realiz3d.hosts.prompts import Encoded, with_mask
from realiz3d.slots import Slot
from realiz3d.text import Text, require
from realiz3d.tiling import tile, untile


class SanaHost(PatchEmbedHost):
    """`SanaTransformer2DModel`."""

    objective = "flow"

    @property
    def token_maker(self) -> nn.Module:
        """The `PatchEmbed`, under another name here."""
        module: nn.Module = self.transformer.patch_embed
        return module

    def install(self, slots: list[Slot]) -> list[Removable]:
        """Also keep each block's convolution within the views."""
        handles = super().install(slots)
        for block, slot in zip(self.blocks, slots, strict=True):
            feed_forward: Any = block.ff
            feed_forward.__dict__["realiz3d_slot"] = slot
            handles.append(feed_forward.register_forward_pre_hook(_apart))
            handles.append(feed_forward.register_forward_hook(_together))
        return handles

    @classmethod
    def encoded_prompts(cls, answer: Sequence[Any], count: int) -> list[Encoded]:
        """Gemma tokens with their mask."""
        return with_mask(answer[0], answer[1], count)

    def run(self, pictures: Tensor, t: Tensor, text: Text, window: Window | None) -> Tensor:
        """Sana rescales its timesteps by a config value."""
        guided = self.transformer.config.guidance_embeds
        scale = self.transformer.config.guidance_embeds_scale
        output: Tensor = self.transformer(
            pictures,
            encoder_hidden_states=require(text.embeds, "embeds", self.name),
            encoder_attention_mask=text.mask,
            timestep=t * self.transformer.config.timestep_scale,
            guidance=(t.new_full(t.shape, text.guidance * scale, dtype=pictures.dtype)) if guided else None,
            return_dict=False,
        )[0]
        return output


def _apart(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    grid = module.__dict__["realiz3d_slot"].read().grid
    return args if grid is None else (untile(args[0], grid).flatten(0, 1),)


def _together(module: nn.Module, _args: Any, output: Tensor) -> Tensor:
    grid = module.__dict__["realiz3d_slot"].read().grid
    return output if grid is None else tile(output.reshape(-1, grid[0] * grid[1], *output.shape[1:]), grid)
