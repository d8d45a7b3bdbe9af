"""What a second measurement says of an entry, and the event that it adds to the entry's history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import __version__
from bench.leaderboard.entry import Entry, Tier
from bench.leaderboard.repository import StoredEntry
from bench.leaderboard.rescoring.measuring import LEVEL, TOLERANCE, Again, told_apart
from bench.leaderboard.standing import raised
from groundwork.errors import UsageError
from groundwork.hashing import hash_file


@dataclass(frozen=True)
class Outcome:
    """`same`: the tier is deserved. `words` say why, or why not."""

    tier: Tier
    same: bool
    words: str
    results: tuple[Again, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def verdict(found: Sequence[Again], primary: tuple[str, ...], made: bool) -> Outcome:
    """Published pictures must give every number again; pictures made again may be told apart on no primary result."""
    results = tuple(found)
    if made:
        differing = told_apart(list(found), primary)
        words = (
            f"not the same: {', '.join(differing)}"
            if differing
            else f"our run of the model is told apart on no primary result (p ≥ {LEVEL:g}, corrected)"
        )
        return Outcome("re-made", not differing, words, results)
    differing = [one.metric for one in found if not one.same]
    words = (
        f"not the same: {len(differing)} of {len(results)} results differ"
        if differing
        else f"the same: {len(results)} results within {TOLERANCE:g} of their size"
    )
    return Outcome("re-scored", not differing, words, results)


def lines(found: Sequence[Again], made: bool) -> Iterator[str]:
    """One for each result."""
    for one in found:
        if one.problem:
            yield f"{'differs':<8} {one.metric}: it {one.problem}"
        else:
            word = "same" if one.same else "made" if made else "differs"
            p = f", p = {one.p_value:.3g}" if made and one.p_value is not None else ""
            yield f"{word:<8} {one.metric}: {one.stored:.6g} -> {one.today:.6g}, largest change {one.largest:.1e}{p}"


def note_it(stored: StoredEntry, outcome: Outcome, by: str, today: str, source: Path) -> Entry:
    """Add the event. Raises `UsageError` for an entry that was withdrawn: nothing raises that again."""
    if stored.entry.state.withdrawn is not None:
        raise UsageError("the entry was withdrawn, and keeps its tier", where=str(stored.path))
    facts: dict[str, str | int | float | None] = {
        "harness": __version__,
        "results": len(outcome.results),
        "largest": max(one.largest for one in outcome.results),
        "tolerance": None if outcome.tier == "re-made" else TOLERANCE,
        "pictures": hash_file(source) if source.is_file() else source.name,
    }
    return raised(stored, outcome.tier, by, today, facts)
