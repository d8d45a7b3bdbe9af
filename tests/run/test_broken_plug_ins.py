"""Plug-ins that do not keep their promises: said so, in the rows and in the exit code, and nothing else is lost."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict

from bench.cli import main
from bench.errors import ExtractorError, GeneratorError, UsageError
from bench.extractors.catalogue import load_extractor
from bench.extractors.feature_cache import features_of
from bench.generators.base import SingleCaseGenerator
from bench.generators.ground_truth import ground_truth
from bench.metrics.declaration import Measurement, Result
from bench.run.executors import Processes
from bench.run.samples import SampleKey, check_views
from bench.workers.limits import Lost
from groundwork.pictures import write_png

KEY = SampleKey("mine", "cow", 0)


class Painter(SingleCaseGenerator):
    """The ceiling, with one bad habit."""

    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)
        habit: str = ""

    def fingerprint(self):
        if self.options.habit == "nameless":
            return None
        if self.options.habit == "forgetful":
            raise KeyError("weights")
        return super().fingerprint()

    def views(self, request):
        if self.options.habit == "quits":
            sys.exit(0)
        if self.options.habit == "talks":
            print("loading 291 of 291 tensors")
            os.write(1, b"and C code, too")
        return ground_truth(request.case, request.cameras, request.background, self.context.device).views


class Gauge:
    """A metric that answers what it is told to."""

    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)
        answer: str

    needs_mesh = False

    def __init__(self, options):
        self.options = options

    def results(self):
        return (Result("gauge", "up", "", axis="consistency"),)

    def parameters(self):
        return "v1"

    def measure(self, sample):
        return {
            "number": {"gauge": Measurement(1.0)},
            "nan": {"gauge": Measurement(math.nan)},
            "infinite view": {"gauge": Measurement(1.0, per_view=(1.0, math.inf))},
            "other": {"gouge": Measurement(1.0)},
            "bare": {"gauge": 1.0},
            "nothing": None,
        }[self.options.answer]


class Means:
    """An extractor of three means that may call itself anything and promise any dimension."""

    def __init__(self, name: str = "means", dimension: int = 3, fill: float | None = None) -> None:
        self.name, self.dimension, self.fill = name, dimension, fill

    def fingerprint(self):
        return "0" * 64

    def extract(self, pictures):
        rows = np.array([p.reshape(-1, 3).mean(axis=0) for p in pictures], np.float32)
        return rows if self.fill is None else np.full_like(rows, self.fill)


def misnamed(device: str, offline: bool) -> Means:
    return Means()


def die(task: int) -> int:
    os._exit(1)


def start(tmp_path: Path, mesh_folder: Path, generator: str = "", metric: str = "") -> int:
    suite = tmp_path / "suite.yaml"
    suite.write_text(f"""
name: tiny
version: 1
task: texturing
cases: {{source: meshes, path: "{mesh_folder}"}}
views: {{resolution: 32}}
generators:
  - {{name: mine, use: "{__name__}:Painter", habit: "{generator}"}}
metrics:
  - silhouette_iou
  {f'- {{"{__name__}:Gauge": {{answer: {metric}}}}}' if metric else ""}
