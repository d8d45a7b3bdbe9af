"""`use: sdedit`: pictures of a trained checkpoint, redone view by view with its base model (no training)."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, Field

from bench.generators.pipeline_base import offline
from bench.generators.realiz3d_pipeline import Realiz3DGenerator, Realiz3DOptions


class SDEditOptions(Realiz3DOptions):
    """Options of `sdedit`: those of `realiz3d`, and how far back to go."""

    t: float = Field(500.0, ge=0, description="timestep that pictures are noised to, one noise for all views")


class SDEditGenerator(Realiz3DGenerator):
    """Samples the checkpoint, then SDEdit with its base; steps and guidance serve both."""

    Options: ClassVar[type[BaseModel]] = SDEditOptions

    def load(self) -> Any:
        """Both pipelines as one."""
        import torch

        from baselines.sdedit import SDEdit, base_pipeline

        first = super().load()
        dtype = getattr(torch, self.options.dtype)
        base = base_pipeline(self.folder, base=self.base, dtype=dtype, offline=offline())
        return SDEdit(first, self.ready(base), self.options.t)
