"""The shipped photographs are small. Do they reward softness, or rank the published outputs the wrong way round?"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from bench.cases.mesh_file import load_mesh
from bench.extractors.catalogue import load_extractor
from bench.extractors.feature_cache import features_of
from bench.extractors.protocol import Picture
from bench.geometry.cameras import view_cameras
from bench.geometry.rendering import render_albedo
from bench.metrics.kernel import cluster_kernel_distance
from bench.references.library import load_reference

WHITE = (1.0, 1.0, 1.0)
OBJECTS = ("cow", "lemon", "penguin", "sofa")


@pytest.mark.slow
def test_published_outputs_are_ranked_right_and_blur_does_not_pay(shared_data: Path) -> None:
    extractors = [load_extractor(name) for name in ("efficientnet_lite0", "efficientnet_lite0_texture")]
    references = {extractor.name: load_reference("photo_cutouts", extractor, WHITE) for extractor in extractors}

    def distances(views: list[Picture]) -> dict[str, float]:
        features = features_of([partial(np.asarray, view) for view in views], extractors)
        objects = [name for name in OBJECTS for _ in range(4)]
        return {
            name: cluster_kernel_distance(features[name], objects, reference.features, reference.clusters)
            for name, reference in references.items()
        }

    sharp = {}
    for method in ("realiz3d", "standard_tuning"):
        meshes = [load_mesh(shared_data / "published_meshes" / method / f"{name}.glb") for name in OBJECTS]
        views = [
            view for mesh in meshes for view in render_albedo(mesh.normalised(), view_cameras(), WHITE, supersample=2)
        ]
        sharp[method] = distances(views)
        soft, softest = (
            distances(
                [np.rint(gaussian_filter(view.astype(float), (sigma, sigma, 0))).astype(np.uint8) for view in views]
            )
            for sigma in (2, 5)
        )
        for name in references:
            assert sharp[method][name] < soft[name] < softest[name]
    for name in references:
        assert sharp["realiz3d"][name] < sharp["standard_tuning"][name]
