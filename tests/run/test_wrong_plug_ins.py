"""Every mistake of a plug-in is found by `validate`, in one sentence that names it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.cli import main

# the class, and what the sentence must say beside its name
METRICS = {
    "NoOptions": "has no Options",
    "PlainOptions": "Options is not a pydantic model",
    "LaxOptions": "lets unknown keys pass",
    "OtherInit": "cannot be called as factory(options)",
    "BrokenInit": "__init__() raised KeyError: 'views'",
    "ExitingInit": "__init__() called sys.exit(0)",
    "NoResults": "lacks results()",
    "BrokenResults": "results() raised RuntimeError: not today",
    "EmptyResults": "results() is empty",
    "TextResults": "results() gave ('gauge',)",
    "TwiceTheSame": "results() names 'gauge' twice",
    "WrongDirection": "the direction of 'gauge' is 'sideways', not 'up' or 'down'",
    "WrongUnit": "unit is None",
    "WrongAxis": "the axis of 'gauge' is 'beauty', not one of realism, consistency, control, text, speed",
    "NoAxis": "missing 1 required keyword-only argument: 'axis'",
    "BrokenParameters": "parameters() raised AttributeError: sigma",
    "NumberParameters": "parameters() gave 1",
    "NoVersion": "parameters() gave 'sigma=2'",
    "NoMeasure": "has neither measure() nor distance()",
    "NarrowMeasure": "measure() does not take sample",
    "FlatMap": "end at 0.0, not at a number above 0",
    "ScaleWithoutMap": "has an error_scale but no error_map()",
    "BrokenPrepare": "prepare() raised OSError: no such file: weights.pt",
    "OddMissing": "what missing() gave is ['gauge']",
    "AbstractMetric": "lacks measure(), parameters()",
}
DISTANCES = {
    "NoExtractor": "its attribute `extractor` is None",
    "NoReference": "its attribute `reference` is None",
    "NarrowDistance": "distance() does not take generated, reference",
    "TurnedLimits": "its limits are (1.0, 0.0)",
}
GENERATORS = {
    "SourceWithoutOptions": "has no Options",
    "SourceWithoutGenerate": "lacks generate()",
    "SourceWithoutFingerprint": "lacks fingerprint()",
    "LaxSource": "lets unknown keys pass",
    "NarrowGenerate": "generate() does not take requests",
    "WideGenerate": "generate() does not take requests",
    "BrokenFingerprint": "fingerprint() raised KeyError: 'weights'",
    "NumberFingerprint": "gave 7 as its fingerprint",
    "SourceOfOtherArguments": "cannot be called as factory(name, options, context)",
    "BrokenSource": "__init__() raised ValueError: no CUDA",
    "OddTraining": "training() gave an invalid phase: steps",
    "AbstractSource": "lacks generate()",
    "source_function": "is a function, not a class",
    "source_instance": "is an instance of Source, not a class",
    "nothing_there": "could not be imported",
}
EXTRACTORS = {
    "ListExtractor": "answered 2 pictures with a list",
    "TextDimension": "its dimension is '3'",
    "BrokenExtractor": "IndexError: layer 12",
    "SilentExtractor": "lacks signature()",
    "OtherFactory": "its factory raised TypeError",
}


def suite_of(folder: Path, metrics: str = "", generator: str = "Source") -> Path:
    file = folder / "suite.yaml"
    file.write_text(f"""
name: tiny
version: 1
task: texturing
cases: {{source: miniworld, count: 2}}
views: {{resolution: 32}}
references: {{photos: {{shipped: photo_cutouts}}}}
generators:
  - {{name: mine, use: "wrong_plugins:{generator}"}}
metrics:
  - silhouette_iou
{metrics}
""")
    return file


def metric(name: str) -> str:
    return f'  - "wrong_plugins:{name}"'


def distance(name: str) -> str:
    return f'  - "wrong_plugins:{name}": {{reference: photos}}'


def kernel(name: str) -> str:
    return f'  - kd: {{reference: photos, extractor: "wrong_plugins:{name}"}}'


def refused(suite: Path, name: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(suite), "--json"]) == 2
    said = capsys.readouterr()
    (problem,) = json.loads(said.out)["problems"]
    assert sentence in problem["message"] and "\n" not in problem["message"]
    assert name in problem["message"] or "generator 'mine'" in problem["message"]
    assert "report" not in said.out + said.err


@pytest.mark.parametrize("name", METRICS)
def test_a_wrong_metric_is_found(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused(suite_of(tmp_path, metric(name)), name, METRICS[name], capsys)


@pytest.mark.parametrize("name", DISTANCES)
def test_a_wrong_set_metric_is_found(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused(suite_of(tmp_path, distance(name)), name, DISTANCES[name], capsys)


@pytest.mark.parametrize("name", GENERATORS)
def test_a_wrong_generator_is_found(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused(suite_of(tmp_path, generator=name), name, GENERATORS[name], capsys)


@pytest.mark.parametrize("name", EXTRACTORS)
def test_a_wrong_extractor_is_found(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused(suite_of(tmp_path, kernel(name)), name, EXTRACTORS[name], capsys)


@pytest.mark.parametrize("text", ["import sys; sys.exit(0)", "raise BaseException('no')", "import nowhere", "1 +"])
def test_a_module_that_cannot_be_imported_is_named(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "unimportable.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    suite = suite_of(tmp_path)
    suite.write_text(suite.read_text().replace("wrong_plugins:Source", "unimportable:Source"))
    refused(suite, "unimportable:Source", "could not be imported", capsys)


def test_what_fits_is_valid_without_a_base_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = "\n".join([metric("Metric"), distance("Distance"), kernel("Means")])
    assert main(["validate", str(suite_of(tmp_path, metrics))]) == 0
    assert "tiny v1 is valid" in capsys.readouterr().out
