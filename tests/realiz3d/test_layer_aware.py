"""Gradient stops against `requires_grad` toggling, and gradient checkpointing against plain backward passes."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import torch
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.utils.checkpoint import checkpoint

from realiz3d.errors import OutOfOrder, UsageError
from realiz3d.layer_aware import cuts, draw_stops
from realiz3d.multiview import MultiviewModel
from realiz3d.plan import DomainPlan
from realiz3d.slots import BlockState, fill

TOLERANCE = {"atol": 1e-5, "rtol": 1e-4}
PLAN = ["synthetic", "real", "real"]


class Box:
    """A tensor that autograd keeps for backward."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


def gradients(model: MultiviewModel) -> dict[str, torch.Tensor | None]:
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def backward(model: MultiviewModel, tiny: Any, samples: slice = slice(0, 3), **options: Any) -> torch.Tensor:
    """A summed loss over some of three single-image samples."""
    x, t, text = tiny.latents(3)[samples], tiny.times(3)[samples], tiny.text(3, 4).samples(samples)
    plan = DomainPlan.train(PLAN, model.n_blocks, reassign_p=0.0)
    plan = DomainPlan(plan.domains[:, :, samples])
    loss = model(x, t, text, mode="single", plan=plan, **options).square().sum()
    loss.backward()
    return loss


def block_names(model: MultiviewModel, first: int, last: int) -> list[str]:
    """Names of all parameters of blocks [first, last]."""
    wanted = {id(p) for block in model.host.blocks[first : last + 1] for p in block.parameters()}
    return [name for name, parameter in model.named_parameters() if id(parameter) in wanted]


def input_names(model: MultiviewModel) -> list[str]:
    """The input projection, and the embedders of a text stream."""
    prefixes = ("transformer.pos_embed.", "transformer.patch_embed.", "transformer.x_embedder.", "transformer.img_in.")
    if model.host.text_stream:
        prefixes += ("transformer.context_embedder.", "transformer.txt_in.", "transformer.txt_norm.")
    return [name for name, _ in model.named_parameters() if name.startswith(prefixes)]


@pytest.mark.parametrize("stop", [0, 1, 2])
def test_frozen_blocks_have_no_gradient_and_later_ones_that_of_the_reference(tiny, trained, stop):
    model, reference = trained(tiny), trained(tiny)
    backward(model, tiny, stop=[stop] * 3)
    frozen = block_names(model, 0, stop) + input_names(model)
    for name, parameter in reference.named_parameters():
        parameter.requires_grad_(name not in frozen)
    backward(reference, tiny)

    got, expected = gradients(model), gradients(reference)
    assert len(frozen) > 10
    assert [name for name in frozen if got[name] is not None] == []
    later = [name for name in block_names(model, stop + 1, model.n_blocks - 1) if expected[name] is not None]
    assert len(later) > 10
    for name in [*later, *(n for n in got if n.startswith(("transformer.proj_out", "transformer.norm_out")))]:
        torch.testing.assert_close(got[name], expected[name], **TOLERANCE, msg=name)


def test_a_stop_does_not_change_the_prediction(tiny, trained):
    model = trained(tiny)
    x, t, text = tiny.latents(2), tiny.times(2), tiny.text(2)
    plan = DomainPlan.constant("real", model.n_blocks)
    plain = model(x, t, text, mode="single", plan=plan)
    assert torch.equal(model(x, t, text, mode="single", plan=plan, stop=[1, -1]), plain)


def test_early_blocks_keep_no_activations_below_a_stop(tiny, trained):
    """The saving that makes a stop cheaper than frozen parameters."""
    kept = []
    for stop in (-1, 2):
        model, boxes = trained(tiny), []

        def pack(tensor: torch.Tensor, boxes: list[Any] = boxes) -> Box:
            box = Box(tensor.detach())  # an output that is kept with its own graph would never be freed
            boxes.append(weakref.ref(box))
            return box

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda box: box.tensor):
            plan = DomainPlan.constant("real", model.n_blocks)
            out = model(tiny.latents(2), tiny.times(2), tiny.text(2), mode="single", plan=plan, stop=[stop] * 2)
        gc.collect()
        weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
        alive = [box.tensor for ref in boxes if (box := ref()) is not None]
        kept.append(sum(tensor.numel() for tensor in alive if tensor.untyped_storage().data_ptr() not in weights))
        del alive
        del out
    assert kept[1] < 0.5 * kept[0]  # one block of four and the head are left


