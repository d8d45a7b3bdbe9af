"""Training methods by name, imported when they are used: `method: {name: NAME, ...}` in a config.

A name stands for `module:attribute`, a subclass of `MethodSettings`. A plug-in package declares it, say,
`[project.entry-points."realiz3d.methods"] mine = "pkg.module:Settings"`; `name: pkg.module:Settings` works without.
"""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import Any

from pydantic import Field, create_model

from realiz3d.errors import UsageError, nearest
from realiz3d.training.config import MethodSettings, TrainConfig

GROUP = "realiz3d.methods"
SHIPPED = {
    "realiz3d": "realiz3d.training.config:Realiz3DMethod",
    "full_tuning": "baselines.full_tuning:FullTuningSettings",
    "lora": "baselines.lora:LoRASettings",
    "linear_adapters": "baselines.linear_adapters:LinearAdaptersSettings",
    "domain_adapter": "baselines.domain_adapter:DomainAdapterSettings",
    "spatial_adapter": "baselines.spatial_adapter:SpatialAdapterSettings",
    "domain_switcher": "baselines.domain_switcher:DomainSwitcherSettings",
}


def method_settings(name: str, *, registered_only: bool = False) -> type[MethodSettings]:
    """The settings class behind a name. Raises `UsageError` that names the nearest one, or why the import failed.

    registered_only: refuse `module:attribute`, for names that come from files of others.
    """
    target = SHIPPED.get(name)
    if target is None:
        known = {point.name: point.value for point in entry_points(group=GROUP)} | SHIPPED
        target = name if ":" in name and not registered_only else known.get(name)
        if target is None:
            raise UsageError(f"unknown method {ascii(name)[:80]}", where="method.name", hint=nearest(name, known))
    module, _, attribute = target.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"the method {ascii(name)[:80]} could not be imported: {error}",
            where=target,
            hint="check the module path, or install what it needs (pip install 'realiz3d-bench[train]')",
        ) from error
    if not (isinstance(found, type) and issubclass(found, MethodSettings)):
        raise UsageError("this is no method", where=target, expected="a subclass of realiz3d.training.MethodSettings")
    return found


def schema_of(values: Any) -> type[TrainConfig]:
    """The schema of a config by the method that it names; Realiz3D's when it names none."""
    method = values.get("method") if isinstance(values, dict) else None
    name = method.get("name", "realiz3d") if isinstance(method, dict) else "realiz3d"
    if name == "realiz3d" or not isinstance(name, str):
        return TrainConfig
    settings = method_settings(name)
    # a schema of its own, so that messages point into the method's fields and name the nearest of them
    return create_model("TrainConfig", __base__=TrainConfig, method=(settings, Field(default_factory=settings)))
