"""Consistent colour energy: `cde`'s question about everything coarser than detail.

Which parts of the object are light, dark, red, blue, and do the views agree on it? Where pictures hold little detail (a
model that paints 16 pixels) this is what can be asked. A mean squared error cannot ask it: one colour all over agrees
best of all. Here one colour has no energy to share, and views of different colours share none. More contrast than the
plainest real object's earns nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from bench.geometry.correspondence import VISIBILITY, Correspondence
from bench.geometry.masked_gaussian import LowPasses
from bench.geometry.picture_size import LEAST_PAINT, unmixed
from bench.geometry.prediction import predict
from bench.metrics.cde import FRACTIONS, mean_product
from bench.metrics.declaration import SHARE, Measurement, ObjectMetric, Result, Sample
from bench.metrics.loo_psnr import MIN_COVERAGE
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

FRACTION = FRACTIONS[-1]  # of the object's size: where the bands of `cde` end

# What ground-truth renders of the mini-world's first 40 training objects have (muted look, the 30 whose views overlap
# enough) when they are painted at 16 px: nine in ten share as much, all are as loud. A slow test measures both again.
SHARED = 0.8  # of the energy; perfect views of 32 px share .93 and more, of 256 px .99
PLAINEST = 0.005  # energy


def colour_energy(views: Tensor, mask: Tensor, size: float) -> float:
    """Mean squared distance of the low-passed colours from their mean: what `PLAINEST` is about.

    `views` float (V, H, W, 3), `mask` bool (V, H, W), of an object of `size` px.
    """
    low = LowPasses(mask, (size / FRACTION,)).of(views[mask])[0]
    away = (low - low.mean(dim=0))[None]
    return float(mean_product(away, away))


def cce(views: Tensor, correspondence: Correspondence) -> Measurement:
    """max(0, c) / max(e, `PLAINEST`) / `SHARED`, at most 1; in [0, 1].

    c and e are the `shared_and_present` energies of the `views`, float (V, H, W, 3) in [0, 1]. `coverage` is
    |Omega| / |F|; under 10 % the value is NaN and the status 'not_measurable'. One colour is 0.
    Raises `ImageError` when the views are not of the correspondence's number and size.
    """
    coverage = correspondence.coverage
    shared, present = shared_and_present(views, correspondence)
    if coverage < MIN_COVERAGE:
        return Measurement(math.nan, "not_measurable", coverage)
    return Measurement(min(1.0, max(0.0, shared) / max(present, PLAINEST) / SHARED), coverage=coverage)


def shared_and_present(views: Tensor, correspondence: Correspondence) -> tuple[float, float]:
    """c = <x . x'> and e = (<x^2> + <x'^2>) / 2, with x the `views` and x' their leave-one-view-out prediction.

    Both low-passed over Omega with a standard deviation of 1/16 of the object's size, less the mean colour of both over
    Omega of all views. Raises `ImageError` when the views are not of the correspondence's number and size.
    """
    prediction, _ = predict(views, correspondence)
    scored, sigma = correspondence.scoring_mask, correspondence.object_size / FRACTION
    low_pass = correspondence.keep("coarse colours", lambda: LowPasses(scored, (sigma,)))
    both = torch.cat((views[scored].double(), prediction[scored]), dim=-1)
    seen, predicted = low_pass.of(both)[0].chunk(2, dim=-1)
    # one mean for both: a view that is another colour than the others say is no view of the object in that colour
    mean = (seen.mean(dim=0) + predicted.mean(dim=0)) / 2
    x, y = (seen - mean)[None], (predicted - mean)[None]
    return float(mean_product(x, y)), float(mean_product(x, x) + mean_product(y, y)) / 2


class Cce(ObjectMetric):
    """Which parts have which colour, as far as the views agree on it: one colour does not pay, nor do louder ones."""

    class Options(BaseModel):
        """Options of `cce`."""

        model_config = ConfigDict(extra="forbid", frozen=True)
        size_px: int | None = Field(
            None,
            ge=4,
            le=4096,
            description="judge pictures as so many pixels a side show them, without the background that those mix in: "
            "the size that models paint at; null: as they are",
        )

    needs_mesh = True

    def results(self) -> tuple[Result, ...]:
        """One number per sample."""
        return (
            Result(
                "cce",
                "up",
                "",
                "consistent colour energy",
                axis="consistency",
                worst=0.0,
                limits=SHARE,
            ),
        )

    def parameters(self) -> str:
        """Low-pass and bounds, the size of the pictures, and the constants of prediction and visibility."""
        size = self.options.size_px
        judged_at = "" if size is None else f"unmixed={size}px,{LEAST_PAINT:g} "
        return (
            f"{judged_at}low_pass=object/{FRACTION} mean=views-and-predictions shared={SHARED:g} plainest={PLAINEST:g} "
            f"weight=cos^2 {VISIBILITY} min_coverage={MIN_COVERAGE} v2"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The sample's CCE. Raises `UsageError` for a sample without a mesh, and pictures smaller than `size_px`."""
        correspondence, views, size = sample.geometry.correspondence, sample.views, self.options.size_px
        if size is not None:
            views = unmixed(views, correspondence.foreground, sample.background, size)
        return {"cce": cce(views, correspondence)}
