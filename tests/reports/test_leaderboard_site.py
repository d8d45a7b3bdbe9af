"""The site as files: whole, escaped, linked without an absolute address, and only what may be published."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from board_edits import rewritten
from many_entries import HOSTILE, write_board

from bench.cli import main
from bench.leaderboard.repository import find_entry
from bench.leaderboard.standing import supersede, withdraw
from reports.leaderboard import build_site

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """A site of hostile texts, with an entry that was withdrawn and one that was superseded."""
    root = tmp_path_factory.mktemp("hostile")
    paths = write_board(root / "entries", 11, (*HOSTILE.values(), "ceiling"))
    withdraw(find_entry(paths[-1]), HOSTILE["script"], HOSTILE["picture"], "2026-06-01")
    supersede(find_entry(paths[-2]), find_entry(paths[-3]), "us", "2026-06-02")
    build_site(root / "entries", root / "site", HOSTILE["template"])
    return root / "site", paths


class Parsed(HTMLParser):
    """Tags, links and text of a page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_no_text_of_strangers_becomes_markup(built) -> None:
    site, _ = built
    pages = sorted(site.rglob("*.html"))
    assert len(pages) == 2 + 11
    for page in pages:
        parsed = Parsed(page)
        scripts = [attributes for tag, attributes in parsed.tags if tag == "script" and attributes.get("type") is None]
        data = [attributes for tag, attributes in parsed.tags if tag == "script" and attributes.get("type") is not None]
        assert [one["type"] for one in data] == ["application/json"] * (page.parent.name == "made-up-v1")
        assert len(scripts) == 1 and urlsplit(scripts[0]["src"] or "").path.endswith("assets/site.js")
        assert "img" not in {tag for tag, _ in parsed.tags}
        assert not [key for _, attributes in parsed.tags for key in attributes if key.startswith("on")]
        assert HOSTILE["template"] in "".join(parsed.text)  # the site's title, and not what a template makes of it


def test_every_link_leads_to_a_file_of_the_site_or_away_in_plain_sight(built) -> None:
    site, _ = built
    for page in sorted(site.rglob("*.html")):
        for tag, attributes in Parsed(page).tags:
            address = attributes.get("href") or attributes.get("src") or ""
            if not address or address.startswith(("#", "data:")):
                continue
            if urlsplit(address).scheme:
                assert tag == "a" and "noreferrer" in (attributes.get("rel") or "")
                continue
            assert not address.startswith("/"), f"{page}: {address} leaves the sub-path"
            assert (page.parent / unquote(urlsplit(address).path)).is_file(), f"{page}: {address}"


def test_a_policy_lets_nothing_load_but_the_site_s_own(built) -> None:
    page = (built[0] / "index.html").read_text()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert "default-src &#39;none&#39;" in policy and "http" not in policy


def test_the_suite_opens_with_the_trade_off_and_shows_places(built) -> None:
    page = (built[0] / "suites/made-up-v1/index.html").read_text()
    assert page.index("Trade-off") < page.index("Who leads") < page.index('data-table="board"')
    assert re.search(r'class="place"[^>]*>\d+–\d+<', page) and 'class="calibration"' in page
    assert len(page) < 400_000 and "x" * 2000 not in page  # the prompt of 100,000 characters is cut


def test_what_was_withdrawn_stays_struck_through_with_its_reason(built) -> None:
    site, paths = built
    text = (site / "entries" / paths[-1].relative_to(paths[-1].parents[2])).with_suffix(".html").read_text()
    assert 'class="struck"' in text and "Withdrawn on 2026-06-01" in text and "&lt;/th&gt;" in text
    table = Parsed(site / "suites/made-up-v1/index.html").tags
    rows = [attributes["class"] for tag, attributes in table if tag == "tr" and "class" in attributes]
    assert rows.count("withdrawn") == rows.count("superseded") == 1 and rows[-1] == "withdrawn"
    records = list(csv.DictReader(io.StringIO((site / "suites/made-up-v1/entries.csv").read_text())))
    assert not [r for r in records if r["standing"] in ("withdrawn", "superseded", "calibration") and r["rank_best"]]


