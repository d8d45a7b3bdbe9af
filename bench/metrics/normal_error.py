"""Normal error: does the picture show the shape that was asked for, as far as a normal estimator can see it?

An estimator's own error is larger than most differences between generators, and it is larger on some objects than on
others. So it looks twice: at the generated views, and at renders of the very mesh under the very cameras. What counts
is the excess of the first over the second; a generator that returns the renders scores 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bench.errors import UsageError, WeightsMissing
from bench.estimators.catalogue import ESTIMATORS, find_estimator
from bench.estimators.protocol import NormalEstimator
from bench.geometry.clay import render_clay
from bench.geometry.correspondence import erode
from bench.geometry.gbuffer import GBuffer
from bench.geometry.prediction import check_views
from bench.geometry.scene import SceneGeometry
from bench.metrics.declaration import Measurement, ObjectMetric, Result, Sample
from bench.metrics.pictures import as_pictures
from groundwork.late import late
from groundwork.pictures import RGB

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

LIMITS = (11.25, 22.5, 30.0)  # degrees, as the literature on normals reports (Fouhey et al. 2013)
EROSION = 1  # px: a pixel on the outline mixes the surface with the background
UNIT_TOLERANCE = 0.01  # of a unit vector's length: what half precision rounds
NOT_PREPARED = WeightsMissing("the normal estimator has not been loaded", hint="call `prepare` before `measure`")


@dataclass(frozen=True)
class NormalAccuracy:
    """Angles between estimated and true normals: their median in degrees, and the percentage within each of LIMITS."""

    median: float
    within: tuple[float, ...]


def camera_normals(gbuffer: GBuffer) -> Tensor:
    """The mesh's smooth normals in each view's camera, float64 (V, H, W, 3): x right, y up, z towards the viewer.

    Straight from the rasteriser's float64: eight bits would be off by a third of a degree. Zeros on the background.
    """
    rotation = torch.as_tensor(gbuffer.cameras.world_to_camera[:, :3, :3], device=gbuffer.normal.device)
    flip = torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64, device=gbuffer.normal.device)
    return torch.einsum("vij,vhwj->vhwi", rotation, gbuffer.normal) * flip


def angles_between(a: Tensor, b: Tensor) -> Tensor:
    """Angles in degrees, float64 (...), between vectors (..., 3) that are not zero.

    From |a x b| and a . b by atan2: the arccos of a dot product loses half of its digits at small angles.
    """
    a, b = a.double(), b.double()
    return torch.rad2deg(torch.atan2(torch.linalg.cross(a, b).norm(dim=-1), (a * b).sum(dim=-1)))


def normal_accuracy(estimated: Tensor, gbuffer: GBuffer) -> NormalAccuracy | None:
    """How well normals (V, H, W, 3) in camera frames agree with the mesh; None when no view shows it.

    Pools the pixels of all views that are foreground with all of their neighbours.
    """
    scored = erode(gbuffer.mask, EROSION)
    if not bool(scored.any()):
        return None
    found = angles_between(estimated[scored], camera_normals(gbuffer)[scored]).cpu().numpy()
    return NormalAccuracy(float(np.median(found)), tuple(100.0 * float((found < limit).mean()) for limit in LIMITS))


def estimated_normals(views: Tensor, estimator: NormalEstimator) -> Tensor:
    """The estimator's normals of views (V, H, W, 3) in [0, 1], float64 on the CPU.

    Raises `UsageError` for an estimator that breaks its protocol.
    """
    maps = []
    for picture in as_pictures(views):
        normals = np.asarray(estimator.estimate(picture))
        if normals.shape != picture.shape:
            raise _broken(estimator, f"an array of shape {normals.shape}", f"{picture.shape}, one normal a pixel")
        lengths = np.linalg.norm(normals.astype(np.float64), axis=-1)
        if not (np.abs(lengths - 1.0) <= UNIT_TOLERANCE).all():  # NaN is not within it either
            raise _broken(estimator, "vectors that are not unit normals", "length 1 in each pixel, background included")
        maps.append(torch.from_numpy(normals.astype(np.float64)))
    return torch.stack(maps)


def ground_truth_views(scene: SceneGeometry, background: RGB, look: Literal["own", "clay"]) -> Tensor:
    """What the mesh looks like in its cameras, float32 (V, H, W, 3) in [0, 1]: its own look if it has one, else clay.

    With `look` 'clay', always clay.
    """
    from bench.geometry.rendering import render_albedo

    own = look == "own" and scene.mesh.has_appearance
    render = render_albedo if own else render_clay
    return torch.from_numpy(render(scene.mesh, scene.cameras, background, scene.device)).float() / 255.0


def _broken(estimator: NormalEstimator, gave: str, expected: str) -> UsageError:
    return UsageError(f"the normal estimator gave {gave}", where=type(estimator).__name__, expected=expected)


class NormalError(ObjectMetric):
    """Angle between estimated and asked-for normals, in excess of the estimator's own on ground-truth renders."""

    class Options(BaseModel):
        """Options of `normal_error`."""

        model_config = ConfigDict(extra="forbid", frozen=True)
        estimator: str = Field("marigold_normals", description="a normal estimator's name, or module:attribute")
        truth: Literal["own", "clay"] = Field(
            "own", description="renders to compare with: the mesh's own look if it has one (else clay), or always clay"
        )

    needs_mesh = True

    def __init__(self, options: Options) -> None:
        ESTIMATORS.target(options.estimator)  # an unknown name is found before the run starts
        self.options = options
        self._estimator: NormalEstimator | WeightsMissing = NOT_PREPARED
        self._truth: tuple[SceneGeometry, RGB, NormalAccuracy | None] | None = None

    def prepare(self, device: str, offline: bool) -> None:
        """Load the estimator."""
        self._estimator = find_estimator(self.options.estimator, device, offline)

    def missing(self) -> Mapping[str, str]:
        """All results, when the estimator lacks its weights."""
        found = self._estimator
        return {r.name: str(found) for r in self.results()} if isinstance(found, WeightsMissing) else {}

    def results(self) -> tuple[Result, ...]:
        """Excess of the median angle, and how many percentage points fewer normals lie within each limit."""
        return (
            Result(
                "normal_error", "down", "deg", "median normal error, excess over ground-truth renders", axis="control"
            ),
            *(
                Result(
                    f"normal_within_{limit:g}",
                    "down",
                    "pp",
                    f"normals within {limit:g} deg, fewer than on renders",
                    axis="control",
                )
                for limit in LIMITS
            ),
        )

    def parameters(self) -> str:
        """Estimator and its fingerprint, what the renders look like, which pixels count."""
        found = self._estimator
        weights = "missing" if isinstance(found, WeightsMissing) else f"sha256:{found.fingerprint()[:12]}"
        look = "own-look-unlit,else-clay" if self.options.truth == "own" else "clay"
        return (
            f"estimator={self.options.estimator}@{weights} minus=renders:{look} normals=smooth,camera-frame "
            f"foreground=mesh-eroded-{EROSION}px pooling=pixels-of-all-views v1"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The sample's excess; positive is worse than the renders, negative better (a lit picture can be).

        Not measurable when no view shows the mesh. Raises `UsageError` for a sample without a mesh or an estimator that
        breaks its protocol, `WeightsMissing` without one, `ImageError` for views that do not fit the cameras.
        """
        scene = sample.geometry
        check_views(sample.views, scene.gbuffer.mask)
        names = [result.name for result in self.results()]
        truth = self._on_ground_truth(scene, sample.background)
        found = self._accuracy(sample.views, scene)
        if truth is None or found is None:
            return {name: Measurement(math.nan, "not_measurable") for name in names}
        fewer = (before - now for before, now in zip(truth.within, found.within, strict=True))
        return {
            name: Measurement(value) for name, value in zip(names, (found.median - truth.median, *fewer), strict=True)
        }

    def _on_ground_truth(self, scene: SceneGeometry, background: RGB) -> NormalAccuracy | None:
        """The estimator's accuracy on renders. The last is kept: all generators' samples of a case come in a row."""
        kept = self._truth
        if kept is None or kept[0] is not scene or kept[1] != background:
            views = ground_truth_views(scene, background, self.options.truth)
            kept = self._truth = (scene, background, self._accuracy(views, scene))
        return kept[2]

    def _accuracy(self, views: Tensor, scene: SceneGeometry) -> NormalAccuracy | None:
        if isinstance(self._estimator, WeightsMissing):
            raise self._estimator
        return normal_accuracy(estimated_normals(views, self._estimator).to(scene.device), scene.gbuffer)
