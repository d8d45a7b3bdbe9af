"""What a run folder says, parsed once and strictly enough that the writers need no guards.

Keys that a report can do without default to empty, unknown keys are ignored (a newer run may say more), and a value
that is null or NaN is None. Everything textual is a stranger's and stays unescaped here: escaping is each writer's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bench.errors import InputError

Status = Literal["ok", "not_measurable", "weights_missing", "failed"]
SCORE_COLUMNS = ("generator", "case", "seed", "view", "metric", "value", "status")
T = TypeVar("T", bound=BaseModel)


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(value: object) -> object:
    return "" if value is None else value


Number = Annotated[float | None, BeforeValidator(_finite)]
Count = Annotated[int | None, BeforeValidator(_finite)]
Text = Annotated[str, BeforeValidator(_text)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SuiteInfo(_Entry):
    """Which suite was run. `hash` decides whether two runs asked the same question."""

    name: str
    version: int | str = ""
    task: Text = ""
    hash: Text = ""
    description: Text = ""


class MetricInfo(_Entry):
    """A column's label."""

    name: str
    direction: Literal["up", "down"]
    unit: Text = ""
    title: Text = ""


class PaperInfo(_Entry):
    """The row of a published table that a generator stands for."""

    table: Literal[1, 2, 3]
    row: str


class PhaseInfo(_Entry):
    """What one phase of a generator's training cost; samples are grids of views.

    `base`, `synthetic` and `real` are hashes of the base model and the data, '' where none or not known.
    """

    phase: str
    device: Text = ""
    processes: int = 1
    base: Text = ""
    synthetic: Text = ""
    real: Text = ""
    trainable_parameters: int = 0
    steps: int = 0
    synthetic_samples: int = 0
    real_samples: int = 0
    flops: float = 0.0
    seconds: float = 0.0
    peak_memory_bytes: int = 0


class GeneratorInfo(_Entry):
    """A row's label; `use` names the adapter behind it, `calibration` says that it is known by construction."""

    name: str
    use: Text = ""
    calibration: bool = False
    note: Text = ""
    paper: PaperInfo | None = None
    training: tuple[PhaseInfo, ...] = ()


class Row(_Entry):
    """One number of one generator, with all that is needed to read and to compare it.

    `normalised` is the mean share of the way from each object's floor (0) to its ceiling (1), over `normalised_n`.
    `reference_floor` is the same distance between two samples of the reference, of `reference_floor_n` pictures each.
    """

    generator: str
    metric: str
    value: Number = None
    ci_low: Number = None
    ci_high: Number = None
    n_objects: Count = None
    n_images: Count = None
    direction: Literal["up", "down"] = "up"
    unit: Text = ""
    signature: Text = ""
    coverage: Number = None
    status: Status = "ok"
    note: Text = ""
    bold: bool = False
    normalised: Number = None
    normalised_ci_low: Number = None
    normalised_ci_high: Number = None
    normalised_n: Count = None
    normalised_note: Text = ""
    reference_floor: Number = None
    reference_floor_n: Count = None


class Comparison(_Entry):
    """Generator `a` against `b` on the same objects; `difference` is a - b in the metric's unit.

    `effect_size` is in standard deviations of the paired differences, `detectable` the least true difference that so
    many objects would have revealed with 80 % power.
    """

    metric: str
    a: str
    b: str
    difference: Number = None
    ci_low: Number = None
    ci_high: Number = None
    p_value: Number = None
    p_holm: Number = None
    method: Text = ""
    effect_size: Number = None
    detectable: Number = None


class Reference(_Entry):
    """A reference set, pinned by its digest."""

    name: str
    digest: Text = ""
    n: Count = None
    source: Text = ""


class Failure(_Entry):
    """A case that a generator did not deliver."""

    generator: str
    case: Text = ""
    seed: Count = None
    message: Text = ""


class ErrorMapInfo(_Entry):
    """A metric whose errors were drawn: what the maps in `maps/` show, and the error at the end of their scale."""

    metric: str
    unit: Text = ""
    top: float = Field(gt=0)


class RepeatInfo(_Entry):
    """One timed pass over the cases, in seconds."""

    seconds: float = Field(gt=0)


class TimingInfo(_Entry):
    """How a generator was timed. `warm_up` and `load` in seconds, `images` a pass."""

    generator: str
    hardware: dict[str, Any] = Field(default_factory=dict)
    precision: Text = ""
    compile: Text = ""
    threads: Count = None
    batch_size: Count = None
    cases: tuple[str, ...] = ()
    images: int = 0
    load: Number = None
    warm_up: tuple[float, ...] = ()
    repeats: tuple[RepeatInfo, ...] = ()

    @property
    def rates(self) -> tuple[float, ...]:
        """Images a second of each pass."""
        return tuple(self.images / repeat.seconds for repeat in self.repeats)

    @property
    def machine(self) -> str:
        """The GPU, else the processor."""
        name = self.hardware.get("gpu") or self.hardware.get("cpu") or self.hardware.get("device")
        return name if isinstance(name, str) else ""


