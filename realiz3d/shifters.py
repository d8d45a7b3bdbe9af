"""Domain Shifters: X~ = X + W_left W_right e_domain, one in front of every transformer block.

Its own module beside the transformer, so that a base checkpoint loads without unexpected keys and shifters are a file
of a few hundred kilobytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

if TYPE_CHECKING:
    from realiz3d.multiview import MultiviewModel


class DomainShifters(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """The residuals of N blocks for the two domains.

    embed (N, 2, d): e_real and e_syn of every block, small and random. right (N, r, d): random. left (N, d, r): zero,
    so that the model equals its base at the start; only `left` has a gradient in the very first step.
    Parameters stay in float32 whatever the model is cast to: the residual is tiny beside the features at the start, and
    bf16 updates of it would round to nothing.
    """

    _keep_in_fp32_modules = ["embed", "left", "right"]  # type: ignore[assignment]  # noqa: RUF012

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, n_blocks: int, dim: int, rank: int = 8, embed_std: float = 0.02) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.embed = nn.Parameter(torch.randn(n_blocks, 2, dim) * embed_std)
        self.right = nn.Parameter(torch.randn(n_blocks, rank, dim) / dim**0.5)
        self.left = nn.Parameter(torch.zeros(n_blocks, dim, rank))

    @classmethod
    def for_model(cls, model: MultiviewModel, rank: int = 8) -> DomainShifters:
        """Fresh shifters that fit a model, on its device."""
        shifters: DomainShifters = cls(n_blocks=model.n_blocks, dim=model.dim, rank=rank).to(model.device)
        return shifters

    def table(self) -> Tensor:
        """(N, 2, d) float32: what is added to every token in front of block b, by domain."""
        # autocast would turn the products into bf16
        with torch.autocast(self.left.device.type, enabled=False):
            codes = torch.einsum("nrd,nkd->nkr", self.right, self.embed)
            return torch.einsum("ndr,nkr->nkd", self.left, codes)

    def forward(self) -> Tensor:
        """`table()`, through the module's call, which is what offloading hooks watch."""
        return self.table()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        def keep_precision(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            return tensor.to(moved.device) if moved.dtype != tensor.dtype else moved

        return super()._apply(keep_precision, recurse)  # type: ignore[no-untyped-call]


# model_index.json records the module path of a class; this makes `realiz3d` the file format, wherever the code lies
DomainShifters.__module__ = "realiz3d"
