"""Inference-time domain shifting as a setting, and as the plan of a sampling run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from realiz3d.errors import UsageError
from realiz3d.plan import DomainPlan
from realiz3d.sampling.schedulers import is_flow


@dataclass(frozen=True)
class Shifting:
    """Where sampling runs in synthetic mode: blocks with index < ceil(block_frac N) always, and all at t >= t_max.

    block_frac: B_max as a fraction of the blocks. t_max: in units of the training timesteps, None = no such steps.
    `Shifting(0.0, None)` is no shifting at all. The defaults are the paper's.
    """

    block_frac: float = 0.3
    t_max: float | None = 950.0


def resolve_plan(
    wanted: DomainPlan | Shifting, n_blocks: int, timesteps: Tensor, scheduler: Any, batch: int
) -> DomainPlan:
    """The plan of every step of a run, for 1 or `batch` samples.

    A plan of one step holds for all of them. Raises `UsageError` for a plan made for other steps, blocks or samples.
    """
    steps = [float(t) for t in timesteps]
    if isinstance(wanted, Shifting):
        return DomainPlan.inference(
            n_blocks,
            steps,
            block_frac=wanted.block_frac,
            t_max=wanted.t_max,
            flow=is_flow(scheduler),
            n_train_timesteps=int(scheduler.config.num_train_timesteps),
        )
    if wanted.n_blocks != n_blocks or wanted.batch not in (1, batch):
        raise UsageError(
            f"a plan for {wanted.n_blocks} blocks and {wanted.batch} samples",
            where="domain_plan",
            expected=f"{n_blocks} blocks, and 1 or {batch} samples",
        )
    if wanted.n_steps == 1 and not wanted.timesteps:
        table = wanted.domains.expand(len(steps), -1, -1)
        return DomainPlan(table, timesteps=tuple(steps), settings=wanted.settings)
    if wanted.n_steps != len(steps) or (wanted.timesteps and tuple(wanted.timesteps) != tuple(steps)):
        raise UsageError(
            f"a plan for {wanted.n_steps} steps at t = {_shown(wanted.timesteps)}",
            where="domain_plan",
            expected=f"{len(steps)} steps at t = {_shown(tuple(steps))}",
            hint="pass realiz3d.Shifting(...) and the plan is made for the steps that run",
        )
    return wanted


def doubled(plan: DomainPlan) -> DomainPlan:
    """The plan for two copies of its samples, as classifier-free guidance runs them."""
    if plan.batch == 1:
        return plan
    return DomainPlan(torch.cat([plan.domains, plan.domains], dim=2), timesteps=plan.timesteps, settings=plan.settings)


def _shown(timesteps: tuple[float, ...]) -> str:
    texts = [f"{t:g}" for t in timesteps]
    return ", ".join(texts if len(texts) < 5 else [*texts[:2], "...", texts[-1]]) or "any"
