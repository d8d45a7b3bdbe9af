"""The long table of scores while it grows: appended per case, written atomically, always in the same order."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench.results.scores import ScoreRow, frame, read_scores
from bench.run.samples import SampleKey
from groundwork.files import write_atomically


class ScoreTable:
    """Rows in memory with a file behind them. Raises `InputError` for a file that cannot be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[ScoreRow] = read_scores(path) if path.is_file() else []

    def replace(self, rows: Iterable[ScoreRow]) -> None:
        """Add rows; those of the same generator, case, seed and metric give way."""
        fresh = list(rows)
        gone = {(r.generator, r.case, r.seed, r.metric) for r in fresh}
        self.rows = [r for r in self.rows if (r.generator, r.case, r.seed, r.metric) not in gone] + fresh

    def keep(self, generators: Iterable[str], metrics: Iterable[str], digests: Mapping[SampleKey, str]) -> None:
        """Drop rows that are not of the plan's generators and metrics, or not of a sample that is there now.

        `digests` are the stored samples of the plan: a case or seed that it left out, and pictures that were replaced
        or could not be made again, must not speak through numbers of an earlier run.
        """
        g, m = set(generators), set(metrics)
        self.rows = [r for r in self.rows if r.generator in g and r.metric in m and _is_of(r, digests)]

    def write(self, generators: Sequence[str], cases: Sequence[str], metrics: Sequence[str]) -> None:
        """Write the file in the plan's order, so that its values never depend on who finished first."""
        g, c, m = (dict(zip(names, range(len(names)), strict=True)) for names in (generators, cases, metrics))

        def place(row: ScoreRow) -> tuple[int, ...]:
            case = len(c) if row.case is None else c[row.case]  # whole sets come after their cases
            seed, view = (-1 if number is None else number for number in (row.seed, row.view))
            return g[row.generator], case, seed, m[row.metric], view

        buffer = io.BytesIO()
        frame(sorted(self.rows, key=place)).to_parquet(buffer, index=False)
        write_atomically(self.path, buffer.getvalue())


def _is_of(row: ScoreRow, digests: Mapping[SampleKey, str]) -> bool:
    if row.case is None or row.seed is None:
        return True
    return digests.get(SampleKey(row.generator, row.case, row.seed)) == row.sample
