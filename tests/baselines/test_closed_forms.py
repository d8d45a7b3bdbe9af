"""Ranks and parameter counts by formula, and what the modules compute against a second way to compute it."""

from __future__ import annotations

import pytest
import torch
from baseline_runs import predict
from torch import nn
from torch.nn.functional import linear
from training_worlds import MADE

from baselines.domain_adapter import DomainAdapterSettings
from baselines.domain_switcher import DomainSwitcher, DomainSwitcherSettings, code_of, timestep_embedders
from baselines.full_tuning import FullTuningSettings
from baselines.linear_adapters import LinearAdapters, LinearAdaptersSettings
from baselines.lora import LoRASettings, attention_projections, lora_parameters
from baselines.spatial_adapter import SpatialAdapterSettings
from realiz3d.multiview import MultiviewModel
from realiz3d.plan import DomainPlan

BLOCKS, CHANNELS, CONTROL = 4, 3, 6
FLAG = 1


def model_of(host: str) -> MultiviewModel:
    import diffusers

    torch.manual_seed(0)
    transformer = getattr(diffusers, MADE[host]["transformer"])(**MADE[host]["config"])
    return MultiviewModel.wrap(transformer, control_channels=CONTROL)


def trainable(model: MultiviewModel, settings: object, phase_name: str = "control") -> int:
    """Numbers that train in a phase, after the setup of all phases up to it."""
    method = settings.build(0)
    for phase in method.phases():
        method.setup(phase, model)
        if phase.name == phase_name:
            return sum(parameter.numel() for parameter in method.trainable(phase, model))
    raise AssertionError(phase_name)


def whole(model: MultiviewModel) -> int:
    return sum(parameter.numel() for parameter in model.transformer.parameters())


def columns(model: MultiviewModel) -> int:
    """Of the control in the input projection: maps and flag, for every pixel of a patch."""
    return model.dim * (CONTROL + FLAG) * model.host.patch**2


def lora_sizes(host: str, d: int) -> int:
    """Sum of in + out over the projections of a block's attention layers; cross-attention reads text of width d."""
    self_attention = 4 * 2 * d
    joint = 4 * 2 * d  # add_q, add_k, add_v, to_add_out
    if host == "pixart":
        return BLOCKS * 2 * self_attention
    if host == "dit":
        return BLOCKS * self_attention
    return BLOCKS * (self_attention + joint) - 2 * d  # the last block has no to_add_out


@pytest.mark.parametrize("rank", [32, 128])
def test_sizes_of_lora(host, rank):
    model = model_of(host)
    found = trainable(model, LoRASettings(rank=rank))
    assert found == rank * lora_sizes(host, model.dim) + columns(model)
    for parameter in lora_parameters(model):
        assert rank in parameter.shape


@pytest.mark.parametrize("rank", [32, 128])
def test_sizes_of_linear_adapters(host, rank):
    model = model_of(host)
    assert trainable(model, LinearAdaptersSettings(rank=rank)) == BLOCKS * 2 * rank * model.dim + columns(model)


@pytest.mark.parametrize("mode", ["concat", "add"])
def test_sizes_of_switchers(host, mode):
    model = model_of(host)
    base = whole(model)
    d, embedders = model.dim, BLOCKS if host == "dit" else 1
    one = 4 * d if mode == "concat" else 4 * d + d + d * d + d
    assert trainable(model, DomainSwitcherSettings(mode=mode, joint=True)) == base + embedders * one
    two_stage = DomainSwitcherSettings(mode=mode)
    assert trainable(model_of(host), two_stage, "warmup") == base
    assert trainable(model_of(host), two_stage, "adapter") == embedders * one
    assert trainable(model_of(host), two_stage) == base


@pytest.mark.parametrize("rank", [32, 128])
def test_sizes_of_adapters_that_train_first_and_of_the_backbone_that_trains_then(host, rank):
    """Neither phase has anything of the other: the adapter alone, then the whole backbone and nothing else."""
    model = model_of(host)
    base = whole(model)
    domain, spatial = DomainAdapterSettings(rank=rank), SpatialAdapterSettings(rank=rank)
    assert trainable(model_of(host), domain, "adapter") == rank * lora_sizes(host, model.dim)
    assert trainable(model_of(host), spatial, "adapter") == BLOCKS * 2 * rank * model.dim
    assert trainable(model_of(host), domain) == trainable(model_of(host), spatial) == base


