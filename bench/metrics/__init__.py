"""One metric per file: a pure function and its declaration.

The functions are for anybody's pictures and features, without a suite or a run:

    from bench.metrics import cde, frechet_distance, kernel_distance, loo_psnr, silhouette_iou

Views are float tensors (V, H, W, 3) in [0, 1], features are arrays (N, D).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from groundwork.exports import export

if TYPE_CHECKING:
    from bench.metrics.boundary_f import boundary_f as boundary_f
    from bench.metrics.cde import cde as cde
    from bench.metrics.cmmd import cmmd as cmmd
    from bench.metrics.colour_drift import colour_drift as colour_drift
    from bench.metrics.edge_recall import edge_recall as edge_recall
    from bench.metrics.emr import emr as emr
    from bench.metrics.frechet import frechet_distance as frechet_distance
    from bench.metrics.hull_iou import hull_iou as hull_iou
    from bench.metrics.kernel import cluster_kernel_distance as cluster_kernel_distance
    from bench.metrics.kernel import kernel_distance as kernel_distance
    from bench.metrics.loo_psnr import loo_psnr as loo_psnr
    from bench.metrics.repainted import reproject as reproject
    from bench.metrics.silhouette_iou import silhouette_iou as silhouette_iou

_WHERE = {
    "boundary_f": "boundary_f",
    "cde": "cde",
    "cluster_kernel_distance": "kernel",
    "cmmd": "cmmd",
    "colour_drift": "colour_drift",
    "edge_recall": "edge_recall",
    "emr": "emr",
    "frechet_distance": "frechet",
    "hull_iou": "hull_iou",
    "kernel_distance": "kernel",
    "loo_psnr": "loo_psnr",
    "reproject": "repainted",
    "silhouette_iou": "silhouette_iou",
}
__all__ = sorted(_WHERE)

export(__name__, {name: f"{__name__}.{module}" for name, module in _WHERE.items()})
