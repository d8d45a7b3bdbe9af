"""Captions of strangers: short UTF-8 texts, nothing else."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from realiz3d.data.layout import MAX_CAPTION_BYTES
from realiz3d.errors import DataError, nearest

MAX_TABLE_BYTES = 512 * 2**20


def decode_caption(content: bytes, where: str) -> str:
    """The caption in a text file, without white space around it. Raises `DataError` for an empty or foreign file."""
    if len(content) > MAX_CAPTION_BYTES:
        raise DataError("the caption is too long", where=where, expected=f"at most {MAX_CAPTION_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise DataError(f"the caption is not UTF-8 (byte {error.start})", where=where) from error
    if not text:
        raise DataError("the caption is empty", where=where, hint="write what the picture shows, or remove the sample")
    return text


@dataclass(frozen=True)
class Row:
    """A row of a table: its line and the wanted columns."""

    line: int
    values: tuple[str, ...]


def read_table(path: Path, columns: tuple[str, ...]) -> list[Row]:
    """Rows of a CSV file with a header; only `columns`, in that order, stripped and never empty.

    Raises `DataError` (`where` is `file:line`) for a file that is missing, no CSV, or lacks a column or a value.
    """
    if not path.is_file():
        raise DataError("there is no such table", where=str(path), expected=f"a CSV file: {','.join(columns)}")
    if path.stat().st_size > MAX_TABLE_BYTES:
        raise DataError("the table is too large", where=str(path), expected=f"at most {MAX_TABLE_BYTES} bytes")
    rows: list[Row] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = [name.strip().lower() for name in next(reader, [])]
            for column in columns:
                if header.count(column) != 1:
                    raise DataError(
                        f"the table needs one column '{column}'",
                        where=f"{path}:1",
                        expected=",".join(columns),
                        hint=nearest(column, header),
                    )
            places = [header.index(column) for column in columns]
            for fields in reader:
                if not any(field.strip() for field in fields):
                    continue
                where = f"{path}:{reader.line_num}"
                if len(fields) != len(header):
                    raise DataError(
                        f"{len(fields)} fields instead of {len(header)}",
                        where=where,
                        hint="put texts that contain a comma in double quotes",
                    )
                values = tuple(fields[place].strip() for place in places)
                if "" in values:
                    raise DataError(f"'{columns[values.index('')]}' is empty", where=where)
                rows.append(Row(reader.line_num, values))
    except UnicodeDecodeError as error:
        raise DataError(f"the table is not UTF-8 (byte {error.start})", where=str(path)) from error
    except csv.Error as error:
        raise DataError(f"the table is not CSV: {error}", where=f"{path}:{reader.line_num}") from error
    if not rows:
        raise DataError("the table has no rows", where=str(path), expected=f"a line for each: {','.join(columns)}")
    return rows
