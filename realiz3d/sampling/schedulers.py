"""Which scheduler samples, and its timesteps for grids of a size."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import torch
from torch import Tensor

from realiz3d.errors import UsageError


def is_flow(scheduler: Any) -> bool:
    """Whether a diffusers scheduler belongs to a flow-matching host."""
    return bool(scheduler.config.get("prediction_type", "flow_prediction") == "flow_prediction")


def sampling_scheduler(scheduler: Any) -> Any:
    """What samples a host that was trained with `scheduler`: DDIM, as in the paper, or a flow host's own.

    The noise schedule and the spacing of steps are kept. x0 is not clipped: latents are not bounded by [-1, 1].
    """
    import diffusers

    ddim: Any = diffusers.DDIMScheduler
    return scheduler if is_flow(scheduler) else ddim.from_config(scheduler.config, clip_sample=False)


def set_timesteps(
    scheduler: Any, steps: int, device: torch.device | str, image_tokens: int, *, start_t: float | None = None
) -> Tensor:
    """Prepare a scheduler for `steps` steps and return its timesteps, noise first; with `start_t` those t <= start_t.

    image_tokens: tokens of the whole grid. Schedulers with dynamic shifting bend their steps by it, from the evenly
    spaced sigmas that diffusers' Flux and Qwen-Image pipelines give them.
    """
    understood = inspect.signature(scheduler.set_timesteps).parameters
    arguments: dict[str, Any] = {"device": device}
    config = scheduler.config
    if config.get("use_dynamic_shifting", False) and "mu" in understood:
        from diffusers.pipelines.flux.pipeline_flux import calculate_shift

        arguments["mu"] = calculate_shift(
            image_tokens,
            config.get("base_image_seq_len", 256),
            config.get("max_image_seq_len", 4096),
            config.get("base_shift", 0.5),
            config.get("max_shift", 1.15),
        )
        if "sigmas" in understood:
            arguments["sigmas"] = np.linspace(1.0, 1.0 / steps, steps)
    if "sigmas" not in arguments:
        arguments["num_inference_steps"] = steps
    scheduler.set_timesteps(**arguments)
    timesteps: Tensor = scheduler.timesteps
    first = 0 if start_t is None else int((timesteps > start_t).sum())
    if first == len(timesteps):
        raise UsageError(
            f"no step lies at t <= {start_t}", where="start_t", expected=f"at least {float(timesteps[-1]):g}"
        )
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(first)
    return timesteps[first:]
