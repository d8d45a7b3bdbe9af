"""What a transformer must tell about itself to host the method: a small class per diffusers transformer.

The method needs seven things of a host: its blocks in order of depth, its input projection, the module that makes image
tokens (positions are added there or beside it), whether text runs through the blocks as a second stream, what its
output means (`objective`), how its pipelines' encoded prompts are read, and how to call it.

Two kinds of calls exist. A *whole* call runs the host as it is on U pictures. A *windowed* call runs it on single
views, each with the positions that it has within the grid (`Window`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor, nn

from realiz3d.errors import HostRefused, UsageError
from realiz3d.hosts.prompts import Encoded
from realiz3d.slots import Slot
from realiz3d.text import Text
from realiz3d.tiling import Grid

Objective = Literal["epsilon", "v_prediction", "flow"]


@dataclass(frozen=True)
class Window:
    """Pictures that are views of a grid: all views, samples outermost (view None), or one view of each sample."""

    grid: Grid
    view: int | None


class Removable(Protocol):
    """Something that was put into a network and can be taken out again."""

    def remove(self) -> None:
        """Take it out."""


class Host(ABC):
    """One transformer, seen through what the method needs of it."""

    objective: ClassVar[Objective]
    # text tokens run through the blocks beside the image tokens, and must be cut with them
    text_stream: ClassVar[bool] = False
    # rotary tables have no batch axis: views with different positions need one call each
    one_view_a_call: ClassVar[bool] = False
    # latent pixels per side that are packed into channels before the input projection
    pack: ClassVar[int] = 1
    # where the transformer's class is found by its name
    transformer_module: ClassVar[str] = "diffusers"

    def __init__(self, transformer: Any) -> None:
        self.transformer = transformer
        self._window: Window | None = None
        self._offset: Tensor | None = None

    @property
    def name(self) -> str:
        """The class name of the transformer."""
        return type(self.transformer).__name__

    @property
    def blocks(self) -> list[nn.Module]:
        """The blocks, shallow to deep."""
        return list(self.transformer.transformer_blocks)

    @property
    def repeated_blocks(self) -> list[str]:
        """Class names for regional compilation."""
        return sorted({type(block).__name__ for block in self.blocks})

    @property
    @abstractmethod
    def token_maker(self) -> nn.Module:
        """The module whose output are the image tokens, (U, n, d)."""

    @property
    @abstractmethod
    def projection(self) -> nn.Conv2d | nn.Linear:
        """The layer that reads the latent channels."""

    @projection.setter
    @abstractmethod
    def projection(self, layer: nn.Conv2d | nn.Linear) -> None: ...

    @property
    def dim(self) -> int:
        """d, the width of the image tokens."""
        layer = self.projection
        return int(layer.out_channels if isinstance(layer, nn.Conv2d) else layer.out_features)

    @property
    def patch(self) -> int:
        """Latent pixels per token side."""
        return int(self.transformer.config.patch_size) * self.pack

    @property
    def in_channels(self) -> int:
        """Latent channels that the input projection reads (before packing)."""
        return int(self.transformer.config.in_channels) // self.pack**2

    def check(self, grid: Grid) -> None:  # noqa: B027  # most hosts have nothing to refuse
        """Refuse grids or configurations that the host cannot run."""

    def install(self, slots: list[Slot]) -> list[Removable]:
        """What this host needs in the network besides the hooks of the blocks."""
        return [self.token_maker.register_forward_hook(self._add_offset)]

    def __call__(
        self, pictures: Tensor, t: Tensor, text: Text, *, window: Window | None = None, offset: Tensor | None = None
    ) -> Tensor:
        """Run the host on U pictures.

        pictures: (U, C, h, w). t: (U,) in [0, 1000). text: U texts. window: None for a whole call. offset: (U, 1, d) or
        (U, n, d), added to the image tokens before the first block. Returns (U, C_out, h, w).
        """
        with self._set(window, offset):
            return self.run(pictures, t, text, window)

    @abstractmethod
    def run(self, pictures: Tensor, t: Tensor, text: Text, window: Window | None) -> Tensor:
        """The host's own forward."""

    @classmethod
    def encoded_prompts(cls, answer: Sequence[Any], count: int) -> list[Encoded]:
        """The fields of `Text` for each of `count` prompts, from what the pipeline's `encode_prompt` returned.

        Raises `UsageError` for an answer that is not what the host's pipelines give.
        """
        raise UsageError(
            f"{cls.__name__} does not say how encoded prompts are read",
            expected="a classmethod `encoded_prompts`, or another encoder in base.text: labels, hashed_words",
        )

    @contextmanager
    def _set(self, window: Window | None, offset: Tensor | None) -> Iterator[None]:
        # both are read before the first block runs; checkpointing, which reruns blocks, never sees them
        self._window, self._offset = window, offset
        try:
            yield
        finally:
            self._window, self._offset = None, None

    def _add_offset(self, _module: nn.Module, _args: Any, tokens: Tensor) -> Tensor:
        tokens = tokens if self._offset is None else tokens + self._offset.to(tokens)
        # as all later blocks see them: compiled blocks are specialised to strides, and PatchEmbed's are transposed
        return tokens.contiguous()


def picture_size(pictures: Tensor, window: Window | None) -> tuple[int, int]:
    """Height and width, in latent pixels, of the picture that positions refer to: the grid in a windowed call."""
    height, width = pictures.shape[-2:]
    rows, columns = window.grid if window else (1, 1)
    return int(height) * rows, int(width) * columns


def pack_latents(pictures: Tensor, pack: int) -> Tensor:
    """(U, C, h, w) to tokens (U, n, C pack^2), channels outermost, as Flux and Qwen-Image order them."""
    batch, channels, height, width = pictures.shape
    split = pictures.reshape(batch, channels, height // pack, pack, width // pack, pack)
    return split.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * pack**2)


def unpack_latents(tokens: Tensor, pack: int, size: tuple[int, int]) -> Tensor:
    """The inverse of `pack_latents` for pictures of `size` latent pixels."""
    batch, _, width = tokens.shape
    rows, columns = size[0] // pack, size[1] // pack
    split = tokens.reshape(batch, rows, columns, width // pack**2, pack, pack)
    return split.permute(0, 3, 1, 4, 2, 5).reshape(batch, -1, *size)


def window_rows(window: Window, view_size: tuple[int, int], device: torch.device) -> Tensor:
    """Row-major indices, within the tokens of the grid, of the tokens of one view of `view_size` tokens."""
    if window.view is None:
        raise UsageError("a host with rotary positions runs one view a call")
    row, column = divmod(window.view, window.grid[1])
    y = torch.arange(view_size[0], device=device) + row * view_size[0]
    x = torch.arange(view_size[1], device=device) + column * view_size[1]
    return (y[:, None] * (view_size[1] * window.grid[1]) + x[None, :]).flatten()


def refuse(transformer: Any, why: str) -> HostRefused:
    """The error for a configuration of a known host that cannot work."""
    return HostRefused(f"this {type(transformer).__name__} cannot host Realiz3D: {why}", where="transformer.config")
