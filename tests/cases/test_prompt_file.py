"""Cases that are prompts only: strict about the table, because ids become folders and prompts become text on pages."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from bench.cases.case import Case
from bench.cases.prompt_file import MAX_PROMPTS_BYTES, prompt_cases
from bench.errors import InputError


def table(folder: Path, text: str | bytes) -> Path:
    path = folder / "prompts.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_case_for_each_line_in_the_files_order(tmp_path: Path) -> None:
    text = '\ufeffPrompt,note, CASE\n"A cosy, brown sofa",x,sofa\n\na <b>lemon</b>,,lemon-2\n'
    assert prompt_cases(table(tmp_path, text)) == (
        Case("sofa", "A cosy, brown sofa", None),
        Case("lemon-2", "a <b>lemon</b>", None),
    )


@pytest.mark.parametrize(
    ("text", "message", "where", "hint"),
    [
        ("case,prompt\n", "has no cases", "prompts.csv", ""),
        ("", "is empty", "prompts.csv", ""),
        ("case,prompt\n../up,a\n", "cannot be a case id", ":2", "column `prompt`"),
        ("case,prompt\nfine,a\na cow,b\n", "cannot be a case id", ":3", "column `prompt`"),
        ("case,prompt\n,a\n", "cannot be a case id", ":2", ""),
        ("case,prompt\n.hidden,a\n", "cannot be a case id", ":2", ""),
        ("case,prompt\n" + "x" * 129 + ",a\n", "cannot be a case id", ":2", ""),
        ("case,prompt\nCow,a\nlemon,b\ncow,c\n", "in capitals only", ":4", "prompts.csv:2"),
        ("case,prompt\ncow,a\ncow,b\n", "a second prompt", ":3", ""),
        ("case,prompt\ncow,\n", "is empty", ":2", ""),
        ("case,words\ncow,a\n", "needs one column 'prompt'", ":1", "Valid: case, words"),
        ("cases,prompts\ncow,a\n", "needs one column 'case'", ":1", "did you mean 'cases'"),
        ("case,case,prompt\n", "needs one column 'case'", ":1", ""),
        ("case,prompt\ncow,a cow, brown\n", "3 fields instead of 2", ":2", "double quotes"),
        (b"case,prompt\ncow,\xff\n", "not UTF-8", "prompts.csv", ""),
        ('case,prompt\ncow,"open\n', "not CSV", ":2", ""),
    ],
)
def test_wrong_tables_name_the_line(tmp_path: Path, text: str | bytes, message: str, where: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        prompt_cases(table(tmp_path, text))
    assert where in caught.value.where
    assert hint in caught.value.hint


def test_no_table_and_too_large_a_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such table"):
        prompt_cases(tmp_path / "nothing.csv")
    with pytest.raises(InputError, match="no such table"):
        prompt_cases(tmp_path)
    large = tmp_path / "large.csv"
    with large.open("wb") as stream:
        stream.truncate(MAX_PROMPTS_BYTES + 1)
    with pytest.raises(InputError, match="too large"):
        prompt_cases(large)


@pytest.mark.parametrize(
    ("name", "text", "cases"),
    [
        ("p.txt", "a red mug\n\n  a blue pot \n", [("000", "a red mug"), ("001", "a blue pot")]),
        ("p.csv", '0a1f,"a mug, red"\nbeef,a pot\n', [("0a1f", "a mug, red"), ("beef", "a pot")]),
        ("metadata.csv", "file_name,text\nimg/mug.png,a red mug\n", [("mug", "a red mug")]),
        ("m.jsonl", '{"file_name": "mug.png", "text": "a red mug"}\n\n{"file_name": "b", "text": "x"}\n',
         [("mug", "a red mug"), ("b", "x")]),
        ("c.csv", "uid,caption\nmug,a red mug\n", [("mug", "a red mug")]),
        ("c.tsv", "object\tdescription\nmug\ta mug, red\n", [("mug", "a mug, red")]),
        ("u.txt", "a mug\u2028with a lid\na pot\x85\n", [("000", "a mug\u2028with a lid"), ("001", "a pot")]),
        ("u.jsonl", '{"id": "a", "text": "x\u2028y"}\n', [("a", "x\u2028y")]),
    ],
)  # fmt: skip
def test_prompts_as_people_have_them(tmp_path: Path, name: str, text: str, cases: list[tuple[str, str]]) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert [(case.id, case.prompt) for case in prompt_cases(file)] == cases
    assert bool(told) == (name == "p.csv")


def test_documents_that_are_no_tables(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    file.write_text('{"mug": "a red mug"}')
    with pytest.raises(InputError, match=r"not read from \.json files"):
        prompt_cases(file)


def test_broken_json_lines_name_the_line(tmp_path: Path) -> None:
    file = tmp_path / "m.jsonl"
    for text, message in (('{"case": "a", "prompt": "b"}\n{', "not JSON"), ("[1]", "a JSON object"), ("{}", "column")):
        file.write_text(text)
        with pytest.raises(InputError, match=message) as caught:
            prompt_cases(file)
        assert f"m.jsonl:{1 + text.count(chr(10))}" in caught.value.where
