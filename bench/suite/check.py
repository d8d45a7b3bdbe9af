"""What a suite means: names that must exist, options that plug-ins define, results that the metrics really yield.

Plug-ins are imported here and nowhere else in this room, and only those that the suite names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, get_args

from pydantic import BaseModel, ValidationError

from bench.errors import BenchError, nearest
from bench.metrics.declaration import GeneratorMetric, ObjectMetric, Result
from bench.plugins.contract import plugin_class
from bench.plugins.guard import plugin_code
from bench.suite.explain import explain_options
from bench.suite.paper_tables import published
from bench.suite.schema import GeneratorEntry, MetricEntry
from groundwork.explain import Problem
from groundwork.registry import Registry
from groundwork.yaml_tree import Step


@dataclass(frozen=True)
class Plugins:
    """What a suite can name: three kinds of plug-ins, and reference sets that were shipped or built."""

    generators: Registry
    metrics: Registry
    extractors: Registry
    reference_sets: Callable[[], Collection[str]]

    @classmethod
    def installed(cls) -> Plugins:
        """What ships and what installed packages add."""
        from bench.extractors.catalogue import EXTRACTORS
        from bench.generators.catalogue import GENERATORS
        from bench.metrics.catalogue import METRICS
        from bench.references.library import reference_names

        return cls(GENERATORS, METRICS, EXTRACTORS, reference_names)


def read_options(plugin: Any, options: Mapping[str, Any]) -> Any:
    """The plug-in's `Options` from a suite's plain values. Raises pydantic's `ValidationError`."""
    return plugin.Options.model_validate_json(json.dumps(options))  # JSON rules: lists are tuples, texts are paths


def make_metric(entry: MetricEntry, metrics: Registry) -> Any:
    """The metric of one entry of a checked suite, held to its protocol. Raises `BenchError` that names it."""
    metric = plugin_class(metrics, entry.name)
    return build_metric(metric, read_options(metric, entry.options), entry.name)


def build_metric(metric: type[Any], options: Any, name: str) -> Any:
    """A metric of class `metric`, held to its protocol. Raises `BenchError` that names it."""
    from bench.plugins.held import hold

    with plugin_code(f"metric '{name}'", "__init__()"):
        made = metric(options)
    return hold(made, name)


def path_options(options: type[BaseModel]) -> tuple[str, ...]:
    """Options that are paths (`Path`, `Path | None`), which a suite may give relative to its folder."""
    return tuple(
        name
        for name, field in options.model_fields.items()
        if field.annotation is Path or Path in get_args(field.annotation)
    )


def check_generators(entries: Mapping[int, GeneratorEntry], registry: Registry) -> Iterator[Problem]:
    """Names that come twice, unknown generators, options that theirs do not know."""
    seen: set[str] = set()
    for index, entry in entries.items():
        at: tuple[Step, ...] = ("generators", index)
        # case-blind: names are folders, and two that differ in case only are one folder on some systems
        if entry.name.lower() in seen:
            yield Problem((*at, "name"), f"two generators are called '{entry.name}'", "a name of its own for each")
        seen.add(entry.name.lower())
        yield from _check_row(entry, at)
        try:
            generator = plugin_class(registry, entry.use)
            read_options(generator, entry.options)
        except BenchError as error:
            yield Problem((*at, "use"), error.message, error.expected, error.hint)
        except ValidationError as error:
            yield from explain_options(error, at, f"generator '{entry.use}'", generator.Options)


def _check_row(entry: GeneratorEntry, at: tuple[Step, ...]) -> Iterator[Problem]:
    """A row of the paper that it does not have."""
    if entry.paper is None:
        return
    rows = published(entry.paper.table)
    if entry.paper.row not in rows:
        yield Problem(
            (*at, "paper", "row"),
            f"Table {entry.paper.table} of the paper has no row '{entry.paper.row}'",
            "a label as in the table, with its rank: 'LoRA 32'; of Table 2 its number",
            nearest(entry.paper.row, rows),
        )


