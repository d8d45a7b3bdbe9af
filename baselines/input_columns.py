"""Where the backbone is frozen, the control still has to come in: only its own columns of the input projection train.

The projection was widened by columns of zeros for control maps and their flag (`realiz3d.control`). As one parameter it
could not be trained in part: AdamW's weight decay would move the rest even without a gradient. So the weight becomes
[base's columns, frozen | control's columns, trainable] by torch's parametrisation, in place and undone on saving.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from realiz3d.multiview import MultiviewModel


class _Columns(nn.Module):
    """The weight (d, C + extra, ...) from its trainable columns (d, extra, ...)."""

    base: Tensor

    def __init__(self, base: Tensor) -> None:
        super().__init__()
        self.register_buffer("base", base)

    def forward(self, columns: Tensor) -> Tensor:
        return torch.cat([self.base.to(columns.dtype), columns], dim=1)

    def right_inverse(self, weight: Tensor) -> Tensor:
        return weight[:, self.base.shape[1] :].clone()


def split_input(model: MultiviewModel) -> list[nn.Parameter]:
    """Make the control's columns a parameter of their own and return it; empty for models without control channels."""
    if not model.control_channels:
        return []
    layer = model.host.projection
    if not parametrize.is_parametrized(layer, "weight"):
        kept = model.latent_channels * model.host.pack**2
        base = layer.weight.detach()[:, :kept].clone()
        parametrize.register_parametrization(layer, "weight", _Columns(base))
    columns: nn.Parameter = layer.parametrizations.weight.original  # type: ignore[union-attr, assignment]
    return [columns]
