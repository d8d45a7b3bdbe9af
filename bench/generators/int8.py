"""Weights of linear layers in 8 bits: half the memory of bfloat16, multiplied at the precision of the pictures.

w is stored as q s, q = round(w / s) in [-127, 127] with one scale a row, s = max |w| / 127, so that no weight moves by
more than s / 2. Only weights are stored so: products run in the layer's precision, and without compilation the weights
are written out for each of them. It is here and not a package's, because diffusers loads the package (torchao) wherever
it is installed, which costs every command seconds.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Int8Linear(nn.Module):
    """A linear layer's stand-in; `weight` int8 (out, in), `scale` (out, 1) and `bias` in the layer's precision."""

    weight: Tensor
    scale: Tensor

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        kept = layer.weight.detach()
        scale = kept.float().abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127.0
        self.register_buffer("weight", (kept.float() / scale).round().clamp(-127, 127).char())
        self.register_buffer("scale", scale.to(kept.dtype))
        self.bias = layer.bias
        self.in_features, self.out_features = layer.in_features, layer.out_features

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) to (..., out)."""
        return functional.linear(x, self.weight.to(x.dtype) * self.scale.to(x.dtype), self.bias)


def to_int8(network: nn.Module) -> None:
    """Replace the linear layers of a network, in place."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear:
                setattr(module, name, Int8Linear(child))
