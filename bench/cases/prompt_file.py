"""Prompts from a table: a case each for text-to-multiview, and the sentences that go with a folder of meshes.

Ids become folder names and prompts end up on pages and in papers, so a table is read strictly: whatever cannot be one
case a line is an error that names the line.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from bench.cases.case import SAFE_ID, SAFE_ID_WORDS, Case
from bench.errors import InputError, nearest
from groundwork.notes import tell

MAX_PROMPTS_BYTES = 16 * 2**20
CASE_COLUMNS = ("case", "file_name", "filename", "file", "uid", "id", "name", "object")
PROMPT_COLUMNS = ("prompt", "text", "caption", "description")

_Line = tuple[int, str, str]


@dataclass(frozen=True)
class PromptLine:
    """One line of the table; `where` is `file:line`."""

    case: str
    prompt: str
    where: str


def prompt_cases(table: Path) -> tuple[Case, ...]:
    """A case without mesh for each line of `table` (`read_prompts`), in the file's order.

    The case's id names its folder of pictures.
    Raises `InputError`, with `file:line`, for a table that is unreadable or empty, an id that is no safe file name,
    and ids that differ in nothing but capitals.
    """
    lines = read_prompts(table)
    if not lines:
        raise InputError("the table of prompts has no cases", where=str(table), expected="a line for each case")
    folders: dict[str, PromptLine] = {}
    for line in lines:
        if not SAFE_ID.fullmatch(line.case):
            raise InputError(
                f"{line.case[:140]!r} cannot be a case id",
                where=line.where,
                expected=SAFE_ID_WORDS,
                hint="ids name folders of pictures: put the sentence into the column `prompt`",
            )
        # file systems may not tell Cow from cow
        twin = folders.setdefault(line.case.lower(), line)
        if twin is not line:
            raise InputError(
                f"the cases '{twin.case}' and '{line.case}' differ in capitals only",
                where=line.where,
                hint=f"rename one of them: both would be one folder on some systems (the other is at {twin.where})",
            )
    return tuple(Case(line.case, line.prompt, None) for line in lines)


def read_prompts(table: Path) -> tuple[PromptLine, ...]:
    """The prompts of a table: CSV (`.tsv` with tabs), `.jsonl` (an object a line) or `.txt` (a prompt a line).

    The cases of a `.txt` are 000, 001, .... A CSV has the columns `case` (or file_name, uid, ...) and `prompt` (or
    text, caption), or no header and these two. Raises `InputError`, with `file:line`. Each case has one prompt, and
    none is empty; whether ids are safe or known is the caller's to ask.
    """
    suffix = table.suffix.lower()
    if suffix in (".json", ".xlsx", ".xls", ".ods", ".parquet"):
        raise InputError(
            f"tables of prompts are not read from {suffix} files",
            where=str(table),
            expected=".csv, .tsv, .jsonl (an object a line) or .txt (a prompt a line)",
        )
    found = _text(table) if suffix == ".txt" else _json_lines(table) if suffix == ".jsonl" else _csv(table)
    lines: dict[str, PromptLine] = {}
    for number, case, prompt in found:
        where = f"{table}:{number}"
        if case in lines:
            raise InputError(f"a second prompt for case '{case}'", where=where)
        if not prompt:
            raise InputError(f"the prompt of case '{case}' is empty", where=where)
        lines[case] = PromptLine(case, prompt, where)
    return tuple(lines.values())


def _text(table: Path) -> Iterator[_Line]:
    prompts = [(n, line.strip()) for n, line in enumerate(_lines(table), 1) if line.strip()]
    width = max(3, len(str(len(prompts) - 1)))
    for place, (number, prompt) in enumerate(prompts):
        yield number, f"{place:0{width}d}", prompt


def _json_lines(table: Path) -> Iterator[_Line]:
    for number, line in enumerate(_lines(table), 1):
        if not line.strip():
            continue
        where = f"{table}:{number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError("the line is not JSON", where=where, expected='{"case": ..., "prompt": ...}') from error
        names = [str(name).strip().lower() for name in row] if isinstance(row, dict) else []
        if not isinstance(row, dict):
            raise InputError("the line is not a JSON object", where=where, expected='{"case": ..., "prompt": ...}')
        case, prompt = (_column(names, kind, where) for kind in (CASE_COLUMNS, PROMPT_COLUMNS))
        values = [str(value).strip() for value in row.values()]
        yield number, _case(values[case], names[case]), values[prompt]


def _csv(table: Path) -> Iterator[_Line]:
    rows = _rows(table)
    if not rows:
        raise InputError("the table of prompts is empty", where=str(table), expected="a header line: case,prompt")
    (header_line, header), body = rows[0], rows[1:]
    columns = [name.strip().lower() for name in header]
    if _is_headless(columns):
        tell(f"{table} has no header: its columns are taken for case and prompt")
        columns, body = ["case", "prompt"], rows
    where = f"{table}:{header_line}"
    case, prompt = (_column(columns, kind, where) for kind in (CASE_COLUMNS, PROMPT_COLUMNS))
    for number, row in body:
        if len(row) != len(columns):
            raise InputError(
                f"{len(row)} fields instead of {len(columns)}",
                where=f"{table}:{number}",
                expected=",".join(columns),
                hint="put prompts that contain a comma in double quotes",
            )
        yield number, _case(row[case].strip(), columns[case]), row[prompt].strip()


def _is_headless(columns: Sequence[str]) -> bool:
    """Two columns, neither of which is called nearly like one that a header has."""
    known = (*CASE_COLUMNS, *PROMPT_COLUMNS)
    return len(columns) == 2 and not any(get_close_matches(name, known, n=1, cutoff=0.7) for name in columns)


def _column(columns: Sequence[str], names: Sequence[str], where: str) -> int:
    found = [name for name in names if name in columns]
    if not found or columns.count(found[0]) != 1:
        raise InputError(
            f"the table of prompts needs one column '{names[0]}'",
            where=where,
            expected=f"case,prompt (or {', '.join(names[1:])})",
            hint=nearest(names[0], columns),
        )
    return columns.index(found[0])


def _case(value: str, column: str) -> str:
    """A case's id; files are called like their case."""
    return PurePosixPath(value).stem if column in ("file_name", "filename", "file") else value