def test_stops_of_single_samples_add_up(tiny, trained):
    """A batch with different stops has the sum of the gradients of its samples alone."""
    stops = [-1, 0, 2]
    together = trained(tiny)
    backward(together, tiny, stop=stops)
    alone = trained(tiny)  # gradients accumulate over the three backward passes
    for sample, stop in enumerate(stops):
        backward(alone, tiny, slice(sample, sample + 1), stop=[stop])
    got, expected = gradients(together), gradients(alone)
    for name in got:
        if expected[name] is None:
            assert got[name] is None, name
        else:
            torch.testing.assert_close(got[name], expected[name], **TOLERANCE, msg=name)


def test_real_samples_of_a_mixed_batch_leave_the_early_blocks_to_the_synthetic_ones(tiny, trained):
    x, t = tiny.latents(2), tiny.times(2)
    grid_text, real_text = tiny.text(1), tiny.text(1, 4, seed=7)
    mixed, synthetic = trained(tiny), trained(tiny)
    plan = DomainPlan.train(["synthetic", "real"], mixed.n_blocks, reassign_p=0.0)
    out = mixed(x, t, (grid_text, real_text), mode="mixed", n_grid=1, plan=plan, stop=[-1, 1])
    out.square().sum().backward()
    only = DomainPlan(plan.domains[:, :, :1])
    synthetic(x[:1], t[:1], grid_text, mode="multiview", plan=only).square().sum().backward()
    got, expected = gradients(mixed), gradients(synthetic)
    for name in block_names(mixed, 0, 1):
        torch.testing.assert_close(got[name], expected[name], **TOLERANCE, msg=name)
    last = block_names(mixed, 3, 3)
    assert any(got[name] is not None and not torch.allclose(got[name], expected[name]) for name in last)


def test_the_text_stream_is_detached_with_the_image_stream(tiny_hosts, trained):
    for name, embedder in [("sd3", "context_embedder"), ("flux", "context_embedder"), ("qwen", "txt_in")]:
        model = trained(tiny_hosts[name])
        backward(model, tiny_hosts[name], stop=[0] * 3)
        assert getattr(model.transformer, embedder).weight.grad is None, name
        backward(model, tiny_hosts[name])
        assert getattr(model.transformer, embedder).weight.grad is not None, name
    model = trained(tiny_hosts["pixart"])  # cross-attention: captions are read by every block and keep learning
    backward(model, tiny_hosts["pixart"], stop=[0] * 3)
    assert model.transformer.caption_projection.linear_1.weight.grad.abs().sum() > 0


def test_adamw_does_not_move_what_is_frozen(tiny_hosts, trained):
    model = trained(tiny_hosts["dit"])
    frozen = block_names(model, 0, 1) + input_names(model)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    backward(model, tiny_hosts["dit"], stop=[1] * 3)
    optimizer.step()
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert not moved & set(frozen)
    assert set(block_names(model, 3, 3)) <= moved


def test_only_left_has_a_gradient_in_the_very_first_step_of_stage_1(tiny):
    from realiz3d.shifters import DomainShifters

    model = MultiviewModel.wrap(tiny.transformer())
    model.attach(DomainShifters.for_model(model))
    model.transformer.requires_grad_(False)
    backward(model, tiny)
    shifters = model.shifters
    assert shifters.left.grad.abs().sum() > 0
    assert not shifters.embed.grad.any() and not shifters.right.grad.any()
    assert all(parameter.grad is None for parameter in model.transformer.parameters())


# --- gradient checkpointing: blocks run a second time while backward() runs ---


@pytest.mark.parametrize("through", ["model", "host"])
def test_checkpointing_gives_the_gradients_of_a_plain_backward(tiny, trained, through):
    plain, saving = trained(tiny), trained(tiny)
    (saving if through == "model" else saving.transformer).enable_gradient_checkpointing()
    for model in (plain, saving):
        backward(model, tiny, stop=[-1, 0, 1])
        # another plan and another mode in between must not reach the first backward of a later pair
        backward(model, tiny, slice(1, 3))
    got, expected = gradients(saving), gradients(plain)
    for name in expected:
        if expected[name] is None:
            assert got[name] is None, name
        else:
            torch.testing.assert_close(got[name], expected[name], **TOLERANCE, msg=name)


