"""Object scores of a run between its own yardsticks: the share of the way from the floor to the ceiling.

A generator class says that it is one by its attribute `role`. A run has normalised scores when exactly one of its
generators is a ceiling and exactly one a floor; each object is set against its own two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bench.metrics.declaration import Result
from bench.results.terms import Role
from bench.run.plan import Plan, generator_class
from bench.stats.normalise import ROLES, NormalisedScore, Yardsticks, normalised_score, yardsticks_of
from bench.suite.schema import GeneratorEntry


def role_of(entry: GeneratorEntry) -> Role | None:
    """What the generator's class says that it stands for."""
    role = generator_class(entry).role
    return role if role in ROLES else None


def find_yardsticks(generators: Sequence[GeneratorEntry]) -> Yardsticks:
    """The one ceiling and the one floor among the generators of a run."""
    return yardsticks_of({entry.name: role_of(entry) for entry in generators})


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
