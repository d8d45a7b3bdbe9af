"""Which shipped suites cheats can be tried in from the install alone, with which truth, and why not in the others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import ObjectMetric, SetMetric
from bench.run.plan import find_cases
from bench.suite.check import make_metric
from bench.suite.load import load_suite, shipped_suites
from bench.suite.schema import MeshCases, MetricEntry, MiniworldCases, MiniworldReference, Suite
from groundwork.hashing import hash_json

CEILING = "ceiling"
BESIDE = ("repeated_views",)
"""Metrics that tell some cheats from the ceiling, shown beside the primaries of suites that do not decide by them."""
_SLIP = {"name": "shift-2px", "use": "shift", "pixels": 2}
OUTLINE = 0.005
"""No gain in an outline's IoU, even where it is significant: the truth's own is read from its colours so closely."""
SMALL_OUTLINE = 0.8
"""The same over the side in pixels that are enlarged: the truth's outline reads .815 to .840 at 32 px, by its paint."""


@dataclass(frozen=True)
class Court:
    """A shipped suite to try cheats in, and the others that ask the very same of them (`suites` names all).

    `ceiling` and `honest` are generators as in a suite; `size` is what cheats paint at where models do (None: the
    suite's resolution), `look` that of the mini-world's real pictures, `overrides` are as after `--set`. Under the
    primaries in `surpassable` the ceiling is not the best: a mesh of somebody's shows what its maker could do, and
    photographs are nearer to photographs. There a better cheat has not won, and must lose elsewhere all the same.
    """

    suites: tuple[str, ...]
    ceiling: Mapping[str, Any]
    honest: tuple[Mapping[str, Any], ...]
    size: int | None = None
    look: str = "rich"
    overrides: tuple[str, ...] = ()
    surpassable: frozenset[str] = frozenset()
    negligible: Mapping[str, float] = field(
        default_factory=lambda: {"silhouette_iou": OUTLINE, "hull_iou": OUTLINE, "boundary_f": OUTLINE}
    )

    @property
    def name(self) -> str:
        """Of the suite that is run."""
        return self.suites[0]

    def count(self, most: int) -> int:
        """How many objects it has, of `most` asked for."""
        suite = load_suite(self.name, self.overrides)
        return min(most, len(find_cases(suite.cases, suite.folder)))

    def decides(self, objects: int) -> bool:
        """Whether so many are all that the suite ships with, so that a cheat which they do not tell passes it."""
        return not self.overrides and objects >= self.count(objects + 1)

    def suite(self) -> Suite:
        """That suite, with its primaries, what they need and what is shown beside them, and no generators."""
        suite = load_suite(self.name, self.overrides)
        deciding = deciding_metrics(suite)
        metrics = (*deciding, *(e for e in suite.metrics if e.name in BESIDE and e not in deciding))
        references = {
            name: reference
            for name, reference in suite.references.items()
            if any(entry.options.get("reference") == name for entry in metrics)
        }
        update = {"generators": (), "metrics": metrics, "references": references, "gates": {}}
        return suite.model_copy(update=update)


def find_courts(meshes: Path | None = None, resolution: int = 256) -> tuple[tuple[Court, ...], dict[str, str]]:
    """A court for each question that shipped suites ask, and why the other suites have none, by name.

    `meshes` is a folder of textured meshes, with `prompts.csv` in it or beside it, for the suites that need such;
    they are looked at in `resolution` pixels.
    """
    found: dict[str, Court] = {}
    without: dict[str, str] = {}
    for name in sorted(shipped_suites()):
        overrides = () if meshes is None else _on_meshes(name, meshes, resolution)
        suite = load_suite(name, overrides)
        if all(entry.name == "throughput" for entry in deciding_metrics(suite)):
            without[name] = "it decides by speed alone, which no picture wins"
            continue
        if isinstance(suite.cases, MiniworldCases):
            court = _in_miniworld(suite)
        elif not isinstance(suite.cases, MeshCases):
            without[name] = "its cases are prompts alone, so there is no truth for a cheat to lose to"
            continue
        elif meshes is None:
            without[name] = "its meshes do not ship: --meshes FOLDER tries it on textured ones of yours"
            continue
        else:
            ceiling = {"name": CEILING, "use": "ceiling"}
            court = Court((name,), ceiling, (_SLIP,), overrides=overrides, surpassable=_of_references(suite))
        key = _question(suite, court)
        found[key] = _joined(found[key], name) if key in found else court
    return tuple(found.values()), without


def deciding_metrics(suite: Suite) -> tuple[MetricEntry, ...]:
    """Entries of the metrics that yield the suite's primaries."""
    wanted = set(suite.primary)
    return tuple(entry for entry in suite.metrics if wanted & _names(entry))


def _in_miniworld(suite: Suite) -> Court:
    """Where the real pictures are small, so are the models', the truth and the cheats."""
    used = {entry.options.get("reference") for entry in deciding_metrics(suite)}
    real = [r.miniworld for name, r in suite.references.items() if name in used and isinstance(r, MiniworldReference)]
    size, look = (real[0].size_px, real[0].look) if real else (None, "rich")
    if size is None:
        return Court((suite.name,), {"name": CEILING, "use": "ceiling"}, (_SLIP,), look=look)
    # of the models that paint at this size: the method's training for meshes ships, for prompts that of the base alone
    method = "realiz3d" if suite.task == "texturing" else "base"
    honest = tuple({"name": e.name, "use": e.use, **e.options} for e in suite.generators if e.name == method)
    ceiling = {"name": CEILING, "use": "miniworld_look", "look": look, "size": size}
    negligible = dict.fromkeys(("silhouette_iou", "hull_iou", "boundary_f"), SMALL_OUTLINE / size)
    return Court((suite.name,), ceiling, honest, size, look, negligible=negligible)


def _on_meshes(name: str, meshes: Path, resolution: int) -> tuple[str, ...]:
    if not isinstance(load_suite(name).cases, MeshCases):
        return ()
    beside = [folder / "prompts.csv" for folder in (meshes, meshes.parent)]
    prompts = next((file for file in beside if file.is_file()), None)
    overrides = (f"cases.path={json.dumps(str(meshes))}", f"views.resolution={resolution}")
    return overrides if prompts is None else (*overrides, f"cases.prompts={json.dumps(str(prompts))}")


def _question(suite: Suite, court: Court) -> str:
    """Suites of one digest ask the same of the same objects, however many methods and seeds they have."""
    plain = suite.model_dump(mode="json")
    asked = sorted(entry.model_dump_json() for entry in deciding_metrics(suite))
    used = {entry.options.get("reference") for entry in deciding_metrics(suite)}
    references = {name: one for name, one in plain["references"].items() if name in used}
    return hash_json([plain["cases"], plain["views"], plain["task"], asked, references, plain["primary"], court.size])


def _of_references(suite: Suite) -> frozenset[str]:
    """The primaries that hold pictures against a reference."""
    metrics = (make_metric(entry, METRICS) for entry in deciding_metrics(suite))
    return frozenset(metric.result().name for metric in metrics if isinstance(metric, SetMetric))


def _joined(court: Court, name: str) -> Court:
    return replace(court, suites=(*court.suites, name))


def _names(entry: MetricEntry) -> set[str]:
    metric = make_metric(entry, METRICS)
    if isinstance(metric, SetMetric):
        return {metric.result().name}
    return {result.name for result in metric.results()} if isinstance(metric, ObjectMetric) else set()
