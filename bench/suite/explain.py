"""Pydantic's verdict on a suite in words: what is wrong, what was expected, which name was probably meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import BaseModel, ValidationError

from bench.errors import nearest
from bench.suite.schema import (
    REFERENCE_KINDS,
    Gate,
    MeshCases,
    MiniworldCases,
    MiniworldObjects,
    PromptCases,
    Suite,
)
from bench.suite.views import CameraFiles, Views
from groundwork.explain import Problem, description, shown, unknown_choice, unknown_key, wrong_value
from groundwork.yaml_tree import Step

_SAFE_NAME = "a name of letters, digits, '.', '_' and '-' that does not begin with '.' or '-', at most 64 characters"


def explain_suite(error: ValidationError) -> Iterator[Problem]:
    """What the schema found wrong with a suite."""
    for detail in error.errors(include_url=False):
        location = detail["loc"]
        path = _without_tags(location)
        match detail["type"]:
            case "extra_forbidden":
                yield unknown_key(path, "key", _keys_beside(location))
            case "union_tag_not_found" if path[:1] == ("references",):
                given = detail["input"] if isinstance(detail["input"], dict) else {}
                strangers = [key for key in given if key not in REFERENCE_KINDS]
                yield Problem(
                    path,
                    f"it is not clear what the reference '{path[-1]}' is",
                    "exactly one of generator, folder, shipped (or built), miniworld, such as {folder: DIR}",
                    nearest(strangers[0], REFERENCE_KINDS) if strangers else "",
                )
            case "union_tag_not_found" | "union_tag_invalid":
                yield unknown_choice((*path, "source"), detail, ("meshes", "prompts", "miniworld"))
            case "string_pattern_mismatch":
                yield Problem(path, f"{shown(detail['input'])} cannot be a name here", _SAFE_NAME)
            case _:
                yield wrong_value(path, detail, "the suite")


def explain_options(
    error: ValidationError, prefix: tuple[Step, ...], owner: str, options: type[BaseModel]
) -> Iterator[Problem]:
    """What a plug-in's `Options` model found wrong; `prefix` is where its options stand in the suite."""
    for detail in error.errors(include_url=False):
        path = (*prefix, *detail["loc"])
        if detail["type"] == "extra_forbidden" and len(detail["loc"]) == 1:
            yield unknown_key(path, f"option of {owner}", options.model_fields)
        elif detail["type"] == "missing":
            hint = description(options, path[-1]) if len(detail["loc"]) == 1 else ""
            yield Problem(path, f"{owner} needs the option '{detail['loc'][-1]}'", hint=hint)
        else:
            yield wrong_value(path, detail, "the suite")


def _without_tags(location: tuple[Step, ...]) -> tuple[Step, ...]:
    """Pydantic puts the chosen member of a union into the location; the file has no such level."""
    if location and location[-1] == "[key]":
        location = location[:-1]
    if location[:1] == ("cases",):
        return location[:1] + location[2:]
    if location[:1] == ("references",) or (location[:1] == ("views",) and location[2:3] in (("one",), ("each",))):
        return location[:2] + location[3:]
    return location


def _keys_beside(location: tuple[Step, ...]) -> Iterable[str]:
    match location:
        case (_,):
            return Suite.model_fields
        case ("views", _):
            return Views.model_fields
        case ("views", "cameras", _):
            return CameraFiles.model_fields
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
