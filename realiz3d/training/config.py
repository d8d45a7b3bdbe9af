"""What a training run is, as a strict schema: unknown fields are errors, units are in names, defaults are the paper's.

Descriptions that begin with **Choice** mark what the paper leaves open; `realiz3d.json` beside every checkpoint records
the whole config.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, create_model, model_validator

from realiz3d.training.realiz3d_method import Realiz3DSettings
from realiz3d.training.registry import method_settings
from realiz3d.training.section import Count, Fraction, NonNegative, Positive, Section, Task

Density = Literal["uniform", "logit_normal"]


class HashedWords(Section):
    """Captions as fixed random vectors, one a word: a text encoder without weights, for models trained from nothing."""

    encoder: Literal["hashed_words"] = "hashed_words"
    width: Positive = Field(default=16, description="channels of a word's vector; the host's caption channels")
    length_tokens: Positive = Field(default=16, description="words kept; the rest of a caption is cut off")
    pooled: bool = Field(default=False, description="also give the mean of the words, which SD3 and Flux read")
    places: bool = Field(default=False, description="also tell the place of each word, without which order is lost")


class ClassLabels(Section):
    """Captions as class labels, for DiT: the first of these names that a caption contains."""

    encoder: Literal["labels"] = "labels"
    names: tuple[str, ...] = Field(min_length=1, description="class names in the order of their labels")


class PipelineText(Section):
    """The base checkpoint's own text encoders, through the prompt encoding of its diffusers pipeline."""

    encoder: Literal["pipeline"] = "pipeline"
    length_tokens: Positive | None = Field(default=None, description="longest prompt; null: the pipeline's default")
    dtype: Literal["float32", "bfloat16"] = Field(
        default="bfloat16", description="**Choice**: precision of the frozen encoders"
    )


TextConfig = Annotated[HashedWords | ClassLabels | PipelineText, Field(discriminator="encoder")]


class Made(Section):
    """A host of random weights made on the spot, with pictures themselves as latents. For tests and small worlds."""

    transformer: str = Field(description="a diffusers class, such as PixArtTransformer2DModel")
    config: dict[str, Any] = Field(description="arguments of that class")
    scheduler: str = Field(
        default="DDIMScheduler", description="a diffusers scheduler, which also defines the objective"
    )
    scheduler_config: dict[str, Any] = Field(default_factory=dict, description="arguments of the scheduler")
    seed: Count = Field(default=0, description="of the random weights")


