"""`build_site`: a folder of entries in, a static site out.

    index.html, feed.xml                        suites, all entries, what happened
    suites/<suite>/index.html                   trade-off, table; entries.csv, entries.json, feed.xml beside
    entries/...                                 the repository's files as they are, and a page beside each entry
    schema/, assets/                            the entry's JSON Schema; style and script

It works from a disk, under any path of any server, and without scripts. Texts are strangers': templates escape them,
and a content security policy lets nothing but the site's own files load.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.leaderboard.checking import checked_repository
from bench.leaderboard.entry import entry_schema
from bench.leaderboard.pin import PIN
from bench.leaderboard.repository import Repository
from groundwork.errors import InputError, UsageError
from groundwork.files import write_atomically
from groundwork.hashing import hash_bytes
from reports.html import environment
from reports.leaderboard.downloads import write_csv, write_json
from reports.leaderboard.entry_page import entry_facts
from reports.leaderboard.feeds import write_feed
from reports.leaderboard.figure import figures
from reports.leaderboard.history import WORDS, events_of
from reports.leaderboard.paths import FEED, SCHEMA, entry_file, entry_page, suite_folder, up_from
from reports.leaderboard.standings import Line, Standings, build_standings
from reports.leaderboard.versus import versus
from reports.leaderboard.words import TIERS, leaders

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # bars are placed by their own styles
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
_ASSETS = ("page.css", "leaderboard/site.css", "leaderboard/site.js")


@dataclass(frozen=True)
class Site:
    """What all pages share."""

    title: str
    base_url: str
    boards: tuple[Standings, ...]


def build_site(entries: Path, out: Path, title: str = "Leaderboard", base_url: str = "") -> list[Path]:
    """Build the site of the entries below `entries` in the folder `out`, and return the pages.

    Raises `InputError` where `leaderboard check` finds an error, and `UsageError` for an address that is none, or an
    `out` that would mix with what people keep there.
    """
    if base_url and urlsplit(base_url).scheme not in ("http", "https"):
        raise UsageError("this is no address of a site", where=f"--base-url {base_url}", expected="https://...")
    board = checked_repository(entries)
    errors = [one for one in board.findings if one.level == "error"]
    if errors:
        first = errors[0]
        raise InputError(
            f"the board has {len(errors)} {'error' if len(errors) == 1 else 'errors'}: {first.message}",
            where=f"{first.file}:{first.line}",
            hint=f"see all of them: realiz3d-bench leaderboard check {entries}",
        )
    _empty_or_ours(out, entries)
    address = base_url.rstrip("/") + "/" if base_url else ""
    boards = tuple(
        build_standings(pin, [stored for stored in board.entries if stored.entry.board == name])
        for name, pin in sorted(board.pins.items())
    )
    site = Site(title, address, boards)
    written = []
    for place, content in _files(site, board):
        write_atomically(out / place, content)
        if place.endswith(".html"):
            written.append(out / place)
    return written


def _empty_or_ours(out: Path, entries: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError("--out is a file", where=str(out), expected="a folder")
    if entries.resolve() == out.resolve() or entries.resolve().is_relative_to(out.resolve()):
        raise UsageError("the site would be built over the entries", where=str(out), hint="choose another --out")
    if out.is_dir() and any(out.iterdir()) and not (out / "assets" / "site.css").is_file():
        raise UsageError(
            "the folder is not empty, and holds no site", where=str(out), hint="choose a new folder for --out"
        )


def _files(site: Site, board: Repository) -> Iterator[tuple[str, bytes]]:
    for name in _ASSETS:
        yield f"assets/{Path(name).name}", _resource(name).encode()
    yield SCHEMA, (json.dumps(entry_schema(), indent=1) + "\n").encode()
    everything = [line.entry for standings in site.boards for line in standings.lines]
    yield FEED, write_feed(site.title, FEED, everything, site.base_url).encode()
    yield "index.html", _page("index", "index.html", site, total=len(everything), events=events_of(everything))
    for standings in site.boards:
        folder = suite_folder(standings.pin.board)
        own = [line.entry for line in standings.lines]
        yield f"{folder}/entries.csv", write_csv(standings).encode()
        yield f"{folder}/entries.json", write_json(standings).encode()
        feed = f"{folder}/{FEED}"
        yield feed, write_feed(f"{standings.pin.board} · {site.title}", feed, own, site.base_url).encode()
        yield f"{folder}/index.html", _suite(site, standings, folder)
        yield f"entries/{standings.pin.board}/{PIN}", (board.root / standings.pin.board / PIN).read_bytes()
        labels = {line.entry.id: line for line in standings.lines}
        for line in standings.lines:
            yield from _entry(site, standings, line, labels)


def _suite(site: Site, standings: Standings, folder: str) -> bytes:
    return _page(
        "suite", f"{folder}/index.html", site, board=standings, figures=figures(standings), leaders=leaders(standings),
        names={line.entry.id: line.entry.generator.model for line in standings.lines},
        versus=versus(standings, up_from(f"{folder}/index.html")),
        events=events_of([line.entry for line in standings.lines]),
    )  # fmt: skip


def _entry(site: Site, standings: Standings, line: Line, lines: Mapping[str, Line]) -> Iterator[tuple[str, bytes]]:
    stored = line.stored
    yield entry_file(line.entry, ".json"), stored.text.encode()
    yield entry_file(line.entry, ".parquet"), stored.path.with_suffix(".parquet").read_bytes()
    if stored.sheet is not None:
        yield entry_file(line.entry, ".webp"), stored.sheet
    page = entry_page(line.entry)
    later = lines.get(line.entry.state.superseded_by or "")
    yield page, _page("entry", page, site, board=standings, line=line, later=later, facts=entry_facts(line.entry))


def _page(name: str, place: str, site: Site, **more: Any) -> bytes:
    template = environment().get_template(f"leaderboard/{name}.html.j2")
    shared = {
        "site": site, "policy": _POLICY, "up": up_from(place), "place": place, "tiers": TIERS, "entry_page": entry_page,
        "entry_file": entry_file, "suite_folder": suite_folder, "feed": FEED, "schema": SCHEMA, "version": _version(),
        "words": WORDS,
    }  # fmt: skip
    return template.render(**shared, **more).encode()


def _version() -> str:
    """Of the assets: a browser must not join a new page with the style of yesterday."""
    return hash_bytes("".join(map(_resource, _ASSETS)).encode())[:8]


def _resource(name: str) -> str:
    return files("reports").joinpath("templates", name).read_text(encoding="utf-8").replace("\r\n", "\n")