def check_cases(
    source: object, task: object, entries: Mapping[int, GeneratorEntry], registry: Registry
) -> Iterator[Problem]:
    """What cases that are prompts alone cannot be used for: texturing, and renders of their meshes."""
    if source != "prompts":
        return
    if task == "texturing":
        yield Problem(
            ("task",),
            "texturing paints meshes, and these cases are prompts only",
            "task: text_to_multiview, or cases: {source: meshes, ...}",
        )
    for index, entry in entries.items():
        try:
            calibration = plugin_class(registry, entry.use).calibration
        except BenchError:
            continue  # told by `check_generators`
        if calibration:
            yield Problem(
                ("generators", index, "use"),
                f"'{entry.use}' renders the meshes of the cases, and these are prompts only",
                "a generator of pictures; for ceilings and floors a suite of meshes or of the mini-world",
            )


def check_references(references: Mapping[str, Any], generators: Collection[str], plugins: Plugins) -> Iterator[Problem]:
    """References to generators or sets that do not exist. Takes plain values: `{name: {kind: ...}}`."""
    for name, reference in references.items():
        for kind, wanted in reference.items() if isinstance(reference, dict) else ():
            if not isinstance(wanted, str):
                continue
            if kind == "generator" and wanted not in generators:
                yield Problem(
                    ("references", name, kind),
                    f"the suite has no generator '{wanted}'",
                    "the name of an entry of `generators`",
                    nearest(wanted, generators),
                )
            if kind in ("shipped", "built") and wanted not in (known := plugins.reference_sets()):
                yield Problem(
                    ("references", name, kind),
                    f"there is no reference set '{wanted}'",
                    "a set of `realiz3d-bench reference list`; `reference build NAME FOLDER` makes one",
                    nearest(wanted, known),
                )


class Saying(Protocol):
    """What the check of a metric reads of it."""

    @property
    def needs_mesh(self) -> bool: ...  # noqa: D102

    @property
    def results(self) -> tuple[Result, ...]: ...  # noqa: D102


Elsewhere = Callable[[MetricEntry], Saying | None]
"""Asks a metric in another process what it says of itself; None: it is to be made here. Raises `BenchError`."""


def check_metrics(
    entries: Mapping[int, MetricEntry],
    references: Sequence[str],
    task: object,
    plugins: Plugins,
    elsewhere: Elsewhere = lambda _: None,
) -> tuple[list[Problem], list[str] | None]:
    """Problems of the metrics, and the names of all results; None when they cannot be known for lack of a metric."""
    problems: list[Problem] = []
    results: list[str] = []
    for index, entry in entries.items():
        found, names = _check_metric(entry, index, references, task, plugins, elsewhere)
        problems += found
        twice = [name for name in names if name in results]
        if twice:
            problems.append(
                Problem(
                    ("metrics", index),
                    f"the result '{twice[0]}' is measured twice",
                    "each result once: another reference or extractor gives it another name",
                )
            )
        results += names
    return problems, None if problems else results


