"""Training methods by name, imported when they are used: `method: {name: NAME, ...}` in a config.

A name stands for `module:attribute`, a subclass of `MethodSettings`. A plug-in package declares it, say,
`[project.entry-points."realiz3d.methods"] mine = "pkg.module:Settings"`; `name: pkg.module:Settings` works without.
"""

from __future__ import annotations

from typing import Any, Literal, cast

from pydantic import create_model

from groundwork.registry import Registry
from realiz3d.errors import UsageError
from realiz3d.training.method import MethodSettings

SHIPPED = {
    "realiz3d": "realiz3d.training.realiz3d_method:Realiz3DSettings",
    "full_tuning": "baselines.full_tuning:FullTuningSettings",
    "lora": "baselines.lora:LoRASettings",
    "linear_adapters": "baselines.linear_adapters:LinearAdaptersSettings",
    "domain_adapter": "baselines.domain_adapter:DomainAdapterSettings",
    "spatial_adapter": "baselines.spatial_adapter:SpatialAdapterSettings",
    "domain_switcher": "baselines.domain_switcher:DomainSwitcherSettings",
}
METHODS = Registry("method", "realiz3d.methods", SHIPPED)


def method_settings(name: str, *, registered_only: bool = False) -> type[MethodSettings]:
    """The settings class behind a name. Raises `UsageError` that names the nearest one, or why the import failed.

    registered_only: refuse `module:attribute`, for names that come from files of others.
    """
    found: Any = METHODS.load(name, registered_only=registered_only)
    if not (isinstance(found, type) and issubclass(found, MethodSettings)):
        raise UsageError(
            "this is not a method",
            where=METHODS.target(name),
            expected="a subclass of realiz3d.training.MethodSettings",
        )
    if ":" not in name:
        return found
    # what a config calls it, records must call it too, or its checkpoints could not name their method
    return create_model(
        found.__name__, __base__=found, __module__=found.__module__, name=(cast(Any, Literal[name]), name)
    )
