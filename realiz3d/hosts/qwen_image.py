"""Qwen-Image: two streams, rotary positions centred on the picture, flow matching."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from realiz3d.hosts.base import Removable, Window, pack_latents, picture_size, refuse, unpack_latents, window_rows
from realiz3d.hosts.packed import PackedHost
from realiz3d.hosts.prompts import Encoded, with_mask
from realiz3d.slots import Slot
from realiz3d.text import Text, require
from realiz3d.tiling import Grid


class QwenImageHost(PackedHost):
    """`QwenImageTransformer2DModel`."""

    input_layer = "img_in"

    def check(self, grid: Grid) -> None:
        """The editing variants append reference pictures to the tokens."""
        config = self.transformer.config
        for flag in ("zero_cond_t", "use_additional_t_cond", "use_layer3d_rope", "guidance_embeds"):
            if config.get(flag, False):
                raise refuse(self.transformer, f"{flag}=True belongs to its editing or layered variants")

    def install(self, slots: list[Slot]) -> list[Removable]:
        """Also crop the rotary table, which the network computes for the size that it is told."""
        return [*super().install(slots), self.transformer.pos_embed.register_forward_hook(self._crop_positions)]

    @classmethod
    def encoded_prompts(cls, answer: Sequence[Any], count: int) -> list[Encoded]:
        """Tokens with their mask, which is left out when nothing is padded."""
        return with_mask(answer[0], answer[1], count)

    def run(self, pictures: Tensor, t: Tensor, text: Text, window: Window | None) -> Tensor:
        """Tell the network the size of the grid, so that its centre and the text's positions are the grid's."""
        height, width = (side // self.pack for side in picture_size(pictures, window))
        tokens: Tensor = self.transformer(
            pack_latents(pictures, self.pack),
            encoder_hidden_states=require(text.embeds, "embeds", self.name),
            encoder_hidden_states_mask=text.mask,
            timestep=t / 1000,
            img_shapes=[[(1, height, width)]] * len(pictures),
            return_dict=False,
        )[0]
        return unpack_latents(tokens, self.pack, (int(pictures.shape[-2]), int(pictures.shape[-1])))

    def _crop_positions(self, _module: nn.Module, args: Any, tables: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        if self._window is None:
            return tables
        image, text = tables
        _, height, width = args[0][0][0]
        view_size = (height // self._window.grid[0], width // self._window.grid[1])
        return image[window_rows(self._window, view_size, image.device)], text
