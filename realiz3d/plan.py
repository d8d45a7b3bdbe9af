"""Which domain every block serves: per step, per block, per sample, decided before the network runs.

A plan is a small integer table that is computed once. Nothing branches on the timestep while sampling, and what was
done can be written down exactly (`to_json`).

Training (domain reassignment): a real sample runs in real mode, but with probability p_B its blocks [0, j],
j ~ U{0 .. floor(tau N)}, run in synthetic mode; synthetic samples always run in synthetic mode.
Inference (domain shifting): real mode, but blocks with index < ceil(frac N) serve the synthetic domain at every
timestep, and so do all blocks at timesteps t >= t_max.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import torch
from torch import Tensor

from realiz3d.errors import UsageError
from realiz3d.renamed import accepts_old_name


class Domain(IntEnum):
    """The visual domain; the value is the index into the shifters' embeddings."""

    REAL = 0
    SYNTHETIC = 1


_LETTERS = "RS"  # one letter a block in the written form, by value of Domain


def domain_tensor(domains: Tensor | Sequence[str | int]) -> Tensor:
    """Domains of B samples as a (B,) int64 tensor on the CPU; accepts 'real' / 'synthetic', `Domain`, or a tensor."""
    if isinstance(domains, Tensor):
        values = domains.detach().to("cpu", torch.int64)
    else:
        names = {domain.name.lower(): domain.value for domain in Domain}
        unknown = [name for name in domains if isinstance(name, str) and name not in names]
        if unknown:
            raise UsageError(f"unknown domain {unknown[0]!r}", expected="'real' or 'synthetic'")
        values = torch.tensor([names[name] if isinstance(name, str) else int(name) for name in domains])
    if values.ndim != 1 or not bool(((values == 0) | (values == 1)).all()):
        raise UsageError(f"domains {values.tolist()}", expected="one per sample, 0 (real) or 1 (synthetic)")
    return values


def deepest_block(tau: float, n_blocks: int) -> int:
    """floor(tau N), the largest block index that a draw may give; never beyond the last block."""
    if not 0.0 <= tau <= 1.0:
        raise UsageError(f"tau = {tau}", expected="a fraction of the number of blocks, 0 to 1 (the paper: 0.4)")
    # 0.29 * 100 is 28.999...96 in floating point, and a whole block must not get lost by that
    return min(math.floor(tau * n_blocks + 1e-9), n_blocks - 1)


