"""The formats by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.leaderboard.entry import Entry
from bench.leaderboard.exports.croissant import croissant
from bench.leaderboard.exports.every_eval_ever import every_eval_ever
from bench.leaderboard.exports.hub import eval_results, model_index
from bench.leaderboard.exports.places import Places
from bench.leaderboard.pin import Pin
from groundwork.errors import UsageError

Export = Callable[[Entry, Pin, Places], str]

EXPORTS: Mapping[str, Export] = {
    "every-eval-ever": every_eval_ever,
    "hf-eval-results": eval_results,
    "model-index": model_index,
    "croissant": croissant,
}


def export_entry(entry: Entry, pin: Pin, format: str, places: Places) -> str:
    """The text of one export. Raises `UsageError` for an entry that was withdrawn: its numbers stay where they are."""
    if entry.state.withdrawn is not None and format != "croissant":
        gone = entry.state.withdrawn
        raise UsageError(f"the entry was withdrawn on {gone.date}, and is not exported", expected=gone.why)
    return EXPORTS[format](entry, pin, places)
