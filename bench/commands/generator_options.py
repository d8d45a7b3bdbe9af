"""`--option KEY=VALUE`: options of a generator on the command line, read and checked as in a suite file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from bench.commands import flags
from bench.errors import UsageError

Options = Annotated[
    list[str] | None,
    flags.flag(
        "--option", "An option of the generator `realiz3d`: steps=20, guidance=3. May be repeated.", metavar="KEY=VALUE"
    ),
]
Checkpoint = Annotated[
    Path,
    flags.flag("--checkpoint", "A training's folder, one of its checkpoints, or a saved pipeline.", metavar="DIR"),
]
_OWN = ("checkpoint", "name", "use")


def realiz3d_options(checkpoint: Path, texts: Sequence[str], taken: Sequence[str] = ()) -> dict[str, Any]:
    """The options of the generator `realiz3d`. Raises `UsageError` for what it does not know; `taken` are not free."""
    from pydantic import ValidationError

    from bench.errors import nearest
    from bench.generators.realiz3d_pipeline import Realiz3DOptions
    from bench.suite.check import read_options
    from groundwork.yaml_tree import read_scalar

    class Plugin:
        Options = Realiz3DOptions

    options: dict[str, Any] = {"checkpoint": str(checkpoint.absolute())}
    free = [name for name in Realiz3DOptions.model_fields if name not in (*_OWN, *taken)]
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or key not in free:
            raise UsageError(
                f"no option '{key}' can be set here" if equals else "an option needs a value",
                where=f"--option {text}",
                expected="KEY=VALUE",
                hint=nearest(key, free),
            )
        try:
            options[key] = read_scalar(value)
            read_options(Plugin, options)
        except (ValidationError, ValueError) as error:
            problem = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise UsageError(f"the value is wrong: {problem}", where=f"--option {text}") from error
    return options