""")
    return main(["run", str(suite), "--out", str(tmp_path / "run"), "--offline", "--json"])


@pytest.mark.parametrize("habit", ["nameless", "forgetful"])
def test_generator_without_a_fingerprint(tmp_path, mesh_folder, capsys, habit):
    assert start(tmp_path, mesh_folder, habit) == 2
    assert "generator 'mine'" in (said := capsys.readouterr().err) and "fingerprint" in said


def test_plug_in_cannot_end_the_program(tmp_path, mesh_folder, capsys):
    assert start(tmp_path, mesh_folder, "quits") == 3
    said = capsys.readouterr()
    assert said.err.count("generator 'mine': generate() called sys.exit(0)") == 3
    assert {row["status"] for row in json.loads(said.out)["rows"]} == {"failed"}


def test_what_a_plug_in_prints_is_not_in_the_answer(tmp_path, mesh_folder, capfd):
    assert start(tmp_path, mesh_folder, "talks") == 0
    said = capfd.readouterr()
    assert json.loads(said.out)["suite"]["name"] == "tiny"
    assert "loading 291" in said.err and "C code" in said.err


@pytest.mark.parametrize("answer", ["nan", "infinite view", "other", "bare", "nothing"])
def test_what_is_no_number_is_a_failed_row(tmp_path, mesh_folder, capsys, answer):
    assert start(tmp_path, mesh_folder, metric=answer) == 3
    said = capsys.readouterr()
    assert said.err.count("incomplete: mine") == 3 and "gauge" in said.err
    rows = {row["metric"]: row for row in json.loads(said.out)["rows"]}
    assert rows["gauge"]["status"] == "failed" and rows["gauge"]["value"] is None
    assert rows["silhouette_iou"]["status"] == "ok" and rows["silhouette_iou"]["n_objects"] == 3


def test_metric_that_keeps_its_promise(tmp_path, mesh_folder, capsys):
    assert start(tmp_path, mesh_folder, metric="number") == 0
    rows = {row["metric"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["gauge"]["value"] == 1.0 and rows["gauge"]["status"] == "ok"


def test_blank_answers_are_no_answer():
    views = np.full((4, 8, 8, 3), 255, np.uint8)
    with pytest.raises(GeneratorError, match="blank"):
        check_views(views, 4, 8, KEY)
    views[2, 3, 3] = 0
    check_views(views, 4, 8, KEY)


def test_extractor_is_filed_under_the_name_that_it_gives():
    with pytest.raises(UsageError, match="calls itself 'means'") as caught:
        load_extractor(f"{__name__}:misnamed")
    assert f"{__name__}:misnamed" in caught.value.hint


@pytest.mark.parametrize(
    ("extractor", "what"), [(Means(dimension=5), r"\(2, 3\)"), (Means(fill=math.nan), "not finite")]
)
def test_extractor_that_breaks_its_promise(extractor, what):
    pictures = [np.zeros((4, 4, 3), np.uint8), np.ones((4, 4, 3), np.uint8)]
    with pytest.raises(ExtractorError, match=what) as caught:
        features_of([lambda p=p: p for p in pictures], [extractor])
    assert caught.value.names == ("means",) and "'means'" in caught.value.message


def moody(device: str, offline: bool) -> Means:
    """Works, or not, as the environment says."""
    mood = os.environ["MOOD"]
    if mood == "unborn":
        raise RuntimeError("no such device")
    extractor = Means(f"{__name__}:moody")
    extractor.signature = lambda: f"extractor={mood}"
    if mood == "raises":
        extractor.extract = lambda pictures: 1 / 0
    return extractor


@pytest.mark.parametrize("mood", ["unborn", "raises"])
@pytest.mark.parametrize("reference", ["folder", "generator: mine"])
def test_extractor_that_fails_costs_its_own_rows_only(tmp_path, mesh_folder, capsys, monkeypatch, mood, reference):
    monkeypatch.setenv("MOOD", mood)
    pictures = tmp_path / "pictures"
    for i in range(3):
        write_png(pictures / f"{i}.png", np.random.default_rng(i).integers(0, 256, (16, 16, 3), np.uint8))
    which = reference if ":" in reference else f"folder: '{pictures}'"
    suite = tmp_path / "suite.yaml"
    suite.write_text(f"""
name: tiny
version: 1
task: texturing
cases: {{source: meshes, path: "{mesh_folder}"}}
views: {{resolution: 32}}
references: {{them: {{{which}}}}}
generators:
  - {{name: mine, use: ceiling}}
  - {{name: noise, use: noise}}
metrics:
  - silhouette_iou
  - kd: {{reference: them, extractor: "{__name__}:moody"}}
  - kd: {{reference: them, extractor: efficientnet_lite0_texture}}
""")
    assert main(["run", str(suite), "--out", str(tmp_path / "run"), "--offline", "--json"]) == 3
    said = capsys.readouterr()
    rows = {row["metric"]: row for row in json.loads(said.out)["rows"] if row["generator"] == "noise"}
    broken = rows[f"kd[{__name__}:moody]@them"]
    assert broken["status"] == "failed" and "moody" in broken["note"]
    assert ("no such device" if mood == "unborn" else "ZeroDivisionError") in broken["note"]
    assert "incomplete: noise: extractor" in said.err
    assert rows["kd[efficientnet_lite0_texture]@them"]["status"] == "ok"
    assert rows["silhouette_iou"]["status"] == "ok"


def test_worker_that_dies_is_named():
    (answer,) = Processes(1).map(die, [0])
    assert isinstance(answer, Lost) and answer.task == 0 and "its process ended with exit code" in answer.error.message


def test_generators_that_cannot_be_set_up_are_told_together(mesh_folder, tmp_path, capsys):
    """With those that could run without them: a person rarely has every checkpoint of a large suite."""
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        f"name: tiny\nversion: 1\ntask: texturing\ncases: {{source: meshes, path: '{mesh_folder}'}}\n"
        "views: {resolution: 16}\nmetrics: [silhouette_iou]\ngenerators:\n"
        "  - {name: here, use: floor}\n  - {name: gone, use: folder, path: nowhere}\n"
        "  - {name: lost, use: textured_mesh, path: nowhere}\n"
    )
    assert main(["run", str(suite), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "generator 'gone': the folder of images does not exist" in said
    assert "1 more cannot be set up: lost; run the others: --generators here" in said
