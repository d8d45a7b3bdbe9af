"""Every method on every kind of host: identity at the start, what trains, what is saved, what samples."""

from __future__ import annotations

import copy
import json

import pytest
import torch
from baseline_runs import Run, predict, run_method, snapshot, steps

from realiz3d.pipeline import Realiz3DPipeline
from realiz3d.plan import DomainPlan
from realiz3d.training.checkpoint import load_checkpoint

LORA, COLUMNS = ".lora_", ".parametrizations.weight.original"
LINEAR, SWITCHER = "extras.linear_adapters.", "extras.domain_switcher."


def promised(method: str, phase: str, names: set[str]) -> set[str]:
    """What the tables of the paper say trains."""
    base = {name for name in names if name.startswith("transformer.") and LORA not in name}
    lora, columns = ({name for name in names if part in name} for part in (LORA, COLUMNS))
    linear, switcher = ({name for name in names if name.startswith(part)} for part in (LINEAR, SWITCHER))
    return {
        ("lora", "control"): lora | columns,
        ("linear_adapters", "control"): linear | columns,
        ("domain_adapter", "adapter"): lora,
        ("spatial_adapter", "adapter"): linear,
        ("switcher_joint", "control"): base | switcher,
        ("switcher_2stage", "adapter"): switcher,
        ("switcher_add", "adapter"): switcher,
    }.get((method, phase), base)


def test_nothing_changes_until_something_is_learned(trained, method, host):
    """Adapters, LoRA, switchers and the split input are the identity when they are added."""
    run: Run = trained(method, host)
    first = run.trainer.phases[0].name
    torch.testing.assert_close(run.start_predictions[first], run.base_prediction, rtol=0, atol=1e-6)


def test_exactly_the_promised_parameters_train(trained, method, host):
    run: Run = trained(method, host)
    for phase in run.trainer.phases:
        names = {name for name, _ in run.model.named_parameters()}
        wanted = promised(method, phase.name, names)
        assert run.trainable[phase.name] == wanted
        changed = run.changed(phase.name)
        assert changed <= wanted
        # weights that no sample of the phase reached (rows of other classes, unread outputs) may have stayed
        assert len(changed) >= 0.9 * len(wanted), sorted(wanted - changed)


def test_a_checkpoint_samples_as_the_trained_model_does(trained, method, host):
    """What is loaded is the live model as the method wants it at inference, and pipelines sample it."""
    run: Run = trained(method, host)
    loaded = load_checkpoint(run.last).model
    removed = method in ("domain_adapter", "spatial_adapter")
    if not removed:
        torch.testing.assert_close(predict(loaded, host), predict(run.model, host), rtol=1e-4, atol=1e-5)
    assert (len(loaded.extras) > 0) == (method.startswith("switcher") or method == "linear_adapters")
    pipeline = Realiz3DPipeline.from_checkpoint(run.last)
    pipeline.set_progress_bar_config(disable=True)
    made = pipeline(
        "a red mug", torch.zeros(1, 4, 6, 8, 8), num_inference_steps=2, generator=torch.Generator().manual_seed(0),
        output_type="pt",
    ).images  # fmt: skip
    assert made.shape == (1, 4, 3, 8, 8) and bool(made.isfinite().all()) and float(made.std()) > 0


def test_adapters_removed_at_inference_leave_the_tuned_backbone(trained, host):
    for method in ("domain_adapter", "spatial_adapter"):
        run: Run = trained(method, host)
        loaded = load_checkpoint(run.last).model.transformer.state_dict()
        live = {name: value for name, value in snapshot(run.model).items() if name.startswith("transformer.")}
        plain = {
            name.removeprefix("transformer.").replace(".base_layer.", "."): value
            for name, value in live.items()
            if LORA not in name
        }
        assert loaded.keys() == plain.keys()
        assert all(torch.equal(loaded[name], plain[name]) for name in plain)
        # the adapter did something, so removing it is not the same as keeping it
        assert float((predict(load_checkpoint(run.last).model, host) - predict(run.model, host)).abs().max()) > 1e-4


def test_the_backbone_is_untouched_while_the_adapter_learns(trained, host):
    """Checkpoints of the adapter's phase hold the base model."""
    run: Run = trained("domain_adapter", host)
    first = load_checkpoint(sorted(run.last.parent.iterdir(), key=lambda path: int(path.name[5:]))[0]).model
    assert all(
        torch.equal(value, run.base[f"transformer.{name}"]) for name, value in first.transformer.state_dict().items()
    )


def test_merging_equals_pefts_own(trained, host):
    from peft.tuners.lora import LoraLayer

    from baselines.plain_state import plain_state

    run: Run = trained("lora", host)
    transformer = copy.deepcopy(run.model.transformer)
    layers = [module for module in transformer.modules() if isinstance(module, LoraLayer)]
    assert layers
    merged = plain_state(transformer, "merge")
    for layer in layers:
        layer.merge()
    for name, module in transformer.named_modules():
        if isinstance(module, LoraLayer):
            torch.testing.assert_close(merged[f"{name}.weight"], module.base_layer.weight, rtol=1e-6, atol=1e-7)


def test_budgets_are_complete(trained, method, host):
    run: Run = trained(method, host)
    phases = json.loads((run.trainer.out / "training.json").read_text())["phases"]
    assert [phase["phase"] for phase in phases] == [phase.name for phase in run.trainer.phases]
    for phase in phases:
        shapes = {name: parameter.numel() for name, parameter in run.model.named_parameters()}
        assert phase["trainable_parameters"] == sum(shapes[name] for name in run.trainable[phase["phase"]])
        assert phase["seconds"] > 0 and phase["peak_memory_bytes"] > 1e6 and phase["flops"] > 0
        assert phase["synthetic_samples"] + phase["real_samples"] == 4 * phase["steps"]
    assert sum(phase["steps"] for phase in phases) == 10


def test_every_method_sees_as_much(trained, host):
    """No row wins by compute: the same number of optimiser steps and samples is the same budget for all."""
    seen = {}
    for method in ("syn_only", "lora", "linear_adapters"):
        budget = trained(method, host).trainer.progress.budgets[-1]
        seen[method] = (budget.steps, budget.synthetic_samples)
    assert len(set(seen.values())) == 1


@pytest.mark.parametrize("mode", ["concat", "add"])
def test_a_switcher_tells_domains_apart_only_after_it_learned(world, host, mode, tmp_path):
    method = {"name": "domain_switcher", "mode": mode, "warmup": steps(0), "adapter": steps(2), "control": steps(1)}
    run = run_method(world, host, method, tmp_path)
    n_blocks = run.model.n_blocks
    real, synthetic = (DomainPlan.constant(domain, n_blocks) for domain in ("real", "synthetic"))
    after = [predict(run.model, host, plan=plan) for plan in (real, synthetic, None)]
    assert float((after[0] - after[1]).abs().max()) > 1e-4
    torch.testing.assert_close(after[2], after[0], rtol=0, atol=0)  # sampling knows no plan: it is the real domain
    for name, value in run.starts["adapter"].items():
        run.model.state_dict()[name].copy_(value)
    before = [predict(run.model, host, plan=plan) for plan in (real, synthetic)]
    torch.testing.assert_close(before[0], before[1], rtol=0, atol=0)
