"""What a mode has learned of its domain, as errors of denoising by noise level."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DiTTransformer2DModel

from bench.cases.miniworld.families import FAMILIES
from realiz3d.data import MultiviewSamples
from realiz3d.multiview import MultiviewModel
from realiz3d.plan import Domain
from realiz3d.schedules import NoiseSchedule
from realiz3d.shifters import DomainShifters
from suites.miniworld.denoising import LEVELS, denoising_errors
from suites.miniworld.packing import Base
from suites.miniworld.world import SYNTHETIC, make_renders

SCHEDULER = DDIMScheduler(prediction_type="v_prediction", beta_schedule="squaredcos_cap_v2", clip_sample=False)

NAMES = tuple(sorted((family.noun for family in FAMILIES.values()), key=len, reverse=True))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> MultiviewSamples:
    return MultiviewSamples(make_renders(replace(SYNTHETIC, stop=30), tmp_path_factory.mktemp("flat")))


def host() -> Any:
    torch.manual_seed(0)
    return DiTTransformer2DModel(
        num_layers=2, num_attention_heads=2, attention_head_dim=8, in_channels=3, out_channels=3, sample_size=32,
        patch_size=4, num_embeds_ada_norm=len(NAMES), norm_num_groups=1,
    ).eval()  # fmt: skip


def base_of(transformer: Any) -> Base:
    return Base(transformer, SCHEDULER, {"encoder": "labels", "names": NAMES})


def test_a_model_that_predicts_nothing_errs_by_the_target(samples: MultiviewSamples) -> None:
    silent = host()
    torch.nn.init.zeros_(silent.proj_out_2.weight)
    torch.nn.init.zeros_(silent.proj_out_2.bias)
    errors = denoising_errors(
        MultiviewModel.wrap(silent, control_channels=0), base_of(silent), samples, Domain.SYNTHETIC
    )
    power = float(torch.stack([samples[place].views for place in range(len(samples))]).square().mean())
    kept = NoiseSchedule.from_scheduler(SCHEDULER).alphas_cumprod
    assert kept is not None
    # v = a eps - s x0, and noise is independent of pictures
    assert list(errors) == list(LEVELS)
    for level, error in errors.items():
        signal = float(kept[level])
        assert error == pytest.approx(signal + (1 - signal) * power, rel=0.02)


def test_fresh_shifters_leave_the_errors_of_the_base_and_trained_ones_those_of_each_mode(
    samples: MultiviewSamples,
) -> None:
    plain = host()
    model = MultiviewModel.wrap(plain, control_channels=0)
    base = denoising_errors(model, base_of(plain), samples, Domain.SYNTHETIC)
    shifters = DomainShifters.for_model(model, rank=2)
    model.attach(shifters)
    assert denoising_errors(model, base_of(plain), samples, Domain.SYNTHETIC) == pytest.approx(base, rel=1e-5)
    with torch.no_grad():
        shifters.left.normal_()
    real, synthetic = (denoising_errors(model, base_of(plain), samples, domain) for domain in Domain)
    assert all(abs(real[level] - synthetic[level]) > 1e-4 * base[level] for level in LEVELS)
    assert all(abs(real[level] - base[level]) > 1e-4 * base[level] for level in LEVELS)


def test_with_control_the_maps_of_the_same_renders_are_told(samples: MultiviewSamples) -> None:
    plain = host()
    model = MultiviewModel.wrap(plain, control_channels=6)
    untold = denoising_errors(model, base_of(plain), samples, Domain.SYNTHETIC, control=True)
    with torch.no_grad():
        plain.pos_embed.proj.weight[:, 3:9].normal_()  # columns of the maps; a fresh model does not read them
    told = denoising_errors(model, base_of(plain), samples, Domain.SYNTHETIC, control=True)
    alone = denoising_errors(model, base_of(plain), samples, Domain.SYNTHETIC)
    assert list(told) == list(LEVELS)
    assert all(abs(told[level] - untold[level]) > 1e-4 * untold[level] for level in LEVELS)
    assert all(abs(told[level] - alone[level]) > 1e-4 * alone[level] for level in LEVELS)
