"""Pictures by the base text-to-image model: the paper's 'real' set. Any diffusers pipeline that takes a prompt serves.

The prompt is the caption with words for the view and the background behind it; training uses the caption alone. Each
picture's noise depends on (seed, caption's id, number) only, drawn on the CPU, so that it is the same on every device.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from groundwork.hashing import content_seed
from groundwork.pictures import Picture
from groundwork.walk import every_file
from realiz3d.data.packages import needed
from realiz3d.errors import UsageError, WeightsMissing, nearest

# the paper names the words; how they are joined to a caption is ours
VIEW_WORDS = ("front view", "back view", "right side view", "left side view")
PROMPT = "{caption}, {view}, isolated on a plain white background"
PURPOSE = "sampling the base model"
DTYPES = ("float32", "bfloat16", "float16")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Sampling:
    """How pictures are made. `steps` and `guidance` are the pipeline's own defaults when None."""

    per_caption: int = 4
    resolution: int = 512
    steps: int | None = None
    guidance: float | None = None
    seed: int = 0
    prompt: str = PROMPT
    view_words: tuple[str, ...] = VIEW_WORDS
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if "{caption}" not in self.prompt:
            raise UsageError("the prompt has no place for the caption", where=self.prompt, expected=PROMPT)
        if self.dtype not in DTYPES:
            raise UsageError(f"unknown dtype '{self.dtype}'", hint=nearest(self.dtype, DTYPES))

    def prompts(self, caption: str) -> tuple[str, ...]:
        """The prompt of each of a caption's pictures; view words take turns."""
        words = (self.view_words[number % len(self.view_words)] for number in range(self.per_caption))
        # replace, not format: captions may hold braces
        return tuple(self.prompt.replace("{view}", view).replace("{caption}", caption) for view in words)

    def noise_seed(self, name: str, number: int) -> int:
        """The 63-bit seed of picture `number` of the caption called `name`."""
        return content_seed("real set", self.seed, name, number)


class BaseModel:
    """A text-to-image pipeline from a folder or the model hub; weights are loaded by the first `pictures`.

    Raises `DependencyMissing` without diffusers, or without transformers where there are text encoders,
    `WeightsMissing` when there is no such checkpoint here (or, unless `offline`, on the hub), `UsageError` for one that
    is no text-to-image pipeline.
    """

    def __init__(
        self, checkpoint: str, *, revision: str | None = None, device: str = "cpu", offline: bool = False
    ) -> None:
        self.checkpoint, self.device = checkpoint, device
        self._diffusers = needed("diffusers", PURPOSE)
        self.folder = _find(self._diffusers, checkpoint, revision, offline)
        if _reads_prompts(self._diffusers, self.folder):
            needed("transformers", PURPOSE)
        self._pipeline: Any = None
        self._dtype = ""

    def fingerprint(self) -> str:
        """The hub's commit, or SHA-256 (hex) over the names and bytes of all files of a folder."""
        if _COMMIT.fullmatch(self.folder.name) and self.folder.parent.name == "snapshots":
            return f"{self.checkpoint}@{self.folder.name}"
        digest = hashlib.sha256()
        for path in every_file(self.folder):
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").digest()
            digest.update(path.relative_to(self.folder).as_posix().encode() + b"\0" + content)
        return digest.hexdigest()

    def pictures(
        self, name: str, caption: str, sampling: Sampling, batch_size: int
    ) -> Iterator[tuple[int, Picture | None]]:
        """Number and sRGB pixels, uint8 (H, W, 3), of each picture of a caption; None where a safety checker struck.

        `batch_size` of them are made at once. Raises `UsageError` when the pipeline fails, with its words.
        """
        import torch

        pipeline = self._loaded(sampling)
        prompts = sampling.prompts(caption)
        for start in range(0, len(prompts), batch_size):
            numbers = range(start, min(start + batch_size, len(prompts)))
            settings = self._settings(pipeline, sampling)
            noise = [torch.Generator("cpu").manual_seed(sampling.noise_seed(name, number)) for number in numbers]
            try:
                made = pipeline(prompt=[prompts[number] for number in numbers], generator=noise, **settings)
            except (ValueError, TypeError, RuntimeError, NotImplementedError) as error:
                raise UsageError(
                    f"the base model could not make pictures: {str(error)[:500]}",
                    where=f"{self.checkpoint} ({type(pipeline).__name__})",
                    expected="a pipeline that makes pictures from a prompt alone",
                    hint="try another --resolution, a smaller --batch-size or --dtype float32",
                ) from error
            struck = getattr(made, "nsfw_content_detected", None) or [False] * len(numbers)
            for number, image, bad in zip(numbers, made.images, struck, strict=True):
                yield number, None if bad else np.array(image.convert("RGB"))

    def _loaded(self, sampling: Sampling) -> Any:
        import torch

        if self._pipeline is None or self._dtype != sampling.dtype:
            try:
                loaded = self._diffusers.DiffusionPipeline.from_pretrained(
                    self.folder,
                    dtype=getattr(torch, sampling.dtype),
                    use_safetensors=True,  # a pickle could run anything
                    local_files_only=True,
                )
            except (
                Exception
            ) as error:  # diffusers and its hub client raise whatever a broken checkpoint makes them raise
                raise WeightsMissing(
                    f"the base model cannot be loaded: {str(error)[:500]}",
                    where=str(self.folder),
                    expected="a text-to-image pipeline as diffusers saves it, with safetensors weights",
                    hint="fetch it again, or convert its weights with pipeline.save_pretrained",
                ) from error
            if "prompt" not in inspect.signature(loaded.__call__).parameters:
                raise UsageError(
                    f"{type(loaded).__name__} does not make pictures from text",
                    where=str(self.folder),
                    expected="a text-to-image pipeline: PixArt, Stable Diffusion, SD3, Flux, ...",
                )
            loaded.set_progress_bar_config(disable=True)
            self._pipeline, self._dtype = loaded.to(self.device), sampling.dtype
        return self._pipeline

    @staticmethod
    def _settings(pipeline: Any, sampling: Sampling) -> dict[str, Any]:
        """What this pipeline's call understands of our settings."""
        wanted: dict[str, Any] = {
            "height": sampling.resolution,
            "width": sampling.resolution,
            "num_inference_steps": sampling.steps,
            "guidance_scale": sampling.guidance,
            "output_type": "pil",
            # both change what is asked for: one resizes, the other rewrites the prompt where two packages happen to be
            "use_resolution_binning": False,
            "clean_caption": False,
        }
        understood = inspect.signature(pipeline.__call__).parameters
        return {key: value for key, value in wanted.items() if key in understood and value is not None}


