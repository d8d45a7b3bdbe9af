"""Plans: exactly the blocks and timesteps that the paper's rules name."""

from __future__ import annotations

import json
import math

import diffusers
import pytest
import torch

from realiz3d.errors import UsageError
from realiz3d.plan import Domain, DomainPlan, deepest_block


def synthetic_blocks(plan: DomainPlan, step: int = 0, sample: int = 0) -> list[int]:
    return plan.domains[step, :, sample].nonzero().flatten().tolist()


def test_training_without_reassignment_is_the_domain_of_the_sample():
    plan = DomainPlan.train(["real", "synthetic"], 5, reassign_p=0.0)
    assert synthetic_blocks(plan, sample=0) == []
    assert synthetic_blocks(plan, sample=1) == [0, 1, 2, 3, 4]


def test_reassigned_blocks_are_those_that_the_draw_names():
    rng = torch.Generator().manual_seed(1)
    plan = DomainPlan.train(["real"] * 400 + ["synthetic"] * 10, 28, reassign_p=0.5, tau=0.4, rng=rng)
    drawn = plan.settings["last_reassigned_block"]
    for sample, last in enumerate(drawn[:400]):
        assert synthetic_blocks(plan, sample=sample) == list(range(last + 1))  # [0, j], j inclusive
    assert drawn[400:] == [-1] * 10
    hit = [last for last in drawn[:400] if last >= 0]
    assert sorted(set(hit)) == list(range(12))  # floor(0.4 * 28) = 11
    assert abs(len(hit) / 400 - 0.5) < 4 * math.sqrt(0.25 / 400)


def test_the_default_probability_is_the_papers():
    rng = torch.Generator().manual_seed(2)
    plan = DomainPlan.train(["real"] * 4000, 10, rng=rng)
    rate = sum(last >= 0 for last in plan.settings["last_reassigned_block"]) / 4000
    assert abs(rate - 0.1) < 4 * math.sqrt(0.09 / 4000)
    assert max(plan.settings["last_reassigned_block"]) == 4


def test_a_samples_draw_does_not_depend_on_its_neighbours():
    a = DomainPlan.train(["real"] * 4, 8, reassign_p=0.5, rng=torch.Generator().manual_seed(3))
    b = DomainPlan.train(["synthetic"] * 3 + ["real"], 8, reassign_p=0.5, rng=torch.Generator().manual_seed(3))
    assert torch.equal(a.domains[..., 3], b.domains[..., 3])


@pytest.mark.parametrize(("spacing", "late"), [("leading", 2), ("trailing", 3)])
def test_the_papers_inference_plan_on_50_ddim_steps(spacing, late):
    scheduler = diffusers.DDIMScheduler(timestep_spacing=spacing, steps_offset=1 if spacing == "leading" else 0)
    scheduler.set_timesteps(50)
    plan = DomainPlan.inference(28, scheduler.timesteps, block_frac=0.3, t_max=950)
    for step, t in enumerate(scheduler.timesteps.tolist()):
        expected = range(28) if t >= 950 else range(9)  # ceil(0.3 * 28) = 9
        assert synthetic_blocks(plan, step) == list(expected)
    assert sum(len(synthetic_blocks(plan, step)) == 28 for step in range(50)) == late


def test_flow_schedulers_are_judged_by_the_unshifted_step():
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(50)
    bent = DomainPlan.inference(10, scheduler.timesteps, block_frac=0.0, t_max=950)
    straight = DomainPlan.inference(10, scheduler.timesteps, block_frac=0.0, t_max=950, flow=True)
    count = [sum(bool(synthetic_blocks(plan, step)) for step in range(50)) for plan in (bent, straight)]
    assert count[0] == 7 and count[1] == 3  # 1.0, 0.98, 0.96 of the way; the shift would make 7 of them


def test_the_step_at_t_max_itself_is_shifted():
    at, below = DomainPlan.inference(4, [950, 949.9], block_frac=0.0, t_max=950).domains[:, :, 0]
    assert at.all() and not below.any()
    flow = DomainPlan.inference(4, [999] * 20, block_frac=0.0, t_max=950, flow=True)  # 20 / 20, 19 / 20, 18 / 20 ...
    assert [bool(synthetic_blocks(flow, step)) for step in range(3)] == [True, True, False]