class CaseInfo(_Entry):
    """A case's prompt, for the gallery."""

    id: str
    prompt: Text = ""


class Summary(_Entry):
    """The content of summary.json."""

    suite: SuiteInfo
    rows: tuple[Row, ...]
    comparable: bool = True
    n_cases: Count = None
    n_cases_of_suite: Count = None
    seeds: tuple[int, ...] = ()
    views: dict[str, Any] = Field(default_factory=dict)
    primary: tuple[str, ...] = ()
    metrics: tuple[MetricInfo, ...] = ()
    generators: tuple[GeneratorInfo, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    references: tuple[Reference, ...] = ()
    failures: tuple[Failure, ...] = ()
    cases: tuple[CaseInfo, ...] = ()
    error_maps: tuple[ErrorMapInfo, ...] = ()
    throughput: tuple[TimingInfo, ...] = ()


@dataclass(frozen=True)
class RunResults:
    """One run folder. `scores` is the long table (empty when the file is gone), `document` summary.json as it was."""

    path: Path
    label: str
    summary: Summary
    manifest: Mapping[str, Any]
    scores: pd.DataFrame = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        """Labels in print order; metrics that only rows mention come last."""
        listed = {metric.name: metric for metric in self.summary.metrics}
        for row in self.summary.rows:
            listed.setdefault(row.metric, MetricInfo(name=row.metric, direction=row.direction, unit=row.unit))
        return tuple(listed.values())

    def metric(self, name: str) -> MetricInfo:
        """The label of one metric; names that no row mentions get a bare one."""
        return next((metric for metric in self.metrics if metric.name == name), MetricInfo(name=name, direction="up"))

    @property
    def generators(self) -> tuple[GeneratorInfo, ...]:
        """Labels in suite order; generators that only rows mention come last."""
        listed = {generator.name: generator for generator in self.summary.generators}
        for row in self.summary.rows:
            listed.setdefault(row.generator, GeneratorInfo(name=row.generator))
        return tuple(listed.values())

    @property
    def cases(self) -> tuple[CaseInfo, ...]:
        """Cases in suite order; ids that only the scores mention come last, without a prompt."""
        listed = {case.id: case for case in self.summary.cases}
        for case in self.scores["case"].dropna().unique():
            if case:
                listed.setdefault(str(case), CaseInfo(id=str(case)))
        return tuple(listed.values())


def read_runs(paths: Iterable[Path]) -> tuple[RunResults, ...]:
    """Read each run folder once, in order, with labels that tell them apart.

    Raises `InputError` for a folder without summary.json and for files that are not what a run writes.
    """
    folders = list(dict.fromkeys(Path(path).resolve() for path in paths))
    return tuple(_read(folder, label) for folder, label in zip(folders, _labels(folders), strict=True))


def _labels(folders: Sequence[Path]) -> list[str]:
    """The shortest path endings, one length for all, that are distinct."""
    depth = 1
    while len({folder.parts[-depth:] for folder in folders}) < len(folders):
        depth += 1
    return ["/".join(folder.parts[-depth:]) for folder in folders]


def _read(folder: Path, label: str) -> RunResults:
    summary_path = folder / "summary.json"
    if not summary_path.is_file():
        raise InputError(
            "this is not a run folder: it has no summary.json",
            where=str(folder),
            expected="a folder that `realiz3d-bench run` or `score` wrote",
            hint="if the run was interrupted, give the same run command again: it goes on and writes the summary",
        )
    document = _json_object(summary_path)
    manifest_path = folder / "manifest.json"
    return RunResults(
        path=folder,
        label=label,
        summary=_parse(Summary, document, summary_path),
        manifest=_json_object(manifest_path) if manifest_path.is_file() else {},
        scores=_scores(folder / "scores.parquet"),
        document=document,
    )


def _json_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"the file is not readable JSON: {error}", where=str(path), hint="give the run command again to rewrite it"
        ) from error
    if not isinstance(content, dict):
        raise InputError("the file holds no JSON object", where=str(path), expected="an object at the top level")
    return content


def _parse(model: type[T], document: Mapping[str, Any], path: Path) -> T:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field_path = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"the results cannot be read: {first['msg']}",
            where=f"{path}: {field_path}",
            hint="the file was written by another version or edited; give the run command again to rewrite it",
        ) from error


def _scores(path: Path) -> pd.DataFrame:
    if not path.is_file():
        return pd.DataFrame({column: [] for column in SCORE_COLUMNS})
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors derive from these
        raise InputError(f"the score table is unreadable: {error}", where=str(path)) from error
    missing = [column for column in SCORE_COLUMNS if column not in table.columns]
    if missing:
        raise InputError(
            f"the score table lacks {', '.join(missing)}", where=str(path), expected=", ".join(SCORE_COLUMNS)
        )
    return table
