"""Modules that take seconds to import, imported when something of them is first used."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any


class _Late(ModuleType):
    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)


def late(name: str) -> ModuleType:
    """The module `name` for code below: nothing is imported before one of its attributes is asked for.

    Beside `if TYPE_CHECKING: import torch`, so that checkers see the real one: a suite is checked, and its metrics'
    options are read, without the two seconds of processor time that importing torch takes.
    """
    return _Late(name)
