"""A folder of mesh files and a CSV of prompts as cases."""

from __future__ import annotations

import re
from pathlib import Path

from bench.cases.case import SAFE_ID, SAFE_ID_WORDS, Case
from bench.cases.mesh_file import MeshFile
from bench.cases.prompt_file import read_prompts
from bench.errors import InputError, MeshError, nearest
from bench.mesh_files.reader import MESH_SUFFIXES


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
        if not SAFE_ID.fullmatch(path.stem):
            raise MeshError(
                "the mesh's file name cannot be a case id",
                where=str(path),
                expected=SAFE_ID_WORDS,
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
    prompts: dict[str, str] = {}
    for line in read_prompts(table):
        if line.case not in cases:
            hint = nearest(line.case, cases)
            raise InputError(f"no mesh for the prompt of case '{line.case}'", where=line.where, hint=hint)
        prompts[line.case] = line.prompt
    missing = sorted(set(cases) - set(prompts))
    if missing:
        raise InputError(
            f"no prompt for {len(missing)} mesh(es): {', '.join(missing[:5])}",
            where=str(table),
            expected="a line for each mesh",
            hint=f"add: {missing[0]},<prompt>",
        )
    return prompts
