"""A folder of pictures in place of a suite's own generators: the suite's protocol judges it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import SuiteError, UsageError
from groundwork.yaml_tree import parse

if TYPE_CHECKING:
    from bench.suite.schema import Suite


def folder_name(folder: Path) -> str:
    """The folder's base name as a generator's name: letters, digits, `.`, `_`, `-`."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.absolute().name).strip("-.")
    return name[:64] or "images"


def with_folder(suite: Suite, name: str, folder: Path, layout: str | None = None) -> Suite:
    """The suite with one `folder` generator in place of its own, less those whose images are a reference of it.

    `layout` is the name of a preset, or options of `folder` as YAML in braces. Raises `UsageError` when `name` is not a
    safe name, or belongs to a generator that has to stay, and for a layout that is none.
    """
    from pydantic import ValidationError

    from bench.suite.schema import GeneratorEntry, GeneratorReference

    kept = {r.generator for r in suite.references.values() if isinstance(r, GeneratorReference)}
    if name in kept:
        raise UsageError(
            f"'{name}' is the suite's own name for the images of a reference",
            where=f"--name {name}",
            hint="pass another --name",
        )
    try:
        entry = GeneratorEntry.model_validate(
            {"name": name, "use": "folder", "path": str(folder.absolute()), **_reading(layout)}
        )
    except ValidationError as error:
        raise UsageError(
            f"'{name}' cannot be a generator's name",
            where=f"--name {name}",
            expected="letters, digits, '.', '_', '-'; at most 64",
        ) from error
    return suite.model_copy(update={"generators": (entry, *(g for g in suite.generators if g.name in kept))})


def _reading(layout: str | None) -> dict[str, Any]:
    """Options of `folder` from what `--layout` says."""
    if layout is None:
        return {}
    if not layout.lstrip().startswith("{"):
        return {"layout": layout}
    from pydantic import ValidationError

    from bench.generators.folder import FolderOptions
    from bench.suite.explain import explain_options

    root, errors = parse(layout, "--layout", Path.cwd(), SuiteError)
    if errors:
        raise errors[0]
    options: dict[str, Any] = root.plain()
    try:
        FolderOptions.model_validate_json(json.dumps({**options, "path": "."}))
    except ValidationError as error:
        first = next(iter(explain_options(error, (), "generator 'folder'", FolderOptions)))
        raise UsageError(first.message, where=f"--layout {layout}", expected=first.expected, hint=first.hint) from error
    return options
