"""Modules that a training method adds beside a host: adapters, switchers. Realiz3D itself needs none.

An extra changes what runs through hooks, never by replacing a part of the transformer, so that a transformer with and
without it is saved and loaded by diffusers as the same file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor, nn

from realiz3d.hosts.base import Removable

if TYPE_CHECKING:
    from realiz3d.multiview import MultiviewModel


class Extra(nn.Module):
    """Subclass it, hook the host in `install`, and give it to `MultiviewModel.add_extra`.

    reads_domains: it serves two domains, so that the model takes a plan though it may have no shifters. Hooks find the
    domains of the pictures that run in their block's slot (`domains_at`).
    """

    reads_domains: ClassVar[bool] = False

    def install(self, model: MultiviewModel) -> Sequence[Removable]:
        """Put hooks into the host; they are taken out with the extra."""
        raise TypeError(f"{type(self).__name__} does not say how it is installed")


def domains_at(module: nn.Module) -> Tensor | None:
    """(U,) domains of the pictures that run, at a block or a module that shares a block's slot; None without a plan."""
    slot: Any = module.__dict__["realiz3d_slot"]
    domains: Tensor | None = slot.read().domains
    return domains
