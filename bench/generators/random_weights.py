"""`use: random_weights`: a real architecture of a named size with random weights, made on the spot. For timing alone.

Speed and memory do not depend on what weights say, so that what a GPU can do with a PixArt-XL is known without a model
hub. The pictures are noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field

from bench.generators.pipeline_base import pixels
from bench.generators.protocol import GenerationRequest, GeneratorContext
from bench.generators.realiz3d_sampling import Realiz3DSampler, SamplingOptions
from groundwork.hashing import hash_json

Size = Literal["tiny", "pixart-xl"]
Method = Literal["base", "realiz3d", "sdedit"]
SDEDIT_T = 500.0


@dataclass(frozen=True)
class Architecture:
    """A PixArt and its autoencoder; text is `words` random vectors a prompt, each as wide as `text`."""

    layers: int
    heads: int
    head: int
    text: int
    words: int
    vae: tuple[int, ...]
    vae_layers: int

    @property
    def latent_scale(self) -> int:
        """Pixels per latent pixel."""
        return int(2 ** (len(self.vae) - 1))


ARCHITECTURES: dict[str, Architecture] = {
    "tiny": Architecture(4, 4, 16, 32, 16, (8, 16, 16), 1),
    # PixArt-alpha XL/2 (Chen et al. 2023) with the autoencoder of Stable Diffusion; T5-XXL's width and 120 tokens
    "pixart-xl": Architecture(28, 16, 72, 4096, 120, (128, 256, 512, 512), 2),
}


class RandomWeightsOptions(SamplingOptions):
    """Options of `random_weights`."""

    size: Size = Field("tiny", description="pixart-xl: 0.6 billion parameters; tiny: 0.4 million, for a CPU")
    model: Method = Field(
        "realiz3d", description="base: each view alone, without control; sdedit: Realiz3D, redone by the base"
    )
    weights_seed: int = Field(0, ge=0, description="seed of the weights")


class RandomWeights(Realiz3DSampler):
    """Samples a model whose weights are random."""

    Options: ClassVar[type[BaseModel]] = RandomWeightsOptions

    def __init__(self, name: str, options: Any, context: GeneratorContext) -> None:
        super().__init__(name, options, context)
        self.cameras = context.cameras

    def places(self) -> set[str]:
        """Everything decides."""
        return set()

    def weights(self) -> Any:
        """Options say it all."""
        return hash_json(vars(ARCHITECTURES[self.options.size]))

    def load(self) -> Any:
        """The pipeline, on the device."""
        options, device = self.options, self.context.device
        # on the device from the start: a large model's random numbers take minutes on a CPU
        make = {"size": options.size, "dtype": options.dtype, "seed": options.weights_seed, "device": device}
        if options.model == "base":
            return self.ready(base_pipeline(**make))
        first = self.ready(realiz3d_pipeline(**make))
        if options.model == "realiz3d":
            return first
        from baselines.sdedit import SDEdit

        return SDEdit(first, self.ready(base_pipeline(**make)), SDEDIT_T)

    def views(self, pipeline: Any, requests: Sequence[GenerationRequest]) -> Sequence[npt.NDArray[np.uint8]]:
        """All requests in one batch; the base's views are pictures of their own."""
        if self.options.model != "base":
            return super().views(pipeline, requests)
        count = len(self.cameras)
        seeds = [seed for request in requests for seed in request.noise_seeds]
        made = pipeline(
            [request.case.prompt for request in requests for _ in range(count)],
            height=self.cameras.resolution,
            width=self.cameras.resolution,
            num_inference_steps=self.options.steps,
            guidance_scale=self.options.guidance,
            generator=[_rng(seed) for seed in seeds],
            output_type="np",
        )
        return list(pixels(made.images).reshape(len(requests), count, *made.images.shape[2:]))


def realiz3d_pipeline(size: str, dtype: str = "float32", seed: int = 0, device: str = "cpu", rank: int = 8) -> Any:
    """A `Realiz3DPipeline` for four views, with control and domain shifters, every part random as after training."""
    import torch

    from realiz3d import DomainShifters

    pipeline = _pipeline(size, dtype, seed, device, control_channels=8, views=(2, 2))
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        shifters = DomainShifters.for_model(pipeline.multiview, rank=rank)
        torch.nn.init.normal_(shifters.left, std=0.1)
        torch.nn.init.normal_(pipeline.multiview.host.projection.weight, std=0.1)
    pipeline.domain_shifters = shifters.to(device)  # in full precision, as those of a checkpoint
    return pipeline


def base_pipeline(size: str, dtype: str = "float32", seed: int = 0, device: str = "cpu") -> Any:
    """A `Realiz3DPipeline` of single pictures, without control or shifters."""
    return _pipeline(size, dtype, seed, device, control_channels=0, views=(1, 1), position_mode="view")


def transformer_config(shape: Architecture, channels: int = 4, learned_variance: bool = True) -> dict[str, Any]:
    """Arguments of diffusers' `PixArtTransformer2DModel`."""
    width = shape.heads * shape.head
    return {
        "num_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "attention_head_dim": shape.head,
        "cross_attention_dim": width,
        "caption_channels": shape.text,
        "in_channels": channels,
        "out_channels": channels * (2 if learned_variance else 1),
        "sample_size": 64,
        "patch_size": 2,
    }


def _pipeline(size: str, dtype: str, seed: int, device: str, **options: Any) -> Any:
    import diffusers
    import torch

    from realiz3d import Realiz3DPipeline

    shape = ARCHITECTURES[size]
    transformers: Any = diffusers.PixArtTransformer2DModel
    autoencoders: Any = diffusers.AutoencoderKL
    with torch.random.fork_rng(), torch.device(device), _default(getattr(torch, dtype)):
        torch.manual_seed(seed)
        transformer = transformers(**transformer_config(shape)).eval()
        levels = len(shape.vae)
        vae = autoencoders(
            block_out_channels=shape.vae,
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            layers_per_block=shape.vae_layers,
            latent_channels=4,
            norm_num_groups=min(32, shape.vae[0]),
        )
    schedulers: Any = diffusers.DDIMScheduler
    return Realiz3DPipeline(
        transformer,
        schedulers(clip_sample=False),
        vae=vae.eval(),
        text_settings={"encoder": "hashed_words", "width": shape.text, "length_tokens": shape.words},
        latent_channels=4,
        **options,
    )


@contextmanager
def _default(dtype: Any) -> Iterator[None]:
    """What is made is made in this precision."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _rng(seed: int) -> Any:
    import torch

    return torch.Generator("cpu").manual_seed(seed)
