"""3D control: geometry maps as extra latent channels, and viewpoints beside the positional encoding.

Texturing. The VAE latents of a normal and a position map are joined to the noisy latent on the channel axis, and one
more channel carries a flag: 1 where a sample has no control. Without control the maps are zero, and the column of the
flag in the input projection is what the model learns as 'no control'. All new columns start at zero, so that the
widened model equals its base for any control.

Text to multiview. Each view's viewpoint is embedded and added to its tokens together with their positions. The
embedding starts at zero too; 'no viewpoint' again has a flag of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from realiz3d.errors import UsageError
from realiz3d.hosts.base import Host, refuse

if TYPE_CHECKING:
    from realiz3d.multiview import MultiviewModel

_FLAG_CHANNELS = 1


@dataclass(frozen=True, eq=False)
class Control:
    """What the samples of a batch are controlled by.

    maps: (B, V, c, h, w) control latents, see `realiz3d.latents.encode_control`. viewpoints: (B, V, 2) azimuth and
    elevation in radians. given: (B,) bool, False = null control for that sample (its maps and viewpoints are ignored);
    None = every sample has control.
    """

    maps: Tensor | None = None
    viewpoints: Tensor | None = None
    given: Tensor | None = None

    def present(self, batch: int, device: torch.device) -> Tensor:
        """(B,) bool: which samples have control."""
        if self.given is None:
            return torch.ones(batch, dtype=torch.bool, device=device)
        if self.given.shape != (batch,):
            raise UsageError(f"control.given of shape {tuple(self.given.shape)}", expected=f"({batch},)")
        return self.given.to(device=device, dtype=torch.bool)


def join_maps(latents: Tensor, control: Control | None, channels: int) -> Tensor:
    """(B, V, C, h, w) latents to (B, V, C + channels + 1, h, w): latents, control maps, flag.

    Maps of samples without control are replaced by zeros, so that whatever stands there (even NaN) has no effect.
    """
    batch, views, _, *size = latents.shape
    shape = (batch, views, channels, *size)
    maps = None if control is None else control.maps
    if maps is None or control is None:
        absent = latents.new_ones(batch, views, _FLAG_CHANNELS, *size)
        return torch.cat([latents, latents.new_zeros(shape), absent], dim=2)
    if tuple(maps.shape) != shape:
        raise UsageError(f"control maps of shape {tuple(maps.shape)}", where="control.maps", expected=str(shape))
    present = control.present(batch, latents.device)[:, None, None, None, None]
    shown = torch.where(present, maps.to(latents.dtype), torch.zeros((), dtype=latents.dtype, device=latents.device))
    absent = (~present).to(latents.dtype).expand(batch, views, _FLAG_CHANNELS, *size)
    return torch.cat([latents, shown, absent], dim=2)


def widen_for_control(host: Host, latent_channels: int, control_channels: int) -> None:
    """Give the input projection columns of zeros for control maps and flag, and record the new width in the config.

    Does nothing when the projection is already that wide (a checkpoint of a widened model). Widening happens after
    loading: `from_pretrained(in_channels=..., ignore_mismatched_sizes=True)` would leave the whole layer untrained.
    """
    wanted = latent_channels + control_channels + _FLAG_CHANNELS
    if host.in_channels == wanted:
        return
    if host.in_channels != latent_channels:
        raise UsageError(
            f"the transformer reads {host.in_channels} channels",
            where="transformer.config.in_channels",
            expected=f"{latent_channels} (a base model) or {wanted} (widened for {control_channels} control channels)",
            hint="pass latent_channels=vae.config.latent_channels when wrapping a model that was widened before",
        )
    old = host.projection
    host.projection = _widened(old, (wanted - latent_channels) * host.pack**2)
    transformer: Any = host.transformer
    # several hosts take a missing out_channels to mean in_channels, which is no longer true
    out_channels = transformer.config.get("out_channels") or getattr(transformer, "out_channels", None)
    transformer.register_to_config(in_channels=wanted * host.pack**2, out_channels=out_channels)
    _check_that_it_can_be_loaded(transformer)


def _check_that_it_can_be_loaded(transformer: Any) -> None:
    """Refuse before training what could not be read back after it: a class whose config cannot say what was widened."""
    with torch.device("meta"):  # shapes without memory
        again = type(transformer).from_config(json.loads(transformer.to_json_string()))  # as a file holds it
    expected = {name: tuple(value.shape) for name, value in again.named_parameters()}
    found = {name: tuple(value.shape) for name, value in transformer.named_parameters()}
    differing = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if differing:
        name = differing[0]
        raise refuse(
            transformer,
            f"widened for control, it could be trained but not loaded again: its config builds {name} as "
            f"{expected.get(name)} where the widened model has {found.get(name)}, often for lack of out_channels",
        )


def _widened(old: nn.Conv2d | nn.Linear, extra: int) -> nn.Conv2d | nn.Linear:
    new: nn.Conv2d | nn.Linear
    like: dict[str, Any] = {"device": old.weight.device, "dtype": old.weight.dtype, "bias": old.bias is not None}
    if isinstance(old, nn.Conv2d):
        size = (old.kernel_size[0], old.kernel_size[1])
        stride = (old.stride[0], old.stride[1])
        new = nn.Conv2d(old.in_channels + extra, old.out_channels, size, stride, **like)
    else:
        new = nn.Linear(old.in_features + extra, old.out_features, **like)
    with torch.no_grad():
        new.weight.zero_()
        new.weight[:, : old.weight.shape[1]].copy_(old.weight)
        if old.bias is not None and new.bias is not None:
            new.bias.copy_(old.bias)
    new.requires_grad_(old.weight.requires_grad)
    return new


class ViewpointControl(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Viewpoints as vectors that are added to the tokens of their views; zero at the start.

    A view's features are cos and sin of 1 .. `frequencies` times its azimuth and elevation, and a flag for 'no
    viewpoint'; one linear map without bias turns them into (d,) vectors.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, dim: int, frequencies: int = 4) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.frequencies = frequencies
        self.embed = nn.Linear(4 * frequencies + 1, dim, bias=False)
        nn.init.zeros_(self.embed.weight)

    @classmethod
    def for_model(cls, model: MultiviewModel, frequencies: int = 4) -> ViewpointControl:
        """A fresh embedding that fits a model, on its device."""
        control: ViewpointControl = cls(dim=model.dim, frequencies=frequencies).to(model.device)
        return control

    def forward(self, viewpoints: Tensor, present: Tensor) -> Tensor:
        """(B, V, 2) radians and (B,) bool to (B, V, d); null where not present."""
        order = torch.arange(1, self.frequencies + 1, device=viewpoints.device)
        angles = (viewpoints.float()[..., None] * order).flatten(-2)
        features = torch.cat([angles.cos(), angles.sin()], dim=-1)
        shown = present[:, None, None]
        features = torch.where(shown, features, torch.zeros_like(features))
        flag = (~shown).float().expand(*features.shape[:2], 1)
        vectors: Tensor = self.embed(torch.cat([features, flag], dim=-1).to(self.embed.weight.dtype))
        return vectors


ViewpointControl.__module__ = "realiz3d"
