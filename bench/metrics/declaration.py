"""What a metric says about itself. The number is a pure function in the metric's own file; this is the label on the jar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["up", "down"]
Status = Literal["ok", "not_measurable", "weights_missing", "failed"]


@dataclass(frozen=True)
class Result:
    """A number that a metric yields: `name` as printed, which way is better, and its unit ('' when it has none)."""

    name: str
    direction: Direction
    unit: str


@dataclass(frozen=True)
class Measurement:
    """One value of one sample. `per_view` is empty for metrics that pool the views; `coverage` is a fraction or None.

    A sample that a metric cannot judge has status 'not_measurable' and value NaN: it is shown, never dropped, never 0.
    """

    value: float
    status: Status = "ok"
    coverage: float | None = None
    per_view: tuple[float, ...] = ()
