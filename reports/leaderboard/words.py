"""What the pages say in words: who leads, and how far an entry was checked."""

from __future__ import annotations

from dataclasses import dataclass

from bench.leaderboard.entry import Tier
from reports.leaderboard.standings import Column, Standings

TIERS: dict[Tier, str] = {
    "claimed": "Its rows follow from its published values by object. Nobody else has measured its pictures yet.",
    "re-scored": "The board measured the published pictures again and got the same numbers.",
    "re-made": "The board ran the model itself.",
}
_MOST_NAMES = 4


@dataclass(frozen=True)
class Leaders:
    """What one primary result says of the first place: the entry with the best value, and who shares the place."""

    column: Column
    best: str
    level: tuple[str, ...]
    ranked: int

    @property
    def rest(self) -> int:
        """How many of those that share the place are not named."""
        return max(0, len(self.level) - _MOST_NAMES)

    @property
    def named(self) -> tuple[str, ...]:
        """The first of those that share the place."""
        return self.level[:_MOST_NAMES]

    @property
    def behind(self) -> int:
        """How many are shown to be worse than somebody."""
        return self.ranked - 1 - len(self.level)


def leaders(standings: Standings) -> tuple[Leaders, ...]:
    """One for each primary result that ranks anybody; entries by their ids."""
    found = []
    for number, column in enumerate(standings.columns):
        if not column.primary or not column.ranked:
            continue
        ranked = [line for line in standings.lines if line.cells[number].places is not None]
        ranked.sort(key=lambda line, n=number: line.cells[n].places.rank)  # type: ignore[union-attr,misc]
        best = ranked[0].entry.id
        level = tuple(line.entry.id for line in ranked if line.entry.id in column.leaders and line.entry.id != best)
        found.append(Leaders(column, best, level, column.ranked))
    return tuple(found)
