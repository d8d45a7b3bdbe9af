"""The views of an object made again from the surface that they paint together: what papers call re-projection.

All views are projected back onto the mesh and blended, and the blend is looked at through the same cameras. Surfaces
that no view sees well enough (cos(theta) under the cut-off, next to an outline) are holes. Papers do not say what they
do with them, so both answers are printed: `white` leaves the suite's background colour there, as a renderer of an
unpainted texture would; `skipped` leaves the holes out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bench.geometry.correspondence import VISIBILITY, Correspondence
from bench.geometry.ground import stands_elsewhere
from bench.geometry.prediction import predict
from bench.metrics.declaration import Measurement, Result, Sample
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")


def reproject(
    views: Tensor, correspondence: Correspondence, background: tuple[float, float, float], power: float = 2.0
) -> tuple[Tensor, Tensor]:
    """The views made again from the surface that they paint together, and the holes in it.

    `views` float (V, H, W, 3) in [0, 1]. Blends all views that see a point, its own included, by cos(theta)^power.
    Holes (foreground that no view paints) and what is not foreground get the `background` colour.
    Returns the pictures, float64 (V, H, W, 3), and the holes, bool (V, H, W).
    Raises `ImageError` when the views are not of the correspondence's number and size.
    """
    blend, painted = predict(views, correspondence, power=power, own_view=True)
    colour = torch.tensor(background, dtype=torch.float64, device=views.device)
    return torch.where(painted[..., None], blend, colour), correspondence.foreground & ~painted


@dataclass(frozen=True)
class Repainted:
    """Views, float (V, H, W, 3), and the same views made again; `holes`, bool (V, H, W), no view paints.

    `coverage` is the painted share of the foreground.
    """

    views: Tensor
    again: Tensor
    holes: Tensor
    coverage: float

    @property
    def patched(self) -> Tensor:
        """The views made again, with the views themselves in the holes.

        What slides a window over both pictures and skips holes compares these: a skipped hole must not reach its
        neighbours' windows either.
        """
        return torch.where(self.holes[..., None], self.views.double(), self.again)

    def measurement(self, per_view: tuple[float, ...]) -> Measurement:
        """The mean of the views; not measurable when one has none."""
        mean = math.fsum(per_view) / len(per_view)
        return Measurement(mean, "not_measurable" if math.isnan(mean) else "ok", self.coverage, per_view)


OWN_VIEW = "every view is compared with a blend that holds it, so unrelated views score well and blur gains"
"""Why no result of this kind may decide a suite."""


def repaint(sample: Sample, alpha: float) -> Repainted | None:
    """The sample's views and the same views made again (see `reproject`); None when no view shows the mesh.

    None too when one stands on another plain ground than the suite's, which is what is made again beside the object.
    Raises `UsageError` for a sample without a mesh.
    """
    correspondence = sample.geometry.correspondence
    foreground = int(correspondence.foreground.sum())
    if foreground == 0 or stands_elsewhere(sample.views, sample.background):
        return None
    again, holes = reproject(sample.views, correspondence, sample.background, alpha)
    return Repainted(sample.views, again, holes, 1.0 - int(holes.sum()) / foreground)


class PerceptualDistance(Protocol):
    """A network's distance of pairs of pictures, float (V, H, W, 3) sRGB in [0, 1]; 0 for equal ones."""

    smallest: int  # px; of smaller pictures the network leaves nothing

    def distances(self, views: Tensor, others: Tensor) -> tuple[float, ...]:
        """The distance of each pair."""
        ...

    def maps(self, views: Tensor, others: Tensor) -> Tensor:
        """The distance of each pixel, float (V, H, W)."""
        ...


def perceptual(distance: PerceptualDistance, made: Repainted, name: str) -> dict[str, Measurement]:
    """`name`_white: the distance over the full frame; `name`_skipped: its map's mean outside the holes.

    Not measurable on pictures that are too small for the network.
    """
    if min(made.views.shape[1:3]) < distance.smallest:
        nothing = Measurement(math.nan, "not_measurable", made.coverage)
        return {f"{name}_white": nothing, f"{name}_skipped": nothing}
    maps, counted = distance.maps(made.views, made.patched).double(), ~made.holes
    skipped = torch.where(counted, maps, 0.0).sum(dim=(1, 2)) / counted.sum(dim=(1, 2))
    return {
        f"{name}_white": made.measurement(distance.distances(made.views, made.again)),
        f"{name}_skipped": made.measurement(tuple(skipped.tolist())),
    }


def projection_parameters(alpha: float) -> str:
    """Weight, cut-off and mask of the projection, for signatures."""
    return f"alpha={alpha:g} {VISIBILITY} frame=full pooling=mean-of-views"


def not_measurable(results: Iterable[Result]) -> dict[str, Measurement]:
    """No number for any of them."""
    return {result.name: Measurement(math.nan, "not_measurable", 0.0) for result in results}
