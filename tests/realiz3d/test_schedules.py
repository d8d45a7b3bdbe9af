"""Objectives against diffusers' schedulers and closed forms."""

from __future__ import annotations

import math

import diffusers
import pytest
import torch

from realiz3d.errors import UsageError
from realiz3d.schedules import NoiseSchedule

RNG = torch.Generator().manual_seed(0)
X0, EPS = torch.randn(2, 5, 4, 3, 3, generator=RNG, dtype=torch.float64).unbind(0)
T = torch.tensor([1, 250, 500, 750, 998])


def schedulers():
    return {
        "epsilon": diffusers.DDIMScheduler(beta_start=1e-4, beta_end=0.02),
        "v_prediction": diffusers.DDIMScheduler(prediction_type="v_prediction"),
        "flow": diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
    }


@pytest.mark.parametrize("objective", ["epsilon", "v_prediction", "flow"])
def test_a_perfect_prediction_gives_back_clean_latents_and_noise(objective):
    schedule = NoiseSchedule.from_scheduler(schedulers()[objective])
    assert schedule.objective == objective
    x_t = schedule.add_noise(X0, EPS, T)
    perfect = schedule.target(X0, EPS, T)
    torch.testing.assert_close(schedule.x0(perfect, x_t, T), X0, atol=3e-4, rtol=1e-4)
    torch.testing.assert_close(schedule.noise(perfect, x_t, T), EPS, atol=1e-5, rtol=1e-5)
    assert schedule.loss(perfect, X0, EPS, T).tolist() == [0.0] * 5
    torch.testing.assert_close(schedule.loss(perfect + 2, X0, EPS, T), torch.full((5,), 4.0))


@pytest.mark.parametrize("objective", ["epsilon", "v_prediction"])
def test_noise_and_targets_are_those_of_diffusers(objective):
    scheduler = schedulers()[objective]
    schedule = NoiseSchedule.from_scheduler(scheduler)
    torch.testing.assert_close(schedule.add_noise(X0, EPS, T), scheduler.add_noise(X0, EPS, T), atol=1e-6, rtol=1e-6)
    if objective == "v_prediction":
        torch.testing.assert_close(
            schedule.target(X0, EPS, T), scheduler.get_velocity(X0, EPS, T), atol=1e-6, rtol=1e-6
        )
    # the clean latents that the sampler itself reads out of a prediction
    scheduler.set_timesteps(1000)
    scheduler.register_to_config(clip_sample=False)
    prediction = torch.randn_like(X0[:1])
    read = scheduler.step(prediction, 500, X0[:1]).pred_original_sample
    torch.testing.assert_close(schedule.x0(prediction, X0[:1], torch.tensor([500])), read, atol=1e-5, rtol=1e-5)


def test_flow_noise_is_that_of_the_flow_scheduler_and_one_euler_step_of_a_perfect_prediction_lands_on_x0():
    scheduler = schedulers()["flow"]
    schedule = NoiseSchedule.from_scheduler(scheduler)
    scheduler.set_timesteps(7)
    t = scheduler.timesteps[3]
    expected = scheduler.scale_noise(X0, t[None], EPS)
    torch.testing.assert_close(schedule.add_noise(X0, EPS, t.expand(5)), expected, atol=1e-6, rtol=1e-6)
    scheduler.set_timesteps(1)
    first = scheduler.timesteps[0]
    x_t = schedule.add_noise(X0, EPS, first.expand(5))
    landed = scheduler.step(schedule.target(X0, EPS, first.expand(5)), first, x_t).prev_sample
    torch.testing.assert_close(landed, X0, atol=1e-5, rtol=1e-5)


def test_flow_conversions_hold_at_both_ends():
    schedule = NoiseSchedule("flow")
    ends = torch.tensor([0.0, 1000.0, 0.0, 1000.0, 500.0])
    x_t, v = schedule.add_noise(X0, EPS, ends), schedule.target(X0, EPS, ends)
    torch.testing.assert_close(schedule.x0(v, x_t, ends), X0)
    torch.testing.assert_close(schedule.noise(v, x_t, ends), EPS)
    torch.testing.assert_close(x_t[0], X0[0])
    torch.testing.assert_close(x_t[1], EPS[1])


def test_training_timesteps():
    rng = torch.Generator().manual_seed(0)
    plain = NoiseSchedule.from_scheduler(schedulers()["epsilon"]).sample_timesteps(20_000, rng=rng)
    assert plain.dtype == torch.int64 and plain.min() == 0 and plain.max() == 999
    assert abs(plain.double().mean() - 499.5) < 4 * 288.7 / math.sqrt(20_000)

    flow = NoiseSchedule("flow", shift=3.0)
    drawn = flow.sample_timesteps(20_000, rng=rng)
    assert drawn.min() > 0 and drawn.max() < 1000
    # the median of the logit-normal is 1/2, and the shift takes it to 3 * 0.5 / (1 + 2 * 0.5) = 3/4
    assert abs(drawn.median() / 1000 - 0.75) < 0.01
    flat = NoiseSchedule("flow").sample_timesteps(20_000, rng=rng, density="uniform")
    assert abs(flat.mean() - 500) < 4 * 288.7 / math.sqrt(20_000)
    again = flow.sample_timesteps(5, rng=torch.Generator().manual_seed(7))
    assert torch.equal(again, flow.sample_timesteps(5, rng=torch.Generator().manual_seed(7)))
    with pytest.raises(UsageError, match="flow-matching"):
        NoiseSchedule("epsilon").sample_timesteps(5, density="logit_normal")


@pytest.mark.parametrize("kind", ["exponential", "linear"])
def test_dynamic_shifting_is_that_of_the_scheduler(kind):
    from diffusers.pipelines.flux.pipeline_flux import calculate_shift

    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, time_shift_type=kind)
    with pytest.raises(UsageError, match="image_tokens"):
        NoiseSchedule.from_scheduler(scheduler)
    schedule = NoiseSchedule.from_scheduler(scheduler, image_tokens=1024)
    sigma = torch.linspace(0.05, 0.95, 7)
    expected = scheduler.time_shift(calculate_shift(1024), 1.0, sigma)
    got = schedule.shift * sigma / (1 + (schedule.shift - 1) * sigma)
    torch.testing.assert_close(got, expected)


def test_sanas_scheduler_is_a_flow_scheduler_and_unusable_ones_are_refused():
    sana = diffusers.DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    )
    schedule = NoiseSchedule.from_scheduler(sana)
    assert schedule.objective == "flow" and schedule.shift == 3.0
    with pytest.raises(UsageError, match="sample"):
        NoiseSchedule.from_scheduler(diffusers.DDIMScheduler(prediction_type="sample"))
    with pytest.raises(UsageError, match="pure noise"):
        NoiseSchedule.from_scheduler(diffusers.DDIMScheduler(rescale_betas_zero_snr=True))
