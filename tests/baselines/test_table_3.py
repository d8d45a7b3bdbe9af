"""Rows of Table 3 from their shipped configs: trained by the command on tiny hosts, loaded, sampled with viewpoints."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from baseline_runs import HOST_NAMES, text_of
from training_worlds import MADE, SIDE, TEXT

from baselines.sdedit import SDEdit, base_pipeline
from bench.cli import main
from realiz3d.pipeline import Realiz3DPipeline
from realiz3d.training import load_config, shipped_configs
from realiz3d.training.checkpoint import checkpoints

ROWS = sorted(name for name in shipped_configs() if name.startswith("text-"))
VIEWPOINTS = torch.tensor([[angle, 0.0] for angle in (0.0, math.pi / 2, math.pi, 3 * math.pi / 2)])
CALL = {"num_inference_steps": 2, "output_type": "pt"}


def train(name: str, host: str, world: Path, folder: Path) -> Path:
    """Two steps of each phase of a shipped config, with everything but the method and the task made tiny."""
    phases = {
        field: {"length": {"steps": 2}}
        for field, value in load_config(name).method
        if field in ("warmup", "adapter", "control", "stage1", "stage2") and value is not None
    }
    content: dict[str, Any] = {
        "extends": name,
        "name": "tiny",
        "base": {"made": MADE[host], "vae": None, "text": TEXT[host]},
        "data": {"synthetic": {"path": str(world / "objects")}, "resolution_px": SIDE, "workers": 0},
        "method": phases,
        "optimisation": {"samples_per_step": 4, "micro_batch": 4, "precision": "float32"},
        "logging": {"tensorboard": False},
    }
    if load_config(name).data.real is not None:
        content["data"]["real"] = {"path": str(world / "real")}
    file = folder / "tiny.yaml"
    file.write_text(yaml.safe_dump(content))
    assert main(["train", str(file), "--device", "cpu", "--out", str(folder / "run")]) == 0
    found = checkpoints(folder / "run")
    return found[max(found)]


# two ranks of a method differ in a number: one of them by default
@pytest.fixture(params=[pytest.param(n, marks=pytest.mark.slow if n.endswith("-r128") else ()) for n in ROWS])
def row(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A row, and one of the hosts: methods take turns."""
    return request.param, HOST_NAMES[ROWS.index(request.param) % len(HOST_NAMES)]


def test_a_row_trains_and_samples(row, world, tmp_path):
    name, host = row
    last = train(name, host, world, tmp_path)
    assert json.loads((last / "realiz3d.json").read_text())["config"]["task"] == "text_to_multiview"
    pipeline = Realiz3DPipeline.from_checkpoint(last)
    pipeline.set_progress_bar_config(disable=True)
    model = pipeline.multiview
    assert model.control_channels == 0 and model.viewpoints is not None
    learned = [float(parameter.detach().abs().max()) for parameter in model.viewpoints.parameters()]
    assert max(learned) > 0  # it starts at zero

    def sample(viewpoints: torch.Tensor) -> torch.Tensor:
        rng = torch.Generator().manual_seed(0)
        views: torch.Tensor = pipeline("a red mug", viewpoints=viewpoints, generator=rng, **CALL).images
        return views

    made = sample(VIEWPOINTS)
    assert made.shape == (1, 4, 3, SIDE, SIDE) and bool(made.isfinite().all()) and float(made.std()) > 0
    # what learned from viewpoints reads them
    assert not torch.equal(sample(VIEWPOINTS.roll(1, 0)), made)


def test_sdedit_redoes_views_that_viewpoints_gave(world, tmp_path):
    last = train("text-syn-only", "pixart", world, tmp_path)
    first, base = Realiz3DPipeline.from_checkpoint(last), base_pipeline(last)
    for pipeline in (first, base):
        pipeline.set_progress_bar_config(disable=True)
    assert base.multiview.viewpoints is None
    call = {"viewpoints": VIEWPOINTS, "num_inference_steps": 4, "output_type": "pt"}
    plain = first(text_of("pixart"), generator=torch.Generator().manual_seed(0), **call).images
    made = SDEdit(first, base)(text_of("pixart"), generator=torch.Generator().manual_seed(0), **call).images
    assert made.shape == plain.shape == (2, 4, 3, SIDE, SIDE)
    assert float((made - plain).abs().max()) > 1e-2
