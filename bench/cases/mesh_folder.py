"""A folder of mesh files and a CSV of prompts as cases."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bench.cases.case import SAFE_ID, SAFE_ID_WORDS, Case
from bench.cases.mesh_file import MeshFile
from bench.cases.prompt_file import read_prompts
from bench.errors import InputError, MeshError, nearest
from bench.mesh_files.reader import MESH_SUFFIXES
from groundwork.notes import tell
from groundwork.walk import OTHER_MESHES, walk


def mesh_folder_cases(folder: Path, prompts: Path | None) -> tuple[Case, ...]:
    """One case for each mesh file inside `folder`, sorted by id; the id is the file's stem.

    Where meshes lie in sub-folders only, the id is the name that tells them apart: the stem, or a folder above.

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
    there = walk(folder, tuple(MESH_SUFFIXES), OTHER_MESHES)
    found = there.files
    if there.left_out() and found:
        tell(there.left_out())
    direct = [path for path in found if path.parent == folder]
    named = {path: path.stem for path in direct} if direct else _named_by_folders(folder, found)
    if direct and len(direct) < len(found):
        tell(f"{len(found) - len(direct)} meshes in sub-folders of {folder} are left out: others lie straight in it")
    files: dict[str, Path] = {}
    for path, name in named.items():
        if not SAFE_ID.fullmatch(name):
            raise MeshError(
                f"the mesh's {'file' if direct else 'folder'} name cannot be a case id",
                where=str(path),
                expected=SAFE_ID_WORDS,
                hint="rename it",
            )
        # ids name folders, and file systems may not tell Cow from cow
        twin = next((other for case, other in files.items() if case.lower() == name.lower()), None)
        if twin is not None:
            raise MeshError(
                f"two meshes would be the case '{name}'",
                where=f"{twin.relative_to(folder)} and {path.relative_to(folder)} in {folder}",
                hint="keep one of them, or rename it",
            )
        files[name] = path
    if not files:
        raise MeshError(
            "the folder has no meshes",
            where=str(folder),
            expected=f"files *{', *'.join(MESH_SUFFIXES)}",
            hint=there.left_out() and f"{there.left_out()}; export them as GLB",
        )
    return files


_SAY_NOTHING = {"model", "mesh", "meshes", "scan", "object", "textured", "textured_mesh", "untitled", "raw_model"}


def _named_by_folders(root: Path, found: Sequence[Path]) -> dict[Path, str]:
    """Nested meshes by what tells them apart: names (`000-023/<uid>.glb`) or a folder's (`Mug/meshes/model.obj`)."""
    parts = [(path.stem, *reversed(path.relative_to(root).parent.parts)) for path in found]
    for level in range(min(map(len, parts), default=0)):
        names = [levels[level] for levels in parts]
        if len(set(names)) == len(names) and not set(map(str.lower, names)) <= _SAY_NOTHING:
            return dict(zip(found, names, strict=True))
    return {path: path.stem for path in found}


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
