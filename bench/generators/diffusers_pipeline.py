"""`use: diffusers`: any saved diffusers pipeline that makes several views, as a list of pictures or in one grid."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from bench.errors import GeneratorError, UsageError, nearest
from bench.generators.pipeline_base import Dtype, PipelineGenerator, hash_parts, need_packages, pixels, with_suffix
from bench.generators.protocol import GenerationRequest, GeneratorContext
from bench.generators.saved_pipeline import INDEX, load_pipeline, read_index
from groundwork.hashing import seed_from

Map = Literal["normal", "position", "depth", "mask"]


class DiffusersOptions(BaseModel):
    """Options of `diffusers`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: Path = Field(description="folder that pipeline.save_pretrained wrote")
    pipeline: str | None = Field(None, description="`module:Class` of an installed package; null: what the index names")
    answer: Literal["views", "grid"] = Field(
        "views", description="a list of views a prompt, or one grid of them, row by row"
    )
    columns: int = Field(2, ge=1, le=64, description="columns of the grid (answer: grid)")
    steps: int | None = Field(None, ge=1, le=10_000, description="num_inference_steps; null: the pipeline's default")
    guidance: float | None = Field(None, description="guidance_scale; null: the pipeline's default")
    prompt_suffix: str = Field("", description="appended to every prompt")
    inputs: dict[str, Map] = Field(
        default_factory=dict, description="arguments that get control maps of the mesh, by kind"
    )
    call: dict[str, JsonValue] = Field(default_factory=dict, description="further arguments of the pipeline's call")
    dtype: Dtype = Field("float32", description="precision of the networks")


