"""Noise schedules and objectives: what is added to latents, what the host must predict, and how to read its prediction.

With x_t = a(t) x0 + s(t) eps, the hosts predict one of
    epsilon       eps                                                      (PixArt, DiT; Ho et al. 2020)
    v_prediction  a eps - s x0                                             (Salimans and Ho 2022)
    flow          eps - x0, where a = 1 - sigma, s = sigma, sigma = t / T  (SD3, Flux, Qwen-Image, Sana)
All functions take t of shape (B,) and tensors of shape (B, ...), and compute the coefficients in float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from realiz3d.errors import UsageError
from realiz3d.hosts.base import Objective


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """The training side of a diffusers scheduler.

    objective: what the host predicts. n_train_timesteps: T. alphas_cumprod: (T,) a(t)^2, None for flow matching.
    shift: flow matching only, bends sampled timesteps towards noise, sigma' = shift sigma / (1 + (shift - 1) sigma).
    """

    objective: Objective
    n_train_timesteps: int = 1000
    alphas_cumprod: Tensor | None = None
    shift: float = 1.0

    @classmethod
    def from_scheduler(cls, scheduler: Any, *, image_tokens: int | None = None) -> NoiseSchedule:
        """Read a diffusers scheduler's config.

        image_tokens: tokens of a training picture, which schedulers with dynamic shifting (Flux, Qwen-Image) need.
        """
        config = scheduler.config
        total = int(config.num_train_timesteps)
        prediction = config.get("prediction_type", "flow_prediction")
        if prediction == "flow_prediction":
            return cls("flow", total, shift=_flow_shift(config, image_tokens))
        if prediction not in ("epsilon", "v_prediction"):
            raise UsageError(
                f"prediction_type={prediction!r}",
                where=type(scheduler).__name__,
                expected="epsilon, v_prediction, or a flow-matching scheduler",
            )
        alphas = scheduler.alphas_cumprod.float()
        if prediction == "epsilon" and float(alphas[-1]) <= 0:
            raise UsageError(
                "epsilon prediction with a schedule that ends in pure noise: x0 cannot be recovered there",
                where=type(scheduler).__name__,
                hint="rescale_betas_zero_snr needs prediction_type='v_prediction'",
            )
        return cls(prediction, total, alphas_cumprod=alphas)

    def coefficients(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """a(t) and s(t), float32, shaped to broadcast against `like`."""
        if self.alphas_cumprod is None:
            signal, noise = 1 - t.float() / self.n_train_timesteps, t.float() / self.n_train_timesteps
        else:
            kept = self.alphas_cumprod.to(t.device)[t.long()]
            signal, noise = kept.sqrt(), (1 - kept).sqrt()
        shape = (-1, *[1] * (like.ndim - 1))
        return signal.reshape(shape).to(like.device), noise.reshape(shape).to(like.device)

    def add_noise(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t, in the dtype of x0."""
        a, s = self.coefficients(t, x0)
        return (a * x0 + s * noise).to(x0.dtype)

    def target(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """What the host must predict."""
        if self.objective == "epsilon":
            return noise
        if self.objective == "flow":
            return noise - x0
        a, s = self.coefficients(t, x0)
        return (a * noise - s * x0).to(x0.dtype)

    def x0(self, prediction: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """The clean latents that a prediction stands for."""
        a, s = self.coefficients(t, x_t)
        if self.objective == "epsilon":
            clean = (x_t - s * prediction) / a
        elif self.objective == "flow":
            clean = x_t - s * prediction
        else:
            clean = a * x_t - s * prediction
        return clean.to(x_t.dtype)

    def noise(self, prediction: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """The noise that a prediction stands for."""
        if self.objective == "epsilon":
            return prediction
        a, s = self.coefficients(t, x_t)
        # both forms hold at s = 0 and a = 0, where (x_t - a x0) / s would not
        estimate = x_t + a * prediction if self.objective == "flow" else s * x_t + a * prediction
        return estimate.to(x_t.dtype)

    def sample_timesteps(
        self,
        batch: int,
        *,
        rng: torch.Generator | None = None,
        density: Literal["uniform", "logit_normal"] | None = None,
    ) -> Tensor:
        """(B,) timesteps for training, drawn on the CPU.

        epsilon and v hosts: integers, uniform over [0, T). Flow hosts: real numbers in (0, T), by default from the
        logit-normal density with mean 0 and deviation 1 (Esser et al. 2024, section 3.1), then bent by `shift`.
        """
        if self.objective != "flow":
            if density == "logit_normal":
                raise UsageError("logit-normal timesteps are for flow-matching hosts", expected="density='uniform'")
            return torch.randint(0, self.n_train_timesteps, (batch,), generator=rng)
        if density == "uniform":
            sigma = torch.rand(batch, generator=rng)
        else:
            sigma = torch.sigmoid(torch.randn(batch, generator=rng))
        return self.n_train_timesteps * self.shift * sigma / (1 + (self.shift - 1) * sigma)

    def loss(self, prediction: Tensor, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """(B,) the standard diffusion loss: mean squared error to the target, unweighted, in float32."""
        error = prediction.float() - self.target(x0, noise, t).float()
        return error.square().flatten(1).mean(dim=1)


def _flow_shift(config: Any, image_tokens: int | None) -> float:
    if not config.get("use_dynamic_shifting", False):
        return float(config.get("shift", config.get("flow_shift", 1.0)))
    if image_tokens is None:
        raise UsageError(
            "this scheduler bends its timesteps by the size of the picture",
            where="use_dynamic_shifting",
            hint="pass image_tokens=...",
        )
    low, high = config.base_image_seq_len, config.max_image_seq_len
    slope = (config.max_shift - config.base_shift) / (high - low)
    mu = config.base_shift + slope * (image_tokens - low)
    # diffusers' exponential shift by mu is the static shift by exp(mu); its linear one is the static shift by mu
    return float(mu) if config.get("time_shift_type", "exponential") == "linear" else math.exp(mu)
