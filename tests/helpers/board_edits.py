"""Entries changed by hand, sealed again or not, as people and attackers would."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.leaderboard.entry import content_id
from bench.leaderboard.objects import read_objects, write_objects
from groundwork.hashing import hash_bytes


def entry_of(board: Path, model: str) -> Path:
    """The one entry of a model."""
    (path,) = board.glob(f"*/*__{model}/*.json")
    return path


def rewritten(path: Path, change: Callable[[dict[str, Any]], None], seal: bool = True) -> Path:
    """The entry with `change` made to its JSON; sealed: under the id that it must have then."""
    document = json.loads(path.read_text())
    change(document)
    if not seal:
        path.write_text(json.dumps(document, indent=1))
        return path
    document["id"] = content_id(document)
    for suffix in (".json", ".parquet", ".webp"):
        if path.with_suffix(suffix).exists():
            path.with_suffix(suffix).rename(path.with_name(document["id"] + suffix))
    new = path.with_name(document["id"] + ".json")
    new.write_text(json.dumps(document, indent=1))
    return new


def with_objects(path: Path, change: Callable[[dict[str, dict[str, Any]]], None], more=lambda document: None) -> Path:
    """The entry with `change` made to its values by object, sealed again."""
    table = path.with_suffix(".parquet")
    objects = {metric: dict(values) for metric, values in read_objects(table.read_bytes(), "").items()}
    change(objects)
    content = write_objects(objects)
    table.write_bytes(content)

    def both(document: dict[str, Any]) -> None:
        document["objects"] = hash_bytes(content)
        more(document)

    return rewritten(path, both)


def shifted(objects: dict[str, dict[str, Any]], metric: str, case: str, by: float) -> None:
    """One value moved."""
    objects[metric][case] = replace(objects[metric][case], value=objects[metric][case].value + by)


def row(document: dict[str, Any], metric: str) -> dict[str, Any]:
    """A row of an entry's JSON."""
    return next(row for row in document["rows"] if row["metric"] == metric)
