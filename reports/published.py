"""What the Realiz3D paper printed, beside what was measured, and what each method's training cost.

Published numbers stand in a table of their own. They come from other objects, references, networks and cameras, so that
no number here may be ranked with one there.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from reports.run_folder import PhaseInfo
from reports.table import Table

WARNING = (
    "Published numbers (Realiz3D, arXiv 2605.13852) were measured on other objects, references and cameras. They show "
    "which way a difference went there; they are not comparable with the values measured here."
)
COST = (
    "Samples are grids of views; FLOPs count forward and backward passes of the network that trains. Methods that saw "
    "more samples or spent more FLOPs had more to learn from."
)


@dataclass(frozen=True)
class PublishedRow:
    """A generator, the paper's row that it stands for, and the printed values by metric ('' where none is printed)."""

    generator: str
    place: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class TrainingRow:
    """One phase of a generator's training."""

    generator: str
    phase: PhaseInfo


@cache
def published(table: int) -> dict[str, dict[str, str]]:
    """The values of a table of the paper as printed, by row and metric."""
    text = (files("reports") / "published" / f"table{table}.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["row"]: {name: value for name, value in row.items() if name != "row"} for row in rows}


def published_rows(table: Table) -> list[PublishedRow]:
    """Of the generators that say which row they stand for; rows that the paper does not have are left out."""
    found = []
    for source in table.sources:
        paper = source.generator.paper
        values = published(paper.table).get(paper.row) if paper is not None else None
        if paper is not None and values is not None:
            found.append(PublishedRow(source.label, f"table {paper.table}, {paper.row}", values))
    return found


def training_rows(table: Table) -> list[TrainingRow]:
    """What is known of the generators' trainings, phase by phase."""
    return [TrainingRow(source.label, phase) for source in table.sources for phase in source.generator.training]
