"""Consistent colour energy: `cde`'s question about everything coarser than detail.

Which parts of the object are light, dark, red, blue, and do the views agree on it? Where pictures hold little detail (a
model that paints 16 pixels) this is what can be asked. A mean squared error cannot ask it: one colour all over agrees
best of all. Here one colour has no energy to share, and views of different colours share none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.geometry.correspondence import VISIBILITY, Correspondence
from bench.geometry.masked_gaussian import masked_gaussian
from bench.geometry.prediction import predict
from bench.metrics.cde import FRACTIONS, mean_product, shared_energy
from bench.metrics.declaration import Measurement, ObjectMetric, Result, Sample
from bench.metrics.loo_psnr import MIN_COVERAGE
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

FRACTION = FRACTIONS[-1]  # of the object's size: where the bands of `cde` end

# As for `cde`: lower quartile of `colour_energy` over ground-truth renders of the same objects, held by a slow test.
REFERENCE_ENERGY = 0.0420


def colour_energy(views: Tensor, mask: Tensor, size: float) -> float:
    """Mean squared distance of the low-passed colours from their mean: what `REFERENCE_ENERGY` is made of.

    `views` float (V, H, W, 3), `mask` bool (V, H, W), of an object of `size` px.
    """
    low = masked_gaussian(views, mask, size / FRACTION)[mask]
    away = (low - low.mean(dim=0))[None]
    return float(mean_product(away, away))


def cce(views: Tensor, correspondence: Correspondence, reference_energy: float = REFERENCE_ENERGY) -> Measurement:
    """max(0, <x . x'>) / max(R, (<x^2> + <x'^2>) / 2), in [0, 1].

    x are the `views`, float (V, H, W, 3) in [0, 1], and x' their leave-one-view-out prediction, both low-passed over
    Omega with a standard deviation of 1/16 of the object's size, less the mean colour of both over Omega of all views.
    `coverage` is |Omega| / |F|; under 10 % the value is NaN and the status 'not_measurable'. One colour is 0.
    Raises `ImageError` when the views are not of the correspondence's number and size.
    """
    prediction, _ = predict(views, correspondence)
    coverage = correspondence.coverage
    if coverage < MIN_COVERAGE:
        return Measurement(math.nan, "not_measurable", coverage)
    scored = correspondence.scoring_mask
    both = torch.cat((views.double(), prediction), dim=-1)
    low = masked_gaussian(both, scored, correspondence.object_size / FRACTION)[scored]
    seen, predicted = low.chunk(2, dim=-1)
    # one mean for both: a view that is another colour than the others say is no view of the object in that colour
    mean = (seen.mean(dim=0) + predicted.mean(dim=0)) / 2
    reference = torch.tensor([reference_energy], dtype=torch.float64, device=views.device)
    return Measurement(
        float(shared_energy((seen - mean)[None], (predicted - mean)[None], reference)), coverage=coverage
    )


class Cce(ObjectMetric):
    """Which parts have which colour, as far as the views agree on it: one colour does not pay."""

    needs_mesh = True

    def results(self) -> tuple[Result, ...]:
        """One number per sample."""
        return (Result("cce", "up", "", "consistent colour energy", axis="consistency"),)

    def parameters(self) -> str:
        """Low-pass and reference, and the constants of prediction and visibility."""
        return (
            f"low_pass=object/{FRACTION} mean=views-and-predictions reference_energy={REFERENCE_ENERGY:g} weight=cos^2 "
            f"{VISIBILITY} min_coverage={MIN_COVERAGE} v1"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The sample's CCE. Raises `UsageError` for a sample without a mesh."""
        return {"cce": cce(sample.views, sample.geometry.correspondence)}
