"""`use: miniworld_model`: the mini-world's objects as a method's small model paints them, trained where missing.

Sample seed k is painted by the model that was trained with seed k, so that a suite of three seeds spans three
trainings. Models paint at their own size; their pictures are enlarged to the suite's resolution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field

from bench.cases.case import Case
from bench.cases.miniworld.world import MiniworldObject
from bench.errors import GeneratorError, WeightsMissing
from bench.generators.pipeline_base import PipelineGenerator, hash_parts, pixels
from bench.generators.protocol import GenerationRequest, GeneratorContext, Preparation
from bench.generators.realiz3d_pipeline import Realiz3DGenerator, Realiz3DOptions
from bench.generators.realiz3d_sampling import ShiftingOptions
from bench.generators.sdedit import SDEditGenerator, SDEditOptions
from bench.geometry.cameras import Cameras, cameras_digest
from bench.geometry.control import control_map
from bench.geometry.scene import SceneGeometry
from groundwork.late import late
from groundwork.pictures import ENLARGEMENT, enlarged

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

_BASE_PARTS = ("transformer", "scheduler")


class MiniworldModelOptions(ShiftingOptions):
    """Options of `miniworld_model`. Domain shifting that 'checkpoint' leaves open is that of the method's config."""

    method: str = Field(description="a config of suites/miniworld/methods, or `base`: the base model, without control")
    task: Literal["texturing", "text_to_multiview"] = Field("texturing", description="what the model was trained for")
    steps: int = Field(20, ge=1, le=1000, description="denoising steps")
    guidance: float = Field(1.0, ge=0, le=1000, description="guidance scale on the text; 1 or less: no guidance")
    control: bool = Field(True, description="false: null control, although the model takes one")
    sdedit_t: float | None = Field(
        None, ge=0, description="redo the method's pictures by SDEdit with the base from this timestep; null: do not"
    )
    base: Path | None = Field(None, description="folder of the base model that training starts from; null: ours")


class MiniworldModel(PipelineGenerator):
    """Small models of the mini-world: a method's, one per training seed, or their base.

    Those that are missing are trained by what `preparations` says, which a run does before it paints.
    Each is a generator of its own that works at the models' size; this one enlarges what it paints.
    """

    Options: ClassVar[type[BaseModel]] = MiniworldModelOptions

    def __init__(self, name: str, options: Any, context: GeneratorContext) -> None:
        from suites.miniworld.base import BASE
        from suites.miniworld.models import MiniworldMethod, need_base
        from suites.miniworld.packing import packed_size

        super().__init__(name, options, context)
        self.base = BASE if options.base is None else context.suite_folder / options.base
        need_base(self.base)
        self.size = packed_size(self.base)
        self.small = replace(context, shared=context.cameras.at_resolution(self.size))
        self.controls = Controls(context.device)
        self.method: MiniworldMethod | None = None
        if options.method != "base":
            self.method = MiniworldMethod(options.method, options.task, self.base)

    def places(self) -> set[str]:
        """The base is known by its weights."""
        return {"base"}

    def weights(self) -> Any:
        """What decides the models, whether or not they are there yet; of one that ships, its files."""
        made: dict[str, Any] = {"size": self.size, "enlargement": ENLARGEMENT}
        if self.method is None:
            return made | hash_parts(self.base, _BASE_PARTS)
        ships = self.method.shipped(0)
        if ships is not None:
            made |= hash_parts(ships, ["checkpoints"])
        return made | {"model": self.method.digest, "base": hash_parts(self.base, _BASE_PARTS), **self._sampling()}

    def preparations(self, seeds: Sequence[int]) -> Sequence[Preparation]:
        """Data and trainings that are missing."""
        from suites.miniworld.preparations import preparations

        return () if self.method is None else preparations(self.method, seeds)

    def training(self) -> list[dict[str, Any]]:
        """What the training of one of the models cost, phase by phase; all seeds have the same budget."""
        folder = None if self.method is None else self.method.any()
        return [] if folder is None else self._painter(folder).training()

    def load(self) -> dict[int, PipelineGenerator]:
        """The generators by seed: models are read when their seed comes up, none at first."""
        return {}

    def views(self, pipeline: Any, requests: Sequence[GenerationRequest]) -> Sequence[npt.NDArray[np.uint8]]:
        """The requests of each seed in a batch of their own."""
        small = [replace(request, cameras=self.small.cameras, controls=self.controls) for request in requests]
        seeds = dict.fromkeys(request.seed for request in requests)
        made: dict[int, npt.NDArray[np.uint8]] = {}
        for seed in seeds:
            if seed not in pipeline:
                pipeline[seed] = self._painter_of(seed)
            places = [place for place, request in enumerate(requests) if request.seed == seed]
            with _quiet():
                painted = list(pipeline[seed].generate([small[place] for place in places]))
            for place, answer in zip(places, painted, strict=True):
                made[place] = enlarged(answer.views, self.context.cameras.resolution)
        return [made[place] for place in range(len(requests))]

    def _painter_of(self, seed: int) -> PipelineGenerator:
        if self.method is None:
            return BasePictures(self.name, self.options, self.small, self.base)
        found = self.method.find(seed)
        if found is None:
            raise WeightsMissing(
                f"the mini-world's model '{self.method.method}' of seed {seed} is not trained",
                hint="a run trains it before it paints; elsewhere do what the generator's preparations() say",
            )
        return self._painter(found)

    def _painter(self, checkpoint: Path) -> Realiz3DGenerator:
        options = self.options.model_dump(include={"steps", "guidance", "control", "shifting"}) | self._sampling()
        options |= {"checkpoint": checkpoint, "base": str(self.base)}
        if self.options.sdedit_t is None:
            return Realiz3DGenerator(self.name, Realiz3DOptions(**options), self.small)
        return SDEditGenerator(self.name, SDEditOptions(**options, t=self.options.sdedit_t), self.small)

    def _sampling(self) -> dict[str, Any]:
        """Domain shifting: the options', else the config's (a model may be older than what its config says of it)."""
        assert self.method is not None
        usual, own = self.method.config().sampling, self.options
        return {
            "block_frac": usual.block_frac if own.block_frac == "checkpoint" else own.block_frac,
            "t_max": usual.t_max if own.t_max == "checkpoint" else own.t_max,
        }


