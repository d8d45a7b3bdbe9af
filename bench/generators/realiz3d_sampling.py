"""What generators that sample a `Realiz3DPipeline` share: their options, the call, and how the model is set up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.errors import GeneratorError, UsageError
from bench.generators.pipeline_base import Dtype, PipelineGenerator, pixels, with_suffix
from bench.generators.protocol import GenerationRequest
from bench.geometry.cameras import Cameras

if TYPE_CHECKING:
    from torch import Tensor


class ShiftingOptions(BaseModel):
    """Inference-time domain shifting; 'checkpoint' is what the checkpoint was trained to be sampled with."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    shifting: bool = Field(True, description="inference-time domain shifting")
    block_frac: Annotated[float, Field(ge=0, le=1)] | Literal["checkpoint"] = Field(
        "checkpoint", description="B_max of the paper, as a fraction of the blocks"
    )
    t_max: float | Literal["checkpoint"] | None = Field(
        "checkpoint", description="t_max of the paper: all blocks shift from this timestep on; null: at none"
    )

    @model_validator(mode="before")
    @classmethod
    def _old_spelling(cls, values: Any) -> Any:
        """`t_min` was `t_max`, with 'off' for null; null stood for the checkpoint's value in both fields."""
        if not isinstance(values, dict):
            return values
        values = dict(values)
        if "t_min" in values and "t_max" not in values:
            old = values.pop("t_min")
            values["t_max"] = {"off": None, None: "checkpoint"}.get(old, old)
        if values.get("block_frac", 0.0) is None:
            values["block_frac"] = "checkpoint"
        return values


class SamplingOptions(ShiftingOptions):
    """Options of a sampling, and of how the model is set up for it."""

    steps: int = Field(50, ge=1, le=10_000, description="denoising steps")
    guidance: float = Field(4.5, ge=0, le=1000, description="guidance scale on the text; 1 or less: no guidance")
    negative_prompt: str = Field("", description="what guidance leads away from")
    prompt_suffix: str = Field(
        "", description="appended to every prompt, such as ', highly photorealistic and detailed'"
    )
    control: bool = Field(True, description="false: null control, although the model takes one")
    dtype: Dtype = Field("float32", description="precision of the networks")
    compile: bool = Field(False, description="compile the transformer's blocks")
    quantise: Literal["none", "int8"] = Field(
        "none", description="int8: the transformer's weights in 8 bits, multiplied in `dtype`"
    )
    offload: Literal["none", "model", "layers"] = Field(
        "none", description="keep on the GPU only the model that runs, or only the layer: less memory, slower"
    )


class Realiz3DSampler(PipelineGenerator):
    """Calls a `Realiz3DPipeline`, or what is called like one, for all requests in one batch."""

    cameras: Cameras

    def views(self, pipeline: Any, requests: Sequence[GenerationRequest]) -> Sequence[npt.NDArray[np.uint8]]:
        """All requests in one batch."""
        import torch

        size = self.cameras.resolution
        scale = pipeline.vae_scale_factor
        shape = (pipeline.multiview.latent_channels, size // scale, size // scale)
        noise = [
            torch.stack([torch.randn(shape, generator=_rng(seed)) for seed in request.noise_seeds])
            for request in requests
        ]
        control = None
        if self.options.control and pipeline.multiview.control_channels:
            self._need_meshes(requests)
            control = {
                kind: torch.stack([_map(request, kind) for request in requests]) for kind in ("normal", "position")
            }
        viewpoints = None
        if self.options.control and pipeline.multiview.viewpoints is not None:
            viewpoints = torch.tensor(np.deg2rad(self.cameras.angles))
        made = pipeline(
            [with_suffix(request, self.options.prompt_suffix) for request in requests],
            control,
            viewpoints,
            height=size,
            width=size,
            num_inference_steps=self.options.steps,
            guidance_scale=self.options.guidance,
            negative_prompt=self.options.negative_prompt or None,
            domain_plan=self._shifting(pipeline),
            latents=torch.stack(noise),
            # schedulers that add noise while they sample draw it from here
            generator=[_rng(request.noise_seeds[0]) for request in requests],
            output_type="np",
        )
        return [pixels(views) for views in made.images]

    def _need_meshes(self, requests: Sequence[GenerationRequest]) -> None:
        """Raises `GeneratorError` for a case that is a prompt alone: a model for texturing reads a mesh's maps."""
        bare = next((request.case.id for request in requests if request.case.mesh is None), None)
        if bare is not None:
            raise GeneratorError(
                f"generator '{self.name}' paints meshes, and case '{bare}' is a prompt without one",
                hint="use a checkpoint that was trained with `task: text_to_multiview`, or a suite of meshes "
                "(`control: false` samples this one without any control)",
            )

    def _shifting(self, pipeline: Any) -> Any:
        from realiz3d import Shifting

        if pipeline.domain_shifters is None:
            return None
        if not self.options.shifting:
            return Shifting(0.0, None)
        frac, t_max = self.options.block_frac, self.options.t_max
        return Shifting(
            pipeline.config.block_frac if frac == "checkpoint" else frac,
            pipeline.config.t_max if t_max == "checkpoint" else t_max,
        )

    def ready(self, pipeline: Any) -> Any:
        """The pipeline as it samples: quantised, on the device or offloaded, compiled, as the options say.

        Raises `UsageError` for what this machine cannot do.
        """
        options, device = self.options, self.context.device
        pipeline.set_progress_bar_config(disable=True)
        if options.quantise == "int8":
            from bench.generators.int8 import to_int8

            to_int8(pipeline.transformer)
        if options.offload == "none":
            pipeline.to(device)
        elif not device.startswith("cuda"):
            raise UsageError(
                f"generator '{self.name}': there is no GPU to offload from",
                where=f"offload: {options.offload}",
                expected="--device cuda, or offload: none",
            )
        elif options.offload == "model":
            pipeline.enable_model_cpu_offload(device=device)
        else:
            pipeline.enable_sequential_cpu_offload(device=device)
        if options.compile:
            pipeline.compile()
        return pipeline


def _map(request: GenerationRequest, kind: str) -> Tensor:
    return request.control(kind).movedim(-1, 1).float().cpu()


def _rng(seed: int) -> Any:
    import torch

    return torch.Generator("cpu").manual_seed(seed)
