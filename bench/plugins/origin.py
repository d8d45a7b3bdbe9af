"""Whose code a plug-in is: the project's own, or what a suite or an installed package brings along."""

from __future__ import annotations

from groundwork.registry import Registry

OURS = ("bench", "suites", "realiz3d", "baselines")


def ships(registry: Registry, name: str) -> bool:
    """Whether the code behind a name is the project's own. Raises `UsageError` for an unknown name."""
    return registry.target(name).partition(":")[0].partition(".")[0] in OURS
