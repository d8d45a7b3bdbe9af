"""`summary.json`: what a run found, as frozen models that the run fills and everybody reads.

A file of another `format` is refused by `bench.results.read`, so raise `SUMMARY_FORMAT` whenever a field goes or
changes its meaning; a field that is added needs a default, which readers of older files get. Everything textual may be
a stranger's and is not escaped here: escaping is each writer's.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bench.results.terms import Axis, Direction, Role, Status

SUMMARY_FORMAT = 2
"""1: rows without an axis, and no names for what a timing holds."""


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_finite)]
"""A float; None where there is no number (NaN and infinities become None, for JSON has neither)."""


class _Entry(BaseModel):
    # strict for those who fill them; `read_summary` ignores what a newer run says beside, under the same format
    model_config = ConfigDict(frozen=True, extra="forbid")


class SuiteInfo(_Entry):
    """Which suite was run. `hash` decides whether two runs asked the same question."""

    name: str
    version: int
    task: Literal["texturing", "text_to_multiview"] = "texturing"
    hash: str = Field(description="SHA-256 of all that the suite decides about how a generator is judged.")
    description: str = ""
    shown_first: tuple[str, ...] = Field(default=(), description="Generators that a report's first pictures are of.")


class ViewsInfo(_Entry):
    """The cameras of every object, in degrees and pixels, in view order; `of_each_case`: `CaseInfo.views` tell them."""

    of_each_case: bool = False
    azimuths: tuple[float, ...] = ()
    elevation: float | tuple[float, ...] = Field(default=0.0, description="Of all views, or one for each.")
    projection: Literal["perspective", "orthographic"] = "perspective"
    fov: float | tuple[float, ...] = 40.0
    distance: float | tuple[float, ...] | None = Field(
        default=None, description="To the object's centre, in its longest side."
    )
    frame: float | tuple[float, ...] | None = Field(
        default=None, description="Side of an orthographic view, in the longest side."
    )
    resolution: int | None = None
    background: str = "white"


class MetricInfo(_Entry):
    """The label of a result: its name as printed, which way is better, what it judges."""

    name: str
    direction: Direction
    axis: Axis
    unit: str = ""
    title: str = ""
    worst: Number = Field(default=None, description="The worst value that it can have, where there is one.")
    limits: tuple[Number, Number] = Field(
        default=(None, None), description="What values cannot leave; null where there is no end."
    )


class PaperInfo(_Entry):
    """The row of a published table that a generator stands for."""

    table: Literal[1, 2, 3]
    row: str


class PhaseInfo(_Entry):
    """What one phase of a generator's training cost; samples are grids of views.

    `base`, `synthetic` and `real` are hashes of the base model and the data, '' where none or not known.
    """

    phase: str
    device: str = ""
    processes: int = 1
    base: str = ""
    synthetic: str = ""
    real: str = ""
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
    use: str = ""
    calibration: bool = False
    role: Role | None = Field(default=None, description="The best or worst that each object's scores are set against.")
    paper: PaperInfo | None = None
    training: tuple[PhaseInfo, ...] = ()


class Row(_Entry):
    """One number of one generator, with all that is needed to read and to compare it."""

    generator: str
    metric: str
    axis: Axis
    direction: Direction
    unit: str = ""
    value: Number = Field(default=None, description="What is ranked: each missing sample counts as the floor.")
    ci_low: Number = None
    ci_high: Number = None
    measured: Number = Field(default=None, description="The value over the samples that are there; None without gaps.")
    n_missing: int = Field(default=0, description="Samples that the generator owes and that count as the floor.")
    n_objects: int = 0
    n_images: int = Field(default=0, description="Pictures that were made and judged.")
    coverage: Number = Field(default=None, description="Mean share of the foreground that could be scored.")
    status: Status
    note: str = ""
    signature: str = Field(default="", description="What decided the number; two that differ are never ranked.")
    bold: bool = Field(default=False, description="Best, or not told apart from the best.")
    normalised: Number = Field(
        default=None, description="Mean share of the way from each object's floor (0) to its ceiling (1)."
    )
    normalised_ci_low: Number = None
    normalised_ci_high: Number = None
    normalised_n: int | None = Field(default=None, description="Objects that the share is the mean of.")
    normalised_note: str = ""
    reference_floor: Number = Field(
        default=None, description="The same distance between two samples of the reference itself."
    )
    reference_floor_n: int | None = Field(default=None, description="Pictures in each of the two samples.")


class Comparison(_Entry):
    """Generator `a` against `b` on the same objects; `difference` is a - b in the metric's unit.

    `effect_size` is in standard deviations of the paired differences, `detectable` the least true difference that this
    test on so many objects would have revealed with 80 % power. `p_holm` is corrected over all primary comparisons of
    the page, pairs with a calibration generator apart.
    """

    metric: str
    a: str
    b: str
    difference: Number = None
    ci_low: Number = None
    ci_high: Number = None
    p_value: Number = None
    p_holm: Number = None
    method: str = ""
    n_objects: int = 0
    effect_size: Number = None
    detectable: Number = None

    @property
    def identical(self) -> bool:
        """Whether both were tested and have the same value on every object."""
        return self.p_value is not None and self.difference == self.ci_low == self.ci_high == 0


class Reference(_Entry):
    """A reference set, pinned by its digest."""

    name: str
    digest: str
    n: int
    source: str = ""


class Failure(_Entry):
    """A sample that could not be made or judged, and why. Without a case: the generator as a whole."""

    generator: str
    case: str = ""
    seed: int | None = None
    message: str = ""


class ErrorMapInfo(_Entry):
    """A metric whose errors were drawn: what the maps in `maps/` show, and the error at the end of their scale."""

    metric: str
    unit: str = ""
    top: float = Field(gt=0)


class RepeatInfo(_Entry):
    """One timed pass over the cases, and the time to each object's views in it, in seconds."""

    seconds: float = Field(gt=0)
    latencies: tuple[float, ...] = ()


