"""Consistent detail energy: how much detail do the views *agree* on, against how much real objects have?

A mean squared error rewards the generator that paints nothing in particular: flat colour agrees with flat colour. Here
agreement is counted in octaves of detail, as the energy that a view shares with what the other views say about the same
surface, and it is divided by the energy that is there or by that of real texture, whichever is more. So detail that the
views do not share is dead weight in the denominator, and detail that is missing is missing from the numerator.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from bench.geometry.correspondence import EROSION, MIN_COSINE, OUTLINE, Correspondence
from bench.geometry.masked_gaussian import masked_gaussian
from bench.geometry.prediction import predict
from bench.metrics.declaration import Measurement, ObjectMetric, Result, Sample
from bench.metrics.loo_psnr import MIN_COVERAGE

SIGMAS = (1.0, 2.0, 4.0, 8.0)  # px at the suite's resolution

# Lower quartile of `detail_energy` over ground-truth renders at 256 px of the mini-world's first 40 training objects,
# less the 10 whose views overlap too little. The quartile, not the median: texture as plain as this is real, and an
# object plainer than the reference cannot reach 1 however well its views agree. A slow test measures it again.
# Bands are in pixels, so their energy depends on the resolution: at 512 px the same objects have 1.26e-4, 1.51e-4,
# 2.97e-4 and 6.34e-4.
REFERENCE_ENERGY = (3.08e-4, 2.68e-4, 5.18e-4, 7.87e-4)

Energies = tuple[float, float, float, float]
BandEnergy = Annotated[float, Field(gt=0.0)]


def detail_bands(pictures: Tensor, mask: Tensor) -> Tensor:
    """Octaves of detail of the masked pixels, float64 (4, n, C): x - G1, G1 - G2, G2 - G4, G4 - G8.

    `pictures` float (V, H, W, C), `mask` bool (V, H, W) with n pixels. `G` is Gaussian low-pass of the mask alone.
    """
    low = [pictures[mask].double(), *(masked_gaussian(pictures, mask, sigma)[mask] for sigma in SIGMAS)]
    return torch.stack([finer - coarser for finer, coarser in itertools.pairwise(low)])


def detail_energy(views: Tensor, mask: Tensor) -> Tensor:
    """Mean squared length of the colour in each band, float64 (4,): what `reference_energy` is made of."""
    return _mean_product(*(detail_bands(views, mask),) * 2)


def cde(
    views: Tensor, correspondence: Correspondence, reference_energy: tuple[float, ...] = REFERENCE_ENERGY
) -> Measurement:
    """Mean over bands b of max(0, c_b) / max(R_b, e_b), in [0, 1].

    c_b = <x_b . x'_b> and e_b = (<x_b^2> + <x'_b^2>) / 2, means over Omega of all views, with x the `views`, float
    (V, H, W, 3) in [0, 1], and x' their leave-one-view-out prediction; R is `reference_energy`. `coverage` is
    |Omega| / |F|; under 10 % the value is NaN and the status 'not_measurable'. Flat colour is 0.
    Raises `ImageError` when the views are not of the correspondence's number and size.
    """
    prediction, _ = predict(views, correspondence)
    coverage = correspondence.coverage
    if coverage < MIN_COVERAGE:
        return Measurement(math.nan, "not_measurable", coverage)
    # side by side, so that view and prediction share one normalisation
    bands = detail_bands(torch.cat((views.double(), prediction), dim=-1), correspondence.scoring_mask)
    seen, predicted = bands.chunk(2, dim=-1)
    shared = _mean_product(seen, predicted)
    present = (_mean_product(seen, seen) + _mean_product(predicted, predicted)) / 2
    reference = torch.tensor(reference_energy, dtype=torch.float64, device=views.device)
    return Measurement(float((shared.clamp(min=0.0) / torch.maximum(reference, present)).mean()), coverage=coverage)


def _mean_product(a: Tensor, b: Tensor) -> Tensor:
    """<a . b> over pixels, of (4, n, C)."""
    return (a * b).sum(dim=-1).mean(dim=-1)


class Cde(ObjectMetric):
    """Detail that the views agree on, against that of real texture: blur does not pay."""

    class Options(BaseModel):
        """Options of `cde`."""

        model_config = ConfigDict(extra="forbid", frozen=True)
        reference_energy: tuple[BandEnergy, BandEnergy, BandEnergy, BandEnergy] = Field(
            REFERENCE_ENERGY,
            description="energy of real texture in the bands of 1, 2, 4 and 8 px; finest first, where white is 1",
        )

    needs_mesh = True

    def __init__(self, options: Options) -> None:
        self.reference_energy: Energies = options.reference_energy

    def results(self) -> tuple[Result, ...]:
        """One number a sample."""
        return (Result("cde", "up", "", "consistent detail energy", axis="consistency", worst=0.0),)

    def parameters(self) -> str:
        """Bands and reference, and the constants of prediction and visibility."""
        sigmas = ",".join(f"{sigma:g}" for sigma in SIGMAS)
        reference = ",".join(f"{energy:g}" for energy in self.reference_energy)
        return (
            f"bands=dog{sigmas}px reference_energy={reference} weight=cos^2 min_cos={MIN_COSINE} erosion={EROSION}px "
            f"visibility=shadow-rays outline={OUTLINE:g}footprints min_coverage={MIN_COVERAGE} v1"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The sample's CDE. Raises `UsageError` for a sample without a mesh."""
        return {"cde": cde(sample.views, sample.geometry.correspondence, self.reference_energy)}