def describe(sampling: Sampling, base: BaseModel) -> dict[str, Any]:
    """All that decides the pictures, as JSON, for a manifest. Slow for a checkpoint in a folder: it is hashed."""
    return {**asdict(sampling), "view_words": list(sampling.view_words), "base": base.fingerprint()}


def _reads_prompts(diffusers: Any, folder: Path) -> bool:
    """Whether the pipeline has text encoders; a class-conditional one has none."""
    parts = diffusers.DiffusionPipeline.load_config(folder).values()
    return any(isinstance(part, list | tuple) and bool(part) and part[0] == "transformers" for part in parts)


def _find(diffusers: Any, checkpoint: str, revision: str | None, offline: bool) -> Path:
    """The checkpoint's folder: as given, or in the hub's cache, after fetching it unless `offline`."""
    folder = Path(checkpoint)
    if folder.is_dir():
        if not (folder / "model_index.json").is_file():
            raise WeightsMissing(
                "the folder is not a diffusers pipeline",
                where=str(folder),
                expected="model_index.json inside it, as pipeline.save_pretrained writes it",
            )
        return folder
    if folder.is_absolute() or checkpoint.startswith(".") or checkpoint.count("/") != 1:
        raise WeightsMissing(
            "there is no such checkpoint",
            where=ascii(checkpoint),
            expected="a folder that pipeline.save_pretrained wrote, or OWNER/NAME on the model hub",
        )
    try:
        found = diffusers.DiffusionPipeline.download(
            checkpoint, revision=revision, local_files_only=offline, use_safetensors=True
        )
    except Exception as error:  # the hub client has dozens of reasons, in classes that change between its versions
        raise WeightsMissing(
            f"the base model is not on this machine{'' if offline else ' and could not be fetched'}",
            where=f"{checkpoint}: {type(error).__name__}: {str(error).splitlines()[0][:300] if str(error) else ''}",
            expected="OWNER/NAME on the model hub, or in its cache (HF_HOME)",
            hint="run without --offline where the hub can be reached, or pass the folder of a copy",
        ) from error
    return Path(found)
