"""Which classes fit. A plug-in inherits the base class of its kind, or is a plain class with the methods that it needs.

Either way the rest of the program sees the base class: a plain class gets what it left out (`calibration = False`,
`missing()`, ...) from there. Every check says in one sentence what is wrong.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import lru_cache
from types import new_class
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from bench.errors import UsageError
from bench.plugins.guard import plugin_code
from groundwork.registry import Registry

Base = TypeVar("Base")

CALLED = {"metric": ("options",), "generator": ("name", "options", "context")}
"""How a class of each kind is called."""


def plugin_class(registry: Registry, name: str) -> type[Any]:
    """The class behind `name`, below the base class of its kind. Raises `UsageError` that says why there is none."""
    kind = registry.kind
    plugin = registry.load(name)
    if not isinstance(plugin, type):
        what = "a function" if inspect.isroutine(plugin) else f"an instance of {type(plugin).__name__}"
        raise UsageError(f"{kind} '{name}' is {what}, not a class", expected=f"a class, called as {_call(kind)}")
    _check_options(plugin, kind, name)
    return _fitted(plugin, kind, name)


@lru_cache(maxsize=256)
def _fitted(plugin: type, kind: str, name: str) -> type[Any]:
    with plugin_code(f"{kind} '{name}'", "looking at its class"):
        base, methods = _base_of(plugin, kind, name)
        fitted = plugin if issubclass(plugin, base) else _below(plugin, base)
        lacking = sorted(getattr(fitted, "__abstractmethods__", ()))
        if lacking:
            names = ", ".join(f"{method}()" for method in lacking)
            raise UsageError(f"{kind} '{name}' lacks {names}", expected=f"the methods of {base.__name__}")
        if not _takes(fitted, CALLED[kind]):
            raise UsageError(
                f"{kind} '{name}' cannot be called as {_call(kind)}: {_signature(fitted)}",
                expected=f"an __init__ that takes {', '.join(CALLED[kind])}",
            )
        for method, arguments in methods.items():
            if not _method_takes(fitted, method, arguments):
                raise UsageError(
                    f"{kind} '{name}': {method}() does not take {_words(arguments)}: "
                    f"{_signature(getattr(fitted, method))}",
                    expected=f"{method}({', '.join(arguments)})",
                )
    return fitted


def _base_of(plugin: type, kind: str, name: str) -> tuple[type, Mapping[str, tuple[str, ...]]]:
    """The base class that a class belongs below, and its methods with the arguments that they are called with."""
    if kind == "generator":
        from bench.generators.protocol import Generator

        return Generator, {"fingerprint": (), "generate": ("requests",), "training": ()}
    from bench.metrics import declaration

    if issubclass(plugin, declaration.GeneratorMetric):
        return declaration.GeneratorMetric, {"results": (), "parameters": ()}
    if issubclass(plugin, declaration.SetMetric) or hasattr(plugin, "distance"):
        pair = ("generated", "reference")
        return declaration.SetMetric, {
            "result": (),
            "parameters": (),
            "distance": pair,
            "leave_one_object_out": pair,
            "pair_values": pair,
            "difference": ("a", "b", "reference"),
        }
    if not (issubclass(plugin, declaration.ObjectMetric) or hasattr(plugin, "measure")):
        raise UsageError(
            f"metric '{name}' has neither measure() nor distance()",
            expected="the methods of ObjectMetric, or of SetMetric, in bench/metrics/declaration.py",
        )
    return declaration.ObjectMetric, {
        "results": (),
        "parameters": (),
        "measure": ("sample",),
        "prepare": ("device", "offline"),
        "missing": (),
        "see_prompts": ("prompts",),
        "error_map": ("sample",),
    }


def _below(plugin: type, base: type[Base]) -> type[Base]:
    """The class with `base` behind it: its own methods come first, and what it lacks comes from there."""
    content = {"__module__": plugin.__module__, "__qualname__": plugin.__qualname__, "__doc__": plugin.__doc__}
    return cast("type[Base]", new_class(plugin.__name__, (plugin, base), exec_body=lambda space: space.update(content)))


def _check_options(plugin: type, kind: str, name: str) -> None:
    options = getattr(plugin, "Options", None)
    if not (isinstance(options, type) and issubclass(options, BaseModel)):
        raise UsageError(
            f"{kind} '{name}' has no Options"
            if options is None
            else f"{kind} '{name}': Options is not a pydantic model",
            expected="a class with an attribute `Options`, the pydantic model of its options",
        )
    if options.model_config.get("extra") != "forbid":
        raise UsageError(
            f"{kind} '{name}': Options lets unknown keys pass, so that a misspelt option would do nothing",
            expected='class Options(pydantic.BaseModel, extra="forbid")',
        )


def _takes(function: Any, arguments: tuple[str, ...]) -> bool:
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # C code tells no signature
        return True
    return True


def _method_takes(owner: type, method: str, arguments: tuple[str, ...]) -> bool:
    found = inspect.getattr_static(owner, method)
    if not callable(getattr(owner, method)) or isinstance(found, property):
        return False
    bound = isinstance(found, staticmethod | classmethod)
    return _takes(getattr(owner, method), arguments if bound else ("self", *arguments))


def _signature(function: Any) -> str:
    if not callable(function):
        return f"it is {function!r}"
    try:
        return f"it takes {inspect.signature(function)}"
    except (TypeError, ValueError):
        return "it has no signature"


def _call(kind: str) -> str:
    return f"factory({', '.join(CALLED[kind])})"


def _words(arguments: tuple[str, ...]) -> str:
    return ", ".join(arguments) if arguments else "no argument"