class StageInfo(_Entry):
    """Where the time of a sampling goes: seconds an object, and calls a batch (of `denoise` one a step)."""

    name: str
    seconds: float
    calls: float


class BatchInfo(_Entry):
    """A size of the batch sweep."""

    size: int
    seconds_per_object: float
    images_per_second: float
    peak_device_memory: Number = Field(default=None, description="GiB.")


class PowerInfo(_Entry):
    """The GPU while the timed passes ran, as NVML tells: watts, clocks in MHz, why they were lowered."""

    watts: Number = None
    clock_low: int | None = None
    clock_high: int | None = None
    clock_possible: int | None = None
    throttled: tuple[str, ...] = ()


class TurnsInfo(_Entry):
    """Seconds of each round of two generators timed in turns, and how many times as fast as `against` this one is."""

    against: str
    ratio: float
    interval: tuple[Number, Number] = (None, None)
    seconds: tuple[float, ...]
    against_seconds: tuple[float, ...]


class TimingInfo(_Entry):
    """How a generator was timed. `warm_up`, `load` and `compiling` in seconds, `images` a pass; `values` by result.

    `steps`, `guidance`, `quantise` and `offload` are the generator's own options, where it has such.
    """

    generator: str
    identity: str = Field(default="", description="Hash of what the timing is kept for.")
    signature: str = ""
    hardware: dict[str, Any] = Field(default_factory=dict)
    torch: str = ""
    threads: int | None = None
    precision: str = ""
    compile: str = ""
    batch_size: int | None = None
    cases: tuple[str, ...] = ()
    images: int = 0
    views: int | None = Field(default=None, description="Of an object; None where they differ.")
    resolution: int | None = None
    steps: int | None = None
    guidance: Number = None
    quantise: str = ""
    offload: str = ""
    load: Number = None
    compiling: Number = Field(default=None, description="Of the warm-up's seconds, those that torch compiled in.")
    warm_up: tuple[float, ...] = ()
    repeats: tuple[RepeatInfo, ...] = ()
    stages: tuple[StageInfo, ...] = ()
    staged: Number = Field(default=None, description="Seconds an object of the pass that the stages are of.")
    baking: Number = Field(default=None, description="Seconds to bake an object's views into its texture.")
    parameters: int | None = None
    matrix_rate: Number = Field(default=None, description="TFLOP/s of matrix products measured on the same device.")
    power: PowerInfo | None = None
    no_power: str = Field(default="", description="Why power and energy are not known.")
    sweep: tuple[BatchInfo, ...] = ()
    too_large: int | None = Field(default=None, description="The batch that did not fit into memory.")
    recovered: bool = Field(default=True, description="Whether it went on unharmed after that batch.")
    turns: TurnsInfo | None = None
    no_turns: str = Field(default="", description="Why it could not be timed in turns.")
    values: dict[str, Number] = Field(default_factory=dict)
    interval: tuple[Number, Number] = Field(default=(None, None), description="Of the images a second.")
    seconds_interval: tuple[Number, Number] = Field(default=(None, None), description="Of the seconds an object.")

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
    """A case and its prompt; `views` are (azimuth, elevation) of its own cameras in degrees, where it has its own."""

    id: str
    prompt: str = ""
    views: tuple[tuple[float, float], ...] = ()


class Summary(_Entry):
    """The content of summary.json."""

    format: int = Field(default=SUMMARY_FORMAT, json_schema_extra={"const": SUMMARY_FORMAT})
    suite: SuiteInfo
    comparable: bool = Field(default=True, description="False where --limit left cases out.")
    n_cases: int | None = None
    n_cases_of_suite: int | None = None
    seeds: tuple[int, ...] = ()
    views: ViewsInfo = ViewsInfo()
    primary: tuple[str, ...] = ()
    metrics: tuple[MetricInfo, ...] = ()
    error_maps: tuple[ErrorMapInfo, ...] = ()
    generators: tuple[GeneratorInfo, ...] = ()
    cases: tuple[CaseInfo, ...] = ()
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...] = ()
    references: tuple[Reference, ...] = ()
    failures: tuple[Failure, ...] = ()
    throughput: tuple[TimingInfo, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, null where there is no number."""
        return self.model_dump(mode="json")


def summary_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a summary.json as this version writes it, kept in docs/summary.schema.json."""
    schema = Summary.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": f"realiz3d-bench summary.json, format {SUMMARY_FORMAT}",
    }
