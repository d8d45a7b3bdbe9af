"""The comparison table that every writer prints: which numbers may stand in one column, and which are best there.

Two numbers share a column only when their signatures agree. Runs of different suites, and limited runs, get tables of
their own. Within one run, a column whose signatures disagree is shown but refused: nothing in it is ranked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.results.read import RunResults
from bench.results.signatures import describe_difference
from bench.results.summary import Comparison, GeneratorInfo, MetricInfo, Row

STATUS_TEXT = {
    "ok": "no value",
    "not_measurable": "not measurable",
    "weights_missing": "weights missing",
    "failed": "failed",
}
ARROWS = {"up": "↑", "down": "↓"}
WIDE = 15  # columns: more do not fit a screen, and metrics go down the page instead


@dataclass(frozen=True)
class Source:
    """A row of the table: one generator of one run. `calibrates`: a yardstick beside contestants, not one of them."""

    run: RunResults
    generator: GeneratorInfo
    label: str
    calibrates: bool


@dataclass(frozen=True)
class ReferenceFloor:
    """A set metric between two samples of the reference itself, `n` pictures each (None: not known)."""

    value: float
    n: int | None

    def label(self, metric: str) -> str:
        """'photos vs photos, n = 94'."""
        name = metric.rpartition("@")[2] if "@" in metric else "reference"
        return f"{name} vs {name}" + (f", n = {self.n}" if self.n is not None else "")


@dataclass(frozen=True)
class Column:
    """A metric under one signature. `runs` are the labels of the runs that it joins; `number` is its footnote's."""

    metric: MetricInfo
    primary: bool
    number: int
    runs: tuple[str, ...]
    signatures: tuple[str, ...]
    suffix: str = ""  # 'a', 'b', ... when the same metric needs several columns
    n_objects: int | None = None  # the usual counts; cells that differ say so
    n_images: int | None = None
    floor: ReferenceFloor | None = None  # of set distances, where it is the same for all generators

    @property
    def refused(self) -> bool:
        """Signatures disagree: values are shown but neither ranked nor compared."""
        return len(self.signatures) > 1

    @property
    def difference(self) -> str:
        """Where the signatures disagree, in one line."""
        return describe_difference(self.signatures)

    @property
    def arrow(self) -> str:
        """Which way is better."""
        return ARROWS[self.metric.direction]


@dataclass(frozen=True)
class Cell:
    """A number or the reason why there is none. `row` is None where the run holds no such row."""

    row: Row | None
    best: bool = False

    @property
    def floor(self) -> ReferenceFloor | None:
        """What the reference scores against itself at this generator's number of pictures, for set distances."""
        return _floor(self.row) if self.row is not None and self.value is not None else None

    @property
    def value(self) -> float | None:
        """The number, None unless its status is ok."""
        return self.row.value if self.row is not None and self.row.status == "ok" else None

    @property
    def reason(self) -> str:
        """Why there is no number, '' when there is one."""
        if self.value is not None:
            return ""
        return "not scored" if self.row is None else STATUS_TEXT[self.row.status]


@dataclass(frozen=True)
class Gap:
    """Cells without a number for one and the same reason: every one of `sources` under every one of `columns`."""

    sources: tuple[Source, ...]
    columns: tuple[Column, ...]
    reason: str
    note: str


