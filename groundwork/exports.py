"""Functions that a package offers by name, imported when they are first used.

`from bench.metrics import cde` should give the function, although a module of that name lies below and importing it
would put the module there; and it should not import forty other metrics on the way.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


def export(package: str, where: Mapping[str, str]) -> None:
    """Let `package` offer each name of `where` from the module that is named beside it.

    Modules of the same names stay importable by their full path: `from bench.metrics.cde import Cde`.
    """

    class Package(ModuleType):
        def __getattr__(self, name: str) -> Any:
            if name not in where:
                raise AttributeError(f"module {package!r} has no attribute {name!r}")
            found = getattr(import_module(where[name]), name)
            super().__setattr__(name, found)
            return found

        def __setattr__(self, name: str, value: Any) -> None:
            # the import system binds a module below to its name here; the function has that name
            if not (name in where and isinstance(value, ModuleType)):
                super().__setattr__(name, value)

        def __dir__(self) -> list[str]:
            return sorted({*super().__dir__(), *where})

    sys.modules[package].__class__ = Package
