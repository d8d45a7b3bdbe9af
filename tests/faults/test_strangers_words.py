"""Names, prompts and messages that would act: on each output, every kind of them only shows itself."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from fake_run import FakeRun
from many_entries import write_board
from pydantic import TypeAdapter, ValidationError

from bench.cli import main
from bench.leaderboard.texts import Name
from groundwork.texts import visible
from reports import write_reports
from reports.leaderboard import build_site

WORDS = {
    "=": "=cmd|' /C calc'!A0",
    "+": '+HYPERLINK("http://evil.example")',
    "-": "-2+3",
    "@": "@SUM(1+1)",
    "tab": "\t=1+1",
    "line": "\n=1+1",
    "full width": "＝1+1",
    "heading": "a\n# head\n| b | c |\r\n---",
    "bidi": "safe\u202egpj.exe\u2066\u200f",
    "escape": "\x1b[2J\x1b]8;;http://evil.example\x07click\x9b31m",
    "NUL": "a\x00b",
    "HTML": "</script></table><script>alert(1)</script><img src=x onerror=alert(1)>",
    "Markdown": "[x](http://evil.example) ![y](http://evil.example/y.png) `z` </sub>",
    "TeX": "\\input{/etc/passwd} $x_1^2$ 100% #1 & ~{",
    "path": "../../../../etc",
}
STANDS_FOR = "theirs_v2 | <i>new"  # a generator of the made-up run
OPENS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_run(folder: Path, word: str) -> Path:
    """A run that names a generator so, and says so wherever a stranger may say something."""
    run = FakeRun(n_cases=2).write(folder / "run")
    text = (run / "summary.json").read_text().replace(json.dumps(STANDS_FOR), json.dumps(word))
    summary = json.loads(text)
    summary["metrics"][0] |= {"title": word, "unit": word}
    for row in summary["rows"]:
        row |= {"note": word, "normalised_note": word, "signature": f"{row['signature']} {word}"}
        row |= {"unit": word} if row["metric"] == summary["metrics"][0]["name"] else {}
    summary["suite"]["description"] = summary["cases"][0]["prompt"] = summary["failures"][0]["message"] = word
    summary["comparisons"][0]["method"] = summary["references"][0]["source"] = word
    (run / "summary.json").write_text(json.dumps(summary))
    return run


def acting(text: str) -> set[str]:
    """Letters that drive a terminal, or turn or hide the text around them."""
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return {letter for letter in text if unicodedata.category(letter) in kinds and letter not in "\n\t\u200b"}


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def check_page(text: str, scripts: int) -> None:
    found = Tags(text).found
    assert sum(tag == "script" for tag, _ in found) == scripts
    assert not [name for _, attributes in found for name in attributes if name.startswith("on")]
    places = [value for _, attributes in found for name, value in attributes.items() if name in ("src", "href")]
    assert not [place for place in places if place and place.startswith(("http://evil", "javascript:", "x"))]


def check_table(text: str) -> None:
    for row in csv.reader(io.StringIO(text)):
        for cell in row:
            assert not cell.startswith(OPENS_A_FORMULA) or re.fullmatch(r"-?[\d.]+(e[-+]?\d+)?", cell), cell


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many a page has whose words are harmless."""
    (page, *_) = write_reports([write_run(tmp_path_factory.mktemp("plain"), "plain")], formats=["html"])
    return sum(tag == "script" for tag, _ in Tags(page.read_text()).found)


@pytest.mark.parametrize("kind", WORDS)
def test_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str], scripts: int, kind: str) -> None:
    run = write_run(tmp_path, WORDS[kind])
    assert main(["report", str(run)]) == 0
    said = capsys.readouterr()
    assert not acting(said.out + said.err)
    files = {path.name: path.read_bytes().decode() for path in (run / "report").rglob("*") if path.is_file()}
    assert files.keys() == {"index.html", "report.md", "summary.csv", "tables.tex", "summary.json", "tradeoff.svg"}
    for name, text in files.items():
        assert not acting(text), name
    check_page(files["index.html"], scripts)
    check_table(files["summary.csv"])
    ElementTree.fromstring(files["tradeoff.svg"])
    markdown = re.sub(r"`[^`\n]*`", "", files["report.md"])  # in code, nothing acts
    assert not re.search(r"<(?!br>|sub>|/sub>|/?details>|/?summary>)", markdown)
    assert not re.search(r"^# head|(?<!\\)\]\(http|(?<!\\)!\[", markdown, re.MULTILINE)
    tex = re.sub(r"^%.*", "", files["tables.tex"], flags=re.MULTILINE)  # comments end with their line
    assert not re.search(r"\\input|\$x_1|^# head|(?<!\\)#", tex, re.MULTILINE)
    assert "evil.example" in str(json.loads(files["summary.json"])) or "evil" not in WORDS[kind]


def test_figures_for_a_paper(tmp_path: Path) -> None:
    pypdf = pytest.importorskip("pypdf", reason="no pypdf: pip install '.[test]'")
    pytest.importorskip("matplotlib", reason="no matplotlib: pip install '.[figures]'")
    names = [{"name": WORDS[kind], "use": "folder"} for kind in ("TeX", "bidi", "escape", "NUL", "tab")]
    plain = FakeRun(n_cases=2, generators=[{"name": f"g{i}", "use": "folder"} for i, _ in enumerate(names)])
    run = plain.write(tmp_path / "run")
    text = (run / "summary.json").read_text()
    for number, entry in enumerate(names):
        text = text.replace(f'"g{number}"', json.dumps(entry["name"]))
    (run / "summary.json").write_text(text)
    for path in write_reports([run], formats=["pdf"]):
        (page,) = pypdf.PdfReader(path).pages
        text = page.extract_text()
        assert "$x_1^2$" in text and "\\u202e" in text and "\\x1b[2J" in text and "a\\x00b" in text
        assert not acting(text)


ON_BOARDS = {
    kind: word for kind, word in WORDS.items() if visible(word) == word and "\n" not in word and "\t" not in word
}


@pytest.mark.parametrize("kind", sorted(WORDS.keys() - ON_BOARDS.keys()))
def test_a_leaderboard_refuses_names_that_act(kind: str) -> None:
    with pytest.raises(ValidationError, match=r"expected a text (without control|on one line|that does not begin)"):
        TypeAdapter(Name).validate_python(WORDS[kind])


def test_a_leaderboard_shows_the_others(tmp_path: Path) -> None:
    write_board(tmp_path / "entries", len(ON_BOARDS), tuple(ON_BOARDS.values()), sheets=False)
    build_site(tmp_path / "entries", tmp_path / "site", ON_BOARDS["HTML"])
    written = [path for path in (tmp_path / "site").rglob("*") if path.suffix in (".html", ".csv", ".xml", ".svg")]
    assert {path.suffix for path in written} >= {".html", ".csv", ".xml"}
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert not acting(text), path
        if path.suffix == ".csv":
            check_table(text)
        elif path.suffix == ".html":
            found = Tags(text).found
            code = [attributes for tag, attributes in found if tag == "script" and attributes.get("type") is None]
            check_page(text, sum(tag == "script" for tag, _ in found))
            assert all(urlsplit(attributes.get("src") or "").path.endswith("assets/site.js") for attributes in code), (
                path
            )
        else:
            ElementTree.fromstring(text)
