"""A folder of pictures in place of a suite's own generators: the suite's protocol judges it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.suite.schema import Suite


def folder_name(folder: Path) -> str:
    """The folder's base name as a generator's name: letters, digits, `.`, `_`, `-`."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.absolute().name).strip("-.")
    return name[:64] or "images"


def with_folder(suite: Suite, name: str, folder: Path) -> Suite:
    """The suite with one `folder` generator in place of its own, less those whose images are a reference of it.

    Raises `UsageError` when `name` is not a safe name, or belongs to a generator that has to stay.
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
        entry = GeneratorEntry.model_validate({"name": name, "use": "folder", "path": str(folder.absolute())})
    except ValidationError as error:
        raise UsageError(
            f"'{name}' cannot be a generator's name",
            where=f"--name {name}",
            expected="letters, digits, '.', '_', '-'; at most 64",
        ) from error
    return suite.model_copy(update={"generators": (entry, *(g for g in suite.generators if g.name in kept))})
