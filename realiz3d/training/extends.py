"""`extends: OTHER` in a config: everything of the other one, except what is written here.

That is how methods are compared on equal terms: their configs share base, data and budget by construction, and differ
in what they say themselves.
"""

from __future__ import annotations

from typing import Any

# sections of several kinds, and the field that chooses: another kind replaces the section below as a whole
_CHOICES = {("method",): "name", ("base", "text"): "encoder", ("base", "made"): "transformer"}
# of fields that exclude each other the ones written above win
_EXCLUSIVE = (frozenset({"epochs", "steps"}), frozenset({"checkpoint", "made"}))


def merged(below: Any, above: Any, place: tuple[str, ...] = ()) -> Any:
    """Sections field by field, anything else from `above`. Neither is changed. place: where in the config they are."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    choice = _CHOICES.get(place)
    if choice in above and above[choice] != below.get(choice):
        return above
    kept = dict(below)
    for fields in _EXCLUSIVE:
        if fields & above.keys():
            kept = {key: value for key, value in kept.items() if key not in fields or key in above}
    for key, value in above.items():
        kept[key] = merged(kept[key], value, (*place, str(key))) if key in kept else value
    return kept
