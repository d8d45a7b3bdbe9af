"""Tiny data sets on disk and configs of tiny hosts, for tests of training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from realiz3d.data.maps import encode_map
from realiz3d.training.checkpoint import read_state
from realiz3d.training.config import TrainConfig

SIDE, VIEWS = 8, 4
WORDS = ("a red mug", "a blue chair", "a green lamp")

MADE: dict[str, dict[str, Any]] = {
    "pixart": {
        "transformer": "PixArtTransformer2DModel",
        "config": {
            "num_layers": 4, "num_attention_heads": 2, "attention_head_dim": 12, "cross_attention_dim": 24,
            "in_channels": 3, "out_channels": 3, "sample_size": 16, "caption_channels": 16, "norm_num_groups": 1,
        },
    },
    "dit": {
        "transformer": "DiTTransformer2DModel",
        "config": {
            "num_layers": 4, "num_attention_heads": 2, "attention_head_dim": 8, "in_channels": 3, "out_channels": 3,
            "sample_size": 16, "num_embeds_ada_norm": 3, "norm_num_groups": 1,
        },
    },
    "sd3": {
        "transformer": "SD3Transformer2DModel",
        "config": {
            "num_layers": 4, "num_attention_heads": 2, "attention_head_dim": 8, "in_channels": 3, "out_channels": 3,
            "sample_size": 16, "joint_attention_dim": 16, "caption_projection_dim": 16, "pooled_projection_dim": 16,
            "pos_embed_max_size": 12, "qk_norm": "rms_norm",
        },
        "scheduler": "FlowMatchEulerDiscreteScheduler",
    },
}  # fmt: skip
TEXT: dict[str, dict[str, Any]] = {
    "pixart": {"encoder": "hashed_words", "width": 16, "length_tokens": 4},
    "dit": {"encoder": "labels", "names": ["mug", "chair", "lamp"]},
    "sd3": {"encoder": "hashed_words", "width": 16, "length_tokens": 4, "pooled": True},
}


def write_world(root: Path, objects: int = 6, pictures: int = 16) -> Path:
    """Random renders in `objects/` and random pictures in `real/`, 8 px a view."""
    rng = torch.Generator().manual_seed(3)

    def picture(path: Path) -> None:
        pixels = torch.randint(0, 256, (SIDE, SIDE, 3), generator=rng, dtype=torch.uint8)
        Image.fromarray(pixels.numpy()).save(path)

    for number in range(objects):
        folder = root / "objects" / f"object{number}"
        folder.mkdir(parents=True)
        (folder / "caption.txt").write_text(WORDS[number % len(WORDS)])
        for view in range(VIEWS):
            picture(folder / f"view_{view}.png")
            normals = torch.nn.functional.normalize(torch.randn(SIDE, SIDE, 3, generator=rng), dim=-1)
            (folder / f"normal_{view}.png").write_bytes(encode_map((normals + 1) / 2))
            (folder / f"position_{view}.png").write_bytes(encode_map(torch.rand(SIDE, SIDE, 3, generator=rng)))
    (root / "real").mkdir()
    for number in range(pictures):
        picture(root / "real" / f"{number}.png")
        (root / "real" / f"{number}.txt").write_text(WORDS[number % len(WORDS)])
    return root


def tiny_config(
    root: Path, host: str = "pixart", *, steps: tuple[int, int, int] = (1, 2, 2), **sections: Any
) -> TrainConfig:
    """Warm-up, stage 1 and stage 2 of so many steps; `sections` are merged into the config's."""
    warmup, stage1, stage2 = steps
    values: dict[str, Any] = {
        "name": "tiny",
        "base": {"made": MADE[host], "vae": None, "text": TEXT[host]},
        "data": {
            "synthetic": {"path": str(root / "objects")}, "real": {"path": str(root / "real")},
            "resolution_px": SIDE, "workers": 0,
        },
        "method": {
            "rank": 2,
            "warmup": {"length": {"steps": warmup}, "learning_rate": 1e-3},
            "stage1": {"length": {"steps": stage1}, "learning_rate": 1e-2},
            "stage2": {"length": {"steps": stage2}, "learning_rate": 1e-3},
        },
        "optimisation": {"samples_per_step": 4, "micro_batch": 4, "precision": "float32"},
        "checkpoints": {"every_steps": 1},
        "logging": {"every_steps": 1},
    }  # fmt: skip
    return TrainConfig.model_validate(_merged(values, sections))


def _merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    if "encoder" in changes or "checkpoint" in changes:
        return changes  # another kind of section, not a change of this one
    merged = dict(values)
    for name, change in changes.items():
        below = merged.get(name)
        merged[name] = _merged(below, change) if isinstance(below, dict) and isinstance(change, dict) else change
    return merged


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """The weights in training that a checkpoint resumes from."""
    return read_state(folder)["model"]


def logs(out: Path) -> list[dict[str, Any]]:
    """The lines of a training's log."""
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    """Names of the weights that are not the same to the last bit."""
    return {name for name in before if not torch.equal(before[name], after[name])}
