"""The metrics that a suite may name; plug-ins add more through the entry-point group or as `module:attribute`."""

from __future__ import annotations

from groundwork.registry import Registry

METRICS = Registry(
    kind="metric",
    group="realiz3d_bench.metrics",
    built_in={
        "loo_psnr": "bench.metrics.loo_psnr:LooPsnr",
        "cde": "bench.metrics.cde:Cde",
        "cce": "bench.metrics.cce:Cce",
        "unjudged_seam": "bench.metrics.unjudged_seam:UnjudgedSeam",
        "emr": "bench.metrics.emr:Emr",
        "colour_drift": "bench.metrics.colour_drift:ColourDrift",
        "reprojection": "bench.metrics.reprojection:Reprojection",
        "reprojection_features": "bench.metrics.reprojection_features:ReprojectionFeatures",
        "hull_iou": "bench.metrics.hull_iou:HullIou",
        "repeated_views": "bench.metrics.repeated_views:RepeatedViews",
        "hull_lift": "bench.metrics.hull_lift:HullLiftAgreement",
        "lift": "bench.metrics.lift:LiftAgreement",
        "silhouette_iou": "bench.metrics.silhouette_iou:SilhouetteIou",
        "boundary_f": "bench.metrics.boundary_f:BoundaryF",
        "edge_recall": "bench.metrics.edge_recall:EdgeRecall",
        "normal_error": "bench.metrics.normal_error:NormalError",
        "clip_score": "bench.metrics.clip_score:ClipScore",
        "prompt_retrieval": "bench.metrics.prompt_retrieval:PromptRetrieval",
        "identity": "bench.metrics.identity:Identity",
        "vqa_score": "bench.metrics.vqa_score:VqaScore",
        "fid": "bench.metrics.set_distances:Fid",
        "kid": "bench.metrics.set_distances:Kid",
        "kid_cluster": "bench.metrics.set_distances:KidCluster",
        "fd": "bench.metrics.set_distances:Fd",
        "kd": "bench.metrics.set_distances:Kd",
        "kd_cluster": "bench.metrics.set_distances:KdCluster",
        "ed_cluster": "bench.metrics.energy:EdCluster",
        "cmmd": "bench.metrics.cmmd:Cmmd",
        "precision": "bench.metrics.prdc:Precision",
        "recall": "bench.metrics.prdc:Recall",
        "density": "bench.metrics.prdc:Density",
        "coverage": "bench.metrics.prdc:Coverage",
        "throughput": "bench.throughput.declaration:Throughput",
    },
)
