"""Pictures of the model while it trains: the first objects of the data, painted under their control in real mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from realiz3d.latents import decode_views
from realiz3d.tiling import tile
from realiz3d.training.callbacks import Log, Silent
from realiz3d.training.captions import NULL
from realiz3d.training.config import SampleGrids
from realiz3d.training.samples import objects_of

if TYPE_CHECKING:
    from realiz3d.training.trainer import Trainer


class Samples(Silent):
    """Writes `<out>/samples/step_<n>.png`: a row an object, its training views on the left, the model's on the right.

    Painted as a checkpoint of this step would: with the averaged weights where they are averaged, and with the config's
    domain shifting. Noise is the same every time, so that pictures can be compared.
    """

    def __init__(self, settings: SampleGrids, scheduler: Any) -> None:
        self.settings, self.scheduler = settings, scheduler
        self._due = 0

    def begin(self, trainer: Trainer) -> None:
        """Count from where the run stands."""
        self._due = trainer.progress.step + self.settings.every_steps

    def step(self, trainer: Trainer, log: Log | None) -> None:
        """Paint when it is due, and after the last step."""
        if trainer.progress.step >= self._due or trainer.progress.step == sum(trainer.totals):
            self._due = trainer.progress.step + self.settings.every_steps
            self._paint(trainer)

    def _paint(self, trainer: Trainer) -> None:
        from PIL import Image

        objects, material = trainer.material.objects, trainer.material
        chosen = material.latents.encode([objects[i] for i in range(min(self.settings.count, len(objects)))])
        samples = objects_of(chosen)
        with trainer.averaged():
            made = self._sampled(trainer, [item.caption for item in chosen], samples.control)
        vae = material.latents.vae
        rows = [_pictures(vae, latents.to(trainer.device)) for latents in (samples.latents, made)]
        grids = [tile(row, trainer.model.grid) for row in rows]
        sheet = torch.cat([torch.cat(list(grid), dim=1) for grid in grids], dim=2)
        pixels = ((sheet.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
        path = trainer.out / "samples" / f"step_{trainer.progress.step}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)

    def _sampled(self, trainer: Trainer, captions: list[str], control: Tensor | None) -> Tensor:
        from realiz3d.pipeline import Realiz3DPipeline
        from realiz3d.sampling.schedulers import sampling_scheduler

        model, material = trainer.model, trainer.material
        pipeline = Realiz3DPipeline.from_base(
            _Parts(model.transformer, self.scheduler, material.latents.vae),
            model=model,
            scheduler=sampling_scheduler(self.scheduler),
            view_size=trainer.config.data.resolution_px,
            block_frac=trainer.config.sampling.block_frac,
            t_max=trainer.config.sampling.t_max,
        )
        pipeline.set_progress_bar_config(disable=True)
        viewpoints = trainer.feed.viewpoints()
        generators = [torch.Generator().manual_seed(number) for number in range(len(captions))]
        training = model.training
        model.eval()
        try:
            with trainer.autocast():
                made: Any = pipeline(
                    material.captions.text(captions).to(trainer.device),
                    control=None if control is None else control.to(trainer.device),
                    viewpoints=viewpoints,
                    negative_prompt=material.captions.text([NULL] * len(captions)).to(trainer.device),
                    num_inference_steps=self.settings.inference_steps,
                    guidance_scale=self.settings.guidance,
                    generator=generators,
                    output_type="latent",
                )
        finally:
            model.train(training)
        latents: Tensor = made.images
        return latents


@dataclass(frozen=True)
class _Parts:
    """A text-to-image pipeline's parts, as `Realiz3DPipeline.from_base` looks for them."""

    transformer: Any
    scheduler: Any
    vae: Any


def _pictures(vae: Any, latents: Tensor) -> Tensor:
    """(B, V, 3, H, W), nominally in [-1, 1]."""
    return latents if vae is None else decode_views(vae, latents.to(next(vae.parameters()).device)).float()
