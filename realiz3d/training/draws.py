"""From samples to one forward: noise, timesteps, dropped texts, control. All draws are functions of (seed, place).

A sample's draws depend on the seed, the phase and its place in the stream of samples, never on which device or micro
batch it landed in. So the same config learns the same on one device or sixty-four, and resuming needs no generator
states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from groundwork.hashing import content_seed
from realiz3d.control import Control
from realiz3d.schedules import NoiseSchedule
from realiz3d.text import Text
from realiz3d.training.captions import NULL, Captions
from realiz3d.training.config import Density
from realiz3d.training.method import Conditions
from realiz3d.training.samples import Samples


@dataclass(frozen=True, eq=False)
class Drawn:
    """What is random about B samples: t (B,), noise (B, V, c, h, w), and dropped (B,) bool, samples without text."""

    t: Tensor
    noise: Tensor
    dropped: tuple[bool, ...]


def draw(
    samples: Samples,
    first: int,
    *,
    seed: object,
    schedule: NoiseSchedule,
    dropout_p: float,
    timesteps: Density | None = None,
) -> Drawn:
    """The draws of consecutive samples of one stream; `first` is the place of the first one."""
    times, noises, dropped = [], [], []
    for place in range(first, first + len(samples.latents)):
        rng = torch.Generator().manual_seed(content_seed(seed, samples.kind, place))
        times.append(schedule.sample_timesteps(1, rng=rng, density=timesteps))
        dropped.append(bool(torch.rand(1, generator=rng) < dropout_p))
        noises.append(torch.randn(samples.latents.shape[1:], generator=rng))
    return Drawn(torch.cat(times), torch.stack(noises), tuple(dropped))


@dataclass(frozen=True, eq=False)
class MicroBatch:
    """One forward's worth, on the device. synthetic samples come first; n_synthetic of them."""

    latents: Tensor
    noise: Tensor
    t: Tensor
    text: Text | tuple[Text, Text]
    control: Control | None
    conditions: Conditions
    n_synthetic: int

    def losses(self, model: torch.nn.Module, schedule: NoiseSchedule) -> Tensor:
        """(B,) the standard diffusion loss of each sample. `model`: a `MultiviewModel`, or a wrapper that syncs it."""
        noisy = schedule.add_noise(self.latents, self.noise, self.t)
        conditions = self.conditions
        prediction = model(
            noisy,
            self.t,
            self.text,
            self.control,
            mode=conditions.mode,
            n_grid=self.n_synthetic if conditions.mode == "mixed" else None,
            plan=conditions.plan,
            # a list: wrappers would move a tensor to the GPU, and the model reads it on the CPU
            stop=None if conditions.stop is None else conditions.stop.tolist(),
        )
        return schedule.loss(prediction, self.latents, self.noise, self.t)


def assemble(
    parts: Sequence[tuple[Samples, Drawn]],
    conditions: Conditions,
    captions: Captions,
    viewpoints: Tensor | None,
    device: torch.device,
) -> MicroBatch:
    """Join the synthetic and the real samples of a micro batch, either of which may be absent.

    viewpoints: (V, 2) radians of synthetic samples in text-to-multiview, None in texturing.
    """
    texts = [_without_dropped(samples, drawn) for samples, drawn in parts]
    n_synthetic = sum(len(samples.latents) for samples, _ in parts if samples.kind == "synthetic")
    latents = torch.cat([samples.latents for samples, _ in parts])
    text: Text | tuple[Text, Text]
    if conditions.mode == "single":
        text = captions.text_per_view([views for part in texts for views in part]).to(device)
    elif conditions.mode == "multiview":
        text = captions.text([views[0] for part in texts for views in part]).to(device)
    else:
        shared, single = texts
        text = (captions.text([views[0] for views in shared]).to(device), captions.text_per_view(single).to(device))
    return MicroBatch(
        latents.to(device),
        torch.cat([drawn.noise for _, drawn in parts]).to(device),
        torch.cat([drawn.t for _, drawn in parts]).to(device),
        text,
        _control([samples for samples, _ in parts], viewpoints, device) if conditions.control else None,
        conditions,
        n_synthetic,
    )


def _without_dropped(samples: Samples, drawn: Drawn) -> list[tuple[str, ...]]:
    return [
        (NULL,) * len(views) if dropped else views
        for views, dropped in zip(samples.captions, drawn.dropped, strict=True)
    ]


def _control(parts: Sequence[Samples], viewpoints: Tensor | None, device: torch.device) -> Control | None:
    given = torch.cat([torch.full((len(part.latents),), part.kind == "synthetic") for part in parts])
    if viewpoints is not None:
        return Control(viewpoints=viewpoints.to(device).expand(len(given), *viewpoints.shape), given=given)
    shown = next((part.control for part in parts if part.control is not None), None)
    if shown is None:
        return None
    maps = [
        part.latents.new_zeros(len(part.latents), *shown.shape[1:]) if part.control is None else part.control
        for part in parts
    ]
    return Control(maps=torch.cat(maps).to(device), given=given)
