"""Hosts whose tokens come from diffusers' `PatchEmbed`, which adds the positions too: PixArt, DiT, SD3, Sana.

In a windowed call the views are put back into their grid just for this module, and its tokens are taken apart again. So
each view gets exactly the positions that the host gives to that part of the grid, whatever its rule is (PixArt and DiT
stretch theirs to the picture, SD3 crops the centre of a larger table, Sana has none).
"""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor, nn

from realiz3d.hosts.base import Host, Removable
from realiz3d.slots import Slot
from realiz3d.tiling import tile, untile_tokens


class PatchEmbedHost(Host):
    """`token_maker` is a `PatchEmbed`."""

    @property
    def token_maker(self) -> nn.Module:
        """The `PatchEmbed`."""
        module: nn.Module = self.transformer.pos_embed
        return module

    @property
    def projection(self) -> nn.Conv2d:
        """The patch convolution."""
        return cast(nn.Conv2d, self.token_maker.proj)

    @projection.setter
    def projection(self, layer: nn.Conv2d | nn.Linear) -> None:
        self.token_maker.proj = layer

    def install(self, slots: list[Slot]) -> list[Removable]:
        """Tile in front of the `PatchEmbed`, untile behind it, then add the offset."""
        handles: list[Removable] = [
            self.token_maker.register_forward_pre_hook(self._to_grid),
            self.token_maker.register_forward_hook(self._to_views),
        ]
        return handles + super().install(slots)

    def _to_grid(self, _module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        if self._window is None:
            return args
        pictures: Tensor = args[0]
        rows, columns = self._window.grid
        return (tile(pictures.reshape(-1, rows * columns, *pictures.shape[1:]), self._window.grid), *args[1:])

    def _to_views(self, _module: nn.Module, args: tuple[Any, ...], tokens: Tensor) -> Tensor:
        if self._window is None:
            return tokens
        height, width = args[0].shape[-2:]
        size = (height // self.patch, width // self.patch)
        return untile_tokens(tokens, self._window.grid, size).flatten(0, 1)
