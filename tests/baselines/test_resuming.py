"""Interrupted runs of methods that change the host go on to the same bits; other tasks and precisions train too."""

from __future__ import annotations

import pytest
import torch
from baseline_runs import METHODS, config_of, predict, run_method, steps

from realiz3d.training import precision
from realiz3d.training.checkpoint import checkpoints, load_checkpoint
from realiz3d.training.run import train

SHORT = {
    "lora": {"name": "lora", "rank": 2, "control": steps(3)},
    "domain_adapter": {"name": "domain_adapter", "rank": 2, "adapter": steps(2), "control": steps(2)},
    "linear_adapters": {"name": "linear_adapters", "rank": 2, "control": steps(3)},
    "domain_switcher": {"name": "domain_switcher", "warmup": steps(1), "adapter": steps(2), "control": steps(1)},
}


@pytest.mark.parametrize("name", SHORT)
def test_resuming_gives_the_same_weights(world, tmp_path, name):
    config = config_of(world, "pixart", SHORT[name], checkpoints={"every_steps": 1})
    last = train(config, tmp_path / "whole", device="cpu")
    expected = load_checkpoint(last).model.state_dict()
    for step, source in list(checkpoints(tmp_path / "whole").items())[:-1]:
        out = tmp_path / f"from{step}"
        (out / "checkpoints").mkdir(parents=True)
        (out / "checkpoints" / source.name).symlink_to(source)
        found = load_checkpoint(train(config, out, device="cpu", resume=True)).model.state_dict()
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], expected[key]) for key in expected), step


@pytest.mark.parametrize("name", ["lora", "linear_adapters", "domain_switcher"])
def test_text_to_multiview_trains_viewpoints_instead_of_columns(world, tmp_path, name):
    run = run_method(world, "pixart", SHORT[name], tmp_path, task="text_to_multiview")
    assert "viewpoints.embed.weight" in run.trainable["control"]
    assert "viewpoints.embed.weight" in run.changed("control")
    assert not any("parametrizations" in key for key in run.model.state_dict())
    assert load_checkpoint(run.last).model.viewpoints is not None


@pytest.mark.parametrize("host", ["dit", "sd3"])
def test_bfloat16_and_gradient_checkpointing(world, tmp_path, host, monkeypatch):
    """Under autocast, with blocks that run twice; the loaded model also runs in bfloat16."""
    monkeypatch.setattr(precision, "imitates_bfloat16", lambda device: False)  # even where it is only imitated
    optimisation = {
        "samples_per_step": 4, "micro_batch": 2, "precision": "bfloat16", "gradient_checkpointing": True,
    }  # fmt: skip
    for name in ("linear_adapters", "domain_switcher", "lora"):
        run = run_method(world, host, SHORT[name], tmp_path / name, optimisation=optimisation)
        assert all(bool(value.isfinite().all()) for value in run.ends["control"].values() if value.is_floating_point())
        full = predict(load_checkpoint(run.last).model, host)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = predict(load_checkpoint(run.last).model, host)
        torch.testing.assert_close(half.float(), full, rtol=0.2, atol=0.1)


def test_every_method_is_here():
    assert {method["name"] for method in METHODS.values()} == {*SHORT, "full_tuning", "spatial_adapter"}
