"""SDEdit (Meng et al. 2021): no training; what a synthetic-only model made is noised half way and denoised by the base.

    first     grids from a model that learned control from synthetic samples alone ('Syn only')
    noise     to t = 500 of 1000, with one noise for all views of a grid, so that views that agree go on alike
    second    each view alone through the base model, as one of its own pictures, with the object's prompt

t is in the scheduler's units, for flow-matching hosts too: there sigma = t / T, and t = 500 is a picture of equal parts
signal and noise. The first step that runs is the first one with t <= 500, and the noise is that step's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from realiz3d.errors import UsageError
from realiz3d.multiview import MultiviewModel
from realiz3d.pipeline import Prompts, Realiz3DPipeline, Realiz3DPipelineOutput
from realiz3d.sampling.inputs import Generators, draw_noise
from realiz3d.sampling.loading import base_parts
from realiz3d.sampling.schedulers import sampling_scheduler, set_timesteps
from realiz3d.schedules import NoiseSchedule

START_T = 500.0


@torch.no_grad()
def sdedit(
    base: Realiz3DPipeline,
    latents: Tensor,
    prompt: Prompts,
    *,
    t: float = START_T,
    num_inference_steps: int = 50,
    guidance_scale: float = 4.5,
    negative_prompt: str | None = None,
    generator: Generators = None,
) -> Tensor:
    """Latents (B, V, c, h, w) of pictures as the base model would have them, same shape.

    base: a pipeline of single pictures (`base_pipeline`). prompt: B prompts or their encoding. t: how far back to go.
    num_inference_steps: of a whole sampling; about t / T of them run. generator: as for `Realiz3DPipeline`, one draw
    a sample. Raises `UsageError` for a base that paints several views or whose steps all lie above t.
    """
    model = base.multiview
    if model.n_views != 1:
        raise UsageError(f"a base that paints {model.n_views} views at once", where="base", expected="views=(1, 1)")
    batch, views, *shape = latents.shape
    device, patch = latents.device, model.host.patch
    tokens = (shape[1] // patch) * (shape[2] // patch)
    first = set_timesteps(base.scheduler, num_inference_steps, device, tokens, start_t=t)[0]
    schedule = NoiseSchedule.from_scheduler(base.scheduler, image_tokens=tokens)
    noise = draw_noise((batch, 1, *shape), generator, device).expand(latents.shape)
    noised = schedule.add_noise(latents.float(), noise, first.expand(batch))
    made: Any = base(
        base.encode_prompt(prompt).per_view(views),
        height=shape[1] * base.vae_scale_factor,
        width=shape[2] * base.vae_scale_factor,
        num_inference_steps=num_inference_steps,
        guidance_scale=guidance_scale,
        negative_prompt=negative_prompt,
        latents=noised.flatten(0, 1)[:, None],
        start_t=t,
        output_type="latent",
    )
    redone: Tensor = made.images
    return redone.reshape(latents.shape)


class SDEdit:
    """Samples with one pipeline, then redoes its pictures with the base: called as a `Realiz3DPipeline` is.

    first: the pipeline whose pictures are redone. base: single pictures by the base model. t: how far back to go.
    """

    def __init__(self, first: Realiz3DPipeline, base: Realiz3DPipeline, t: float = START_T) -> None:
        self.first, self.base, self.t = first, base, t

    @property
    def multiview(self) -> MultiviewModel:
        """Of the first pipeline."""
        return self.first.multiview

    @property
    def domain_shifters(self) -> Any:
        """Of the first pipeline."""
        return self.first.domain_shifters

    @property
    def config(self) -> Any:
        """Of the first pipeline, whose domain shifting it says."""
        return self.first.config

    @property
    def vae_scale_factor(self) -> int:
        """Pixels per latent pixel."""
        return int(self.first.vae_scale_factor)

    def __call__(
        self,
        prompt: Prompts,
        control: Mapping[str, Any] | Tensor | None = None,
        viewpoints: Tensor | None = None,
        *,
        num_inference_steps: int = 50,
        guidance_scale: float = 4.5,
        negative_prompt: str | None = None,
        generator: Generators = None,
        output_type: str = "pil",
        **options: Any,
    ) -> Realiz3DPipelineOutput:
        """Arguments as for `Realiz3DPipeline`; steps and guidance serve both samplings."""
        alike: dict[str, Any] = {
            "num_inference_steps": num_inference_steps,
            "guidance_scale": guidance_scale,
            "negative_prompt": negative_prompt,
            "generator": generator,
        }
        text = self.first.encode_prompt(prompt)
        made: Any = self.first(text, control, viewpoints, output_type="latent", **alike, **options)
        redone = sdedit(self.base, made.images, text, t=self.t, **alike)
        return Realiz3DPipelineOutput(self.base.pictures(redone, output_type), made.domain_plan)


def base_pipeline(
    checkpoint: str | Path, *, base: str | None = None, dtype: torch.dtype | None = None, offline: bool = False
) -> Realiz3DPipeline:
    """The base model that a training checkpoint started from, for single pictures and without control.

    base: where it is now, if not where the checkpoint says. Raises `WeightsMissing` when it is not there.
    """
    from realiz3d.training.base import load_base
    from realiz3d.training.checkpoint import read_record
    from realiz3d.training.config import Base

    record = read_record(Path(checkpoint))
    options: dict[str, Any] = {
        "views": (1, 1),
        "control_channels": 0,
        "position_mode": "view",
        "view_size": record["config"]["data"]["resolution_px"],
        "text_settings": record["base"]["text"],
    }
    if record["base"].get("made"):
        parts = load_base(Base.model_validate(record["config"]["base"]))
        transformer = parts.transformer.eval().to(dtype or torch.float32)
        return Realiz3DPipeline(transformer, sampling_scheduler(parts.scheduler), **options)
    return Realiz3DPipeline.from_base(base_parts(record["base"], base, dtype, offline), **options)