class Base(Section):
    """The model that training starts from."""

    checkpoint: str | None = Field(
        default=None, description="a folder that diffusers' save_pretrained wrote, or OWNER/NAME on the hub"
    )
    revision: str | None = Field(default=None, description="branch, tag or commit on the hub")
    made: Made | None = Field(default=None, description="instead of a checkpoint: a host made from a config")
    transformer: str = Field(default="transformer", description="subfolder of the transformer in the checkpoint")
    vae: str | None = Field(default="vae", description="subfolder of the autoencoder; null: pictures are the latents")
    scheduler: str = Field(default="scheduler", description="subfolder of the scheduler")
    text: TextConfig = Field(default_factory=PipelineText, description="how captions condition the host")
    position_mode: Literal["grid", "view"] = Field(
        default="grid",
        description="**Choice**: single images have the positions of their place in the grid, or of a picture",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Base:
        if (self.checkpoint is None) == (self.made is None):
            raise ValueError("expected exactly one of checkpoint and made")
        if self.made is not None and isinstance(self.text, PipelineText):
            raise ValueError("expected text.encoder: hashed_words or labels, because a made host has no text encoder")
        return self


class Synthetic(Section):
    """Renders with normal and position maps, as `realiz3d-bench render-dataset` writes them."""

    path: Path = Field(description="folder of samples or tar shards")
    azimuths_deg: tuple[float, ...] = Field(
        default=(0.0, 90.0, 180.0, 270.0), description="viewpoints of the views; used by text_to_multiview only"
    )
    elevation_deg: float = Field(default=0.0, description="of all views; used by text_to_multiview only")


class Real(Section):
    """Single real pictures with captions; four arbitrary ones fill a grid."""

    path: Path = Field(description="folder of pictures or tar shards")
    kind: Literal["pictures", "renders"] = Field(
        default="pictures", description="'renders': a rendered data set, each of whose views is one picture"
    )
    fit: Literal["exact", "crop", "pad"] = Field(
        default="exact", description="what to do with pictures of another size"
    )


class Data(Section):
    """What is learned from."""

    synthetic: Synthetic
    real: Real | None = Field(default=None, description="null: no real data at all (syn-only baselines)")
    resolution_px: Positive = Field(default=512, description="side of a view")
    grid: tuple[Positive, Positive] = Field(default=(2, 2), description="rows and columns of views")
    text_dropout_p: Fraction = Field(
        default=0.1, description="**Choice**: share of samples without text, for classifier-free guidance on text"
    )
    cache: Path | None = Field(default=None, description="folder of latents and text embeddings; null: <out>/cache")
    cache_latents: bool = Field(default=True, description="keep latents of frozen encoders on disk")
    in_memory: bool = Field(
        default=False, description="read every sample once and keep it: for data sets that are small as tensors"
    )
    workers: Count = Field(default=4, description="processes that read ahead on each device")

    @property
    def views(self) -> int:
        """V."""
        return self.grid[0] * self.grid[1]

    @model_validator(mode="after")
    def _viewpoints(self) -> Data:
        if len(self.synthetic.azimuths_deg) != self.views:
            raise ValueError(f"expected {self.views} numbers in synthetic.azimuths_deg, one per view of the grid")
        return self


class Optimisation(Section):
    """Optimiser, batch and precision; learning rates belong to the phases."""

    samples_per_step: Positive = Field(
        default=512,
        description="grids in an optimiser step, over all devices. **Choice**: the paper's batch size 8 is read as 8 "
        "on each of its 64 devices. What a device cannot hold at once is accumulated",
    )
    micro_batch: Positive = Field(
        default=8, description="grids in one forward on one device; never changes what is learned"
    )
    betas: tuple[Fraction, Fraction] = Field(default=(0.9, 0.999), description="**Choice**: of AdamW")
    weight_decay: NonNegative = Field(default=0.01, description="**Choice**: of AdamW")
    schedule: Literal["constant", "cosine"] = Field(
        default="constant", description="**Choice**: learning rate over a phase; cosine falls to zero"
    )
    ramp_steps: Count = Field(
        default=0, description="**Choice**: steps over which each phase's learning rate rises linearly"
    )
    clip_norm: NonNegative | None = Field(
        default=1.0, description="**Choice**: largest norm of the gradient; null: no clipping"
    )
    ema_decay: Fraction | None = Field(
        default=None,
        description="**Choice**: exponential moving average of weights, which checkpoints then hold; null: none",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="bfloat16",
        description="**Choice**: of the computation; weights and optimiser stay in float32. An x86 processor without "
        "AVX-512 would only imitate bfloat16: it computes in float32, and says so",
    )
    gradient_checkpointing: bool = Field(
        default=False, description="recompute activations: less memory, a third more time"
    )
    compile: bool = Field(default=False, description="compile the repeated blocks")
    attention: Literal["auto", "math"] = Field(
        default="auto",
        description="kernels of attention; 'math' is faster for small models on a CPU, and its memory grows with the "
        "square of the tokens",
    )
    timesteps: Density | None = Field(
        default=None, description="density of training timesteps; null: the host's usual one"
    )


class SamplingDefaults(Section):
    """Inference-time domain shifting, which pipelines of the checkpoints use unless told otherwise."""

    block_frac: Fraction = Field(default=0.3, description="first blocks in synthetic mode, as a fraction (B_max)")
    t_max: NonNegative | None = Field(
        default=950.0,
        validation_alias=AliasChoices("t_max", "t_min"),  # the old name
        description="all blocks in synthetic mode from this timestep on; null: at none",
    )


class Checkpoints(Section):
    """When to save."""

    every_steps: Positive = Field(
        default=1000, description="optimiser steps between checkpoints; each phase's end is one too"
    )
    keep: Positive | None = Field(
        default=None, description="how many of the newest to keep, besides ends of phases; null: all"
    )


class SampleGrids(Section):
    """Pictures of the current model for the first captions of the synthetic data."""

    every_steps: Positive = Field(default=1000)
    count: Positive = Field(default=4, description="objects")
    inference_steps: Positive = Field(default=50)
    guidance: NonNegative = Field(default=4.5, description="**Choice**: classifier-free guidance scale, on text")


class Scores(Section):
    """A command that scores checkpoints; `{checkpoint}`, `{step}` and `{out}` in it are filled in. No shell is used."""

    command: tuple[str, ...] = Field(min_length=1, description="program and arguments")
    every_steps: Positive = Field(default=5000)


class Logging(Section):
    """What to see while it trains."""

    every_steps: Positive = Field(default=10)
    bars: bool = Field(default=True, description="show progress on standard error")
    tensorboard: bool = Field(default=False, description="write event files to <out>/tensorboard")
    wandb_project: str | None = Field(default=None, description="Weights & Biases project; null: none")
    samples: SampleGrids | None = Field(default=None, description="null: none")
    scores: Scores | None = Field(default=None, description="null: none")


class TrainConfig(Section):
    """A training run."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    task: Task = "texturing"
    seed: Count = 0
    base: Base
    data: Data
    # other methods have a schema of their own: `schema_of`
    method: Realiz3DSettings = Field(default_factory=Realiz3DSettings)
    optimisation: Optimisation = Field(default_factory=Optimisation)
    sampling: SamplingDefaults = Field(default_factory=SamplingDefaults)
    checkpoints: Checkpoints = Field(default_factory=Checkpoints)
    logging: Logging = Field(default_factory=Logging)

    @model_validator(mode="after")
    def _fits(self) -> TrainConfig:
        if self.data.real is None and self.method.learns_from_real():
            raise ValueError("expected data.real: this method learns from real pictures")
        return self

    def decisive(self) -> dict[str, Any]:
        """All that decides what is learned, as JSON: not where, how fast, what is shown, how it is sampled."""
        values = self.model_dump(mode="json", exclude={"name", "sampling", "logging", "checkpoints"})
        for place in ("cache", "cache_latents", "in_memory", "workers"):
            del values["data"][place]
        for source in ("synthetic", "real"):
            if values["data"][source]:
                del values["data"][source]["path"]  # data are told apart by fingerprint
        for speed in ("micro_batch", "gradient_checkpointing", "compile", "attention"):
            del values["optimisation"][speed]
        return values

    def hash(self) -> str:
        """SHA-256 (hex) of `decisive()`."""
        return hashlib.sha256(json.dumps(self.decisive(), sort_keys=True).encode()).hexdigest()


def schema_of(values: Any) -> type[TrainConfig]:
    """The schema of a config by the method that it names; Realiz3D's when it names none."""
    method = values.get("method") if isinstance(values, dict) else None
    name = method.get("name", "realiz3d") if isinstance(method, dict) else "realiz3d"
    if name == "realiz3d" or not isinstance(name, str):
        return TrainConfig
    settings = method_settings(name)
    # a schema of its own, so that messages point into the method's fields and name the nearest of them
    return create_model("TrainConfig", __base__=TrainConfig, method=(settings, Field(default_factory=settings)))