def _lines(table: Path) -> list[str]:
    """Lines as text files end them: what else Unicode counts as a break may stand inside a sentence."""
    _check_size(table)
    try:
        return table.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"the table of prompts is not UTF-8 (byte {error.start})", where=str(table)) from error
    except OSError as error:
        raise InputError(f"the table of prompts cannot be read: {error.strerror}", where=str(table)) from error


def _check_size(table: Path) -> None:
    if not table.is_file():
        raise InputError("no such table of prompts", where=str(table), expected="a CSV file: case,prompt")
    if table.stat().st_size > MAX_PROMPTS_BYTES:
        raise InputError("the table of prompts is too large", where=str(table), expected=f"{MAX_PROMPTS_BYTES} bytes")


def _rows(table: Path) -> list[tuple[int, Sequence[str]]]:
    """Non-empty rows with the line that each one ends on."""
    _check_size(table)
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, "excel-tab" if table.suffix.lower() == ".tsv" else "excel", strict=True)
            return [(reader.line_num, row) for row in reader if any(field.strip() for field in row)]
    except UnicodeDecodeError as error:
        raise InputError(f"the table of prompts is not UTF-8 (byte {error.start})", where=str(table)) from error
    except csv.Error as error:
        raise InputError(f"the table of prompts is not CSV: {error}", where=f"{table}:{reader.line_num}") from error
    except OSError as error:
        raise InputError(f"the table of prompts cannot be read: {error.strerror}", where=str(table)) from error
