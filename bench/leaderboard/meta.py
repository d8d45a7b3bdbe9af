"""`meta.yaml`: what a run cannot know of the model behind it, in its developer's words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.leaderboard.entry import Code, Pictures, Weights
from bench.leaderboard.texts import Line, Name, Prose, Url
from groundwork.documents import Document
from groundwork.errors import UsageError
from groundwork.explain import Problem, description, unknown_key, wrong_value


class MetaError(UsageError):
    """The file about the model is wrong; `where` is `file:line: field`."""


class Meta(BaseModel):
    """The content of meta.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    developer: Name = Field(description="Who made the model.")
    licence: Line = Field(min_length=1, description="Of code or weights, such as Apache-2.0.")
    overlap: Prose = Field(
        min_length=3, description="What is known of the suite's objects in the training data; 'not known' is an answer."
    )
    model: Name | None = Field(default=None, description="As people call it; the run's name when left out.")
    description: Line = Field(default="", description="What it is, in a sentence.")
    paper: Url | None = Field(default=None, description="Address of a paper.")
    code: Code | None = Field(default=None, description="Address of the code, and its commit.")
    weights: Weights | None = Field(default=None, description="Address of the weights, and their SHA-256.")
    sampled_by: Name | None = Field(default=None, description="Who made the pictures; the developer when left out.")
    evaluated_by: Name | None = Field(default=None, description="Who scored them; the developer when left out.")
    relationship: Literal["first_party", "third_party"] | None = Field(
        default=None, description="first_party: the developer scored it; told from the names when left out."
    )
    pictures: Pictures | None = Field(
        default=None, description="Where the pictures lie, so that others can score them."
    )
    remarks: Prose = Field(default="", description="What else readers should know.")


def read_meta(path: Path) -> Meta:
    """Read the file. Raises `MetaError`, which names the line."""
    document = Document(
        "file about the model", {}, MetaError, "developer, licence and overlap", "see docs/leaderboard.md"
    )
    root, problems = document.read(path, document.find(path), path.absolute().parent)
    meta = None
    try:
        meta = Meta.model_validate_json(json.dumps(root.plain()))
    except ValidationError as error:
        problems += [problem.located(root, MetaError) for problem in _problems(error)]
    if meta is None or problems:
        raise problems[0]
    return meta


def _problems(error: ValidationError) -> Iterator[Problem]:
    for detail in error.errors(include_url=False):
        path = detail["loc"]
        if detail["type"] == "extra_forbidden" and len(path) == 1:
            yield unknown_key(path, "key", Meta.model_fields)
        elif detail["type"] == "missing" and len(path) == 1:
            yield Problem(path, f"'{path[0]}' is missing", description(Meta, path[0]))
        else:
            yield wrong_value(path, detail, "the file")
