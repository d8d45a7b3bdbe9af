"""Where everything lies in a site. Entries lie as in the repository, each with its page beside it."""

from __future__ import annotations

from pathlib import PurePosixPath

from bench.leaderboard.entry import Entry
from bench.leaderboard.making import where_it_lies

SCHEMA = "schema/leaderboard-entry.schema.json"
FEED = "feed.xml"


def suite_folder(board: str) -> str:
    """The folder of a suite's page and downloads."""
    return f"suites/{board}"


def entry_file(entry: Entry, suffix: str) -> str:
    """An entry's file: `.json`, `.parquet`, `.webp` as in the repository, and `.html`."""
    return str(where_it_lies(PurePosixPath("entries"), entry).with_suffix(suffix))


def entry_page(entry: Entry) -> str:
    """An entry's page."""
    return entry_file(entry, ".html")


def up_from(page: str) -> str:
    """From a page to the site's root: `../../`."""
    return "../" * page.count("/")