@dataclass(frozen=True)
class Table:
    """Generators by metrics for runs that may stand side by side. `split` says which metrics could not be joined."""

    runs: tuple[RunResults, ...]
    sources: tuple[Source, ...]
    columns: tuple[Column, ...]
    cells: Mapping[tuple[str, int], Cell]
    split: tuple[tuple[str, str], ...]

    @property
    def comparable(self) -> bool:
        """Whether these numbers may be set beside other runs of the suite."""
        return all(run.summary.comparable for run in self.runs)

    @property
    def limitation(self) -> str:
        """What is missing from a run that is not comparable, '' for one that is."""
        if self.comparable:
            return ""
        summary = self.runs[0].summary
        if summary.n_cases is None or not summary.n_cases_of_suite or summary.n_cases >= summary.n_cases_of_suite:
            return "Only part of the suite was scored."
        return f"Only {summary.n_cases} of the suite's {summary.n_cases_of_suite} objects were scored."

    @property
    def title(self) -> str:
        """The suite with its version."""
        suite = self.runs[0].summary.suite
        return f"{suite.name} v{suite.version}"

    @property
    def turned(self) -> bool:
        """Whether metrics are rows, because there are too many for columns."""
        return len(self.columns) > WIDE and len(self.columns) > len(self.sources)

    def silent(self, column: Column) -> Cell | None:
        """Any cell of a column in which nobody has a number, all for the same reason; None for other columns."""
        if not all(self.belongs(source, column) for source in self.sources):
            return None
        cells = [self.cell(source, column) for source in self.sources]
        reasons = {(cell.reason, cell.row.note if cell.row is not None else "") for cell in cells}
        return cells[0] if len(reasons) == 1 and cells[0].value is None else None

    def cell(self, source: Source, column: Column) -> Cell:
        """The cell where a row and a column meet."""
        return self.cells.get((source.label, column.number), Cell(None))

    def belongs(self, source: Source, column: Column) -> bool:
        """Whether the column joins the source's run at all."""
        return source.run.label in column.runs

    def comparisons(self) -> list[tuple[RunResults, Comparison]]:
        """Every run's paired comparisons, those of primary metrics first, as in the table."""
        place = {column.metric.name: column.number for column in reversed(self.columns)}
        return [
            (run, pair)
            for run in self.runs
            for pair in sorted(run.summary.comparisons, key=lambda pair: place.get(pair.metric, len(place)))
        ]

    def missing(self) -> list[tuple[Source, Column, Cell]]:
        """Every cell without a number, in reading order."""
        return [
            (source, column, cell)
            for source in self.sources
            for column in self.columns
            if self.belongs(source, column) and (cell := self.cell(source, column)).value is None
        ]


def gaps(table: Table) -> tuple[Gap, ...]:
    """The cells without a number, those of one reason together, so that what concerns many is said once."""
    by_column: dict[tuple[int, str, str], list[Source]] = {}
    for source, column, cell in table.missing():
        note = cell.row.note if cell.row is not None else ""
        by_column.setdefault((column.number, cell.reason, note), []).append(source)
    columns = {column.number: column for column in table.columns}
    together: dict[tuple[tuple[str, ...], str, str], tuple[list[Source], list[Column]]] = {}
    for (number, reason, note), sources in by_column.items():
        labels = tuple(source.label for source in sources)
        together.setdefault((labels, reason, note), (sources, []))[1].append(columns[number])
    return tuple(
        Gap(tuple(sources), tuple(found), reason, note) for (_, reason, note), (sources, found) in together.items()
    )


def build_tables(runs: Sequence[RunResults]) -> tuple[Table, ...]:
    """One table for each set of runs that asked the same question of the same cases, in the order given."""
    groups: dict[object, list[RunResults]] = {}
    for run in runs:
        suite = run.summary.suite
        identity = suite.hash or (suite.name, suite.version, run.label)
        # a limited run saw other cases than the next limited run may have seen
        key = (identity, None if run.summary.comparable else run.label)
        groups.setdefault(key, []).append(run)
    return tuple(_build_table(tuple(group)) for group in groups.values())


