"""The long table of scores while it grows: appended per case, written atomically, always in the same order."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench.results.scores import ScoreRow, frame, read_scores
from bench.run.samples import SampleKey, SampleStore
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

    def keep(
        self, planned: Iterable[SampleKey], digests: Mapping[SampleKey, str], metrics: Iterable[str], store: SampleStore
    ) -> None:
        """Drop rows of metrics that the suite lost, and rows of pictures that are gone or were made anew.

        `planned` are all samples that this command asks for, `digests` those of them that are stored as it wants them:
        pictures that were replaced, or could not be made again, must not speak through numbers of an earlier run. What
        the command left out (`--limit`, `--generators`, `--seeds`) keeps the rows of its pictures, as `store` has them.
        """
        asked, m = set(planned), set(metrics)
        generators = {key.generator for key in asked}
        left_out: dict[SampleKey, str] = {}

        def stays(row: ScoreRow) -> bool:
            if row.metric not in m:
                return False
            if row.case is None or row.seed is None:  # a whole set's is measured again
                return row.generator not in generators and store.holds_any(row.generator)
            key = SampleKey(row.generator, row.case, row.seed)
            if key in asked:
                return digests.get(key) == row.sample
            if key not in left_out:
                left_out[key] = store.stored_digest(key) or ""  # as in rows of samples that could not be made
            return left_out[key] == row.sample

        self.rows = [row for row in self.rows if stays(row)]

    def of(self, planned: Iterable[SampleKey]) -> list[ScoreRow]:
        """The rows of these samples, without those of whole sets."""
        asked = {(key.generator, key.case, key.seed) for key in planned}
        return [row for row in self.rows if (row.generator, row.case, row.seed) in asked]

    def write(self, generators: Sequence[str], cases: Sequence[str], metrics: Sequence[str]) -> None:
        """Write the file in the suite's order, so that its values never depend on who finished first.

        Generators that the suite no longer names come last.
        """
        others = sorted({row.generator for row in self.rows} - set(generators))
        g, c, m = (
            dict(zip(names, range(len(names)), strict=True)) for names in ([*generators, *others], cases, metrics)
        )

        def place(row: ScoreRow) -> tuple[int, ...]:
            case = len(c) if row.case is None else c[row.case]  # whole sets come after their cases
            seed, view = (-1 if number is None else number for number in (row.seed, row.view))
            return g[row.generator], case, seed, m[row.metric], view

        buffer = io.BytesIO()
        frame(sorted(self.rows, key=place)).to_parquet(buffer, index=False)
        write_atomically(self.path, buffer.getvalue())
