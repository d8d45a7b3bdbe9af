"""An exponential moving average of the trainable weights, in float32."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class Average:
    """Averages of parameters: w <- d w + (1 - d) p after every step, with d = min(decay, (1 + n) / (10 + n)).

    The smaller decay of the first steps n keeps the random start from lingering (as in TensorFlow's and timm's EMA).
    """

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float) -> None:
        self.parameters, self.decay, self.steps = list(parameters), decay, 0
        self.weights = [parameter.detach().float().clone() for parameter in self.parameters]

    @torch.no_grad()
    def update(self) -> None:
        """After an optimiser step."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        torch._foreach_lerp_(self.weights, [parameter.float() for parameter in self.parameters], 1 - decay)

    @torch.no_grad()
    def copy_to_model(self) -> None:
        """Put the averages in place of the weights, for good."""
        for parameter, weight in zip(self.parameters, self.weights, strict=True):
            parameter.copy_(weight)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model holds the averages inside, and its own weights again afterwards."""
        kept = [parameter.detach().clone() for parameter in self.parameters]
        self.copy_to_model()
        try:
            yield
        finally:
            with torch.no_grad():
                for parameter, weight in zip(self.parameters, kept, strict=True):
                    parameter.copy_(weight)

    def state_dict(self) -> dict[str, Any]:
        """Averages and how many steps they cover."""
        return {"steps": self.steps, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`, onto the parameters' devices."""
        self.steps = int(state["steps"])
        for mine, weight in zip(self.weights, state["weights"], strict=True):
            mine.copy_(weight)
