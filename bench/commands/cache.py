"""`cache ls` and `cache prune`: the features that runs keep, and how much of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from bench.commands import flags
from bench.commands.terminal import answer, answer_json, answer_table
from bench.errors import UsageError

UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}

cache = typer.Typer(help="List and prune cached features of pictures.", no_args_is_help=True)

Folders = Annotated[
    list[Path],
    typer.Argument(
        metavar="DIR...", help="Folders that runs were given as --cache, or run folders.", envvar="REALIZ3D_BENCH_CACHE"
    ),
]


@cache.command("ls")
def list_caches(folders: Folders, as_json: flags.Json = False) -> None:
    """List what is kept, by extractor: how many vectors, how large, when they were last used."""
    from bench.extractors.upkeep import contents

    found = [(folder, kept) for folder in folders for kept in contents(folder)]
    if as_json:
        answer_json(
            [
                {
                    "folder": str(folder), "extractor": kept.name, "fingerprint": kept.extractor,
                    "vectors": kept.vectors, "bytes": kept.size, "days_since_use": list(kept.used),
                }
                for folder, kept in found
            ]
        )  # fmt: skip
        return
    rows = [
        (str(folder), k.name or "?", k.extractor[:12], str(k.vectors), readable(k.size), _days(k.used[0]))
        for folder, k in found
    ]
    answer_table("cached features", ("folder", "extractor", "fingerprint", "vectors", "size", "last used"), rows)


@cache.command("prune")
def prune_caches(
    folders: Folders,
    max_size: Annotated[
        str | None, flags.flag("--max-size", "Largest size that each may keep, such as 2GB or 500MB.", metavar="SIZE")
    ] = None,
    max_age: Annotated[
        int | None, flags.flag("--max-age", "Drop what was not used for more than so many days.", min=0, metavar="DAYS")
    ] = None,
    as_json: flags.Json = False,
) -> None:
    """Drop cached features that nobody asked for lately. They are computed again where they are needed."""
    from bench.extractors.upkeep import cache_file, prune

    if max_size is None and max_age is None:
        raise UsageError("nothing says what may go", expected="--max-size 2GB, --max-age 30, or both")
    limit = None if max_size is None else size_of(max_size)
    for folder in folders:
        cache_file(folder)  # all of them, before the first one is touched
    found = [(folder, prune(folder, limit, max_age)) for folder in folders]
    if as_json:
        answer_json(
            [
                {"folder": str(f), "gone": p.gone, "stayed": p.stayed, "bytes_before": p.before, "bytes": p.after}
                for f, p in found
            ]
        )
        return
    for folder, pruned in found:
        sizes = f"{readable(pruned.before)} -> {readable(pruned.after)}"
        answer(f"{folder}: {pruned.gone} vectors dropped, {pruned.stayed} kept, {sizes}")


def size_of(text: str) -> int:
    """Bytes of '2GB', '500 MB', '1.5GiB' or a plain number. Raises `UsageError`."""
    found = re.fullmatch(r"\s*([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([A-Za-z]*)\s*", text)
    unit = UNITS.get(found[2].upper()) if found else None
    if found is None or unit is None:
        raise UsageError("this is not a size", where=f"--max-size {text}", expected="a size such as 2GB, 500MB or 1GiB")
    return int(float(found[1]) * unit)


def readable(size: int) -> str:
    """'1.5 GB'."""
    for unit in ("TB", "GB", "MB", "KB"):
        if size >= UNITS[unit]:
            return f"{size / UNITS[unit]:.1f} {unit}"
    return f"{size} bytes"


def _days(days: int) -> str:
    return "today" if days <= 0 else "yesterday" if days == 1 else f"{days} days ago"
