"""What sections of a training config are made of: strict fields, ranges of numbers, the length of a phase."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Task = Literal["texturing", "text_to_multiview"]
Positive = Annotated[int, Field(ge=1, le=10**9)]
Count = Annotated[int, Field(ge=0, le=10**9)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Rate = Annotated[float, Field(gt=0.0, le=1.0)]
NonNegative = Annotated[float, Field(ge=0.0, le=1e9)]


class Section(BaseModel):
    """A section of the config."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Length(Section):
    """How long a phase lasts: exactly one of the two."""

    epochs: NonNegative | None = Field(default=None, description="passes over the data the phase sees most of")
    steps: Count | None = Field(default=None, description="optimiser steps")

    @model_validator(mode="after")
    def _one(self) -> Length:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("expected exactly one of epochs and steps")
        return self


class PhaseSettings(Section):
    """Length and learning rate of a phase."""

    length: Length
    learning_rate: Rate = Field(default=5e-5, description="the paper's for all models")


class Warmup(PhaseSettings):
    """A very short training of the backbone on real samples alone, before all else."""

    length: Length = Field(
        default=Length(steps=100), description="**Choice**: the paper says 'very short'; 0 steps: none"
    )