def _check_metric(
    entry: MetricEntry, index: int, references: Sequence[str], task: object, plugins: Plugins, elsewhere: Elsewhere
) -> tuple[list[Problem], tuple[str, ...]]:
    at: tuple[Step, ...] = ("metrics", index)
    inside = (*at, entry.name)
    try:
        metric = plugin_class(plugins.metrics, entry.name)
    except BenchError as error:
        return [Problem(at, error.message, error.expected, error.hint)], ()
    problems: list[Problem] = []
    try:
        options = read_options(metric, entry.options)
    except ValidationError as error:
        problems += explain_options(error, inside, f"metric '{entry.name}'", metric.Options)
    reference = entry.options.get("reference")
    if isinstance(reference, str) and "reference" in metric.Options.model_fields and reference not in references:
        problems.append(
            Problem(
                (*inside, "reference"),
                f"the suite has no reference '{reference}'",
                "the name of an entry of `references`",
                nearest(reference, references),
            )
        )
    extractor = entry.options.get("extractor")
    if isinstance(extractor, str) and "extractor" in metric.Options.model_fields:
        problems += _check_extractor(extractor, (*inside, "extractor"), plugins.extractors)
    if problems:
        return problems, ()
    try:
        told = elsewhere(entry)
        made: Any = build_metric(metric, options, entry.name) if told is None else None
    except BenchError as error:
        return [Problem(at, error.message, error.expected, error.hint)], ()
    needs_mesh = told.needs_mesh if told is not None else isinstance(made, ObjectMetric) and made.needs_mesh
    if needs_mesh and task == "text_to_multiview":
        return [
            Problem(
                at,
                f"'{entry.name}' needs a mesh, and the task text_to_multiview has none",
                "a metric that works without a mesh, or task: texturing",
            )
        ], ()
    results = told.results if told is not None else made.results()
    return [], tuple(result.name for result in results)


def _check_extractor(name: str, at: tuple[Step, ...], registry: Registry) -> Iterator[Problem]:
    # what ships is known without the entry points, which are slow to read in a large environment
    if ":" not in name and name not in registry.built_in and name not in registry.targets():
        yield Problem(at, f"unknown extractor '{name}'", hint=nearest(name, registry.targets()))


def check_primary(
    names: Sequence[tuple[Step, object]], entries: Mapping[int, MetricEntry], registry: Registry
) -> Iterator[Problem]:
    """Names in `primary` that must not decide anything: a picture that nobody wants would win. Entries are sound."""
    unfit: dict[str, str] = {}
    for entry in entries.values():
        metric = plugin_class(registry, entry.name)
        unfit |= metric.never_primary if issubclass(metric, ObjectMetric) else {}
    for step, name in names:
        if isinstance(name, str) and name in unfit:
            yield Problem(
                ("primary", step),
                f"'{name}' cannot be primary: {unfit[name]}",
                "a result that no flat or blurred picture wins: cde or cce, without meshes hull_iou",
                f"leave '{name}' in `metrics`: it is shown, and decides nothing",
            )


def check_results(field: str, names: Sequence[tuple[Step, str]], results: Sequence[str]) -> Iterator[Problem]:
    """Names in `primary` or `gates` (`field`) that no metric of the suite yields, or that come twice."""
    seen: set[str] = set()
    for step, name in names:
        if name not in results:
            yield Problem(
                (field, step),
                f"no metric of the suite yields '{name}'",
                "a result as printed: name, [extractor], @reference",
                nearest(name, results),
            )
        elif name in seen:
            yield Problem((field, step), f"'{name}' comes twice in `{field}`")
        seen.add(name)


def check_shown(names: Sequence[str], generators: Collection[str]) -> Iterator[Problem]:
    """Names in `shown_first` that no generator of the suite has, or that come twice."""
    for step, name in enumerate(names):
        if name not in generators:
            yield Problem(
                ("shown_first", step),
                f"the suite has no generator '{name}'",
                "the name of a generator of this suite",
                nearest(name, generators),
            )
        elif name in names[:step]:
            yield Problem(("shown_first", step), f"'{name}' comes twice in `shown_first`")


def check_gates(
    names: Sequence[tuple[Step, str]], entries: Mapping[int, MetricEntry], registry: Registry
) -> Iterator[Problem]:
    """Names in `gates` that are timings: those of two runs differ by machine and weather. Entries are sound."""
    timings: set[str] = set()
    for entry in entries.values():
        if issubclass(plugin_class(registry, entry.name), GeneratorMetric):
            timings |= {result.name for result in make_metric(entry, registry).results()}
    for step, name in names:
        if name in timings:
            yield Problem(
                ("gates", step),
                f"'{name}' cannot be gated: timings of another machine or day move more than most changes do",
                "a result of the pictures",
                "time old and new in turns in one job: `realiz3d_gate.race` (docs/regression-testing.md, Speed)",
            )
