"""How far a domain can be told to a model at all: errors of denoising by noise level, beside those of the base.

A picture's domain is decided while there is hardly anything but noise. What a mode has learned of its domain shows in
the error there on pictures of that domain, and what it has not learned in the distance to a model of which all weights
were trained on them. How well a control was learned shows in the same error on grids of held-out renders, told their
control: what the learning rates of the methods were chosen by.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from groundwork.hashing import seed_from
from realiz3d.control import Control
from realiz3d.data import MultiviewSamples
from realiz3d.multiview import MultiviewModel
from realiz3d.plan import Domain, DomainPlan
from realiz3d.schedules import NoiseSchedule
from realiz3d.training.checkpoint import load_checkpoint, read_record
from suites.miniworld.packing import Base, open_checkpoint
from suites.miniworld.pretraining import PretrainingSettings
from suites.miniworld.world import HELD_OUT, HELD_OUT_SYNTHETIC

LEVELS = (200, 400, 600, 800, 900, 999)  # timesteps of 1000
_BATCH = 24
PRETRAINING = PretrainingSettings().name


def measure_denoising(checkpoint: Path, base: Base, world: Path) -> dict[str, dict[str, dict[int, float]]]:
    """Errors on held-out pictures, by domain, model and timestep: the base's, and a checkpoint's in the domain's mode.

    Under 'synthetic' also the checkpoint's 'with control', where it has learned one from maps.

    Raises `WeightsMissing` for a folder that is no checkpoint.
    """
    model = _open(checkpoint)
    untrained = MultiviewModel.wrap(base.transformer, control_channels=0)
    found = {}
    for domain, renders in ((Domain.REAL, HELD_OUT), (Domain.SYNTHETIC, HELD_OUT_SYNTHETIC)):
        samples = MultiviewSamples(world / renders.folder)
        found[domain.name.lower()] = {
            name: denoising_errors(which, base, samples, domain)
            for name, which in (("base", untrained), ("checkpoint", model))
        }
    untrained.unwrap()
    if model.control_channels:
        grids = MultiviewSamples(world / HELD_OUT_SYNTHETIC.folder)
        found["synthetic"]["with control"] = denoising_errors(model, base, grids, Domain.SYNTHETIC, control=True)
    return found


@torch.inference_mode()
def denoising_errors(
    model: MultiviewModel, base: Base, samples: MultiviewSamples, domain: Domain, *, control: bool = False
) -> dict[int, float]:
    """Mean squared error of a model's predictions by timestep: of single pictures, or of grids told their maps.

    All blocks run in one mode where the model has shifters. The noise of a picture depends on its place alone, so that
    errors of two models differ by the models.
    """
    schedule = NoiseSchedule.from_scheduler(base.scheduler)
    plan = None if model.shifters is None else DomainPlan.constant(domain, model.n_blocks)
    totals = dict.fromkeys(LEVELS, 0.0)
    for start in range(0, len(samples), _BATCH):
        places = range(start, min(start + _BATCH, len(samples)))
        shown = [samples[place] for place in places]
        views = torch.stack([sample.views for sample in shown])
        noise = torch.stack([_noise(place, views.shape[1:]) for place in places])
        text = base.captioned([samples.caption(place) for place in places])
        maps = torch.stack([torch.cat([sample.normals, sample.positions], dim=1) for sample in shown])
        told, mode = (Control(maps=maps), "multiview") if control else (None, "single")
        for level in LEVELS:
            t = torch.full((len(views),), level)
            noisy = schedule.add_noise(views, noise, t)
            predicted = model(noisy, t, text, told, mode=mode, plan=plan)
            totals[level] += float(schedule.loss(predicted, views, noise, t).sum())
    return {level: total / len(samples) for level, total in totals.items()}


def _open(checkpoint: Path) -> MultiviewModel:
    if read_record(checkpoint)["method"]["name"] == PRETRAINING:
        # a method of this suite, not an installed one, which `load_checkpoint` would ask for
        return MultiviewModel.wrap(open_checkpoint(checkpoint).transformer, control_channels=0).eval()
    return load_checkpoint(checkpoint).model


def _noise(place: int, shape: torch.Size) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed_from("denoising", place)))