@contextmanager
def _quiet() -> Iterator[None]:
    """Without diffusers' bars and remarks, one for each of dozens of small models that are read."""
    from diffusers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()


class BasePictures(PipelineGenerator):
    """The base model, each view alone: it knows neither control nor other views."""

    def __init__(self, name: str, options: MiniworldModelOptions, context: GeneratorContext, base: Path) -> None:
        super().__init__(name, options, context)
        self.base = base

    def places(self) -> set[str]:
        """None: `MiniworldModel` is what suites name."""
        return set()

    def weights(self) -> Any:
        """Of the base."""
        return hash_parts(self.base, _BASE_PARTS)

    def load(self) -> Any:
        """A pipeline of single pictures."""
        from suites.miniworld.base import open_base

        pipeline = open_base(self.base).single_pictures()
        pipeline.set_progress_bar_config(disable=True)
        return pipeline.to(self.context.device)

    def views(self, pipeline: Any, requests: Sequence[GenerationRequest]) -> Sequence[npt.NDArray[np.uint8]]:
        """All views of all requests in one batch."""
        count = len(self.context.cameras)
        seeds = [seed for request in requests for seed in request.noise_seeds]
        made = pipeline(
            [request.case.prompt for request in requests for _ in range(count)],
            num_inference_steps=self.options.steps,
            guidance_scale=self.options.guidance,
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
            output_type="np",
        )
        painted = pixels(made.images)
        return list(painted.reshape(len(requests), count, *painted.shape[2:]))


class Controls:
    """Control maps at the models' size, kept for the process' life: a few kilobytes each, the same for all methods.

    They are rendered as the training data's are (`bench.dataset`): one sample a pixel, at its centre.
    """

    _kept: ClassVar[dict[tuple[str, str, str], dict[str, Tensor]]] = {}

    def __init__(self, device: str) -> None:
        self.device = device

    def control(self, case: Case, cameras: Cameras, kind: str) -> Tensor:
        """As `bench.run.generate.SceneControls`."""
        if case.mesh is None:
            raise GeneratorError(f"case '{case.id}' has no mesh, so it has no {kind} map")
        key = (case.mesh.fingerprint, cameras_digest(cameras), self.device)
        if key not in self._kept:
            # the looks of an object have one shape, and flat colours are made quickest
            shape = replace(case.mesh, look="synthetic") if isinstance(case.mesh, MiniworldObject) else case.mesh
            gbuffer = SceneGeometry(shape.load(), cameras, self.device).gbuffer
            self._kept[key] = {name: control_map(gbuffer, name).cpu() for name in ("normal", "position")}
        return self._kept[key][kind]
