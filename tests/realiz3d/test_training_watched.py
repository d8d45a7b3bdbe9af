"""What watches a training: curves, sheets of pictures, scores."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("accelerate")
pytest.importorskip("diffusers")

from training_worlds import logs, moved, tiny_config, weights, write_world

from realiz3d.training.checkpoint import checkpoints
from realiz3d.training.run import train
from realiz3d.training.sample_grids import Samples
from realiz3d.training.trainer import Trainer


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


def test_curves_pictures_and_scores_are_written(world, tmp_path):
    pytest.importorskip("tensorboard")
    from PIL import Image
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    score = [sys.executable, "-c", "import sys; print('scored', *sys.argv[1:])", "{checkpoint}", "{step}"]
    watched = {
        "tensorboard": True,
        "samples": {"every_steps": 2, "count": 2, "inference_steps": 2},
        "scores": {"command": score, "every_steps": 2},
    }
    train(tiny_config(world, logging=watched), tmp_path / "watched", device="cpu")
    train(tiny_config(world), tmp_path / "alone", device="cpu")
    expected = weights(checkpoints(tmp_path / "alone")[5])
    assert moved(expected, weights(checkpoints(tmp_path / "watched")[5])) == set()

    events = EventAccumulator(str(tmp_path / "watched" / "tensorboard")).Reload()
    curve = [event.value for event in events.Scalars("loss")]
    assert curve == pytest.approx([line["loss"] for line in logs(tmp_path / "watched")], rel=1e-6)
    sheets = sorted((tmp_path / "watched" / "samples").iterdir())
    assert [sheet.name for sheet in sheets] == ["step_2.png", "step_4.png", "step_5.png"]
    assert Image.open(sheets[0]).size == (2 * 16, 2 * 16)
    scored = sorted((tmp_path / "watched" / "scores").iterdir())
    assert [log.name for log in scored] == ["step_2.log", "step_4.log", "step_5.log"]
    assert scored[-1].read_text().split() == ["scored", str(tmp_path / "watched/checkpoints/step_5"), "5"]


def test_sheets_are_painted_with_the_configs_shifting(world, tmp_path, monkeypatch):
    from realiz3d import Shifting, pipeline

    wanted: list[Any] = []
    resolve = pipeline.resolve_plan
    monkeypatch.setattr(pipeline, "resolve_plan", lambda plan, *args: wanted.append(plan) or resolve(plan, *args))
    logging = {"samples": {"every_steps": 100, "count": 2, "inference_steps": 2}}
    config = tiny_config(world, logging=logging, sampling={"block_frac": 0.0, "t_max": None}, steps=(1, 1, 1))
    train(config, tmp_path, device="cpu")
    assert wanted == [Shifting(0.0, None)]


def test_sheets_are_painted_with_the_averaged_weights(world, tmp_path, monkeypatch):
    seen: list[bool] = []

    def sampled(self: Samples, trainer: Trainer, *_args: Any) -> torch.Tensor:
        average = trainer._average
        seen.append(all(torch.equal(p, w) for p, w in zip(average.parameters, average.weights, strict=True)))
        return torch.zeros(2, 4, 3, 8, 8)

    monkeypatch.setattr(Samples, "_sampled", sampled)
    logging = {"samples": {"every_steps": 1, "count": 2, "inference_steps": 2}}
    config = tiny_config(world, logging=logging, optimisation={"ema_decay": 0.9}, steps=(1, 2, 2))
    train(config, tmp_path, device="cpu")
    assert seen == [True] * 5
