"""Which normal estimators there are, by name."""

from __future__ import annotations

from functools import lru_cache

from bench.errors import WeightsMissing
from bench.estimators.protocol import NormalEstimator
from groundwork.registry import Registry

ESTIMATORS = Registry(
    kind="normal estimator",
    group="realiz3d_bench.normal_estimators",
    built_in={"marigold_normals": "bench.estimators.marigold:marigold_normals"},
)


@lru_cache(maxsize=1)
def find_estimator(name: str, device: str, offline: bool) -> NormalEstimator | WeightsMissing:
    """The estimator called `name`, or behind `module:attribute`, on `device`; or why its weights are not available.

    Asked for once a process. A plug-in is called as `factory(device=..., offline=...)`; with `offline`, nothing is
    fetched. Raises `UsageError` for an unknown name, and for a plug-in that fails otherwise.
    """
    try:
        found: NormalEstimator = ESTIMATORS.build(name, device, offline)
    except WeightsMissing as error:
        return error
    return found
