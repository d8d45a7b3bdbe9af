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
    """What one primary result says of the first place: who has the best value, and who is not told apart from it."""

    column: Column
    best: str
    level: tuple[str, ...]
    alike: bool
    """Whether all have the same value, so that nobody leads."""

    @property
    def rest(self) -> int:
        """How many of those that are not told apart are not named."""
        return max(0, len(self.level) - _MOST_NAMES)

    @property
    def named(self) -> tuple[str, ...]:
        """The first of those that are not told apart."""
        return self.level[:_MOST_NAMES]

    @property
    def behind(self) -> int:
        """How many are shown to be worse than the best."""
        return self.column.ranked - 1 - len(self.level)


def leaders(standings: Standings) -> tuple[Leaders, ...]:
    """One for each primary result that ranks anybody; entries by their ids."""
    found = []
    for number, column in enumerate(standings.columns):
        ranked = [
            (p.rank, line.entry.id, p, line.cells[number].value)
            for line in standings.lines
            if (p := line.cells[number].places) is not None
        ]
        if column.primary and ranked:
            _, best, places, _ = min(ranked, key=lambda one: one[0])
            found.append(Leaders(column, best, places.level, len({value for *_, value in ranked}) == 1))
    return tuple(found)
