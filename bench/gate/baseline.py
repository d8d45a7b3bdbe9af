"""A baseline directory: the accepted state of one generator, small enough for git and sealed against editing by hand.

    baselines/<suite>/<generator>/
        baseline.json      who accepted what, when and why; protocol, gates, signatures and values: readable diffs
        objects.parquet    per result and object: its value, or the distance without it; the floor; failures; of
                           distances, what the object adds with each other one
        samples.parquet    digests of the pictures that were scored, so that these can be recognised later

No features are kept: distances are tested by what they would be without each object (`bench.results.leave_one_out`).
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.gate.document import Number
from bench.gate.sides import Scored, Side
from bench.results.parquet import read_columns
from bench.results.terms import Direction, Status
from groundwork.errors import InputError, UsageError, first_finding
from groundwork.files import write_atomically
from groundwork.hashing import hash_bytes, hash_json

DOCUMENT = "baseline.json"
OBJECTS, SAMPLES = "objects.parquet", "samples.parquet"
BASELINE_FORMAT = 2
MOST_BYTES = 10_000_000  # of all files together: what git can hold again and again

_OBJECT_COLUMNS = ("metric", "case", "value", "floor", "failed")
_PAIRS = "pairs"  # of objects, in the order of the result's rows; older baselines have none
_SAMPLE_COLUMNS = ("sample", "digest")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ResultInfo(_Entry):
    """A result of the accepted generator, without its values by object."""

    metric: str
    direction: Direction
    unit: str
    title: str
    status: Status
    note: str
    value: Number
    signature: str
    whole: bool
    samples: int = Field(ge=1)
    n_objects: int
    timing: bool = False


class BaselineDocument(_Entry):
    """The content of baseline.json. `seal` is the hash of all the rest, `files` hold the hashes of the tables."""

    format: Literal[2]  # BASELINE_FORMAT
    suite: str
    version: int
    suite_hash: str
    generator: str
    accepted: str
    author: str
    reason: str
    commit: str
    comparable: bool
    protocol: dict[str, Any]
    cases: tuple[str, ...]
    seeds: tuple[int, ...]
    gates: dict[str, float]
    versions: dict[str, str]
    results: tuple[ResultInfo, ...]
    files: dict[str, str]
    seal: str


def is_baseline(folder: Path) -> bool:
    """Whether a folder is a baseline directory."""
    return (folder / DOCUMENT).is_file()


def write_baseline(side: Side, folder: Path, author: str, reason: str, accepted: str, commit: str) -> int:
    """Write a run's side as the accepted state; returns its size in bytes. `accepted` is a date, `commit` may be ''.

    Raises `UsageError` for a side without results, and for one that git should not hold.
    """
    if not side.results:
        raise UsageError("there is nothing to accept: the run has no result of this generator", where=side.place)
    tables = {OBJECTS: _objects(side), SAMPLES: _samples(side)}
    content: dict[str, Any] = {
        "format": BASELINE_FORMAT,
        "suite": side.suite,
        "version": side.version,
        "suite_hash": side.suite_hash,
        "generator": side.generator,
        "accepted": accepted,
        "author": author,
        "reason": reason,
        "commit": commit or side.commit,
        "comparable": side.comparable,
        "protocol": dict(side.protocol),
        "cases": list(side.cases),
        "seeds": list(side.seeds),
        "gates": dict(side.gates),
        "versions": dict(side.versions),
        "results": [_info(scored).model_dump(mode="json") for scored in side.results.values()],
        "files": {name: hash_bytes(table) for name, table in tables.items()},
    }
    content["seal"] = hash_json(content)
    texts = tables | {DOCUMENT: (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode("utf-8")}
    size = sum(map(len, texts.values()))
    if size > MOST_BYTES:
        raise UsageError(
            f"the baseline would take {size / 1e6:.1f} MB, and nothing was written",
            where=str(folder),
            expected=f"at most {MOST_BYTES / 1e6:.0f} MB: git keeps every version of it for ever",
            hint="compare against the run folder itself, kept as a CI artifact, or accept a suite of fewer objects",
        )
    for name, text in texts.items():
        write_atomically(folder / name, text)
    return size


def read_baseline(folder: Path) -> Side:
    """The accepted state. Raises `InputError` for what is missing, broken, too large or was edited by hand."""
    document = read_document(folder)
    tables = {name: _table(folder, name, document) for name in (OBJECTS, SAMPLES)}
    by_metric = _by_metric(folder, tables[OBJECTS])
    return Side(
        kind="baseline",
        place=f"accepted {document.accepted}",
        generator=document.generator,
        suite=document.suite,
        version=document.version,
        suite_hash=document.suite_hash,
        comparable=document.comparable,
        protocol=document.protocol,
        cases=document.cases,
        seeds=document.seeds,
        gates=document.gates,
        versions=document.versions,
        commit=document.commit,
        results={info.metric: _scored(info, by_metric.get(info.metric, {})) for info in document.results},
        digests=dict(_rows(folder, SAMPLES, tables[SAMPLES], _SAMPLE_COLUMNS)),
        author=document.author,
        reason=document.reason,
    )


def read_document(folder: Path) -> BaselineDocument:
    """baseline.json, its seal checked. Raises `InputError` as `read_baseline`."""
    path = folder / DOCUMENT
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError("the baseline is too large", where=str(path), expected=f"at most {MOST_BYTES} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
        document = BaselineDocument.model_validate(content)
    except ValidationError as error:
        place, found = first_finding(error)
        raise InputError(
            f"the baseline cannot be read: {found}",
            where=f"{path}: {place}",
            hint="accept it again from its run: realiz3d-bench baseline accept RUN --out ... --reason ...",
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"the baseline cannot be read: {error}",
            where=str(path),
            expected="a directory that `realiz3d-bench baseline accept` wrote",
        ) from error
    seal = content.pop("seal")
    if hash_json(content) != seal:
        raise _edited(path)
    return document


def _info(scored: Scored) -> ResultInfo:
    return ResultInfo(
        metric=scored.metric,
        direction=scored.direction,
        unit=scored.unit,
        title=scored.title,
        status=scored.status,
        note=scored.note,
        value=scored.value,
        signature=scored.signature,
        whole=scored.whole,
        samples=scored.samples,
        n_objects=len(scored.values),
        timing=scored.timing,
    )


def _scored(info: ResultInfo, rows: Mapping[str, tuple[float, float, int, tuple[float, ...]]]) -> Scored:
    return Scored(
        metric=info.metric,
        direction=info.direction,
        unit=info.unit,
        title=info.title,
        status=info.status,
        note=info.note,
        value=math.nan if info.value is None else info.value,
        signature=info.signature,
        whole=info.whole,
        samples=info.samples,
        timing=info.timing,
        values={case: value for case, (value, _, _, _) in rows.items() if math.isfinite(value)},
        floors={case: floor for case, (_, floor, _, _) in rows.items() if math.isfinite(floor)},
        failed={case: failed for case, (_, _, failed, _) in rows.items() if failed},
        pairs={case: pairs for case, (_, _, _, pairs) in rows.items() if pairs and len(pairs) == len(rows)},
    )


def _objects(side: Side) -> bytes:
    rows = [
        (
            metric,
            case,
            scored.values.get(case, math.nan),
            scored.floors.get(case, math.nan),
            scored.failed.get(case, 0),
            scored.pairs.get(case),
        )
        for metric, scored in side.results.items()
        for case in dict.fromkeys([*scored.values, *scored.failed])
    ]
    return _parquet((*_OBJECT_COLUMNS, _PAIRS), rows)


def _samples(side: Side) -> bytes:
    return _parquet(_SAMPLE_COLUMNS, sorted(side.digests.items()))


def _parquet(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"value": pa.float64(), "floor": pa.float64(), "failed": pa.int64(), _PAIRS: pa.list_(pa.float64())}
    arrays = [pa.array([row[i] for row in rows], type=kinds.get(name, pa.string())) for i, name in enumerate(columns)]
    buffer = io.BytesIO()
    pq.write_table(pa.table(dict(zip(columns, arrays, strict=True))), buffer, compression="zstd")
    return buffer.getvalue()


def _table(folder: Path, name: str, document: BaselineDocument) -> bytes:
    path = folder / name
    try:
        content = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
    except OSError as error:
        raise InputError(
            f"the baseline is incomplete: {error.strerror}",
            where=str(path),
            hint="check out the whole directory (git lfs pull, if the tables are kept there), or accept it again",
        ) from error
    if hash_bytes(content) != document.files.get(name):
        raise _edited(path)
    return content


def _rows(
    folder: Path, name: str, content: bytes, columns: Sequence[str], extra: str | None = None
) -> list[tuple[Any, ...]]:
    """The rows' values of `columns`, then that of a column which may lack."""
    try:
        found = read_columns(content, columns, [] if extra is None else [extra])
        if extra is not None:
            found.setdefault(extra, [None] * len(found[columns[0]]))
            columns = (*columns, extra)
        return list(zip(*(found[column] for column in columns), strict=True))
    except Exception as error:  # pyarrow and odd columns each have errors of their own
        raise InputError(
            f"a table of the baseline cannot be read: {error}", where=str(folder / name), hint="accept the run again"
        ) from error


def _by_metric(folder: Path, content: bytes) -> dict[str, dict[str, tuple[float, float, int, tuple[float, ...]]]]:
    found: dict[str, dict[str, tuple[float, float, int, tuple[float, ...]]]] = {}
    for metric, case, value, floor, failed, pairs in _rows(folder, OBJECTS, content, _OBJECT_COLUMNS, _PAIRS):
        of_pairs = tuple(float(one) for one in pairs or ())
        found.setdefault(metric, {})[case] = (float(value), float(floor), int(failed), of_pairs)
    return found


def _edited(path: Path) -> InputError:
    return InputError(
        "the baseline was changed after it was accepted",
        where=str(path),
        expected="the files as `baseline accept` wrote them: their hashes are part of the baseline",
        hint="restore it (git checkout), or accept a run again and say why: baseline accept RUN --reason ...",
    )
