"""A tiny PixArt with domain shifters and control, every part random, as after training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import tiny_pipelines
import torch

from realiz3d import DomainShifters, Realiz3DPipeline, ViewpointControl

SIDE = 32  # pixels of a view


def trained(base: Path, *, viewpoints: bool = False) -> Any:
    """The pipeline from a saved base; with `viewpoints`, text to multiview in place of texturing."""
    loaded = diffusers.DiffusionPipeline.from_pretrained(base)
    tiny_pipelines.randomise(loaded.transformer)
    pipe = Realiz3DPipeline.from_base(loaded, control_channels=0 if viewpoints else 8, view_size=SIDE)
    torch.manual_seed(1)
    pipe.domain_shifters = DomainShifters.for_model(pipe.multiview, rank=2)
    torch.nn.init.normal_(pipe.domain_shifters.left, std=0.5)
    torch.nn.init.normal_(pipe.multiview.host.projection.weight, std=0.2)
    if viewpoints:
        pipe.viewpoint_control = ViewpointControl.for_model(pipe.multiview)
        torch.nn.init.normal_(pipe.viewpoint_control.embed.weight, std=0.3)
    return pipe
