"""`gate.json`: everything that a gate found, as frozen models that the gate fills and every writer reads.

No time, user or path of a machine is in it: the same two inputs give the same bytes. Texts may be strangers' and are
not escaped here: escaping is each writer's.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bench.gate.verdicts import Verdict

GATE_FORMAT = 1


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_finite)]
"""A float; None where there is no number, or none that is finite."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Party(_Entry):
    """One of the two that were compared."""

    label: str = Field(description="How the page calls it: the generator's name, and where it comes from.")
    generator: str
    kind: Literal["run", "baseline"] = Field(description="A run folder, or a baseline directory.")
    suite: str
    version: int
    suite_hash: str = ""
    seeds: tuple[int, ...] = ()
    n_cases: int = 0
    commit: str = Field(default="", description="Of the code that scored it, where that is known.")
    accepted_by: str = ""
    reason: str = Field(default="", description="Why the baseline was accepted.")


class Difference(_Entry):
    """What sets two inputs apart, in words."""

    part: str
    baseline: str
    candidate: str


class ObjectHarm(_Entry):
    """An object and how much worse it got; for distances between sets, what it adds to the harm of the whole."""

    case: str
    before: Number = None
    after: Number = None
    harm: float
    note: str = ""


class GatedResult(_Entry):
    """One gated result and its verdict. `harm` is the change for the worse, positive is worse, in the result's unit."""

    metric: str
    title: str = ""
    direction: Literal["up", "down"]
    unit: str = ""
    verdict: Verdict
    reason: str = Field(description="The verdict in one sentence, with its numbers.")
    delta: float = Field(description="The harm that is tolerated.")
    baseline: Number = None
    candidate: Number = None
    harm: Number = None
    harm_low: Number = Field(default=None, description="One-sided 95 % bound from below.")
    harm_high: Number = Field(default=None, description="One-sided 95 % bound from above.")
    p_worse: Number = Field(default=None, description="One-sided, against no harm, before correction.")
    p_worse_holm: Number = Field(
        default=None, description="The same, corrected over all gated results of the page that changed."
    )
    p_better_holm: Number = None
    n_objects: int = 0
    failed: tuple[int, int] = Field(default=(0, 0), description="Samples without a value: baseline, candidate.")
    detectable: Number = Field(
        default=None, description="Least true harm that so many objects show with 80 % power at the corrected level."
    )
    could_fail: bool = Field(default=False, description="Whether so many objects can show any harm at all.")
    objects_needed: int | None = Field(default=None, description="How many objects would decide, if inconclusive.")
    differences: tuple[Difference, ...] = ()
    worst: tuple[ObjectHarm, ...] = Field(default=(), description="Objects that got worse, the worst first.")


class Drift(_Entry):
    """The baseline's own pictures, scored again by today's stack: what moved is not the model's doing."""

    metric: str
    stored: Number
    today: Number
    largest: float = Field(description="Largest change of one object.")
    drifted: bool


class KnownHarm(_Entry):
    """A known corruption of the baseline's own pictures, and what this gate says of it."""

    corruption: str
    verdict: Verdict
    caught_by: tuple[str, ...] = ()


class GatePage(_Entry):
    """The content of gate.json."""

    format: Literal[1] = 1  # GATE_FORMAT
    verdict: Verdict
    exit_code: int
    strict: bool = False
    level: float
    baseline: Party
    candidate: Party
    results: tuple[GatedResult, ...]
    could_fail: bool = Field(description="Whether any gated result could have shown harm; else a pass says nothing.")
    notes: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = Field(
        default=(), description="Versions and settings in which the two inputs differ."
    )
    drift: tuple[Drift, ...] | None = Field(default=None, description="None: nothing was scored again.")
    sensitivity: tuple[KnownHarm, ...] | None = Field(default=None, description="None: no corruption was scored.")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, null where there is no number."""
        return self.model_dump(mode="json")

    def count(self, verdict: Verdict) -> int:
        """How many gated results have this verdict."""
        return sum(result.verdict == verdict for result in self.results)


def gate_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of gate.json, kept in docs/gate.schema.json."""
    schema = GatePage.model_json_schema(mode="serialization")
    title = f"realiz3d-bench gate.json, format {GATE_FORMAT}"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}
