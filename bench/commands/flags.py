"""Flags that several commands share, and how their texts are read. Every flag is also an environment variable."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.errors import UsageError, nearest

ENVIRONMENT_PREFIX = "REALIZ3D_BENCH_"
MAX_SEEDS = 100_000
EXECUTORS = ("local", "ray")
ISOLATE = ("foreign", "all", "none")


def flag(name: str, help: str, **details: Any) -> Any:
    """An option `--name` that `REALIZ3D_BENCH_NAME` sets too (a flag that may be given often: separated by blanks)."""
    variable = ENVIRONMENT_PREFIX + name.removeprefix("--").replace("-", "_").upper()
    return typer.Option(name, help=help, envvar=variable, show_envvar=False, **details)


Suite = Annotated[
    str, typer.Argument(metavar="SUITE", help="A suite file, or the name of a shipped suite (see `list suites`).")
]
Out = Annotated[Path | None, flag("--out", "Folder to write into, exactly as named.", metavar="DIR")]
Generators = Annotated[str | None, flag("--generators", "Only these generators of the suite.", metavar="A,B")]
Limit = Annotated[
    int | None, flag("--limit", "Only the first N cases; results are marked as not comparable.", min=1, metavar="N")
]
Device = Annotated[str, flag("--device", "Where to compute: cpu, cuda or cuda:N.", metavar="DEVICE")]
BatchSize = Annotated[
    int, flag("--batch-size", "Cases that a generator gets at once; never changes a number.", min=1, metavar="N")
]
Seeds = Annotated[str | None, flag("--seeds", "Sample seeds in place of the suite's: 0-2 or 0,3.", metavar="SEEDS")]
Executor = Annotated[str, flag("--executor", "Where the work runs: local or ray.", metavar="NAME")]
Workers = Annotated[int, flag("--workers", "Worker processes; never changes a number.", min=1, metavar="N")]
RunWorkers = Annotated[
    int | None,
    flag(
        "--workers",
        "Worker processes; never changes a number (1 generates and 2 measure, where there are cores).",
        min=1,
        metavar="N",
    ),
]
Isolate = Annotated[
    str,
    flag(
        "--isolate",
        "Whose code runs in processes of its own: foreign (not shipped with this project), all or none.",
        metavar="WHOSE",
    ),
]
Timeout = Annotated[
    float | None,
    flag("--timeout", "Seconds that a generator may take for a batch (default: an hour a sample).", metavar="SECONDS"),
]
Memory = Annotated[
    float | None, flag("--memory", "GiB of memory that the process of a generator or metric may take.", metavar="GIB")
]
Cache = Annotated[
    Path | None,
    flag("--cache", "Where features of pictures are kept, for several runs to share (default: OUT/features).",
         metavar="DIR"),
]  # fmt: skip
Set = Annotated[
    list[str] | None,
    flag(
        "--set",
        "Change a field of the suite: cases.path=DIR, generators.NAME.path=DIR. May be repeated.",
        metavar="KEY=VALUE",
    ),
]
DryRun = Annotated[bool, flag("--dry-run", "Show what would be done, and do nothing.")]
Json = Annotated[bool, flag("--json", "Print JSON, and nothing else, on standard output.")]


def names(text: str | None, name: str) -> tuple[str, ...] | None:
    """`a,b` as a tuple; None stays None. `name` is the flag's, for the error."""
    if text is None:
        return None
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not found:
        raise UsageError(f"{name} names nothing", where=f"{name} {text!r}", expected="names separated by commas")
    return tuple(dict.fromkeys(found))


def seed_numbers(text: str | None) -> tuple[int, ...] | None:
    """`0-2` or `0,3` (or both, `0-2,7`) as distinct numbers in the order given; None stays None."""
    if text is None:
        return None
    seeds: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*([0-9]{1,18})(?:-([0-9]{1,18}))?\s*", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if first > last or last - first >= MAX_SEEDS:
            raise UsageError(
                "these are not seeds",
                where=f"--seeds {text}",
                expected=f"whole numbers from 0 on, such as 0-2 or 0,3; at most {MAX_SEEDS} in a range",
            )
        seeds += range(first, last + 1)
    return tuple(dict.fromkeys(seeds))


def positive(number: float | None, name: str) -> float | None:
    """`number` when it is above 0, or None; `name` is the flag's, for the error."""
    if number is not None and not (0 < number < math.inf):
        raise UsageError(f"{name} {number:g} means nothing", expected="a number above 0; leave it out for no limit")
    return number


def one_of(text: str, valid: tuple[str, ...], what: str) -> str:
    """`text` when it is valid; else a `UsageError` that names the nearest valid word."""
    if text not in valid:
        raise UsageError(f"unknown {what} '{text}'", expected=f"one of {', '.join(valid)}", hint=nearest(text, valid))
    return text
