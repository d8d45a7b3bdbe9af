"""Pydantic's verdict on a suite in words: what is wrong, what was expected, which name was probably meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from bench.errors import SuiteError, nearest
from bench.suite.schema import (
    REFERENCE_KINDS,
    Gate,
    MeshCases,
    MiniworldCases,
    MiniworldObjects,
    PromptCases,
    Suite,
    Views,
)
from groundwork.yaml_tree import Node, Step

_SAFE_NAME = "a name of letters, digits, '.', '_' and '-' that does not begin with '.' or '-', at most 64 characters"
_SHOWN = 60
_WORDS = {
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "a text (in quotes where it looks like a number)",
    "a valid array": "a list, such as [0, 1]",
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

    def located(self, root: Node) -> SuiteError:
        """The error for people: the line is that of the deepest part of the path that exists."""
        node, words = root.follow(self.path)
        where = f"{node.where}: {words}" if words else node.where
        return SuiteError(self.message, where=where, expected=self.expected, hint=self.hint)


def explain_suite(error: ValidationError) -> Iterator[Problem]:
    """What the schema found wrong with a suite."""
    for detail in error.errors(include_url=False):
        location = detail["loc"]
        path = _without_tags(location)
        match detail["type"]:
            case "extra_forbidden":
                yield _unknown_key(path, "key", _keys_beside(location))
            case "union_tag_not_found" if path[:1] == ("references",):
                given = detail["input"] if isinstance(detail["input"], dict) else {}
                strangers = [key for key in given if key not in REFERENCE_KINDS]
                yield Problem(
                    path,
                    f"it is not clear what the reference '{path[-1]}' is",
                    "exactly one of generator, folder, shipped (or built), miniworld, such as {folder: DIR}",
                    nearest(strangers[0], REFERENCE_KINDS) if strangers else "",
                )
            case "union_tag_not_found":
                yield Problem(
                    (*path, "source"), "'source' is missing", "source: meshes, source: prompts or source: miniworld"
                )
            case "union_tag_invalid":
                tag = str(detail["ctx"]["tag"])
                yield Problem(
                    (*path, "source"),
                    f"unknown source '{tag}'",
                    "meshes, prompts or miniworld",
                    nearest(tag, ["meshes", "prompts", "miniworld"]),
                )
            case "string_pattern_mismatch":
                yield Problem(path, f"{_shown(detail['input'])} cannot be a name here", _SAFE_NAME)
            case _:
                yield _wrong_value(path, detail)


def explain_options(
    error: ValidationError, prefix: tuple[Step, ...], owner: str, options: type[BaseModel]
) -> Iterator[Problem]:
    """What a plug-in's `Options` model found wrong; `prefix` is where its options stand in the suite."""
    for detail in error.errors(include_url=False):
        path = (*prefix, *detail["loc"])
        if detail["type"] == "extra_forbidden" and len(detail["loc"]) == 1:
            yield _unknown_key(path, f"option of {owner}", options.model_fields)
        elif detail["type"] == "missing":
            yield Problem(
                path, f"{owner} needs the option '{detail['loc'][-1]}'", hint=_description(options, detail["loc"])
            )
        else:
            yield _wrong_value(path, detail)


def _description(options: type[BaseModel], location: tuple[Step, ...]) -> str:
    field = options.model_fields.get(str(location[0])) if len(location) == 1 else None
    return (field.description or "") if field else ""


def _unknown_key(path: tuple[Step, ...], kind: str, valid: Iterable[str]) -> Problem:
    hint = nearest(str(path[-1]), valid)
    return Problem(path, f"unknown {kind}: '{path[-1]}'", hint=hint or "remove it: there are no options here")


def _wrong_value(path: tuple[Step, ...], detail: Any) -> Problem:
    name = path[-1] if path else "the suite"
    if detail["type"] == "missing":
        return Problem(path, f"'{name}' is missing")
    if detail["type"] == "value_error":
        text = str(detail["ctx"]["error"])
        expected = text.removeprefix("expected ")
        message = text if expected == text else f"{_shown(detail['input'])} does not fit '{name}'"
        return Problem(path, message, "" if expected == text else expected)
    expected = detail["msg"].replace("Input should be ", "")
    for formal, word in _WORDS.items():
        expected = expected.replace(formal, word)
    hint = ""
    if detail["type"] == "literal_error" and isinstance(detail["input"], str):
        hint = nearest(detail["input"], detail["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", "))
    return Problem(path, f"{_shown(detail['input'])} does not fit '{name}'", expected, hint)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _without_tags(location: tuple[Step, ...]) -> tuple[Step, ...]:
    """Pydantic puts the chosen member of a union into the location; the file has no such level."""
    if location and location[-1] == "[key]":
        location = location[:-1]
    if location[:1] == ("cases",):
        return location[:1] + location[2:]
    if location[:1] == ("references",) or location[:2] == ("views", "elevation"):
        return location[:2] + location[3:]
    return location


def _keys_beside(location: tuple[Step, ...]) -> Iterable[str]:
    match location:
        case (_,):
            return Suite.model_fields
        case ("views", _):
            return Views.model_fields
        case ("cases", "meshes", _):
            return MeshCases.model_fields
        case ("cases", "prompts", _):
            return PromptCases.model_fields
        case ("cases", "miniworld", _):
            return MiniworldCases.model_fields
        case ("references", _, str(), _):
            return REFERENCE_KINDS
        case ("references", _, "miniworld", "miniworld", _):
            return MiniworldObjects.model_fields
        case ("gates", _, _):
            return Gate.model_fields
    return ()
