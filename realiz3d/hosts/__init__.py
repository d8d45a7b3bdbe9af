"""The registry of hosts: the class name of a diffusers transformer to the class that describes it, or to a refusal."""

from __future__ import annotations

from typing import Any

from realiz3d.errors import HostRefused, nearest
from realiz3d.hosts.base import Host, Objective, Window
from realiz3d.hosts.dit import DiTHost
from realiz3d.hosts.flux import FluxHost
from realiz3d.hosts.pixart import PixArtHost
from realiz3d.hosts.qwen_image import QwenImageHost
from realiz3d.hosts.sana import SanaHost
from realiz3d.hosts.sd3 import SD3Host

HOSTS: dict[str, type[Host]] = {
    "PixArtTransformer2DModel": PixArtHost,
    "DiTTransformer2DModel": DiTHost,
    "SD3Transformer2DModel": SD3Host,
    "FluxTransformer2DModel": FluxHost,
    "QwenImageTransformer2DModel": QwenImageHost,
    "SanaTransformer2DModel": SanaHost,
}

_ONE_STREAM = "its blocks take text and image tokens as one sequence, and the domain shift would move the text as well"
_SKIPS = "its long skip connections carry early features around the middle blocks, so block depth has no single order"
REFUSED: dict[str, str] = {
    "Lumina2Transformer2DModel": _ONE_STREAM,
    "AuraFlowTransformer2DModel": _ONE_STREAM,
    "UNet2DConditionModel": "it is a U-Net, not a transformer: " + _SKIPS,
    "HunyuanDiT2DModel": _SKIPS,
}

__all__ = ["HOSTS", "REFUSED", "Host", "Objective", "Window", "host_for"]


def host_for(transformer: Any) -> Host:
    """The host description of a transformer; `HostRefused` says why a network cannot host the method."""
    # subclasses count: fine-tuning code often derives from a diffusers class
    for kind in type(transformer).__mro__:
        if kind.__name__ in HOSTS:
            return HOSTS[kind.__name__](transformer)
        if kind.__name__ in REFUSED:
            raise HostRefused(
                f"{kind.__name__} cannot host Realiz3D: {REFUSED[kind.__name__]}",
                expected=", ".join(sorted(HOSTS)),
            )
    name = type(transformer).__name__
    if hasattr(transformer, "_orig_mod"):
        hint = "wrap the transformer first, then compile it (MultiviewModel.compile_blocks)"
    elif hasattr(transformer, "get_base_model") or name == "LoraModel":
        hint = "pass the transformer itself; peft.inject_adapter_in_model adds LoRA without wrapping it"
    else:
        hint = nearest(name, HOSTS)
    raise HostRefused(f"{name} is not a known host", expected=", ".join(sorted(HOSTS)), hint=hint)
