"""What several steps work on: an object of the mini-world and its metrics, a network of Inception's size."""

from __future__ import annotations

from typing import Any

from bench.gpu_day.settings import Settings


def scene_of(settings: Settings, device: str) -> Any:
    """A sample of the mini-world: its own render with noise, as an object metric sees it, geometry on `device`."""
    import torch

    from bench.cases.miniworld.world import miniworld_cases
    from bench.geometry.cameras import view_cameras
    from bench.geometry.rendering import render_albedo
    from bench.geometry.scene import SceneGeometry
    from bench.metrics.declaration import Sample

    case = miniworld_cases("eval", 4, "rich", 0)[3]
    assert case.mesh is not None
    cameras = view_cameras(resolution=max(64, settings.resolution))
    mesh = case.mesh.load()
    painted = torch.from_numpy(render_albedo(mesh, cameras, (1.0, 1.0, 1.0))).float() / 255
    noisy = painted + 0.1 * torch.randn(painted.shape, generator=torch.Generator().manual_seed(0))
    scene = SceneGeometry(mesh, cameras, device)
    scene.gbuffer, scene.correspondence  # noqa: B018  made now
    views = torch.where(scene.gbuffer.mask.cpu()[..., None], noisy.clamp(0, 1), 1.0).to(device)
    return Sample(views, scene, (1.0, 1.0, 1.0), cameras, case.prompt, (case.prompt,))


METRICS = (
    "cde", "cce", "unjudged_seam", "loo_psnr", "emr", "colour_drift", "silhouette_iou", "boundary_f", "edge_recall",
    "hull_iou", "hull_lift", "reprojection",
)  # fmt: skip


def object_metrics(sample: Any) -> dict[str, float]:
    """The values of all object metrics that need no downloaded weights."""
    from bench.metrics.catalogue import METRICS as CATALOGUE

    found = {}
    for name in METRICS:
        kind = CATALOGUE.load(name)
        for result, measured in kind(kind.Options()).measure(sample).items():
            found[result] = measured.value
    return found


def inception_extractor(device: str) -> Any:
    """Inception v3 as torchvision builds it, with random weights, behind the extractor that FID reads features from."""
    import torch
    from torchvision.models import inception_v3  # type: ignore[import-untyped]

    from bench.extractors.inception import DIMENSION, GPU_BATCH, NAME, InceptionBackbone
    from bench.extractors.level import LevelExtractor

    network = inception_v3(weights=None, init_weights=False, aux_logits=False)
    network.fc = torch.nn.Identity()
    network = network.eval().to(device)
    batch = 1 if device == "cpu" else GPU_BATCH
    return LevelExtractor(NAME, DIMENSION, InceptionBackbone(network, device, batch), "random weights", "clean")