def test_two_forwards_before_one_backward_keep_their_own_plans_under_checkpointing(tiny_hosts, trained):
    tiny = tiny_hosts["pixart"]
    x, t, text = tiny.latents(1), tiny.times(1), tiny.text(1)
    found = []
    for checkpointing in (False, True):
        model = trained(tiny)
        if checkpointing:
            model.enable_gradient_checkpointing()
        plans = [DomainPlan.constant(domain, model.n_blocks) for domain in ("real", "synthetic")]
        a = model(x, t, text, mode="single", plan=plans[0])
        b = model(x, t, text, mode="multiview", plan=plans[1], stop=[1])
        (a * b).sum().backward()
        found.append(gradients(model))
    for name, expected in found[0].items():
        torch.testing.assert_close(found[1][name], expected, **TOLERANCE, msg=name)


def test_a_checkpoint_wrapper_that_the_model_does_not_know_fails_instead_of_computing_a_wrong_gradient(
    tiny_hosts, trained
):
    tiny = tiny_hosts["pixart"]
    model = trained(tiny)
    blocks = model.transformer.transformer_blocks
    for index, block in enumerate(blocks):
        blocks[index] = checkpoint_wrapper(block)
    with pytest.raises(OutOfOrder, match="enable_gradient_checkpointing"):
        backward(model, tiny)


def test_the_hazard_is_real_a_plan_that_changes_before_backward_gives_another_gradient(tiny_hosts, trained):
    """What would happen without the tie: no error, and a gradient that is off."""
    tiny = tiny_hosts["pixart"]
    honest, careless = trained(tiny), trained(tiny)
    backward(honest, tiny)
    careless.transformer.enable_gradient_checkpointing()

    def naive(block: Any, *args: Any) -> Any:
        return checkpoint(block.__call__, *args, use_reentrant=False)

    naive.realiz3d_bound = True  # pretend to be tied
    careless.transformer._gradient_checkpointing_func = naive
    x, t, text = tiny.latents(3), tiny.times(3), tiny.text(3, 4)
    plan = DomainPlan.train(PLAN, careless.n_blocks, reassign_p=0.0)
    loss = careless(x, t, text, mode="single", plan=plan).square().sum()
    wrong = careless.shifters.table()[:, 1, None, None].detach()  # everyone synthetic
    fill(careless._slots, [BlockState(shift, None, None, None) for shift in wrong])
    loss.backward()
    name = "transformer.transformer_blocks.2.attn1.to_q.weight"
    right, off = gradients(honest)[name], gradients(careless)[name]
    assert (off - right).norm() / right.norm() > 0.01


# --- drawing ---


def test_draws_cover_zero_to_floor_tau_n_and_spare_synthetic_samples():
    rng = torch.Generator().manual_seed(0)
    drawn = torch.stack([draw_stops(PLAN, 28, tau=0.4, rng=rng) for _ in range(800)])
    assert (drawn[:, 0] == -1).all()
    assert torch.equal(drawn[:, 1], drawn[:, 2])  # one draw an iteration
    values, counts = drawn[:, 1].unique(return_counts=True)
    assert values.tolist() == list(range(12))  # floor(0.4 * 28) = 11, inclusive
    assert counts.min() > 0.5 * counts.float().mean()
    own = torch.stack([draw_stops(PLAN, 28, rng=rng, per_sample=True) for _ in range(50)])
    assert not torch.equal(own[:, 1], own[:, 2])


def test_the_last_block_always_trains():
    assert max(int(draw_stops(["real"], 3, tau=1.0).max()) for _ in range(50)) == 1
    with pytest.raises(UsageError, match="at least two blocks"):
        draw_stops(["real"], 1)


def test_cuts_are_total_where_no_sample_sends_a_gradient():
    at_blocks, head = cuts(torch.tensor([0, 2]), 5, torch.device("cpu"))
    assert at_blocks[0] is None and at_blocks[1] == "all" and at_blocks[4] is None and head == "all"
    assert at_blocks[2].flatten().tolist() == at_blocks[3].flatten().tolist() == [False, True]
    assert cuts(torch.tensor([-1, -1]), 3, torch.device("cpu")) == ([None] * 3, None)
    some, head = cuts(torch.tensor([-1, 0]), 3, torch.device("cpu"))
    assert some[1].flatten().tolist() == head.flatten().tolist() == [False, True]
