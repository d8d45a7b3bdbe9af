"""What programs take from a site: the table of a suite as CSV and JSON, with all digits."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from reports.leaderboard.standings import Line, Standings
from reports.machine import harmless

COLUMNS = (
    "suite", "version", "entry", "developer", "model", "standing", "tier", "date", "metric", "direction", "unit",
    "value", "ci_low", "ci_high", "n_objects", "n_missing", "status", "rank_best", "rank_worst", "note", "signature",
)  # fmt: skip


def write_csv(standings: Standings) -> str:
    """One line for each entry and result."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for record in _records(standings):
        writer.writerow({key: harmless(value) if isinstance(value, str) else value for key, value in record.items()})
    return buffer.getvalue()


def write_json(standings: Standings) -> str:
    """The same by entry, with what identifies the suite."""
    pin = standings.pin
    document = {
        "suite": pin.suite.model_dump(),
        "primary": list(pin.primary),
        "results": [column.result.model_dump(mode="json", exclude={"cases", "former"}) for column in standings.columns],
        "entries": [
            {
                "id": line.entry.id,
                "developer": line.entry.generator.developer,
                "model": line.entry.generator.model,
                "standing": line.standing,
                "tier": line.entry.tier,
                "date": line.entry.date,
                "rows": [
                    {key: value for key, value in record.items() if key not in _OF_ENTRY}
                    for record in _rows(standings, line)
                ],
            }
            for line in standings.lines
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


_OF_ENTRY = frozenset(COLUMNS[: COLUMNS.index("metric")])


def _records(standings: Standings) -> Iterator[dict[str, Any]]:
    for line in standings.lines:
        yield from _rows(standings, line)


def _rows(standings: Standings, line: Line) -> Iterator[dict[str, Any]]:
    entry = line.entry
    for column, cell in zip(standings.columns, line.cells, strict=True):
        row = cell.row
        if row is None:
            continue
        yield {
            "suite": entry.suite.name,
            "version": entry.suite.version,
            "entry": entry.id,
            "developer": entry.generator.developer,
            "model": entry.generator.model,
            "standing": line.standing,
            "tier": entry.tier,
            "date": entry.date,
            "metric": row.metric,
            "direction": column.result.direction,
            "unit": row.unit,
            "value": row.value,
            "ci_low": row.ci_low,
            "ci_high": row.ci_high,
            "n_objects": row.n_objects,
            "n_missing": row.n_missing,
            "status": row.status,
            "rank_best": cell.places.best if cell.places else None,
            "rank_worst": cell.places.worst if cell.places else None,
            "note": row.note,
            "signature": row.signature,
        }
