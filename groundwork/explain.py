"""Pydantic's verdict on a document in words: what is wrong, what was expected, which name was probably meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from groundwork.errors import nearest
from groundwork.yaml_tree import Kind, Node, Step

_SHOWN = 60
_WORDS = {
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "a text (in quotes where it looks like a number)",
    "a valid array": "a list, such as [0, 1]",
    "a valid tuple": "a list, such as [0, 1]",
    "a valid dictionary": "a section of keys",
    "a valid boolean": "true or false",
    "an object": "a section of keys",
}


@dataclass(frozen=True)
class Problem:
    """Something wrong at `path`, not yet tied to a line."""

    path: tuple[Step, ...]
    message: str
    expected: str = ""
    hint: str = ""

    def located(self, root: Node, kind: type[Kind], named: Sequence[str] = ()) -> Kind:
        """The error for people: the line is that of the deepest part of the path that exists. `named`: see `follow`."""
        node, words = root.follow(self.path, named)
        where = f"{node.where}: {words}" if words else node.where
        return kind(self.message, where=where, expected=self.expected, hint=self.hint)


def unknown_key(path: tuple[Step, ...], kind: str, valid: Iterable[str]) -> Problem:
    """A key that is none; `kind` says of what: "option of metric 'cde'"."""
    hint = nearest(str(path[-1]), valid)
    return Problem(path, f"unknown {kind}: '{path[-1]}'", hint=hint or "remove it: there are no options here")


def unknown_choice(path: tuple[Step, ...], detail: Any, valid: Sequence[str]) -> Problem:
    """A section of several kinds (`path` ends with the field that chooses) which is of none of them."""
    name = path[-1]
    if detail["type"] == "union_tag_not_found":
        return Problem(path, f"'{name}' is missing", " or ".join(f"{name}: {one}" for one in valid))
    tag = str(detail["ctx"]["tag"])
    return Problem(path, f"unknown {name} '{tag}'", " or ".join(valid), nearest(tag, valid))


def wrong_value(path: tuple[Step, ...], detail: Any, whole: str) -> Problem:
    """A value that is missing or does not fit; `whole` is what people call the document."""
    name = f"'{path[-1]}'" if path else whole
    if detail["type"] == "missing":
        return Problem(path, f"{name} is missing")
    if detail["type"] == "value_error":
        text = str(detail["ctx"]["error"])
        expected = text.removeprefix("expected ")
        if expected == text:
            return Problem(path, text)
        if isinstance(detail["input"], dict):
            return Problem(path, f"{name} does not fit together", expected)
        return Problem(path, f"{shown(detail['input'])} does not fit {name}", expected)
    expected = detail["msg"].replace("Input should be ", "")
    for formal, word in _WORDS.items():
        expected = expected.replace(formal, word)
    hint = ""
    if detail["type"] == "literal_error" and isinstance(detail["input"], str):
        hint = nearest(detail["input"], detail["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", "))
    return Problem(path, f"{shown(detail['input'])} does not fit {name}", expected, hint)


def description(model: type[BaseModel], field: Step) -> str:
    """What a model says about one of its fields, if anything."""
    found = model.model_fields.get(str(field))
    return (found.description or "") if found else ""


def shown(value: object) -> str:
    """A value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
