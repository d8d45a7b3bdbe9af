"""The base model as it ships: half precision, diffusers' layout, a model card, and a hash that says which one it is."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import diffusers
import torch

from bench.errors import UsageError
from groundwork.hashing import hash_file
from realiz3d.training.checkpoint import TRANSFORMER, read_record
from realiz3d.training.trainer import SUMMARY
from suites.miniworld.gate import Gate, measure
from suites.miniworld.slim import forget_origin
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


def pack(checkpoint: Path, out: Path, *, half: bool = False) -> dict[str, Any]:
    """Write a checkpoint as a base model to `out`, as diffusers saves a DiT pipeline without an autoencoder.

    Configs name it as `base.checkpoint`: to tune it, or to pre-train it for longer. Returns what `facts.json` beside
    the weights says: which they are and what they cost, with the trainings that they went on from.
    """
    transformer, scheduler = open_checkpoint(checkpoint)
    out.mkdir(parents=True, exist_ok=True)
    (transformer.half() if half else transformer).save_pretrained(out / TRANSFORMER)
    scheduler.save_pretrained(out / "scheduler")
    forget_origin(out)
    index = {
        "_class_name": "DiTPipeline",
        "_diffusers_version": diffusers.__version__,
        "id2label": {str(label): name for label, name in enumerate(class_names())},
        "scheduler": ["diffusers", type(scheduler).__name__],
        "transformer": ["diffusers", type(transformer).__name__],
        "vae": [None, None],
    }
    _write_json(out / "model_index.json", index)
    facts = {"sha256": hash_file(out / WEIGHTS), "parameters": transformer.num_parameters(), **_cost(checkpoint)}
    _write_json(out / FACTS, facts)
    return facts


def export(checkpoint: Path, world: Path, out: Path, *, hardware: str) -> Gate:
    """Pack a base in half precision with its model card.

    The gate is measured on the weights as they ship, rounded to half precision. Raises `UsageError` below the gate.
    """
    transformer, scheduler = open_checkpoint(checkpoint)
    gate = measure(transformer.half().float(), scheduler, world)
    if not gate.passed:
        raise UsageError(
            "the base does not pass its gate",
            where=str(checkpoint),
            expected="a distance well below the synthetic oracle's",
            hint=f"{json.dumps(asdict(gate))}: train it for longer",
        )
    facts = {**pack(checkpoint, out, half=True), "gate": asdict(gate), "hardware": hardware}
    _write_json(out / FACTS, facts)
    (out / CARD).write_text(_card(facts), encoding="utf-8")
    return gate


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _transformer(folder: Path) -> Any:
    kind: Any = diffusers.DiTTransformer2DModel
    return kind.from_pretrained(folder / TRANSFORMER, use_safetensors=True, dtype=torch.float32)


def _cost(checkpoint: Path) -> dict[str, Any]:
    """Steps, pictures and seconds of a training, added to those of the packed base that it started from, if any."""
    record = read_record(checkpoint)
    budget = json.loads((checkpoint.parents[1] / SUMMARY).read_text(encoding="utf-8"))["phases"][0]
    pictures = record["config"]["optimisation"]["samples_per_step"] * math.prod(record["config"]["data"]["grid"])
    before = Path(record["base"].get("checkpoint") or "") / FACTS
    earlier: dict[str, Any] = json.loads(before.read_text(encoding="utf-8")) if before.is_file() else {}
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
- **Training**: `realiz3d-bench train suites/miniworld/base.yaml`: {facts["steps"]:,} steps, {facts["pictures_seen"]:,}
  pictures, AdamW, averaged weights (0.999), seed {", then ".join(map(str, facts["seeds"]))};
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
