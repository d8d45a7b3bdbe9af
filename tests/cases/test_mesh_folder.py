"""Folders of meshes and tables of prompts, right and wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cases.mesh_file import MeshFile
from bench.cases.mesh_folder import mesh_folder_cases
from bench.errors import InputError, MeshError
from groundwork.notes import Note


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    meshes = tmp_path / "meshes"
    meshes.mkdir()
    for name in ("cow.glb", "red-old_sofa.OBJ", "apple.ply"):
        (meshes / name).write_bytes(b"")
    (meshes / "readme.txt").write_text("not a mesh")
    (meshes / ".hidden.glb").write_bytes(b"")
    (meshes / "folder.glb").mkdir()
    return meshes


def table(folder: Path, text: str | bytes) -> Path:
    path = folder.parent / "prompts.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_stems_are_ids_and_prompts(folder: Path) -> None:
    cases = mesh_folder_cases(folder, None)
    assert [(case.id, case.prompt) for case in cases] == [
        ("apple", "apple"),
        ("cow", "cow"),
        ("red-old_sofa", "red old sofa"),
    ]
    assert cases[1].mesh == MeshFile(folder / "cow.glb")


def test_a_table_with_byte_order_mark_quotes_and_blank_lines(folder: Path) -> None:
    text = '\ufeffcase,prompt,note\r\ncow,"A cow, ""mooing""",x\r\n\r\nred-old_sofa,Sofa é,\r\napple,Apple,\r\n'
    cases = mesh_folder_cases(folder, table(folder, text))
    assert [case.prompt for case in cases] == ["Apple", 'A cow, "mooing"', "Sofa é"]


@pytest.mark.parametrize(
    ("text", "message", "where", "hint"),
    [
        ("case,prompt\ncow,a\ncwo,b\n", "no mesh for the prompt of case 'cwo'", ":3", "did you mean 'cow'"),
        ("case,prompt\ncow,a\napple,b\n", "no prompt for 1 mesh.*red-old_sofa", "prompts.csv", "red-old_sofa"),
        ("case,prompt\ncow,a\n\ncow,b\n", "a second prompt", ":4", ""),
        ("case,prompt\ncow, \n", "is empty", ":2", ""),
        ("case,promt\ncow,a\n", "needs one column 'prompt'", ":1", "did you mean 'promt'"),
        ("case,prompt\ncow,a cow, brown\n", "3 fields instead of 2", ":2", "double quotes"),
        ("", "is empty", "prompts.csv", ""),
        (b"case,prompt\ncow,\xff\xfe\n", "not UTF-8", "prompts.csv", ""),
        ('case,prompt\ncow,"open\n', "not CSV", ":2", ""),
    ],
)
def test_wrong_tables_name_the_line(folder: Path, text: str | bytes, message: str, where: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        mesh_folder_cases(folder, table(folder, text))
    assert where in caught.value.where
    assert hint in caught.value.hint


def test_missing_table(folder: Path) -> None:
    with pytest.raises(InputError, match="no such table"):
        mesh_folder_cases(folder, folder / "nothing.csv")


def test_empty_and_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match="no meshes"):
        mesh_folder_cases(tmp_path, None)
    (tmp_path / "mug.fbx").write_bytes(b"")
    with pytest.raises(MeshError, match="no meshes") as caught:
        mesh_folder_cases(tmp_path, None)
    assert "1 .fbx" in caught.value.hint and "export them as GLB" in caught.value.hint
    with pytest.raises(MeshError, match="no such folder"):
        mesh_folder_cases(tmp_path / "nothing", None)


def test_meshes_of_other_types_are_told(folder: Path) -> None:
    (folder / "mug.blend").write_bytes(b"")
    (folder / "more.zip").write_bytes(b"")
    with pytest.warns(Note, match=r"2 of a type that is not read \(1 \.blend, 1 \.zip\)"):
        mesh_folder_cases(folder, None)


@pytest.mark.parametrize("twin", ["cow.obj", "Cow.ply"])
def test_two_files_of_one_stem(folder: Path, twin: str) -> None:
    (folder / twin).write_bytes(b"")
    with pytest.raises(MeshError, match="two meshes would be the case"):
        mesh_folder_cases(folder, None)


@pytest.mark.parametrize("name", ["a b.glb", "-rm.glb", "kühe.glb", "a'b.glb", "<b>.glb", "x" * 129 + ".glb"])
def test_unsafe_names(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")
    with pytest.raises(MeshError, match="cannot be a case id"):
        mesh_folder_cases(folder, None)


def test_published_folder(shared_data: Path) -> None:
    root = shared_data / "published_meshes"
    cases = mesh_folder_cases(root / "realiz3d", root / "prompts.csv")
    assert [case.id for case in cases] == ["cow", "lemon", "penguin", "sofa"]
    assert cases[3].prompt == "A cozy, brown leather sofa"


@pytest.mark.parametrize("nested", ["{}/meshes/model.obj", "000-023/{}.obj", "kitchen/{}/Scan/Scan.obj"])
def test_nested_meshes_are_called_by_what_tells_them_apart(tmp_path: Path, nested: str) -> None:
    for name in ("mug", "pot"):
        path = tmp_path / nested.format(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("v 0 0 0\n")
    assert [case.id for case in mesh_folder_cases(tmp_path, None)] == ["mug", "pot"]
