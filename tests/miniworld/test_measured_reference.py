"""The features of the suites' reference of realism that come with the bench are those that the suites would measure."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bench.extractors.feature_cache import features_of
from bench.references.measured import measured_features
from bench.run import references
from bench.run.options import RunOptions
from bench.run.plan import Plan, make_plan
from bench.suite.load import load_suite
from bench.suite.schema import MiniworldReference
from groundwork.progress import Reporter
from suites.miniworld.reference import NAME

OPTIONS = RunOptions(offline=True, device="cpu")


def library(plan: Plan, cache: Path) -> references.Library:
    return references.find_library(plan, OPTIONS, cache, Reporter(Console(file=io.StringIO())))


@pytest.mark.parametrize("suite", ["miniworld", "miniworld-full", "miniworld-ablation", "miniworld-text"])
def test_no_suite_renders_its_reference(suite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(load_suite(suite), OPTIONS)
    rendered: list[str] = []
    monkeypatch.setattr(references, "small_views", lambda case, *rest: rendered.append(case.id))
    found = library(plan, tmp_path)
    wanted = {metric.extractor for metric in plan.set_metrics if metric.reference == NAME}
    assert wanted and {extractor for name, extractor in found.features if name == NAME} == wanted
    assert not rendered


@pytest.mark.slow
def test_what_ships_is_what_is_measured_here(tmp_path: Path) -> None:
    plan = make_plan(load_suite("miniworld"), OPTIONS)
    reference = plan.suite.references[NAME]
    assert isinstance(reference, MiniworldReference)
    pictures = references.rendered_pictures(reference, plan).pictures
    some = dict(list(pictures.items())[:: len(pictures) // 8])
    found = library(
        plan, tmp_path
    )  # the pattern that copies are found by is of references with pictures: this has none
    extractors = [extractor for name, extractor in found.extractors.items() if (NAME, name) in found.features]
    assert len(extractors) >= 2
    for name, rows in features_of(list(some.values()), extractors).items():
        fingerprint = next(e.fingerprint() for e in extractors if e.name == name)
        shipped = measured_features(fingerprint, tuple(some))
        assert shipped is not None
        # other processors round otherwise
        np.testing.assert_allclose(rows, shipped, rtol=1e-3, atol=1e-3 * float(np.abs(shipped).max()))
