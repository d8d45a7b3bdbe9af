"""`extends: OTHER` in a config: everything of the other one, except what is written here.

That is how methods are compared on equal terms: their configs share base, data and budget by construction, and differ
in what they say themselves.
"""

from __future__ import annotations

from groundwork.yaml_tree import Node

# sections of several kinds, and the field that chooses: another kind replaces the section below as a whole
_CHOICES = {("method",): "name", ("base", "text"): "encoder", ("base", "made"): "transformer"}
# of fields that exclude each other the ones written above win
_EXCLUSIVE = (frozenset({"epochs", "steps"}), frozenset({"checkpoint", "made"}))


def merged(below: Node, above: Node, place: tuple[str, ...] = ()) -> Node:
    """Sections field by field, anything else from `above`. Neither is changed. place: where in the config they are."""
    if not (isinstance(below.value, dict) and isinstance(above.value, dict)):
        return above
    choice = _CHOICES.get(place)
    if choice in above.value and above.value[choice].value != _value(below.value.get(choice)):
        return above
    kept = dict(below.value)
    for fields in _EXCLUSIVE:
        if fields & above.value.keys():
            kept = {key: node for key, node in kept.items() if key not in fields or key in above.value}
    for key, node in above.value.items():
        kept[key] = merged(kept[key], node, (*place, key)) if key in kept else node
    return Node(kept, above.where, above.base)


def _value(node: Node | None) -> object:
    return None if node is None else node.value