def test_full_tuning_trains_all(host):
    model = model_of(host)
    assert trainable(model, FullTuningSettings()) == whole(model)


def test_lora_is_in_every_projection_of_every_attention_and_nowhere_else(host):
    names = attention_projections(model_of(host))
    parts = {name.rpartition("attn")[2].partition(".")[2] for name in names}
    assert parts >= {"to_q", "to_k", "to_v", "to_out.0"}
    assert parts <= {"to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"}
    expected = {"pixart": BLOCKS * 8, "dit": BLOCKS * 4, "sd3": BLOCKS * 8 - 1}
    assert len(names) == len(set(names)) == expected[host]


def test_linear_adapters_compute_a_low_rank_residual(host):
    adapters = LinearAdapters.for_model(model_of(host), rank=3, seed=1)
    tokens = torch.randn(2, 5, adapters.left.shape[1])
    torch.testing.assert_close(adapters(tokens, 1), tokens, rtol=0, atol=0)
    nn.init.normal_(adapters.left)
    matrix = adapters.left[1].double() @ adapters.right[1].double()
    assert int(torch.linalg.matrix_rank(matrix)) == 3
    torch.testing.assert_close(adapters(tokens, 1), tokens + tokens @ matrix.float().T)


def test_concat_equals_a_widened_first_layer(host):
    """W [t | code] + b, with the layer widened by hand as Wonder3D's paper draws it."""
    plan = DomainPlan.constant("synthetic", BLOCKS)
    model = model_of(host)
    switcher = DomainSwitcher.for_model(model, "concat", seed=0)
    for code in switcher.codes:
        nn.init.normal_(code.weight, std=0.3)
    model.add_extra("switcher", switcher)
    switched = predict(model, host, plan=plan)
    model.remove_extra("switcher")

    class Widened(nn.Module):
        def __init__(self, layer: nn.Linear, columns: torch.Tensor) -> None:
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.cat([layer.weight, columns], dim=1)), layer.bias

        def forward(self, t: torch.Tensor) -> torch.Tensor:
            code = code_of(torch.ones(len(t), dtype=torch.int64))
            return linear(torch.cat([t, code], dim=1), self.weight, self.bias)

    for embedder, code in zip(timestep_embedders(model), switcher.codes, strict=True):
        embedder.linear_1 = Widened(embedder.linear_1, code.weight.detach())
    torch.testing.assert_close(predict(model, host), switched, rtol=1e-5, atol=1e-6)


def test_codes_are_the_sines_and_cosines_of_one_hot_vectors():
    s, c = torch.tensor(1.0).sin().item(), torch.tensor(1.0).cos().item()
    torch.testing.assert_close(code_of(torch.tensor([0, 1])), torch.tensor([[s, 0, c, 1], [0, s, 1, c]]))


@pytest.mark.parametrize("mode", ["concat", "add"])
def test_a_switcher_survives_gradient_checkpointing(host, mode):
    """Blocks that run again in backward must see the domains of their first run (DiT embeds time inside its blocks)."""
    from baseline_runs import text_of

    from realiz3d.control import Control

    gradients = []
    for again in (False, True):
        model = model_of(host).train()
        switcher = DomainSwitcher.for_model(model, mode, seed=0)
        torch.manual_seed(3)
        for parameter in switcher.parameters():
            nn.init.normal_(parameter, std=0.3)
        model.add_extra("switcher", switcher)
        if again:
            model.enable_gradient_checkpointing()
        rng = torch.Generator().manual_seed(1)
        x, maps = torch.randn(2, 4, 3, 8, 8, generator=rng), torch.randn(2, 4, 6, 8, 8, generator=rng)
        plan = DomainPlan(torch.tensor([0, 1]).expand(1, BLOCKS, 2))
        out = model(x, torch.tensor([100, 700]), text_of(host), Control(maps=maps), plan=plan)
        model(x, torch.tensor([5, 9]), text_of(host), plan=DomainPlan.constant("real", BLOCKS))  # another call between
        out.square().mean().backward()
        gradients.append([parameter.grad.clone() for parameter in switcher.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)
        assert float(one.abs().max()) > 0
