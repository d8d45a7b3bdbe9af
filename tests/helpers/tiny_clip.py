"""A real CLIP of open_clip's own class, small and untrained, saved as people would save weights of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

TINY_CONFIG: dict[str, Any] = {
    "embed_dim": 16,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 28, "layers": 2, "width": 32, "patch_size": 14, "head_width": 16},
    "text_cfg": {"context_length": 20, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2},
}


def save_tiny_clip(weights: Path, model: str = "ViT-L-14", seed: int = 0) -> Any:
    """Write a tiny CLIP where `load_clip(model)` looks when REALIZ3D_BENCH_WEIGHTS is `weights`; the network itself."""
    import open_clip
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    network = open_clip.CLIP(**TINY_CONFIG).eval()
    folder = weights / f"clip-{model}"
    folder.mkdir(parents=True)
    save_file(network.state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY_CONFIG}))
    return network