@pytest.mark.parametrize(("fraction", "blocks", "expected"), [(0.3, 10, 3), (0.3, 28, 9), (0.0, 28, 0), (1.0, 4, 4)])
def test_whole_blocks_are_not_lost_or_won_to_rounding(fraction, blocks, expected):
    plan = DomainPlan.inference(blocks, [500], block_frac=fraction, t_max=None)
    assert synthetic_blocks(plan) == list(range(expected))


def test_the_deepest_drawn_block():
    assert [deepest_block(0.4, 28), deepest_block(0.29, 100), deepest_block(1.0, 6), deepest_block(0.0, 6)] == [
        11, 29, 5, 0,
    ]  # fmt: skip


def test_a_written_plan_reads_the_same():
    scheduled = DomainPlan.inference(6, torch.tensor([999, 500, 1]), block_frac=0.3)
    trained = DomainPlan.train(["real", "synthetic", "real"], 6, reassign_p=1.0)
    for plan in (scheduled, trained):
        written = plan.to_json()
        again = DomainPlan.from_json(json.loads(json.dumps(written)))
        assert torch.equal(again.domains, plan.domains)
        assert again.timesteps == plan.timesteps and again.settings == dict(plan.settings)
    assert scheduled.to_json()["blocks"] == [["SSSSSS"], ["SSRRRR"], ["SSRRRR"]]
    with pytest.raises(UsageError, match="not a written plan"):
        DomainPlan.from_json({"blocks": [["SXR"]], "timesteps": [], "settings": {}})


def test_one_step_serves_every_sample():
    plan = DomainPlan.inference(4, [999, 10], block_frac=0.5)
    assert plan.at(1).of_samples(3).tolist() == [[1] * 3, [1] * 3, [0] * 3, [0] * 3]
    assert plan.at(1).timesteps == (10.0,)
    assert DomainPlan.constant(Domain.SYNTHETIC, 4).of_samples(2).tolist() == [[1, 1]] * 4


def test_the_model_does_exactly_what_the_plan_says(tiny, trained):
    """Block by block and sample by sample, seen from inside the blocks."""
    model = trained(tiny)
    rng = torch.Generator().manual_seed(4)
    plan = DomainPlan.train(["real", "synthetic", "real"], 4, reassign_p=0.8, tau=0.75, rng=rng)
    assert [len(synthetic_blocks(plan, sample=s)) for s in range(3)] == [2, 4, 1]  # the draws of this seed
    table, seen = model.shifters.table(), []
    for block, slot in zip(model.host.blocks, model._slots, strict=True):
        block.register_forward_pre_hook(lambda *_, slot=slot: seen.append(slot.state.shift))
    model(tiny.latents(3), tiny.times(3), tiny.text(3), plan=plan)
    for block in range(4):
        torch.testing.assert_close(seen[block][:, 0], table[block][plan.domains[0, block]])


def test_mistakes_are_named():
    for call, message in [
        (lambda: DomainPlan.train(["fake"], 4), "'fake'"),
        (lambda: DomainPlan.train([2], 4), "domains"),
        (lambda: DomainPlan.train(["real"], 4, reassign_p=10), "reassign_p"),
        (lambda: DomainPlan.train(["real"], 4, tau=40), "tau"),
        (lambda: DomainPlan.inference(4, []), "without timesteps"),
        (lambda: DomainPlan.inference(4, [1], block_frac=30), "block_frac"),
        (lambda: DomainPlan.constant("real", 4).at(1), "step 1"),
        (lambda: DomainPlan(torch.zeros(4, 2)), "of shape"),
        (lambda: DomainPlan(torch.zeros(2, 4, 1), timesteps=(1.0,)), "1 timesteps"),
    ]:
        with pytest.raises(UsageError, match=message):
            call()


def test_the_old_name_of_t_max_still_works():
    old = DomainPlan.inference(4, [999, 500], block_frac=0.0, t_min=900)
    assert torch.equal(old.domains, DomainPlan.inference(4, [999, 500], block_frac=0.0, t_max=900).domains)
    with pytest.raises(UsageError, match="t_min is the old name of t_max"):
        DomainPlan.inference(4, [999], t_min=900, t_max=800)
