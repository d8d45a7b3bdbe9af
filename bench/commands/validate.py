"""`validate`: check a suite and everything that it names, reference pictures included, without running it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import flags
from bench.commands.terminal import answer, answer_json, note, only_answers_on_stdout
from bench.errors import EXIT_USAGE, BenchError, InputError, SuiteError, SuiteErrors, UsageError

if TYPE_CHECKING:
    from bench.suite.schema import Suite

SHOWN = 10  # unreadable pictures named for each reference, and unusable inputs of cases


@only_answers_on_stdout()
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
        _answer_problems(error.problems if isinstance(error, SuiteErrors) else (error,))
        raise typer.Exit(EXIT_USAGE) from error
    from bench.run.inputs import open_inputs
    from bench.run.rehearsal import rehearse

    counts, broken = _open_references(loaded)
    inputs = open_inputs(loaded)
    broken += _first(inputs.problems)
    broken += rehearse(loaded)
    if broken and as_json:
        _answer_problems(broken)
        raise typer.Exit(EXIT_USAGE)
    if broken:
        raise InputError("\n\n".join(map(str, broken)))
    digest = suite_hash(loaded)
    if as_json:
        found = {
            "reference_pictures": counts,
            "meshes": inputs.meshes,
            "cameras": inputs.cameras,
            "notes": inputs.notes,
        }
        answer_json({"valid": True, "hash": digest, "suite": loaded.canonical(), **found})
        return
    for said in inputs.notes:
        note(said)
    if inputs.meshes:
        answer(f"cases: {inputs.meshes} meshes, all readable")
    if inputs.cameras:
        answer(f"cameras: of {inputs.cameras} cases, all readable")
    for name, count in counts.items():
        answer(f"reference {name}: {count} pictures, all readable")
    views = f"{len(loaded.views.azimuths)} views" if loaded.views.cameras is None else "cameras of each case"
    answer(
        f"{loaded.name} v{loaded.version} is valid: {loaded.task}, {len(loaded.generators)} generators, "
        f"{len(loaded.metrics)} metrics, {len(loaded.references)} references, {views}; "
        f"sha256:{digest[:16]}"
    )


def _first(problems: list[BenchError]) -> list[BenchError]:
    """As many as are worth reading, and how many more there are."""
    if len(problems) <= SHOWN:
        return problems
    return [*problems[:SHOWN], InputError(f"{len(problems) - SHOWN} more inputs cannot be used")]


def _answer_problems(problems: Sequence[BenchError]) -> None:
    answer_json(
        {
            "valid": False,
            "problems": [
                {"message": p.message, "where": p.where, "expected": p.expected, "hint": p.hint} for p in problems
            ],
        }
    )


def _open_references(suite: Suite) -> tuple[dict[str, int], list[BenchError]]:
    """Pictures in each folder that is a reference, and what is wrong with folders or pictures."""
    from bench.references.pictures import picture_paths, unreadable
    from bench.suite.schema import FolderReference

    counts: dict[str, int] = {}
    problems: list[BenchError] = []
    for name, reference in suite.references.items():
        if not isinstance(reference, FolderReference):
            continue
        try:
            paths = picture_paths(suite.folder / reference.folder)
        except InputError as error:
            problems.append(error.about(f"reference '{name}'"))
            continue
        counts[name] = len(paths)
        found = unreadable(paths, suite.views.rgb)
        problems += [error.about(f"reference '{name}'") for error in found[:SHOWN]]
        if len(found) > SHOWN:
            problems.append(InputError(f"reference '{name}': {len(found) - SHOWN} more pictures cannot be used"))
    return counts, problems
