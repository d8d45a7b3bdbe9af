"""What services that draw trends read: Bencher Metric Format, and the JSON of github-action-benchmark.

Both store the candidate's values; the verdict stays with the gate, whose thresholds know the noise.
"""

from __future__ import annotations

import json
from typing import Any

from bench.gate.document import GatedResult, GatePage

_MEASURE_LETTERS = 64  # Bencher's limit for a measure's name


def write_bencher(page: GatePage) -> str:
    """Bencher Metric Format: benchmark -> measure -> value. A result without a value is left out."""
    measures = {_measure(result.metric): _metric(result) for result in page.results if result.candidate is not None}
    return _json({f"{page.candidate.suite}/{page.candidate.generator}": measures} if measures else {})


def write_github(page: GatePage, direction: str) -> str:
    """github-action-benchmark's custom JSON, for results where `direction` ('up', 'down') is better.

    The action takes one file for `customBiggerIsBetter` and another for `customSmallerIsBetter`.
    """
    return _json(
        [
            {
                "name": f"{page.candidate.generator} {result.metric}",
                "unit": result.unit or result.metric,
                "value": result.candidate,
                "range": f"harm {_signed(result.harm_low)} to {_signed(result.harm_high)}",
                "extra": f"{result.verdict}: {result.reason}",
            }
            for result in page.results
            if result.direction == direction and result.candidate is not None
        ]
    )


def _metric(result: GatedResult) -> dict[str, float | None]:
    """The value with the bounds of its change from the baseline, as an interval of the value."""
    found = {"value": result.candidate}
    if result.baseline is not None and result.harm_low is not None and result.harm_high is not None:
        ends = [result.baseline + (harm if result.direction == "down" else -harm) for harm in _bounds(result)]
        found |= {"lower_value": min(ends), "upper_value": max(ends)}
    return found


def _bounds(result: GatedResult) -> tuple[float, float]:
    assert result.harm_low is not None and result.harm_high is not None
    return result.harm_low, result.harm_high


def _measure(name: str) -> str:
    return name if len(name) <= _MEASURE_LETTERS else f"{name[: _MEASURE_LETTERS - 3]}..."


def _signed(value: float | None) -> str:
    return "unbounded" if value is None else f"{value:+.4g}"


def _json(content: Any) -> str:
    return json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
