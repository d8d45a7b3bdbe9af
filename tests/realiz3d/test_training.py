"""The training loop on tiny real hosts: what trains when, exact resuming, many processes, precision, accounting."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("accelerate")
pytest.importorskip("diffusers")

from accelerate import Accelerator
from training_worlds import logs, moved, tiny_config, weights, write_world

from realiz3d.errors import UsageError, WeightsMissing
from realiz3d.plan import Domain
from realiz3d.training import precision, samples
from realiz3d.training.callbacks import Silent
from realiz3d.training.checkpoint import checkpoints, load_checkpoint
from realiz3d.training.method import Phase
from realiz3d.training.run import build, train
from realiz3d.training.section import PhaseSettings
from realiz3d.training.shape import Shape
from realiz3d.training.trainer import Trainer


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


def trainer_of(config: Any, out: Path, *callbacks: Any) -> Trainer:
    return build(config, out, Accelerator(cpu=True), callbacks=callbacks)


@pytest.mark.parametrize("host", ["pixart", "dit", "sd3"])
def test_each_phase_trains_its_own_parameters_only(world, tmp_path, host):
    train(tiny_config(world, host, steps=(1, 1, 2)), tmp_path, device="cpu")
    warm, domain, first, second = (weights(folder) for folder in checkpoints(tmp_path).values())
    shifters = {name for name in warm if name.startswith("shifters.")}
    assert len(shifters) == 3
    # in the very first step only W_left has a gradient; weight decay moves the others
    assert "shifters.left" in moved(warm, domain) <= shifters
    control = moved(domain, second)
    assert not control & shifters
    assert len(control) > 0.8 * len(warm.keys() - shifters)
    assert moved(first, second) <= warm.keys() - shifters


def test_checkpoints_load_as_models_without_training(world, tmp_path):
    last = train(tiny_config(world), tmp_path, device="cpu")
    loaded = load_checkpoint(last)
    raw = weights(last)
    assert {name: value.shape for name, value in loaded.model.state_dict().items()} == {
        name: value.shape for name, value in raw.items()
    }
    assert all(torch.equal(value, raw[name]) for name, value in loaded.model.state_dict().items())
    record = loaded.record
    assert (record["stage"], record["stage_finished"], record["step"]) == ("stage2", True, 5)
    assert record["objective"] == "epsilon" and record["scheduler"]["class"] == "DDIMScheduler"
    assert record["method"]["settings"]["rank"] == 2
    assert set(record["hashes"]) == {"config", "base", "synthetic", "real"}
    with pytest.raises(WeightsMissing, match="not a checkpoint"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("ema", [None, 0.9])
def test_resuming_is_bit_exact_in_every_phase(world, tmp_path, ema):
    config = tiny_config(world, steps=(1, 3, 3), optimisation={"ema_decay": ema, "schedule": "cosine"})
    train(config, tmp_path / "whole", device="cpu")
    expected = weights(checkpoints(tmp_path / "whole")[7])
    for step in (1, 2, 3, 5, 6):
        source = checkpoints(tmp_path / "whole")[step]
        out = tmp_path / f"from{step}"
        (out / "checkpoints").mkdir(parents=True)
        (out / "checkpoints" / source.name).symlink_to(source)
        train(config, out, device="cpu", resume=True)
        got = weights(checkpoints(out)[7])
        assert moved(expected, got) == set(), step
        assert json.loads((out / "training.json").read_text())["finished"]


class Interrupting(Silent):
    """Sends SIGINT after some step."""

    def __init__(self, step: int) -> None:
        self.at = step

    def step(self, trainer: Trainer, log: Any) -> None:
        if trainer.progress.step == self.at:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("step", [2, 5])
def test_an_interrupted_run_saves_and_the_same_call_goes_on(world, tmp_path, step):
    config = tiny_config(world, steps=(1, 3, 3), checkpoints={"every_steps": 100})
    train(config, tmp_path / "whole", device="cpu")
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "cut", device="cpu", callbacks=[Interrupting(step)])
    # the signal arrives after step's work: it is obeyed at the end of the next step
    assert max(checkpoints(tmp_path / "cut")) == step + 1
    last = train(config, tmp_path / "cut", device="cpu")
    assert moved(weights(checkpoints(tmp_path / "whole")[7]), weights(last)) == set()
    assert [line["step"] for line in logs(tmp_path / "cut")] == [1, *range(2, 8)]


def test_the_real_half_alone_does_not_move_frozen_blocks(world, tmp_path):
    """Conditions of stage 2 on real samples alone: gradients below the stop are None, and AdamW leaves them."""
    trainer = trainer_of(tiny_config(world), tmp_path)
    phase = trainer.phases[-1]
    trainer.method.setup(phase, trainer.model)
    trainer._freeze(phase)
    trainer.material.prepare(trainer.processes)
    real = Phase("real only", "real", phase.settings)
    shape = Shape.of(real, 2, 2, 1)
    conditions = trainer.method.conditions(
        phase, trainer.model, torch.tensor([int(Domain.REAL)] * 2), torch.Generator()
    )
    conditions = type(conditions)("single", False, conditions.plan, torch.tensor([1, 1]))
    batches = {name: iter(loader) for name, loader in trainer.feed.loaders(real, shape).items()}
    batch = trainer.feed.batch(real, shape, 0, 0, conditions, batches)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    optimizer = torch.optim.AdamW(trainer.model.parameters(), lr=1e-2, weight_decay=0.1)
    batch.losses(trainer.model, trainer.schedule).mean().backward()
    optimizer.step()
    frozen = [p for block in trainer.model.host.blocks[:2] for p in block.parameters()]
    assert len(frozen) > 10 and all(parameter.grad is None for parameter in frozen)
    changed = moved(before, trainer.model.state_dict())
    assert any(".transformer_blocks.2." in name for name in changed)
    assert not any(".transformer_blocks.0." in name or ".transformer_blocks.1." in name for name in changed)


def test_what_was_drawn_is_on_record(world, tmp_path):
    config = tiny_config(world, steps=(0, 0, 6), method={"stage2": {"reassign_p": 0.5}})
    train(config, tmp_path, device="cpu")
    trainer = trainer_of(config, tmp_path)
    phase = trainer.phases[-1]
    shape = Shape.of(phase, 4, 4, 1)
    lines = logs(tmp_path)
    for step, line in enumerate(lines):
        drawn = trainer.feed.conditions(phase, shape, step)
        assert line["stop"] == int(drawn.stop.max()) and drawn.stop[:2].tolist() == [-1, -1]
        ran = drawn.plan.domains[0]
        early = [int((ran[:, sample] == Domain.SYNTHETIC).sum()) - 1 for sample in (2, 3)]
        assert line["reassigned"] == [-1, -1, *early]
        assert (ran[:, :2] == Domain.SYNTHETIC).all()
    many = [trainer.feed.conditions(phase, shape, step).plan.settings["last_reassigned_block"] for step in range(400)]
    hits = torch.tensor([[last >= 0 for last in step] for step in many])
    assert not hits[:, :2].any()
    assert hits[:, 2:].float().mean(dim=0).tolist() == pytest.approx([0.5, 0.5], abs=0.1)


def test_stages_run_as_the_paper_says(world, tmp_path):
    trainer = trainer_of(tiny_config(world), tmp_path)
    trainer.material.prepare(trainer.processes)
    seen = {}
    for phase in trainer.phases:
        trainer.method.setup(phase, trainer.model)
        shape = Shape.of(phase, 4, 4, 1)
        batches = {name: iter(loader) for name, loader in trainer.feed.loaders(phase, shape).items()}
        seen[phase.name] = trainer.feed.batch(phase, shape, 0, 0, trainer.feed.conditions(phase, shape, 0), batches)
    warmup, stage1, stage2 = (seen[name] for name in ("warmup", "stage1", "stage2"))
    for batch, synthetic in ((warmup, 0), (stage1, 2)):
        assert (batch.conditions.mode, batch.control, batch.n_synthetic) == ("single", None, synthetic)
        assert batch.conditions.stop is None and batch.text.views == 4
        domains = batch.conditions.plan.domains[0]
        assert (domains[:, :synthetic] == Domain.SYNTHETIC).all() and (domains[:, synthetic:] == Domain.REAL).all()
    assert stage2.conditions.mode == "mixed" and stage2.n_synthetic == 2
    assert stage2.control.given.tolist() == [True, True, False, False]
    assert stage2.control.maps.shape == (4, 4, 6, 8, 8)
    grid, single = stage2.text
    assert grid.views is None and single.views == 4


def test_accumulation_checkpointing_and_other_kernels_learn_the_same(world, tmp_path):
    changes = (
        ("accumulated", {"micro_batch": 2}),
        ("checkpointed", {"gradient_checkpointing": True}),
        ("by math", {"attention": "math"}),
    )
    plain = tiny_config(world)
    train(plain, tmp_path / "plain", device="cpu")
    expected, losses = weights(checkpoints(tmp_path / "plain")[5]), logs(tmp_path / "plain")
    for name, change in changes:
        train(tiny_config(world, optimisation=change), tmp_path / name, device="cpu")
        got = weights(checkpoints(tmp_path / name)[5])
        for parameter, value in expected.items():
            torch.testing.assert_close(got[parameter], value, atol=2e-4, rtol=1e-3, msg=f"{name}: {parameter}")
        for line, wanted in zip(logs(tmp_path / name), losses, strict=True):
            assert line["loss"] == pytest.approx(wanted["loss"], rel=1e-4)


def test_workers_and_a_launchers_environment_change_nothing(world, tmp_path, monkeypatch):
    plain = weights(train(tiny_config(world), tmp_path / "plain", device="cpu"))
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    other = weights(train(tiny_config(world, data={"workers": 1}), tmp_path / "other", device="cpu"))
    assert moved(plain, other) == set()


def test_samples_kept_in_memory_teach_the_same_and_are_read_less(world, tmp_path, monkeypatch):
    reads = []
    read = samples.Objects.__getitem__
    monkeypatch.setattr(samples.Objects, "__getitem__", lambda self, index: reads.append(index) or read(self, index))
    plain = weights(train(tiny_config(world), tmp_path / "plain", device="cpu"))
    without = len(reads)
    kept = weights(train(tiny_config(world, data={"in_memory": True}), tmp_path / "kept", device="cpu"))
    assert moved(plain, kept) == set()
    assert len(reads) - without < without


def test_bfloat16_keeps_float32_weights(world, tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "imitates_bfloat16", lambda device: False)  # even where it is only imitated
    config = tiny_config(world, optimisation={"precision": "bfloat16", "gradient_checkpointing": True})
    last = train(config, tmp_path, device="cpu")
    assert {value.dtype for value in weights(last).values() if value.is_floating_point()} == {torch.float32}
    exact = tmp_path / "exact"
    train(tiny_config(world), exact, device="cpu")
    for line, wanted in zip(logs(tmp_path), logs(exact), strict=True):
        assert line["loss"] == pytest.approx(wanted["loss"], rel=0.03)


def test_checkpoints_hold_averages_and_states_the_weights_behind_them(world, tmp_path):
    train(tiny_config(world, steps=(0, 0, 3), optimisation={"ema_decay": 0.9}), tmp_path, device="cpu")
    found = checkpoints(tmp_path)
    name = "transformer.proj_out.weight"
    raw = [weights(found[step])[name] for step in (1, 2)]
    start = trainer_of(tiny_config(world), tmp_path / "start").model.state_dict()[name]
    average = start + (1 - 1 / 10) * (raw[0] - start)
    average = average + (1 - 2 / 11) * (raw[1] - average)
    saved = load_checkpoint(found[2]).model.state_dict()[name]
    torch.testing.assert_close(saved, average)
    assert not torch.equal(saved, raw[1])
    # a phase ends with its average
    assert torch.equal(load_checkpoint(found[3]).model.state_dict()[name], weights(found[3])[name])


def test_text_to_multiview_learns_viewpoints(world, tmp_path):
    config = tiny_config(world, task="text_to_multiview", steps=(0, 1, 2))
    folders = [train(config, tmp_path, device="cpu"), checkpoints(tmp_path)[1]]
    after, before = (weights(folder)["viewpoints.embed.weight"] for folder in folders)
    assert not before.any() and after.any()
    loaded = load_checkpoint(folders[0]).model
    assert loaded.control_channels == 0
    assert torch.equal(loaded.viewpoints.embed.weight, after)


def test_joint_shifters_train_with_the_model(world, tmp_path):
    config = tiny_config(world, steps=(1, 0, 2), method={"joint": True, "stage2": {"layer_aware": False}})
    train(config, tmp_path, device="cpu")
    found = checkpoints(tmp_path)
    changed = moved(weights(found[1]), weights(found[3]))
    assert "shifters.left" in changed and any(name.startswith("transformer.") for name in changed)


def test_costs_are_accounted_for(world, tmp_path):
    config = tiny_config(world, steps=(1, 2, 3), optimisation={"micro_batch": 2})
    train(config, tmp_path, device="cpu")
    summary = json.loads((tmp_path / "training.json").read_text())
    warmup, stage1, stage2 = summary["phases"]
    assert [phase["steps"] for phase in summary["phases"]] == [1, 2, 3]
    assert (warmup["synthetic_samples"], warmup["real_samples"]) == (0, 4)
    assert (stage2["synthetic_samples"], stage2["real_samples"]) == (6, 6)
    state = weights(checkpoints(tmp_path)[6])
    n_blocks, _, dim = state["shifters.embed"].shape
    assert stage1["trainable_parameters"] == n_blocks * dim * (2 + 2 * 2)
    assert stage2["trainable_parameters"] == warmup["trainable_parameters"]
    # a frozen backbone needs no gradients of its weights
    assert 0.5 < stage1["flops_per_sample"] / warmup["flops_per_sample"] < 0.9
    assert stage2["flops"] == pytest.approx(stage2["flops_per_sample"] * 12)
    assert all(phase["seconds"] > 0 and phase["peak_memory_bytes"] > 0 for phase in summary["phases"])


def test_epochs_count_the_synthetic_data(world, tmp_path):
    config = tiny_config(world, method={"stage1": {"length": {"steps": None, "epochs": 2}}})
    trainer = trainer_of(config, tmp_path)
    assert trainer.totals == [1, 6, 2]  # 6 objects, 2 a step
    whole = tiny_config(world, method={"warmup": {"length": {"steps": None, "epochs": 1}}})
    assert trainer_of(whole, tmp_path).totals[0] == 1  # 16 pictures are 4 grids, 4 a step


@pytest.mark.parametrize(
    ("samples", "micro", "world_size", "message"),
    [(6, 4, 1, "do not fill whole"), (6, 3, 1, "even number"), (5, 2, 2, "cannot be shared")],
)
def test_steps_that_cannot_be_dealt_out_are_refused(samples, micro, world_size, message):
    phase = Phase("stage2", "both", PhaseSettings.model_validate({"length": {"steps": 1}}))
    with pytest.raises(UsageError, match=message):
        Shape.of(phase, samples, micro, world_size)


def test_every_sample_of_a_step_is_dealt_once():
    phase = Phase("stage2", "both", PhaseSettings.model_validate({"length": {"steps": 1}}))
    for world_size, micro in ((1, 12), (1, 4), (2, 2), (3, 4)):
        shape = Shape.of(phase, 12, micro, world_size)
        dealt = [i for rank in range(world_size) for m in range(shape.accumulation) for i in shape.of_forward(rank, m)]
        assert sorted(dealt) == list(range(12))


def test_another_config_does_not_go_on(world, tmp_path):
    train(tiny_config(world, steps=(0, 1, 1)), tmp_path, device="cpu")
    with pytest.raises(UsageError, match="config changed"):
        train(tiny_config(world, steps=(0, 1, 1), seed=5), tmp_path, device="cpu")
    with pytest.raises(UsageError, match="nothing to resume"):
        train(tiny_config(world), tmp_path / "new", device="cpu", resume=True)
    with pytest.raises(UsageError, match="no checkpoint of step 9"):
        train(tiny_config(world), tmp_path, device="cpu", from_step=9)


def test_losses_that_are_not_finite_stop_the_run(world, tmp_path):
    with pytest.raises(UsageError, match="the loss is"):
        train(
            tiny_config(world, steps=(4, 0, 0), method={"warmup": {"learning_rate": 1.0}, "joint": False},
                        optimisation={"clip_norm": None, "weight_decay": 1e9}),
            tmp_path, device="cpu",
        )  # fmt: skip


def test_old_checkpoints_are_pruned(world, tmp_path):
    train(tiny_config(world, steps=(1, 3, 4), checkpoints={"keep": 1}), tmp_path, device="cpu")
    assert list(checkpoints(tmp_path)) == [1, 4, 7, 8]  # ends of phases, and the newest of the others


def test_the_command_trains_and_resumes(world, tmp_path, capsys):
    from bench.cli import main

    config = tiny_config(world, steps=(0, 1, 1))
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps(config.model_dump(mode="json")))
    call = ["train", str(path), "--out", str(tmp_path / "out"), "--device", "cpu", "--json"]
    assert main(call) == 0
    answer = json.loads(capsys.readouterr().out)
    assert Path(answer["checkpoint"]).name == "step_2"
    assert main([*call, "--resume"]) == 0
    assert main([*call, "--set", "seed=3"]) == 2
    assert "config changed" in capsys.readouterr().err


@pytest.mark.slow  # renders two data sets and trains for a minute
def test_the_shipped_tiny_config_trains_from_the_documented_commands(tmp_path, monkeypatch, capsys):
    from bench.cli import main

    monkeypatch.chdir(tmp_path)
    render = ["render-dataset", "--miniworld", "train", "--count", "6", "--resolution", "32"]
    assert main([*render, "--out", "data/miniworld-synthetic"]) == 0
    assert main([*render, "--look", "rich", "--out", "data/miniworld-rich"]) == 0
    assert main(["train", "tiny-cpu", "--device", "cpu"]) == 0
    last = Path(capsys.readouterr().out.splitlines()[-1])
    assert last.is_dir()
    out = tmp_path / "runs" / "train-tiny-cpu"
    assert json.loads((out / "training.json").read_text())["finished"]
    losses = [line["loss"] for line in logs(out)]
    assert losses[-1] < 0.6 * losses[0]
    loaded = load_checkpoint(last)
    assert loaded.model.shifters.table().abs().max() > 0.01


_PROCESS = """
import sys
sys.path[:0] = {paths!r}
import torch
torch.set_num_threads(1)
from pathlib import Path
from training_worlds import tiny_config
from realiz3d.training.run import train
config = tiny_config(Path({world!r}), steps=(1, 2, 2), optimisation={{"samples_per_step": 8, "micro_batch": 2}})
train(config, {out!r}, device="cpu")
"""


@pytest.mark.slow  # two interpreters import torch and diffusers
def test_two_processes_learn_what_one_does(world, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    here = Path(__file__)
    code = _PROCESS.format(
        paths=[str(here.parents[1] / "helpers"), str(here.parents[2])], world=str(world), out=str(tmp_path / "two")
    )
    script = tmp_path / "two.py"
    script.write_text(code)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", port]
    shared = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    assert subprocess.run([*torchrun, str(script)], env=shared, timeout=300, check=False).returncode == 0

    # two samples a forward, two forwards a step on each of two processes, against all eight at once
    whole = {"samples_per_step": 8, "micro_batch": 8}
    train(tiny_config(world, steps=(1, 2, 2), optimisation=whole), tmp_path / "one", device="cpu")
    for line, wanted in zip(logs(tmp_path / "two"), logs(tmp_path / "one"), strict=True):
        assert line["loss"] == pytest.approx(wanted["loss"], rel=1e-4)
        assert line["loss_real"] == pytest.approx(wanted["loss_real"], rel=1e-4)
    summary = json.loads((tmp_path / "two" / "training.json").read_text())
    assert summary["processes"] == 2
    expected = weights(checkpoints(tmp_path / "one")[5])
    for name, value in weights(checkpoints(tmp_path / "two")[5]).items():
        torch.testing.assert_close(value, expected[name], atol=2e-4, rtol=1e-3, msg=name)
