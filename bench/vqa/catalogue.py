"""Which VQA networks there are, by name."""

from __future__ import annotations

from functools import lru_cache

from bench.errors import WeightsMissing
from bench.vqa.protocol import VqaModel
from groundwork.registry import Registry

VQA_MODELS = Registry(
    kind="VQA model",
    group="realiz3d_bench.vqa",
    built_in={"blip_vqa": "bench.vqa.blip:blip_vqa"},
)


@lru_cache(maxsize=1)
def find_vqa(name: str, device: str, offline: bool) -> VqaModel | WeightsMissing:
    """The network called `name`, or behind `module:attribute`, on `device`; or why its weights are not available.

    Asked for once a process. A plug-in is called as `factory(device=..., offline=...)`; with `offline`, nothing is
    fetched. Raises `UsageError` for an unknown name, and for a plug-in that fails otherwise.
    """
    try:
        found: VqaModel = VQA_MODELS.build(name, device, offline)
    except WeightsMissing as error:
        return error
    return found