def test_spreadsheets_find_no_formula(built) -> None:
    records = list(csv.DictReader(io.StringIO((built[0] / "suites/made-up-v1/entries.csv").read_text())))
    names = {record["model"] for record in records}
    assert "'" + HOSTILE["formula"] in names and not [name for name in names if name[0] in "=+-@"]
    assert len(records) == 11 * 8
    document = json.loads((built[0] / "suites/made-up-v1/entries.json").read_text())
    assert HOSTILE["formula"] in {entry["model"] for entry in document["entries"]}  # JSON runs nothing


def test_feeds_are_atom_and_tell_what_happened(built, tmp_path: Path) -> None:
    site, _ = built
    for path in ("feed.xml", "suites/made-up-v1/feed.xml"):
        feed = ET.fromstring((site / path).read_text())
        assert feed.tag == f"{ATOM}feed"
        for name in ("id", "title", "updated"):
            assert feed.findtext(f"{ATOM}{name}")
        events = feed.findall(f"{ATOM}entry")
        assert len(events) == 11 + 2 and "superseded" in (events[0].findtext(f"{ATOM}title") or "")
        assert len({event.findtext(f"{ATOM}id") for event in events}) == 13
        for event in events:
            link = event.find(f"{ATOM}link")
            assert link is not None and ((site / path).parent / link.attrib["href"]).is_file()


def test_a_base_address_makes_feeds_absolute_and_pages_stay_relative(tmp_path: Path) -> None:
    write_board(tmp_path / "entries", 2, sheets=False)
    words = ["--out", str(tmp_path / "site"), "--base-url", "https://lab.example/board"]
    assert main(["leaderboard", "build", str(tmp_path / "entries"), *words]) == 0
    feed = ET.fromstring((tmp_path / "site/feed.xml").read_text())
    links = [link.attrib["href"] for link in feed.iter(f"{ATOM}link")]
    assert all(link.startswith("https://lab.example/board/") for link in links)
    assert "https://" not in (tmp_path / "site/index.html").read_text()


def test_the_repository_s_files_are_published_as_they_are(built) -> None:
    site, paths = built
    root = paths[0].parents[2]
    files = [file for file in root.rglob("*") if file.is_file()]
    assert len(files) == 1 + 3 * 11
    for file in files:
        assert (site / "entries" / file.relative_to(root)).read_bytes() == file.read_bytes()
    assert json.loads((site / "schema/leaderboard-entry.schema.json").read_text())["title"].startswith("realiz3d-bench")


def test_a_broken_board_is_not_published(tmp_path: Path, capsys) -> None:
    paths = write_board(tmp_path / "entries", 2, sheets=False)
    rewritten(paths[0], lambda document: document["rows"][0].update(value=0.99))
    assert main(["leaderboard", "build", str(tmp_path / "entries"), "--out", str(tmp_path / "site")]) == 2
    assert "leaderboard check" in capsys.readouterr().err and not (tmp_path / "site").exists()


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path, capsys) -> None:
    write_board(tmp_path / "entries", 1, sheets=False)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.tex").write_text("x")
    for out, told in (("thesis", "holds no site"), (".", "over the entries"), ("entries", "over the entries")):
        assert main(["leaderboard", "build", str(tmp_path / "entries"), "--out", str(tmp_path / out)]) == 2
        assert told in capsys.readouterr().err
    words = [str(tmp_path / "entries"), "--out", str(tmp_path / "site")]
    assert main(["leaderboard", "build", *words]) == main(["leaderboard", "build", *words]) == 0


def test_an_empty_board_has_a_page(tmp_path: Path) -> None:
    (tmp_path / "entries").mkdir()
    (page,) = build_site(tmp_path / "entries", tmp_path / "site")
    assert "0 entries on 0 suites" in page.read_text()
