"""A folder of mesh files and a CSV of prompts as cases."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from bench.cases.case import Case
from bench.cases.mesh_file import MESH_SUFFIXES, MeshFile
from bench.errors import InputError, MeshError, nearest

MAX_PROMPTS_BYTES = 16 * 2**20
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def mesh_folder_cases(folder: Path, prompts: Path | None) -> tuple[Case, ...]:
    """One case for each mesh file directly inside `folder`, sorted by id; the id is the file's stem.

    `prompts` is a CSV with the columns `case` and `prompt` (others are ignored) that covers the meshes exactly. Without
    it the prompt is the stem with `_` and `-` read as spaces. Meshes are not opened here.

    Raises `MeshError` for an empty folder, two files of one stem, or a stem that is no safe file name; `InputError` for
    a CSV that is unreadable or does not match the meshes (`where` is `file:line`).
    """
    files = _mesh_files(folder)
    spoken = {stem: re.sub(r"[_-]+", " ", stem).strip() for stem in files}
    said = spoken if prompts is None else _prompts(prompts, files)
    return tuple(Case(stem, said[stem], MeshFile(files[stem])) for stem in sorted(files))


def _mesh_files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise MeshError("no such folder of meshes", where=str(folder))
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in MESH_SUFFIXES or not path.is_file() or path.name.startswith("."):
            continue
        if not _SAFE_ID.fullmatch(path.stem):
            raise MeshError(
                "the mesh's file name cannot be a case id",
                where=str(path),
                expected="letters, digits, '.', '_' and '-', starting with a letter or digit, at most 128",
                hint="rename the file",
            )
        # ids name folders, and file systems may not tell Cow from cow
        twin = next((other for stem, other in files.items() if stem.lower() == path.stem.lower()), None)
        if twin is not None:
            raise MeshError(
                f"two meshes would be the case '{path.stem}'",
                where=f"{twin.name} and {path.name} in {folder}",
                hint="keep one of them, or rename it",
            )
        files[path.stem] = path
    if not files:
        raise MeshError("the folder has no meshes", where=str(folder), expected=f"files *{', *'.join(MESH_SUFFIXES)}")
    return files


def _prompts(table: Path, cases: dict[str, Path]) -> dict[str, str]:
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
    prompts: dict[str, str] = {}
    for line, row in body:
        where = f"{table}:{line}"
        if len(row) != len(columns):
            raise InputError(
                f"{len(row)} fields instead of {len(columns)}",
                where=where,
                expected=",".join(columns),
                hint="put prompts that contain a comma in double quotes",
            )
        case, prompt = row[case_column].strip(), row[prompt_column].strip()
        if case not in cases:
            raise InputError(f"no mesh for the prompt of case '{case}'", where=where, hint=nearest(case, cases))
        if case in prompts:
            raise InputError(f"a second prompt for case '{case}'", where=where)
        if not prompt:
            raise InputError(f"the prompt of case '{case}' is empty", where=where)
        prompts[case] = prompt
    missing = sorted(set(cases) - set(prompts))
    if missing:
        raise InputError(
            f"no prompt for {len(missing)} mesh(es): {', '.join(missing[:5])}",
            where=str(table),
            expected="a line for each mesh",
            hint=f"add: {missing[0]},<prompt>",
        )
    return prompts


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
