"""A real DINOv2 of transformers' own class, small and untrained, saved as people would save weights of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch


def save_tiny_dinov2(weights: Path, seed: int = 0) -> Any:
    """Write a tiny DINOv2 where the extractor looks when REALIZ3D_BENCH_WEIGHTS is `weights`; the network itself."""
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(seed)
    config = Dinov2Config(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2, mlp_ratio=2, image_size=518, patch_size=14
    )
    network = Dinov2Model(config).eval()
    torch.nn.init.normal_(network.embeddings.position_embeddings, std=1.0)  # so that resampling them matters
    network.save_pretrained(weights / "dinov2-large")
    return network
