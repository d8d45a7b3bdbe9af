"""A base model as files: diffusers' layout, and `facts.json`, which says what it is and what it cost.

Needs no more than training does, so that a borrowed machine can pack what it has trained (`kit`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch

from groundwork.hashing import hash_file
from realiz3d.hosts import host_for
from realiz3d.pipeline import Realiz3DPipeline
from realiz3d.sampling.conditioning import caption_encoder, encode_text
from realiz3d.shifters import DomainShifters
from realiz3d.text import Text
from realiz3d.training.checkpoint import TRANSFORMER, read_record
from realiz3d.training.trainer import SUMMARY
from suites.miniworld.slim import forget_origin

FACTS = "facts.json"
WEIGHTS = Path(TRANSFORMER) / "diffusion_pytorch_model.safetensors"
_PIPELINES = {"DiTTransformer2DModel": "DiTPipeline", "PixArtTransformer2DModel": "PixArtAlphaPipeline"}
_ABSENT = {"DiTPipeline": ("vae",), "PixArtAlphaPipeline": ("vae", "text_encoder", "tokenizer")}


@dataclass(frozen=True)
class Base:
    """A transformer in float32, its scheduler, and the settings of its text (`realiz3d.training.config.TextConfig`)."""

    transformer: Any
    scheduler: Any
    text: dict[str, Any]

    @property
    def size(self) -> int:
        """Side of a picture in pixels."""
        return int(self.transformer.config.sample_size)

    def captioned(self, captions: Sequence[str]) -> Text:
        """Captions as the transformer takes them."""
        encoder = caption_encoder(type(host_for(self.transformer)), self.text, None, {}, "cpu")
        return encode_text(encoder, captions)

    def single_pictures(
        self, transformer: Any = None, *, shifters: DomainShifters | None = None, control_channels: int = 0
    ) -> Realiz3DPipeline:
        """A pipeline that paints one picture at a time without control, in the positions of a picture of its own.

        transformer: one that was tuned instead, with its `shifters` and the `control_channels` that it was widened by.
        """
        return Realiz3DPipeline(
            (self.transformer if transformer is None else transformer).eval(),
            self.scheduler,
            domain_shifters=shifters,
            views=(1, 1),
            control_channels=control_channels,
            latent_channels=int(self.transformer.config.out_channels),
            position_mode="view",
            view_size=self.size,
            text_settings=self.text,
        )


def open_checkpoint(folder: Path) -> Base:
    """A checkpoint of the pre-training, with its averaged weights. Raises `WeightsMissing`."""
    record = read_record(folder)
    scheduler = record["scheduler"]
    made = getattr(diffusers, scheduler["class"])(**scheduler["config"])
    return Base(_transformer(folder), made, record["base"]["text"])


def open_packed(folder: Path) -> Base:
    """A base that `pack` wrote."""
    scheduler: Any = diffusers.DDIMScheduler
    return Base(_transformer(folder), scheduler.from_pretrained(folder / "scheduler"), read_facts(folder)["text"])


def packed_size(folder: Path) -> int:
    """Side in pixels of what a packed base paints; its weights are not read."""
    config = json.loads((folder / TRANSFORMER / "config.json").read_text(encoding="utf-8"))
    return int(config["sample_size"])


def read_facts(folder: Path) -> dict[str, Any]:
    """What `facts.json` of a packed base says."""
    facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    return facts


def write_facts(folder: Path, facts: dict[str, Any]) -> None:
    """As `pack` does."""
    (folder / FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def pack(checkpoint: Path, out: Path, *, half: bool = False) -> dict[str, Any]:
    """Write a checkpoint as a base model to `out`, as diffusers saves a pipeline without autoencoder and text encoder.

    Configs name it as `base.checkpoint`: to tune it, or to pre-train it for longer. Returns what `facts.json` beside
    the weights says: which they are and what they cost, with the trainings that they went on from.
    """
    base = open_checkpoint(checkpoint)
    kind = type(base.transformer).__name__
    out.mkdir(parents=True, exist_ok=True)
    (base.transformer.half() if half else base.transformer).save_pretrained(out / TRANSFORMER)
    base.scheduler.save_pretrained(out / "scheduler")
    forget_origin(out)
    index: dict[str, Any] = {"_class_name": _PIPELINES[kind], "_diffusers_version": diffusers.__version__}
    if base.text["encoder"] == "labels":
        index["id2label"] = {str(label): name for label, name in enumerate(base.text["names"])}
    index["scheduler"] = ["diffusers", type(base.scheduler).__name__]
    index["transformer"] = ["diffusers", kind]
    index |= {part: [None, None] for part in _ABSENT[_PIPELINES[kind]]}
    (out / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    facts = {
        "sha256": hash_file(out / WEIGHTS),
        "parameters": base.transformer.num_parameters(),
        "text": base.text,
        **_cost(checkpoint),
    }
    write_facts(out, facts)
    return facts


def _transformer(folder: Path) -> Any:
    config = json.loads((folder / TRANSFORMER / "config.json").read_text(encoding="utf-8"))
    kind: Any = getattr(diffusers, config["_class_name"])
    return kind.from_pretrained(folder / TRANSFORMER, use_safetensors=True, dtype=torch.float32)


def _cost(checkpoint: Path) -> dict[str, Any]:
    """Steps, pictures and seconds of a training, added to those of the packed base that it started from, if any."""
    record = read_record(checkpoint)
    budget = json.loads((checkpoint.parents[1] / SUMMARY).read_text(encoding="utf-8"))["phases"][0]
    pictures = record["config"]["optimisation"]["samples_per_step"] * math.prod(record["config"]["data"]["grid"])
    before = record["base"].get("checkpoint")
    earlier = read_facts(Path(before)) if before and (Path(before) / FACTS).is_file() else {}
    return {
        "steps": earlier.get("steps", 0) + record["step"],
        "pictures_seen": earlier.get("pictures_seen", 0) + record["step"] * pictures,
        # the summary is written with each checkpoint, so its seconds belong to the newest one
        "wall_seconds": earlier.get("wall_seconds", 0) + round(float(budget["seconds"])),
        "seeds": [*earlier.get("seeds", []), record["config"]["seed"]],
        "configs": [*earlier.get("configs", []), record["hashes"]["config"]],
        "pictures": record["hashes"]["real"],
        "versions": record["versions"],
    }