def _build_table(runs: tuple[RunResults, ...]) -> Table:
    sources = _sources(runs)
    rows = {(run.label, row.generator, row.metric): row for run in runs for row in run.summary.rows}
    metrics = {metric.name: metric for run in runs for metric in run.metrics}
    primary = dict.fromkeys(name for run in runs for name in run.summary.primary)
    ordered = [metrics[name] for name in primary if name in metrics]
    measured = {row.metric for row in rows.values() if row.status == "ok" and row.value is not None}
    # what nobody has a number for comes last; sorting keeps the order otherwise
    ordered += sorted((m for m in metrics.values() if m.name not in primary), key=lambda m: m.name not in measured)

    columns: list[Column] = []
    cells: dict[tuple[str, int], Cell] = {}
    split: list[tuple[str, str]] = []
    for metric in ordered:
        groups = _joinable(runs, metric.name)
        if len(groups) > 1:
            distinct = [signature for _, signatures in groups for signature in signatures]
            split.append((metric.name, describe_difference(distinct)))
        for position, (members, signatures) in enumerate(groups):
            found = {
                source.label: row
                for source in sources
                if source.run in members and (row := rows.get((source.run.label, source.generator.name, metric.name)))
            }
            column = Column(
                metric=metric,
                primary=metric.name in primary,
                number=len(columns) + 1,
                runs=tuple(run.label for run in members),
                signatures=signatures,
                suffix=chr(ord("a") + position) if len(groups) > 1 else "",
                n_objects=_usual([row.n_objects for row in found.values() if row.status == "ok"]),
                n_images=_usual([row.n_images for row in found.values() if row.status == "ok"]),
            )
            floors = {floor for row in found.values() if row.status == "ok" and (floor := _floor(row)) is not None}
            column = replace(column, floor=floors.pop()) if len(floors) == 1 else column
            best = _best(found, column, joined=len(members) > 1)
            columns.append(column)
            cells |= {(label, column.number): Cell(row, label in best) for label, row in found.items()}
    return Table(runs, sources, tuple(columns), cells, tuple(split))


def _sources(runs: tuple[RunResults, ...]) -> tuple[Source, ...]:
    # where nothing but yardsticks was run, they are what the table is about
    contested = any(not generator.calibration for run in runs for generator in run.generators)
    found = [
        Source(
            run,
            generator,
            generator.name if len(runs) == 1 else f"{generator.name} ({run.label})",
            contested and generator.calibration,
        )
        for run in runs
        for generator in run.generators
    ]
    return tuple(sorted(found, key=lambda source: source.calibrates))  # contestants first, each kind in suite order


def _joinable(runs: tuple[RunResults, ...], metric: str) -> list[tuple[tuple[RunResults, ...], tuple[str, ...]]]:
    """Runs that may share a column, with the column's signatures. A run at odds with itself shares with nobody."""
    groups: dict[object, tuple[list[RunResults], tuple[str, ...]]] = {}
    without_number: list[RunResults] = []
    for run in runs:
        mine = [row for row in run.summary.rows if row.metric == metric]
        signatures = tuple(dict.fromkeys(row.signature for row in mine if row.status == "ok"))
        if signatures:
            key: object = signatures[0] if len(signatures) == 1 else (run.label,)
            groups.setdefault(key, ([], signatures))[0].append(run)
        elif mine:
            without_number.append(run)
    if without_number:  # nothing was measured, so nothing disagrees
        groups.setdefault(next(iter(groups), None), ([], ()))[0].extend(without_number)
    return [(tuple(members), signatures) for members, signatures in groups.values()]


def _best(found: Mapping[str, Row], column: Column, joined: bool) -> set[str]:
    """Labels to set in bold: the run's own verdict; across runs, of those the best and all that reach it."""
    if column.refused:
        return set()
    sign = 1.0 if column.metric.direction == "up" else -1.0
    reach: dict[str, tuple[float, float]] = {}  # higher is better: the value, and the better end of its interval
    for label, row in found.items():
        if row.bold and row.status == "ok" and row.value is not None:
            end = row.ci_high if sign > 0 else row.ci_low
            reach[label] = (sign * row.value, sign * (row.value if end is None else end))
    if not joined or not reach:
        return set(reach)
    top = max(value for value, _ in reach.values())
    return {label for label, (value, end) in reach.items() if max(value, end) >= top}


def _floor(row: Row) -> ReferenceFloor | None:
    return None if row.reference_floor is None else ReferenceFloor(row.reference_floor, row.reference_floor_n)


def _usual(counts: Sequence[int | None]) -> int | None:
    known = Counter(count for count in counts if count is not None)
    return known.most_common(1)[0][0] if known else None
