"""Which feature extractors there are, by name."""

from __future__ import annotations

from bench.extractors.protocol import Extractor
from bench.registry import Registry

EXTRACTORS = Registry(
    kind="extractor",
    group="realiz3d_bench.extractors",
    built_in={
        "efficientnet_lite0": "bench.extractors.efficientnet_lite0:pooled_extractor",
        "efficientnet_lite0_texture": "bench.extractors.efficientnet_lite0:texture_extractor",
        "inception": "bench.extractors.inception:inception_extractor",
    },
)


def load_extractor(name: str, device: str = "cpu", offline: bool = False) -> Extractor:
    """The extractor called `name` with its weights on `device`.

    A plug-in is called the same way: `factory(device=..., offline=...)`. With `offline`, nothing is fetched. Raises
    `UsageError` for an unknown name and `WeightsMissing` when the weights cannot be had.
    """
    extractor: Extractor = EXTRACTORS.load(name)(device=device, offline=offline)
    return extractor
