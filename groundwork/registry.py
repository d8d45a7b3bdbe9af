"""Names to code: `use: NAME` through entry points, or `module:attribute`. Nothing is imported before it is used.

A plug-in package declares, say, `[project.entry-points."realiz3d_bench.generators"] mine = "pkg.module:Class"`;
what ships with the project is declared the same way, in `BUILT_IN` of each room, so that a source checkout works too.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from groundwork.errors import UsageError, UserError, nearest

_DOCUMENTED = (ast.ClassDef, ast.FunctionDef)


@dataclass(frozen=True)
class Registry:
    """One kind of plug-in: `kind` for messages, its entry-point `group`, and what ships: name -> `module:attribute`."""

    kind: str
    group: str
    built_in: Mapping[str, str]

    def targets(self) -> dict[str, str]:
        """Every known name with its `module:attribute`. Shipped names cannot be taken over by a plug-in."""
        found = {point.name: point.value for point in entry_points(group=self.group)}
        return {**found, **self.built_in}

    def target(self, name: str, *, registered_only: bool = False) -> str:
        """The `module:attribute` behind `name`, not imported. Raises `UsageError` that names the nearest valid name.

        registered_only: refuse `module:attribute`, for names that come from files of others.
        """
        # what ships is found without the entry points, which are slow to read in a large environment
        direct = ":" in name and not registered_only
        target = name if direct else self.built_in.get(name) or self.targets().get(name)
        if target is None:
            raise UsageError(f"unknown {self.kind} {ascii(name)[:80]}", hint=nearest(name, self.targets()))
        return target

    def load(self, name: str, *, registered_only: bool = False) -> Any:
        """The object behind `name`, found as by `target`. Raises `UsageError`, also when the import failed: why."""
        target = self.target(name, registered_only=registered_only)
        module_name, _, attribute = target.partition(":")
        try:
            found: Any = importlib.import_module(module_name)
            for part in attribute.split("."):
                found = getattr(found, part)
        except UserError:
            raise
        except (ImportError, AttributeError, ValueError) as error:  # ValueError: names that no module can have
            raise UsageError(
                f"{self.kind} '{name}' could not be imported: {error}",
                where=target,
                hint="check the module path, or install the extra that it needs (pip install 'realiz3d-bench[...]')",
            ) from error
        except SystemExit as error:
            raise UsageError(
                f"{self.kind} '{name}' could not be imported: its module calls sys.exit({error.code!r})",
                where=target,
                expected="a module that only defines things when it is imported",
            ) from error
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # importing runs code: a torchvision that does not fit torch raises RuntimeError
            raise UsageError(
                f"{self.kind} '{name}' could not be imported: {type(error).__name__}: {error}",
                where=target,
                hint=f"a package that it needs is broken; `python -c 'import {module_name}'` shows which. Often it is "
                "a torchvision made for another torch: reinstall both together",
            ) from error
        return found

    def describe(self, name: str) -> str:
        """The first line of the docstring behind `name`, or why there is none.

        Read from the source where it stands there: importing all plug-ins to list them takes seconds.
        """
        module_name, _, attribute = self.target(name).partition(":")
        text = _docstring(module_name, attribute)
        if text is None:
            try:
                text = inspect.getdoc(self.load(name)) or ""
            except UserError as error:
                return error.message
        return text.split("\n")[0]

    def build(self, name: str, device: str, offline: bool) -> Any:
        """The network that the factory behind `name` makes: `factory(device=..., offline=...)`.

        Raises `WeightsMissing` as the factory does, and `UsageError` for an unknown name or any other failure.
        """
        factory = self.load(name)
        try:
            return factory(device=device, offline=offline)
        except UserError:
            raise
        except Exception as error:
            raise UsageError(
                f"{self.kind} '{name}' could not be set up: {type(error).__name__}: {error}",
                where=self.target(name),
                expected="a function of `device` and `offline` that returns the network, or raises WeightsMissing",
            ) from error


def _docstring(module: str, attribute: str) -> str | None:
    """What a class or function of a module says of itself; None where the source does not tell."""
    try:
        spec = importlib.util.find_spec(module)
        source = Path(spec.origin).read_bytes() if spec is not None and spec.origin else b""
        found = {node.name: node for node in ast.parse(source).body if isinstance(node, _DOCUMENTED)}
    except Exception:  # of a package that cannot be imported, or no Python: loading it says why
        return None
    return ast.get_docstring(found[attribute]) if attribute in found else None
