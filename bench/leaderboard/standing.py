"""What happens to an entry after it was submitted. Its content stays, its id stays, and every event stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.leaderboard.entry import Entry, Happening, State, Tier
from bench.leaderboard.files import write_document
from bench.leaderboard.making import entry_of
from bench.leaderboard.repository import StoredEntry
from groundwork.errors import UsageError

_TIERS: dict[Happening, Tier] = {"re-scored": "re-scored", "re-made": "re-made"}


def withdraw(stored: StoredEntry, why: str, by: str, today: str) -> Entry:
    """Take an entry out of the ranking, for good; it stays, struck through. Raises `UsageError` when it is out."""
    state = stored.entry.state
    if state.withdrawn is not None:
        gone = state.withdrawn
        raise UsageError(
            f"the entry was withdrawn on {gone.date} by {gone.by}", where=str(stored.path), expected=gone.why
        )
    facts = {"date": today, "by": by, "why": why}
    after = {"active": False, "superseded_by": state.superseded_by, "withdrawn": facts}
    return _happened(stored, {"date": today, "event": "withdrawn", "by": by, "why": why, "facts": {}}, after)


def supersede(stored: StoredEntry, later: StoredEntry, by: str, today: str, why: str = "") -> Entry:
    """Let a later entry of the same suite stand in an entry's place. Raises `UsageError` where that makes no sense."""
    old, new = stored.entry, later.entry
    if old.id == new.id:
        raise UsageError("an entry cannot supersede itself", where=str(stored.path))
    if old.suite != new.suite:
        raise UsageError(f"{later.path.name} answers {new.board}, and this one {old.board}", where=str(stored.path))
    if not old.state.active:
        raise UsageError("the entry takes part no longer", where=str(stored.path), hint="see its history")
    if not new.state.active:
        raise UsageError("the later entry takes part no longer itself", where=str(later.path))
    event = {"date": today, "event": "superseded", "by": by, "why": why, "facts": {"later": new.id}}
    return _happened(stored, event, {"active": False, "superseded_by": new.id, "withdrawn": None})


def raised(stored: StoredEntry, tier: Tier, by: str, today: str, facts: dict[str, str | int | float | None]) -> Entry:
    """Note that an entry was scored again or made again, with the same numbers."""
    event = {"date": today, "event": tier, "by": by, "why": "", "facts": facts}
    return _happened(stored, event, stored.document["state"], tier)


def contradictions(entry: Entry) -> Iterator[str]:
    """Where state and tier are not what the history tells."""
    if entry.history[0].event != "submitted" or sum(one.event == "submitted" for one in entry.history) != 1:
        yield "the history does not begin with the one submission"
    dates = [one.date for one in entry.history]
    if dates != sorted(dates):
        yield "the history goes backwards in time"
    tier: Tier = "claimed"
    gone = later = None
    for event in entry.history:
        tier = _TIERS.get(event.event, tier) if tier != "re-made" else tier
        if event.event == "withdrawn":
            gone = event
        elif event.event == "superseded":
            later = str(event.facts.get("later"))
    if entry.tier != tier:
        yield f"the tier is '{entry.tier}', and the history tells of '{tier}'"
    state: State = entry.state
    if state.superseded_by != later:
        yield "the history and the state tell of different later entries"
    if (state.withdrawn is None) != (gone is None):
        yield "the history and the state disagree on whether the entry was withdrawn"
    if state.active != (gone is None and later is None):
        yield f"active is {str(state.active).lower()}, and the history says otherwise"


def _happened(
    stored: StoredEntry, event: dict[str, Any], state: dict[str, Any], tier: Tier | None = None
) -> Entry:  # fmt: skip
    document = dict(stored.document)
    document |= {"state": state, "tier": tier or document["tier"], "history": [*document["history"], event]}
    entry = entry_of(document, str(stored.path))  # what was given may not fit
    write_document(Path(stored.path), document)
    return entry