@dataclass(frozen=True, eq=False)
class DomainPlan:
    """The domain of every step, block and sample.

    domains:   (S, N, B) int64: S steps, N blocks, B samples, values of `Domain`. B = 1 holds for every sample.
    timesteps: the S timesteps in sampling order; empty for training, where S = 1.
    settings:  how the table came about (plain JSON values).
    """

    domains: Tensor
    timesteps: tuple[float, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.domains.ndim != 3:
            raise UsageError(f"a plan of shape {tuple(self.domains.shape)}", expected="(steps, blocks, samples)")
        if self.timesteps and len(self.timesteps) != self.n_steps:
            raise UsageError(f"a plan of {self.n_steps} steps with {len(self.timesteps)} timesteps")

    @property
    def n_steps(self) -> int:
        """S."""
        return int(self.domains.shape[0])

    @property
    def n_blocks(self) -> int:
        """N."""
        return int(self.domains.shape[1])

    @property
    def batch(self) -> int:
        """B; 1 holds for every sample."""
        return int(self.domains.shape[2])

    @classmethod
    def constant(cls, domain: Domain | str, n_blocks: int, batch: int = 1) -> DomainPlan:
        """Every block in one domain: stage 1 has no other plans, and 'real' everywhere is sampling without shifting."""
        value = int(domain_tensor([domain])[0])
        table = torch.full((1, n_blocks, batch), value, dtype=torch.int64)
        return cls(table, settings={"kind": "constant", "domain": Domain(value).name.lower()})

    @classmethod
    def train(
        cls,
        domains: Tensor | Sequence[str | int],
        n_blocks: int,
        *,
        reassign_p: float = 0.1,
        tau: float = 0.4,
        rng: torch.Generator | None = None,
    ) -> DomainPlan:
        """The plan of one training step, with domain reassignment of real samples.

        domains: one per sample. reassign_p: p_B, the probability per real sample. tau: j ~ U{0 .. floor(tau N)},
        inclusive. rng: a CPU generator; the same numbers are drawn whatever the domains are, so one sample's draw
        does not depend on its neighbours.
        """
        if not 0.0 <= reassign_p <= 1.0:
            raise UsageError(f"reassign_p = {reassign_p}", expected="a probability (the paper: 0.1)")
        wanted = domain_tensor(domains)
        batch = len(wanted)
        hit = torch.rand(batch, generator=rng) < reassign_p
        last = torch.randint(0, deepest_block(tau, n_blocks) + 1, (batch,), generator=rng)
        last = torch.where(hit & (wanted == Domain.REAL), last, -1)
        early = torch.arange(n_blocks)[:, None] <= last[None, :]
        table = torch.where(early, int(Domain.SYNTHETIC), wanted[None, :].expand(n_blocks, batch))
        settings = {"kind": "train", "reassign_p": reassign_p, "tau": tau, "last_reassigned_block": last.tolist()}
        return cls(table[None], settings=settings)

    @classmethod
    @accepts_old_name("t_min", "t_max")
    def inference(
        cls,
        n_blocks: int,
        timesteps: Tensor | Sequence[float],
        *,
        block_frac: float = 0.3,
        t_max: float | None = 950.0,
        flow: bool = False,
        n_train_timesteps: int = 1000,
    ) -> DomainPlan:
        """The plan of a sampling run, one row per step.

        timesteps: the scheduler's, in sampling order (noise first). block_frac: B_max as a fraction of the blocks;
        blocks with index < ceil(frac N) serve the synthetic domain at every step. t_max: every block does at t >=
        t_max, in units of `n_train_timesteps`; None switches this part off.
        flow: flow-matching schedulers bend their timesteps towards noise by a resolution-dependent shift, so t would
        mean something else at every resolution; there the unshifted step fraction (S - i) / S takes the place of t / T.
        """
        if not 0.0 <= block_frac <= 1.0:
            raise UsageError(f"block_frac = {block_frac}", expected="a fraction of the blocks, 0 to 1 (the paper: 0.3)")
        steps = [float(t) for t in timesteps]
        if not steps:
            raise UsageError("an inference plan without timesteps", hint="call scheduler.set_timesteps(n) first")
        compared = [n_train_timesteps * (len(steps) - i) / len(steps) for i in range(len(steps))] if flow else steps
        late = torch.tensor([t_max is not None and t >= t_max for t in compared])
        # 0.3 * 10 is 3.0000000000000004 in floating point, and ceil must not make four blocks of it
        early = torch.arange(n_blocks) < math.ceil(block_frac * n_blocks - 1e-9)
        table = (late[:, None] | early[None, :]).to(torch.int64)[:, :, None]
        settings = {"kind": "inference", "block_frac": block_frac, "t_max": t_max, "flow": flow}
        return cls(table, timesteps=tuple(steps), settings=settings)

    def at(self, step: int) -> DomainPlan:
        """The plan of one step; that is what the model takes."""
        if not 0 <= step < self.n_steps:
            raise UsageError(f"step {step} of a plan of {self.n_steps} steps")
        times = self.timesteps[step : step + 1]
        return DomainPlan(self.domains[step : step + 1], timesteps=times, settings=self.settings)

    def to(self, device: torch.device | str) -> DomainPlan:
        """A copy on a device. Do it once before a sampling loop, so that no step waits for a copy."""
        return DomainPlan(self.domains.to(device), timesteps=self.timesteps, settings=self.settings)

    def of_samples(self, batch: int) -> Tensor:
        """(N, batch) domains of a one-step plan."""
        if self.n_steps != 1:
            raise UsageError(f"a plan of {self.n_steps} steps where one step runs", hint="pass plan.at(step)")
        if self.batch not in (1, batch):
            raise UsageError(f"a plan for {self.batch} samples, but the batch has {batch}")
        return self.domains[0].expand(self.n_blocks, batch)

    def to_json(self) -> dict[str, Any]:
        """The resolved plan as plain JSON: a string a step and sample, one letter a block, R(eal) or S(ynthetic)."""
        table = self.domains.cpu().tolist()
        rows = [["".join(_LETTERS[block[b]] for block in step) for b in range(self.batch)] for step in table]
        return {"settings": dict(self.settings), "timesteps": list(self.timesteps), "blocks": rows}

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> DomainPlan:
        """The inverse of `to_json`."""
        try:
            table = torch.tensor(
                [[[_LETTERS.index(letter) for letter in sample] for sample in step] for step in written["blocks"]]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"this is not a written plan: {error}", where="blocks") from error
        return cls(table.transpose(1, 2), timesteps=tuple(written["timesteps"]), settings=dict(written["settings"]))
