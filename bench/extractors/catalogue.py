"""Which feature extractors there are, by name."""

from __future__ import annotations

from bench.errors import UsageError
from bench.extractors.protocol import Extractor
from groundwork.registry import Registry

EXTRACTORS = Registry(
    kind="extractor",
    group="realiz3d_bench.extractors",
    built_in={
        "clip": "bench.extractors.clip:clip_extractor",
        "clip_336": "bench.extractors.clip:clip_336_extractor",
        "dinov2": "bench.extractors.dinov2:dinov2_extractor",
        "efficientnet_lite0": "bench.extractors.efficientnet_lite0:pooled_extractor",
        "efficientnet_lite0_interior": "bench.extractors.efficientnet_lite0_interior:interior_extractor",
        "efficientnet_lite0_texture": "bench.extractors.efficientnet_lite0:texture_extractor",
        "inception": "bench.extractors.inception:inception_extractor",
    },
)


def load_extractor(name: str, device: str = "cpu", offline: bool = False) -> Extractor:
    """The extractor called `name` with its weights on `device`.

    A plug-in is called the same way: `factory(device=..., offline=...)`. With `offline`, nothing is fetched. Raises
    `UsageError` for an unknown name, or an extractor that calls itself otherwise, and `WeightsMissing` when the weights
    cannot be had.
    """
    extractor: Extractor = EXTRACTORS.load(name)(device=device, offline=offline)
    if extractor.name != name:  # features are filed under the name; two plug-ins of one name would share them
        raise UsageError(
            f"extractor '{name}' calls itself '{extractor.name}'",
            expected="the same name in the suite and in the extractor's attribute `name`",
            hint=f"set its `name` to '{name}', or publish it as '{extractor.name}' under {EXTRACTORS.group}",
        )
    return extractor
