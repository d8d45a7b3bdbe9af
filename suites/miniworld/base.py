"""The base model as it ships: half precision, diffusers' layout, a model card, and a hash that says which one it is."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import diffusers
import torch

from bench.errors import UsageError
from bench.hashing import hash_file
from realiz3d.training.checkpoint import TRANSFORMER, read_record
from suites.miniworld.gate import Gate, measure
from suites.miniworld.world import RICH, class_names

CARD, FACTS = "README.md", "facts.json"
BASE = Path(__file__).with_name("base")
WEIGHTS = Path(TRANSFORMER) / "diffusion_pytorch_model.safetensors"


def open_checkpoint(folder: Path) -> tuple[Any, Any]:
    """Transformer (averaged weights) and scheduler of a checkpoint of the pre-training. Raises `WeightsMissing`."""
    scheduler = read_record(folder)["scheduler"]
    return _transformer(folder), getattr(diffusers, scheduler["class"])(**scheduler["config"])


def open_base(folder: Path = BASE) -> tuple[Any, Any]:
    """Transformer in float32, and scheduler, of a base that `export` wrote."""
    scheduler: Any = diffusers.DDIMScheduler
    return _transformer(folder), scheduler.from_pretrained(folder / "scheduler")


def export(checkpoint: Path, world: Path, out: Path, *, hardware: str) -> Gate:
    """Write the base of a checkpoint to `out`, as diffusers saves a DiT pipeline without an autoencoder.

    The gate is measured on the weights as they ship, rounded to half precision. Raises `UsageError` below the gate.
    """
    transformer, scheduler = open_checkpoint(checkpoint)
    transformer.half().float()
    gate = measure(transformer, scheduler, world)
    if not gate.passed:
        raise UsageError(
            "the base does not pass its gate",
            where=str(checkpoint),
            expected="a distance well below the synthetic oracle's",
            hint=f"{json.dumps(asdict(gate))}: train it for longer",
        )
    out.mkdir(parents=True, exist_ok=True)
    transformer.half().save_pretrained(out / TRANSFORMER)
    scheduler.save_pretrained(out / "scheduler")
    index = {
        "_class_name": "DiTPipeline",
        "_diffusers_version": diffusers.__version__,
        "id2label": {str(label): name for label, name in enumerate(class_names())},
        "scheduler": ["diffusers", type(scheduler).__name__],
        "transformer": ["diffusers", type(transformer).__name__],
        "vae": [None, None],
    }
    (out / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    facts = _facts(checkpoint, transformer, gate, hash_file(out / WEIGHTS), hardware)
    (out / FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    (out / CARD).write_text(_card(facts), encoding="utf-8")
    return gate


def _transformer(folder: Path) -> Any:
    kind: Any = diffusers.DiTTransformer2DModel
    return kind.from_pretrained(folder / TRANSFORMER, use_safetensors=True, dtype=torch.float32)


def _facts(checkpoint: Path, transformer: Any, gate: Gate, sha256: str, hardware: str) -> dict[str, Any]:
    record = read_record(checkpoint)
    budget = json.loads((checkpoint.parents[1] / "training.json").read_text(encoding="utf-8"))["phases"][0]
    samples = record["config"]["optimisation"]["samples_per_step"] * 4
    return {
        "sha256": sha256,
        "parameters": sum(parameter.numel() for parameter in transformer.parameters()),
        "gate": asdict(gate),
        "steps": record["step"],
        "planned_steps": record["config"]["method"]["pretrain"]["length"]["steps"],
        "pictures_seen": record["step"] * samples,
        "wall_seconds": round(float(budget["seconds"])),
        "hardware": hardware,
        "seed": record["config"]["seed"],
        "hashes": record["hashes"],
        "versions": record["versions"],
    }


def _card(facts: dict[str, Any]) -> str:
    gate = facts["gate"]
    rows = "\n".join(
        f"| {name} | {gate[key]['texture']:.1f} | {gate[key]['pooled_x1000']:.1f} |"
        for name, key in (
            ("training objects in photographs", "oracle_rich"),
            ("this model", "base"),
            ("the held-out objects in flat colours", "oracle_synthetic"),
        )
    )
    return f"""---
license: apache-2.0
library_name: diffusers
---
# Base model of the mini-world

A class-conditional DiT in pixel space ({facts["parameters"]:,} parameters, 8 blocks of width 96, patches of 4) that
paints single objects of the mini-world on white at 16 x 16 pixels. It predicts v under a cosine schedule. Every method
that the mini-world compares starts from it; it is of no use for anything else.

- **Data**: {RICH.stop} objects of the mini-world's training split in photographs under light (85 % of the pictures),
  and others in flat colours (15 %), four views each. The class is main colour and shape; nothing tells the model of
  which domain a picture is. The photographs are those of scikit-image and scikit-learn, in the regions set aside for
  training (`bench/cases/miniworld/photos.py`).
- **Training**: `realiz3d-bench train suites/miniworld/base.yaml`: {facts["steps"]:,} of {facts["planned_steps"]:,}
  planned steps, {facts["pictures_seen"]:,} pictures, AdamW, averaged weights (0.999), seed {facts["seed"]};
  {facts["wall_seconds"] / 60:.0f} minutes on {facts["hardware"]}.
- **Weights**: float16, SHA-256 `{facts["sha256"]}`.

Kernel distance to 96 held-out objects in photographs (lower is nearer; EfficientNet-Lite0; 4 pictures for each caption,
20 DDIM steps without guidance):

| | texture level | pooled level x 1000 |
|---|---|---|
{rows}

Limits: 16 pixels; one light; twelve shapes in twelve colours; single pictures, at the positions of a picture of its own
or of a quarter of a 2 x 2 grid.
"""
