"""An entry from a run: rows, values by object, hashes of the pictures, and what the developer says."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, TypeVar

from pydantic import ValidationError

from bench import __version__
from bench.gate.sides import Scored, Side, side_of_run
from bench.leaderboard.entry import ENTRY_FORMAT, ByObject, Entry, EntryRow, SuiteName, content_id
from bench.leaderboard.meta import Meta
from bench.leaderboard.objects import Objects, ObjectValue, write_objects
from bench.leaderboard.pin import Pin
from bench.leaderboard.recomputing import disagreements
from bench.leaderboard.sheet import Sheet
from bench.leaderboard.texts import slug
from bench.results.read import RunResults
from bench.results.summary import Row
from groundwork.errors import InputError, UsageError, first_finding
from groundwork.hashing import hash_bytes

_FACTS = ("platform", "cpu", "cpu_cores", "device", "gpu", "gpu_memory_gib", "cuda", "driver")


@dataclass(frozen=True)
class Made:
    """An entry with the files that lie beside it; `sheet` is None where there is no contact sheet."""

    document: dict[str, Any]
    entry: Entry
    objects: bytes
    sheet: bytes | None


def make_entry(run: RunResults, generator: str, meta: Meta, pin: Pin, today: str, sheet: Sheet | None = None) -> Made:
    """The entry of one generator of a run. `today` is a date, `pin` the board's question.

    Raises `UsageError` for a run that cannot be an entry, and `InputError` where its files contradict each other.
    """
    side = side_of_run(run, generator)
    info = next(one for one in run.generators if one.name == generator)
    rows, objects = _rows(run, side)
    table = write_objects(objects)
    manifest = run.manifest
    document: dict[str, Any] = {
        "format": ENTRY_FORMAT,
        "suite": SuiteName(name=pin.name, version=pin.version, hash=run.summary.suite.hash).model_dump(),
        "harness": {
            "name": "realiz3d-bench",
            "version": side.versions.get("realiz3d-bench", __version__),
            "commit": _commit(manifest.get("git")),
        },
        "generator": {
            "name": generator,
            "model": meta.model or generator,
            "developer": meta.developer,
            "description": meta.description,
            "calibration": info.calibration,
            "use": info.use,
            "paper": meta.paper,
            "code": meta.code.model_dump() if meta.code else None,
            "weights": meta.weights.model_dump() if meta.weights else None,
            "licence": meta.licence,
        },
        "sampled_by": meta.sampled_by or meta.developer,
        "evaluated_by": meta.evaluated_by or meta.developer,
        "relationship": meta.relationship or _relationship(meta),
        "date": str(manifest.get("started", ""))[:10] or today,
        "hardware": _facts(manifest.get("hardware")),
        "versions": dict(side.versions),
        "command": _command(manifest.get("command")),
        "overlap": meta.overlap,
        "remarks": meta.remarks,
        "seeds": list(side.seeds),
        "rows": [row.model_dump(mode="json") for row in rows],
        "samples": _samples(run, side),
        "objects": hash_bytes(table),
        "pictures": meta.pictures.model_dump() if meta.pictures else None,
        "preview": sheet.preview.model_dump(mode="json") if sheet else None,
    }
    submitted = {"date": today, "event": "submitted", "by": meta.evaluated_by or meta.developer, "why": "", "facts": {}}
    document = {"format": ENTRY_FORMAT, "id": content_id(document), **document}
    document |= {
        "state": {"active": True, "superseded_by": None, "withdrawn": None},
        "tier": "claimed",
        "history": [submitted],
    }
    return Made(document, entry_of(document, str(run.path)), table, sheet.content if sheet else None)


def entry_of(document: Mapping[str, Any], where: str) -> Entry:
    """A document as an entry. Raises `InputError` for what an entry may not say."""
    try:
        return Entry.model_validate_json(json.dumps(document))
    except ValidationError as error:
        place, found = first_finding(error)
        raise InputError(f"this cannot be an entry: {found}", where=f"{where}: {place}") from error


def _rows(run: RunResults, side: Side) -> tuple[list[EntryRow], Objects]:
    rows: list[EntryRow] = []
    objects: dict[str, dict[str, ObjectValue]] = {}
    for row in run.summary.rows:
        if row.generator != side.generator:
            continue
        scored = side.results[row.metric]
        values = _values(scored) if row.status == "ok" and not scored.timing else {}
        kind: ByObject = "none" if not values else "leave_one_out" if scored.whole else "values"
        made = _row(row, kind)
        wrong = list(disagreements(made, values, len(side.seeds))) if values else []
        if wrong:
            raise InputError(
                f"the run contradicts itself: of {row.metric}, {wrong[0]}",
                where=str(run.path),
                hint="give the run command again: it measures again what does not fit",
            )
        rows.append(made)
        if values:
            objects[row.metric] = values
    if not any(row.status == "ok" for row in rows):
        raise UsageError(f"the run has no number of '{side.generator}'", where=str(run.path))
    return rows, objects


def _values(scored: Scored) -> dict[str, ObjectValue]:
    return {
        case: ObjectValue(
            value, scored.floors.get(case, math.nan), 0 if scored.whole else scored.failed.get(case, 0)
        )
        for case, value in scored.values.items()
    }  # fmt: skip


def _row(row: Row, kind: ByObject) -> EntryRow:
    names = (
        "metric", "axis", "direction", "unit", "value", "ci_low", "ci_high", "measured", "n_objects", "n_missing",
        "n_images", "coverage", "status", "note", "signature",
    )  # fmt: skip
    return EntryRow(**{name: getattr(row, name) for name in names}, by_object=kind)


def _samples(run: RunResults, side: Side) -> dict[str, str | None]:
    asked = [f"{case.id}/{seed}" for case in run.summary.cases for seed in side.seeds]
    return {sample: side.digests.get(sample) for sample in asked}


def _commit(git: Any) -> str:
    """The commit that measured, '' outside a checkout; one that was changed says so."""
    found = git if isinstance(git, dict) else {}
    commit = str(found.get("commit") or "")
    return f"{commit} with changes" if commit and found.get("dirty") else commit


def _relationship(meta: Meta) -> str:
    return "first_party" if meta.evaluated_by in (None, meta.developer) else "third_party"


def _facts(hardware: Any) -> dict[str, Any]:
    found = hardware if isinstance(hardware, dict) else {}
    return {key: found[key] for key in _FACTS if isinstance(found.get(key), str | int | float)}


def _command(words: Any) -> str:
    """The command line; a folder of this machine tells nobody anything, so its last part alone stays."""
    parts = [str(word) for word in words] if isinstance(words, list) else []
    return shlex.join(re.sub(r"(^|=)[^=]*[/\\]([^/\\=]+)[/\\]?$", r"\1\2", part) for part in parts)


PathLike = TypeVar("PathLike", bound=PurePath)


def where_it_lies(entries: PathLike, entry: Entry) -> PathLike:
    """The entry's JSON file below `entries`; what lies beside has the same name and another suffix."""
    model = f"{slug(entry.generator.developer)}__{slug(entry.generator.model)}"
    return entries / entry.board / model / f"{entry.id}.json"
