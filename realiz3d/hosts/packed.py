"""Hosts of two streams that pack latents into tokens themselves, before a linear projection: Flux.1, Qwen-Image."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from realiz3d.hosts.base import Host


class PackedHost(Host):
    """`input_layer` names the transformer's linear projection; positions come in at the attention."""

    objective = "flow"
    text_stream = True
    one_view_a_call = True
    pack = 2
    input_layer: ClassVar[str]

    @property
    def patch(self) -> int:
        """Packing happens outside of the network: `patch_size` in its config is 1 or describes the packing."""
        return self.pack

    @property
    def token_maker(self) -> nn.Module:
        """The input projection."""
        return self.projection

    @property
    def projection(self) -> nn.Linear:
        """The linear layer called `input_layer`."""
        layer: nn.Linear = getattr(self.transformer, self.input_layer)
        return layer

    @projection.setter
    def projection(self, layer: nn.Conv2d | nn.Linear) -> None:
        setattr(self.transformer, self.input_layer, layer)
