"""Atom feeds: what was submitted, scored again, superseded or withdrawn, the newest first."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from urllib.parse import urljoin

from bench.leaderboard.entry import Entry, Event
from reports.leaderboard.history import WORDS, events_of
from reports.leaderboard.paths import entry_page

_ATOM = "http://www.w3.org/2005/Atom"
MOST = 100


def write_feed(title: str, place: str, entries: Sequence[Entry], base_url: str) -> str:
    """The feed that lies at `place` in the site. Without a base address its links are relative to itself."""
    ET.register_namespace("", _ATOM)
    feed = ET.Element(f"{{{_ATOM}}}feed")
    events = events_of(entries)
    up = "../" * place.count("/")
    _text(feed, "id", urljoin(base_url, place) if base_url else f"urn:realiz3d-bench:{place}")
    _text(feed, "title", title)
    _text(feed, "updated", _moment(events[0][0]) if events else "1970-01-01T00:00:00Z")
    _link(feed, urljoin(base_url, place) if base_url else place.rpartition("/")[2], "self")
    for event, number, entry in events[:MOST]:
        item = ET.SubElement(feed, f"{{{_ATOM}}}entry")
        page = entry_page(entry)
        _text(item, "id", f"urn:realiz3d-bench:{entry.id}:{number}")
        _text(item, "title", f"{entry.label} {WORDS[event.event]} {entry.board}")
        _text(item, "updated", _moment(event))
        _text(ET.SubElement(item, f"{{{_ATOM}}}author"), "name", event.by)
        _link(item, urljoin(base_url, page) if base_url else up + page, "alternate")
        _text(item, "summary", event.why or entry.generator.description or entry.label)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(feed, encoding="unicode") + "\n"


def _moment(event: Event) -> str:
    return f"{event.date}T00:00:00Z"


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, f"{{{_ATOM}}}{name}").text = text


def _link(parent: ET.Element, address: str, relation: str) -> None:
    ET.SubElement(parent, f"{{{_ATOM}}}link", href=address, rel=relation)
