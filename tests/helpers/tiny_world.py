"""The mini-world's models small enough for tests: a base of random weights, methods of a few steps, three objects."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from realiz3d.training import load_config
from realiz3d.training.base import load_base
from suites.miniworld import models, world
from suites.miniworld.packing import FACTS, TRANSFORMER

METHODS = models.METHODS
_SMALL = ("num_layers=4", "num_attention_heads=2", "attention_head_dim=8", "cross_attention_dim=16")
_SHORT = {
    "realiz3d": "warmup: {length: {steps: 1}}, stage1: {length: {steps: 2}}, stage2: {length: {steps: 3}}",
    "syn-only": "control: {length: {steps: 4}}",
    "lora-r4": "control: {length: {steps: 2}}",
}


@dataclass(frozen=True)
class TinyWorld:
    """Folders: the base, the configs, what the user keeps, what ships."""

    base: Path
    methods: Path
    user: Path
    shipped: Path


def make_tiny_world(root: Path, patch: pytest.MonkeyPatch) -> TinyWorld:
    """Files below `root`; `suites.miniworld.models` looks there as long as `patch` holds."""
    made = TinyWorld(root / "base", root / "methods", root / "user", root / "shipped")
    _save_base(made.base)
    made.methods.mkdir()
    for name, lengths in _SHORT.items():
        short = "optimisation: {samples_per_step: 2, micro_batch: 2, ramp_steps: 0}\ncheckpoints: {every_steps: 1}\n"
        text = f"extends: {METHODS / name}.yaml\nname: {name}\nmethod: {{{lengths}}}\n{short}"
        (made.methods / f"{name}.yaml").write_text(text)
    patch.setattr(models, "METHODS", made.methods)
    patch.setattr(models, "SHIPPED", made.shipped)
    patch.setattr(models, "SYNTHETIC", replace(world.SYNTHETIC, stop=3))
    patch.setattr(models, "RICH", replace(world.RICH, stop=3))
    patch.setenv(models.FOLDER_VARIABLE, str(made.user))
    return made


def _save_base(folder: Path) -> None:
    parts = load_base(load_config(METHODS.parent / "base.yaml", [f"base.made.config.{line}" for line in _SMALL]).base)
    parts.transformer.save_pretrained(folder / TRANSFORMER)
    parts.scheduler.save_pretrained(folder / "scheduler")
    index = {
        "_class_name": "PixArtAlphaPipeline",
        "scheduler": ["diffusers", type(parts.scheduler).__name__],
        "transformer": ["diffusers", type(parts.transformer).__name__],
        **{part: [None, None] for part in ("vae", "text_encoder", "tokenizer")},
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / FACTS).write_text(json.dumps({"text": parts.record["text"]}))
