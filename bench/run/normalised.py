"""Object scores of a run between its own yardsticks: the share of the way from the floor to the ceiling.

A generator class says that it is one by its attribute `role`. A run has normalised scores when exactly one of its
generators is a ceiling and exactly one a floor; each object is set against its own two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from bench.metrics.declaration import Result
from bench.results.terms import Role
from bench.run.plan import Plan, generator_class
from bench.stats.normalise import NormalisedScore, normalised_score
from bench.suite.schema import GeneratorEntry

ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True)
class Yardsticks:
    """Names of the run's ceiling and floor. `problem` says why there is no such pair; the names are then ''."""

    ceiling: str = ""
    floor: str = ""
    problem: str = ""


def role_of(entry: GeneratorEntry) -> Role | None:
    """What the generator's class says that it stands for."""
    role = generator_class(entry).role
    return role if role in ROLES else None


def find_yardsticks(generators: Sequence[GeneratorEntry]) -> Yardsticks:
    """The one ceiling and the one floor among the generators of a run."""
    names = {role: [entry.name for entry in generators if role_of(entry) == role] for role in ROLES}
    problems = [
        f"the run has no {role}" if not found else f"the run has {len(found)} {role}s ({', '.join(found)})"
        for role, found in names.items()
        if len(found) != 1
    ]
    if problems:
        return Yardsticks(problem=" and ".join(problems) + ": one of each is needed")
    return Yardsticks(names["ceiling"][0], names["floor"][0])


def normalised_row(
    plan: Plan, yardsticks: Yardsticks, result: Result, values: Mapping[str, Mapping[str, float]], generator: str
) -> NormalisedScore:
    """One generator's normalised score; `values` are those of this result: generator -> case -> value."""
    if yardsticks.problem:
        return NormalisedScore(note=yardsticks.problem)
    scores, ceilings, floors = (
        [values.get(name, {}).get(case.id, math.nan) for case in plan.cases]
        for name in (generator, yardsticks.ceiling, yardsticks.floor)
    )
    return normalised_score(scores, ceilings, floors, result.direction)
