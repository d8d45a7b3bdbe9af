"""What happened to a board's entries, the newest first: for its pages and its feeds."""

from __future__ import annotations

from collections.abc import Sequence

from bench.leaderboard.entry import Entry, Event

WORDS = {
    "submitted": "submitted to",
    "re-scored": "scored again on",
    "re-made": "made again for",
    "superseded": "superseded on",
    "withdrawn": "withdrawn from",
}
"""What an event is called between an entry and its suite."""


def events_of(entries: Sequence[Entry]) -> list[tuple[Event, int, Entry]]:
    """Every event with its number in the entry's own history."""
    events = [(event, number, entry) for entry in entries for number, event in enumerate(entry.history)]
    return sorted(events, key=lambda found: (found[0].date, found[2].id, found[1]), reverse=True)
