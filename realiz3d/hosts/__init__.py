"""The registry of hosts: the class name of a transformer to the class that describes it, or to a refusal.

Hosts of one's own: `register_host` in a program, or the entry-point group `realiz3d.hosts` in a package, whose names
are those of the transformers' classes: `[project.entry-points."realiz3d.hosts"] MyTransformer = "pkg.hosts:MyHost"`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from realiz3d.errors import HostRefused, UsageError, nearest
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

__all__ = [
    "HOSTS", "REFUSED", "Host", "Objective", "Window", "host_for", "host_of", "register_host", "transformer_of",
]  # fmt: skip

GROUP = "realiz3d.hosts"


def register_host(transformer: str, host: type[Host]) -> None:
    """Let transformers whose class is called `transformer` host the method, as `host` describes them.

    Raises `UsageError` for a description that lacks something, or a class name that has one already.
    """
    if not (isinstance(host, type) and issubclass(host, Host)):
        raise UsageError(f"{host!r} is not a host", expected="a subclass of realiz3d.hosts.Host")
    lacking = sorted(getattr(host, "__abstractmethods__", ()))
    lacking += [] if hasattr(host, "objective") else ["objective"]
    if lacking:
        raise UsageError(f"{host.__name__} lacks {', '.join(lacking)}", where=host.__module__)
    if HOSTS.get(transformer, host) is not host:
        raise UsageError(f"{transformer} has a host already: {HOSTS[transformer].__name__}")
    HOSTS[transformer] = host


def host_of(transformer: str, where: str = "") -> type[Host]:
    """The host of transformers whose class has this name. Raises `UsageError` that names the nearest known one."""
    if transformer not in HOSTS:
        _register_installed(transformer)
    if transformer not in HOSTS:
        raise UsageError(
            f"{ascii(transformer)[:80]} is not a known host",
            where=where,
            expected=", ".join(sorted(HOSTS)),
            hint=nearest(transformer, HOSTS),
        )
    return HOSTS[transformer]


def transformer_of(name: str, where: str = "") -> Any:
    """The class of a known host's transformers. Raises `UsageError` as `host_of`, or when the class is not there."""
    module = host_of(name, where).transformer_module
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{module} has no class {name}: {error}", where=where) from error


def _register_installed(transformer: str) -> None:
    for point in entry_points(group=GROUP):
        if point.name == transformer:
            register_host(transformer, point.load())


def host_for(transformer: Any) -> Host:
    """The host description of a transformer; `HostRefused` says why a network cannot host the method."""
    # subclasses count: fine-tuning code often derives from a diffusers class
    for kind in type(transformer).__mro__:
        if kind.__name__ not in HOSTS:
            _register_installed(kind.__name__)
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
