"""`validate`: check a suite and everything that it names, without running it."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.commands import flags
from bench.commands.terminal import answer, answer_json
from bench.errors import EXIT_USAGE, SuiteError, SuiteErrors, UsageError


def validate(
    suite: Annotated[
        str | None, typer.Argument(metavar="[SUITE]", help="A suite file, or the name of a shipped suite.")
    ] = None,
    overrides: flags.Set = None,
    schema: Annotated[bool, flags.flag("--schema", "Print the JSON Schema of suite files, for editors.")] = False,
    as_json: flags.Json = False,
) -> None:
    """Check a suite file: keys, values, names, options of plug-ins, results in `primary` and `gates`."""
    from bench.suite.load import load_suite
    from bench.suite.schema import suite_hash, suite_schema

    if schema:
        answer_json(suite_schema())
        return
    if suite is None:
        raise UsageError("validate needs a suite", expected="realiz3d-bench validate SUITE, or validate --schema")
    try:
        loaded = load_suite(suite, overrides or ())
    except SuiteError as error:
        if not as_json:
            raise
        problems = error.problems if isinstance(error, SuiteErrors) else (error,)
        answer_json(
            {
                "valid": False,
                "problems": [
                    {"message": p.message, "where": p.where, "expected": p.expected, "hint": p.hint} for p in problems
                ],
            }
        )
        raise typer.Exit(EXIT_USAGE) from error
    digest = suite_hash(loaded)
    if as_json:
        answer_json({"valid": True, "hash": digest, "suite": loaded.canonical()})
        return
    answer(
        f"{loaded.name} v{loaded.version} is valid: {loaded.task}, {len(loaded.generators)} generators, "
        f"{len(loaded.metrics)} metrics, {len(loaded.references)} references, {len(loaded.views.azimuths)} views; "
        f"sha256:{digest[:16]}"
    )
