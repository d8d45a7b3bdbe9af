"""An entry: what one generator scored on one suite, who says so, and all that is needed to check it.

Two parts. The *content* never changes: its hash is the entry's id. What happens to an entry later (scored again,
superseded, withdrawn) is its *standing*: `state`, `tier` and `history` lie beside the content and are not hashed.
A file of another `format` is refused, so raise `ENTRY_FORMAT` whenever a field goes or changes its meaning.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bench.leaderboard.texts import Date, Line, Name, Prose, Sha256, Signature, Url
from bench.results.layout import is_name
from bench.results.summary import Number
from bench.results.terms import Axis, Direction, Status
from groundwork.hashing import hash_json

ENTRY_FORMAT = 1
STANDING = ("id", "state", "tier", "history")
"""Fields that are not part of the content."""

Tier = Literal["claimed", "re-scored", "re-made"]
"""How far an entry was checked: its rows follow from its values by object; we measured its published pictures and got
the same numbers; we ran its model."""

Happening = Literal["submitted", "re-scored", "re-made", "superseded", "withdrawn"]
ByObject = Literal["values", "leave_one_out", "none"]


def _case(text: str) -> str:
    if not is_name(text) or any(not letter.isprintable() for letter in text):
        raise ValueError("expected a case's id, which is the name of a folder and no path")
    return text


SafeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$")]
SafeCase = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_case)]
Count = Annotated[int, Field(ge=0)]
Fact = Line | int | float | bool | None
Finite = Annotated[float, Field(ge=-1e12, le=1e12)] | None
"""No result has numbers beyond; what is larger overflows where it is added up or drawn."""
ResultName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[!-~]+$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class SuiteName(_Part):
    """Which question was asked; `hash` is that of the suite, as runs print it."""

    name: SafeName
    version: int = Field(ge=1)
    hash: Sha256


class Harness(_Part):
    """What measured."""

    name: Name = "realiz3d-bench"
    version: Line
    commit: Line = Field(default="", description="Of the checkout that the code ran from, where it was one.")


class Code(_Part):
    """Where the code is, and which state of it made the pictures."""

    url: Url
    commit: Line = ""


class Weights(_Part):
    """Where the weights are, and their hash: an address alone may hold others tomorrow."""

    url: Url | None = None
    sha256: Sha256 | None = None


class Model(_Part):
    """What made the pictures. `name` is what the run calls it."""

    name: SafeName
    model: Name = Field(description="As people call it.")
    developer: Name
    description: Line = ""
    calibration: bool = Field(default=False, description="A yardstick, known by construction: never ranked.")
    use: Line = Field(default="", description="The adapter that made or read the pictures.")
    paper: Url | None = None
    code: Code | None = None
    weights: Weights | None = None
    licence: Line = Field(min_length=1, description="Of code or weights; SPDX where there is one.")


class Pictures(_Part):
    """Where the pictures lie, as a folder or an archive that `leaderboard rescore` reads."""

    url: Url
    sha256: Sha256 | None = Field(default=None, description="Of the archive.")
    licence: Line = ""


class Preview(_Part):
    """The contact sheet beside the entry: one line of `views` pictures, `size` px each, for every one of `cases`."""

    sha256: Sha256
    cases: tuple[SafeCase, ...] = Field(max_length=64)
    views: int = Field(ge=1, le=64)
    size: int = Field(ge=16, le=256)


class EntryRow(_Part):
    """One number. `by_object` says what the table beside holds: values, the number without each object, or nothing."""

    metric: ResultName
    axis: Axis
    direction: Direction
    unit: Line = ""
    value: Finite = None
    ci_low: Finite = None
    ci_high: Finite = None
    measured: Finite = Field(default=None, description="The value over the samples that are there, where some lack.")
    n_objects: Count = 0
    n_missing: Count = 0
    n_images: Count = 0
    coverage: Number = None
    status: Status
    note: Prose = ""
    signature: Signature = ""
    by_object: ByObject = "none"


class Withdrawn(_Part):
    """When, by whom and why."""

    date: Date
    by: Name
    why: Prose = Field(min_length=3)


class State(_Part):
    """Whether the entry takes part, and if not, why."""

    active: bool = True
    superseded_by: Sha256 | None = None
    withdrawn: Withdrawn | None = None


class Event(_Part):
    """Something that happened to an entry. Events are added, never changed."""

    date: Date
    event: Happening
    by: Name
    why: Prose = ""
    facts: dict[Line, Line | int | float | None] = Field(default_factory=dict, max_length=20)


class Entry(_Part):
    """The content of an entry's JSON file."""

    format: Literal[1]  # ENTRY_FORMAT
    id: Sha256 = Field(description="SHA-256 of the content: all but id, state, tier and history, in canonical form.")
    suite: SuiteName
    harness: Harness
    generator: Model
    sampled_by: Name
    evaluated_by: Name
    relationship: Literal["first_party", "third_party"] = Field(
        description="Of who evaluated to who developed: the developers themselves, or others."
    )
    date: Date = Field(description="Of the run.")
    hardware: dict[Line, Fact] = Field(max_length=30)
    versions: dict[Line, Line] = Field(default_factory=dict, max_length=60, description="Of the packages that decide.")
    command: Prose = Field(description="What was typed, without the folders of the machine.")
    overlap: Prose = Field(min_length=3, description="What is known of the suite's objects in the training data.")
    remarks: Prose = ""
    seeds: tuple[Count, ...] = Field(min_length=1, max_length=1000)
    rows: tuple[EntryRow, ...] = Field(min_length=1, max_length=500)
    samples: dict[str, Sha256 | None] = Field(
        min_length=1,
        max_length=200_000,
        description="`case/seed` -> hash of the pixels; null where there is no sample.",
    )
    objects: Sha256 = Field(description="Hash of the table of values by object, the .parquet beside.")
    pictures: Pictures | None = None
    preview: Preview | None = None
    state: State = State()
    tier: Tier = "claimed"
    history: tuple[Event, ...] = Field(min_length=1, max_length=200)

    @property
    def board(self) -> str:
        """The folder of its suite: `miniworld-v3`."""
        return f"{self.suite.name}-v{self.suite.version}"

    @property
    def label(self) -> str:
        """How lists call it."""
        return f"{self.generator.model} ({self.generator.developer})"

    def row(self, metric: str) -> EntryRow | None:
        """The row of a result, None where there is none."""
        return next((row for row in self.rows if row.metric == metric), None)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return self.model_dump(mode="json")


def content_id(document: dict[str, Any]) -> str:
    """The id that an entry with this document must have: SHA-256 of its content as sorted, compact JSON."""
    return hash_json({key: value for key, value in document.items() if key not in STANDING})


def entry_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of an entry, kept in docs/leaderboard-entry.schema.json and published with the site."""
    schema = Entry.model_json_schema(mode="validation")
    title = f"realiz3d-bench leaderboard entry, format {ENTRY_FORMAT}"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}
