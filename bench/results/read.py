"""Reading stored runs: parsed once, and strictly enough that readers need no guards."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bench.errors import InputError
from bench.results.layout import RunLayout
from bench.results.scores import ScoreRow, frame, object_values, read_scores
from bench.results.summary import SUMMARY_FORMAT, CaseInfo, GeneratorInfo, MetricInfo, Summary
from groundwork.errors import first_finding
from groundwork.files import leads_out

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class RunResults:
    """One run folder. `document` is summary.json as it was, `label` tells it apart from runs that were read with it."""

    path: Path
    label: str
    summary: Summary
    manifest: Mapping[str, Any]
    document: Mapping[str, Any] = field(repr=False)

    @property
    def layout(self) -> RunLayout:
        """Where its files lie."""
        return RunLayout(self.path)

    @cached_property
    def score_rows(self) -> tuple[ScoreRow, ...]:
        """The rows of scores.parquet that the summary is of; none when the file is gone.

        The table also keeps what later commands left out with `--limit`, `--generators` or `--seeds`. Raises
        `InputError` when it cannot be read.
        """
        if not self.layout.scores.is_file():
            return ()
        generators = {generator.name for generator in self.generators}
        cases, seeds = {case.id for case in self.summary.cases}, set(self.summary.seeds)
        return tuple(
            row
            for row in read_scores(self.layout.scores)
            if row.generator in generators
            and (row.case is None or not cases or row.case in cases)
            and (row.seed is None or not seeds or row.seed in seeds)
        )

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The same as a pandas table."""
        return frame(self.score_rows)

    def object_values(self, metric: str) -> dict[str, dict[str, float]]:
        """generator -> case -> value of the object, as the summary's means were taken over them."""
        return object_values(self.score_rows, metric)

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        """Labels in print order; metrics that only rows mention come last."""
        listed = {metric.name: metric for metric in self.summary.metrics}
        for row in self.summary.rows:
            label = MetricInfo(name=row.metric, direction=row.direction, axis=row.axis, unit=row.unit)
            listed.setdefault(row.metric, label)
        return tuple(listed.values())

    def metric(self, name: str) -> MetricInfo:
        """The label of one metric. Raises `InputError` for a name that the run does not have."""
        found = next((metric for metric in self.metrics if metric.name == name), None)
        if found is None:
            raise InputError(f"the run has no result '{name}'", where=str(self.path))
        return found

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
        for row in self.score_rows:
            if row.case:
                listed.setdefault(row.case, CaseInfo(id=row.case))
        return tuple(listed.values())


def read_runs(paths: Iterable[Path]) -> tuple[RunResults, ...]:
    """Read each run folder once, in order, with labels that tell them apart.

    Raises `InputError` for a folder without summary.json and for files that are not what a run writes.
    """
    folders = list(dict.fromkeys(Path(path).resolve() for path in paths))
    return tuple(_read(folder, label) for folder, label in zip(folders, _labels(folders), strict=True))


def read_run(path: Path) -> RunResults:
    """Read one run folder. Raises `InputError` as `read_runs`."""
    return read_runs([path])[0]


def read_summary(document: Mapping[str, Any], where: str) -> Summary:
    """Plain values of a summary.json as its model. Raises `InputError` for another format, and for what is wrong."""
    found = document.get("format")
    if found != SUMMARY_FORMAT:
        newer = isinstance(found, int) and found > SUMMARY_FORMAT
        raise InputError(
            f"the results are of format {found!r}, and this version reads format {SUMMARY_FORMAT}"
            if "format" in document
            else "the results do not say which format they have",
            where=where,
            hint="update realiz3d-bench: a newer version wrote them"
            if newer
            else "give the run command again: it keeps samples and scores, and writes the summary again",
        )
    try:
        return Summary.model_validate(document, extra="ignore")
    except ValidationError as error:
        place, found = first_finding(error)
        raise InputError(
            f"the results cannot be read: {found}",
            where=f"{where}: {place}",
            hint="the file was edited; give the run command again to rewrite it",
        ) from error


def _labels(folders: Sequence[Path]) -> list[str]:
    """The shortest path endings, one length for all, that are distinct."""
    depth = 1
    while len({folder.parts[-depth:] for folder in folders}) < len(folders):
        depth += 1
    return ["/".join(folder.parts[-depth:]) for folder in folders]


def _read(folder: Path, label: str) -> RunResults:
    layout = RunLayout(folder)
    for path in (layout.summary, layout.manifest, layout.scores, layout.leave_one_out, layout.nearest):
        if leads_out(folder, path):  # a stranger's folder must not make a page of what lies elsewhere on this machine
            raise InputError(
                "a link leads out of the run folder",
                where=str(path),
                expected="the file itself",
                hint=f"if you know what it points to, put a copy of it in its place: {path.resolve()}",
            )
    if not layout.summary.is_file():
        raise InputError(
            "this is not a run folder: it has no summary.json",
            where=str(folder),
            expected="a folder that `realiz3d-bench run` or `score` wrote",
            hint="if the run was interrupted, give the same run command again: it resumes and writes the summary",
        )
    document = _json_object(layout.summary)
    return RunResults(
        path=folder,
        label=label,
        summary=read_summary(document, str(layout.summary)),
        manifest=_json_object(layout.manifest) if layout.manifest.is_file() else {},
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
