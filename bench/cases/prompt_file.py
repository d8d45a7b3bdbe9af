"""Prompts from a CSV: a case each for text-to-multiview, and the sentences that go with a folder of meshes.

Ids become folder names and prompts end up on pages and in papers, so a table is read strictly: whatever cannot be one
case a line is an error that names the line.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cases.case import SAFE_ID, SAFE_ID_WORDS, Case
from bench.errors import InputError, nearest

MAX_PROMPTS_BYTES = 16 * 2**20


@dataclass(frozen=True)
class PromptLine:
    """One line of the table; `where` is `file:line`."""

    case: str
    prompt: str
    where: str


def prompt_cases(table: Path) -> tuple[Case, ...]:
    """A case without mesh for each line of the CSV `table`, in the file's order.

    The columns are `case` (the id, which names the case's folder of pictures) and `prompt`; others are ignored.
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
    """The lines of a CSV with the columns `case` and `prompt`. Raises `InputError`, with `file:line`.

    Each case has one prompt, and none is empty; whether ids are safe or known is the caller's to ask.
    """
    rows = _rows(table)
    if not rows:
        raise InputError("the table of prompts is empty", where=str(table), expected="a header line: case,prompt")
    (header_line, header), body = rows[0], rows[1:]
    columns = [name.strip().lower() for name in header]
    for needed in ("case", "prompt"):
        if columns.count(needed) != 1:
            raise InputError(
                f"the table of prompts needs one column '{needed}'",
                where=f"{table}:{header_line}",
                expected="case,prompt",
                hint=nearest(needed, columns),
            )
    case_column, prompt_column = columns.index("case"), columns.index("prompt")
    lines: dict[str, PromptLine] = {}
    for number, row in body:
        where = f"{table}:{number}"
        if len(row) != len(columns):
            raise InputError(
                f"{len(row)} fields instead of {len(columns)}",
                where=where,
                expected=",".join(columns),
                hint="put prompts that contain a comma in double quotes",
            )
        case, prompt = row[case_column].strip(), row[prompt_column].strip()
        if case in lines:
            raise InputError(f"a second prompt for case '{case}'", where=where)
        if not prompt:
            raise InputError(f"the prompt of case '{case}' is empty", where=where)
        lines[case] = PromptLine(case, prompt, where)
    return tuple(lines.values())


def _rows(table: Path) -> list[tuple[int, Sequence[str]]]:
    """Non-empty rows with the line that each one ends on."""
    if not table.is_file():
        raise InputError("no such table of prompts", where=str(table), expected="a CSV file: case,prompt")
    if table.stat().st_size > MAX_PROMPTS_BYTES:
        raise InputError("the table of prompts is too large", where=str(table), expected=f"{MAX_PROMPTS_BYTES} bytes")
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            return [(reader.line_num, row) for row in reader if any(field.strip() for field in row)]
    except UnicodeDecodeError as error:
        raise InputError(f"the table of prompts is not UTF-8 (byte {error.start})", where=str(table)) from error
    except csv.Error as error:
        raise InputError(f"the table of prompts is not CSV: {error}", where=f"{table}:{reader.line_num}") from error
    except OSError as error:
        raise InputError(f"the table of prompts cannot be read: {error.strerror}", where=str(table)) from error
