"""Optional packages, imported where they are used; an absent one is answered with how to get it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from realiz3d.errors import DependencyMissing


def needed(module: str, purpose: str) -> Any:
    """The module; raises `DependencyMissing` that says what it is needed for when it cannot be imported."""
    try:
        return import_module(module)
    except ImportError as error:
        raise DependencyMissing(
            f"{purpose} needs the Python package {module.partition('.')[0]}, which cannot be imported: {error}",
            hint="pip install 'realiz3d-bench[realiz3d]'",
        ) from error
