"""Pipelines on tiny random instances of real diffusers pipelines, as after training, and what they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import tiny_pipelines
import torch
from torch import Tensor

from realiz3d import DomainShifters, Realiz3DPipeline

FAMILIES = ("pixart", "sd3", "flux", "dit", "sana", "qwen")
FLOW = ("sd3", "flux", "sana", "qwen")
SIDE = 16  # pixels of a view
STEPS = 3
ELSEWHERE = {"atol": 1e-5, "rtol": 0.0}  # the same numbers elsewhere in memory: kernels may round differently
WORDS = ["a red mug", "an old chair, painted"]


def load_base(bases: dict[str, Path], family: str) -> Any:
    base = diffusers.DiffusionPipeline.from_pretrained(bases[family])
    tiny_pipelines.randomise(base.transformer)
    if family == "dit":  # diffusers does not save the names of the classes
        base.labels = {"mug": 0, "chair": 1, "lamp": 2}
    base.set_progress_bar_config(disable=True)
    return base


def make(bases: dict[str, Path], family: str = "pixart", **options: Any) -> Realiz3DPipeline:
    """A pipeline as after training: every part that starts at zero is random."""
    pipe = Realiz3DPipeline.from_base(load_base(bases, family), **{"view_size": SIDE, **options})
    torch.manual_seed(7)
    shifters = DomainShifters.for_model(pipe.multiview, rank=4)
    torch.nn.init.normal_(shifters.left, std=0.5)
    torch.nn.init.normal_(shifters.embed)
    pipe.domain_shifters = shifters
    with torch.no_grad():
        pipe.multiview.host.projection.weight.normal_(std=0.2)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def control(batch: int, seed: int = 3) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return {kind: torch.rand(batch, 4, 3, SIDE, SIDE, generator=rng) for kind in ("normal", "position")}


def sample(pipe: Realiz3DPipeline, *seeds: int, **changes: Any) -> Any:
    chosen = WORDS[: len(seeds)]
    arguments: dict[str, Any] = {
        "prompt": chosen, "control": control(len(seeds)), "num_inference_steps": STEPS, "generator": generators(*seeds),
        "output_type": "pt",
    }  # fmt: skip
    return pipe(**{**arguments, **changes})
