"""The base model as it ships: packed in half precision, with a model card, when it passes its gate."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.errors import UsageError
from suites.miniworld.captions import PLAIN, SYNTHETIC_SHARE
from suites.miniworld.gate import Gate, measure
from suites.miniworld.packing import Base, open_checkpoint, open_packed, pack, write_facts
from suites.miniworld.world import RICH

CARD = "README.md"
BASE = Path(__file__).with_name("base")


def open_base(folder: Path = BASE) -> Base:
    """The base that ships, or another that was packed."""
    return open_packed(folder)


def export(checkpoint: Path, world: Path, out: Path, *, hardware: str, note: str = "") -> Gate:
    """Pack a base in half precision with its model card, which says `note` of the training as well.

    The gate is measured on the weights as they ship, rounded to half precision. Raises `UsageError` below the gate.
    """
    base = open_checkpoint(checkpoint)
    base.transformer.half().float()
    gate = measure(base, world)
    if not gate.passed:
        raise UsageError(
            "the base does not pass its gate",
            where=str(checkpoint),
            expected="a distance well below the synthetic oracle's",
            hint=f"{json.dumps(asdict(gate))}: train it for longer",
        )
    packed = pack(checkpoint, out, half=True)
    about = {"kind": type(base.transformer).__name__, "size": base.size, "hardware": hardware, "note": note}
    facts = {**packed, **about, "gate": asdict(gate)}
    write_facts(out, facts)
    (out / CARD).write_text(_card(facts), encoding="utf-8")
    return gate


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
    size = facts["size"]
    return f"""---
license: apache-2.0
library_name: diffusers
---
# Base model of the mini-world

A {facts["kind"]} in pixel space ({facts["parameters"]:,} parameters) that paints single objects of the mini-world on
white at {size} x {size} pixels from captions. It predicts v under a cosine schedule. Every method that the mini-world
compares starts from it; it is of no use for anything else.

- **Data**: {RICH.stop} objects of the mini-world's training split in photographs under light ({1 - SYNTHETIC_SHARE:.0%}
  of the pictures), and others in flat colours ({SYNTHETIC_SHARE:.0%}), four views each. Captions of the latter always
  begin "a 3D render of", one in {PLAIN + 1} of the former "a photo of". The photographs are those of scikit-image and
  scikit-learn, in the regions set aside for training (`bench/cases/miniworld/photos.py`).
- **Training**: `realiz3d-bench train suites/miniworld/base.yaml`: {facts["steps"]:,} steps, {facts["pictures_seen"]:,}
  pictures, AdamW, averaged weights (0.999), seed {", then ".join(map(str, facts["seeds"]))};
  {facts["wall_seconds"] / 60:.0f} minutes on {facts["hardware"]}.{" " + facts["note"] if facts["note"] else ""}
- **Weights**: float16, SHA-256 `{facts["sha256"]}`.

Kernel distance to 96 held-out objects in photographs (lower is nearer; EfficientNet-Lite0; 4 pictures for each caption,
20 DDIM steps without guidance):

| | texture level | pooled level x 1000 |
|---|---|---|
{rows}

Limits: {size} pixels; one light; twelve shapes in twelve colours; single pictures, at the positions of a picture of its
own or of a quarter of a 2 x 2 grid.
"""
