"""What several metrics' tests share."""

from __future__ import annotations

import pytest
import torch
from painted_scenes import assembly, sample
from scipy.ndimage import gaussian_filter
from torch import Tensor


@pytest.fixture(scope="session")
def known_corruptions() -> tuple[Tensor, dict[str, list[Tensor]]]:
    """Two views of a painted scene, float32 (2, 128, 128, 3), and each corruption of them in three rising strengths."""
    views = sample(assembly(), 128).views[:2]
    noise = torch.randn(views.shape, generator=torch.Generator().manual_seed(0))
    return views, {
        "blur": [torch.from_numpy(gaussian_filter(views.numpy(), (0, s, s, 0), mode="nearest")) for s in (1, 2, 4)],
        "noise": [(views + s * noise).clamp(0, 1) for s in (0.02, 0.05, 0.1)],
        "shift": [torch.roll(views, s, dims=2) for s in (1, 2, 4)],
    }