class DiffusersGenerator(PipelineGenerator):
    """Calls a saved diffusers pipeline for each case, with a generator seeded by the case alone."""

    Options: ClassVar[type[BaseModel]] = DiffusersOptions

    def __init__(self, name: str, options: Any, context: GeneratorContext) -> None:
        super().__init__(name, options, context)
        need_packages(name)
        self.folder: Path = context.suite_folder / options.path
        self.index = read_index(self.folder)
        if context.shared is not None:
            self._grid(len(context.shared))

    def places(self) -> set[str]:
        """The folder."""
        return {"path"}

    def weights(self) -> Any:
        """Hashes of the index and of all parts that it names."""
        return hash_parts(self.folder, [INDEX, *self.index.components])

    def load(self) -> Any:
        """The pipeline; raises `UsageError` for arguments that its call does not know."""
        import torch

        pipeline = load_pipeline(self._class(), self.folder, getattr(torch, self.options.dtype))
        pipeline.set_progress_bar_config(disable=True)
        known = inspect.signature(pipeline.__call__).parameters
        # diffusers' own pipelines swallow what they do not know; a class that was named for the purpose may want it
        swallows = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values())
        takes_all = swallows and self.options.pipeline is not None
        for argument in {**self._settings(), **self.options.inputs, "prompt": ""}:
            if argument not in known and not takes_all:
                raise UsageError(
                    f"generator '{self.name}': {type(pipeline).__name__} takes no argument '{argument}'",
                    hint=nearest(argument, known),
                )
        return pipeline.to(self.context.device)

    def views(self, pipeline: Any, requests: Sequence[GenerationRequest]) -> Sequence[npt.NDArray[np.uint8]]:
        """One call a request: what a pipeline of views makes of several prompts at once is its own affair."""
        return [self._views_of(pipeline, request) for request in requests]

    def _views_of(self, pipeline: Any, request: GenerationRequest) -> npt.NDArray[np.uint8]:
        import torch

        rows, columns = self._grid(len(request.cameras))
        size = request.cameras.resolution
        known = inspect.signature(pipeline.__call__).parameters
        arguments: dict[str, Any] = {"height": rows * size, "width": columns * size, "output_type": "np"}
        # both change what is asked for: one resizes, the other rewrites the prompt where two packages happen to be
        arguments |= {"use_resolution_binning": False, "clean_caption": False}
        arguments = {key: value for key, value in arguments.items() if key in known}
        arguments |= {"prompt": with_suffix(request, self.options.prompt_suffix), **self._settings()}
        arguments |= {name: self._maps(request, kind) for name, kind in self.options.inputs.items()}
        rng = torch.Generator("cpu").manual_seed(seed_from(*request.noise_seeds))
        try:
            answer = pipeline(**arguments, generator=rng)
        except (ValueError, TypeError, RuntimeError, NotImplementedError) as error:
            raise GeneratorError(
                f"generator '{self.name}' failed on case '{request.case.id}': {str(error)[:500]}",
                where=f"{type(pipeline).__name__} in {self.folder}",
                hint="check `call`, `inputs` and the suite's resolution against the pipeline's documentation",
            ) from error
        return self._checked(answer, request, rows, columns)

    def _checked(self, answer: Any, request: GenerationRequest, rows: int, columns: int) -> npt.NDArray[np.uint8]:
        images = getattr(answer, "images", None)
        if isinstance(images, list) and len(images) == 1 and isinstance(images[0], list):
            images = images[0]  # the views of each prompt as a list of their own
        found = [_picture(image) for image in images] if images is not None else []
        size, count = request.cameras.resolution, len(request.cameras)
        wanted = (1, rows * size, columns * size) if self.options.answer == "grid" else (count, size, size)
        shapes = {picture.shape for picture in found}
        if len(found) != wanted[0] or shapes != {(*wanted[1:], 3)}:
            raise GeneratorError(
                f"generator '{self.name}' answered '{request.case.id}' with {len(found)} pictures: {sorted(shapes)}",
                expected=f"{wanted[0]} of {wanted[1]} x {wanted[2]} pixels",
                hint="`answer: grid` or `answer: views`? Or set the size in `call`",
            )
        if self.options.answer == "views":
            return np.stack(found)
        tiles = found[0].reshape(rows, size, columns, size, 3).swapaxes(1, 2)
        return np.ascontiguousarray(tiles.reshape(count, size, size, 3))

    def _grid(self, count: int) -> tuple[int, int]:
        """Rows and columns of the picture that is asked for. Raises `UsageError` where `count` views do not fill it."""
        if self.options.answer == "views":
            return 1, 1
        if count % self.options.columns:
            raise UsageError(
                f"{count} views do not fill a grid of {self.options.columns} columns",
                where=f"generator '{self.name}': columns",
            )
        return count // self.options.columns, self.options.columns

    def _settings(self) -> dict[str, Any]:
        named = {"num_inference_steps": self.options.steps, "guidance_scale": self.options.guidance}
        return {**{key: value for key, value in named.items() if value is not None}, **self.options.call}

    def _maps(self, request: GenerationRequest, kind: str) -> Any:
        """One picture per view, or one grid of them, as PIL pictures (8 bits: what such pipelines take)."""
        from PIL import Image

        maps = request.control(kind).cpu().numpy()
        if kind == "depth":
            maps = maps / max(float(maps.max()), 1e-12)
        views = pixels(maps)
        if self.options.answer == "views":
            return [Image.fromarray(view) for view in views]
        rows, columns = self._grid(len(request.cameras))
        split = views.reshape(rows, columns, *views.shape[1:])
        return Image.fromarray(np.concatenate([np.concatenate([*row], axis=1) for row in split], axis=0))

    def _class(self) -> Any:
        import diffusers

        if self.options.pipeline is None:
            found = getattr(diffusers, self.index.kind, None)
            if found is None and self.index.kind == "Realiz3DPipeline":
                raise UsageError(
                    "this is a Realiz3D pipeline", where=str(self.folder), hint="score it with `use: realiz3d`"
                )
        else:
            found = _attribute(self.options.pipeline)
        if not (isinstance(found, type) and issubclass(found, diffusers.DiffusionPipeline)):
            raise UsageError(
                f"'{self.options.pipeline or self.index.kind}' is not a pipeline installed here",
                where=str(self.folder / INDEX),
                hint="install the package that has it, and name it: `pipeline: module:Class`",
            )
        return found


def _attribute(address: str) -> Any:
    from importlib import import_module

    module, _, name = address.partition(":")
    try:
        return getattr(import_module(module), name, None)
    except ImportError as error:
        raise UsageError(f"'{address}' could not be imported: {error}", expected="module:Class") from error


def _picture(image: Any) -> npt.NDArray[np.uint8]:
    """(H, W, 3) from a PIL picture or an array of floats in [0, 1]."""
    if hasattr(image, "convert"):
        return np.asarray(image.convert("RGB"))
    array = np.asarray(image)
    return array if array.dtype == np.uint8 else pixels(array)
