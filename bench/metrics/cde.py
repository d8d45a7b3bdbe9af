"""Consistent detail energy: how much detail do the views *agree* on, against how much real objects have?

A mean squared error rewards the generator that paints nothing in particular: flat colour agrees with flat colour. Here
agreement is counted in octaves of detail, as the energy that a view shares with what the other views say about the same
surface, and it is divided by the energy that is there or by that of real texture, whichever is more. So detail that the
views do not share is dead weight in the denominator, and detail that is missing is missing from the numerator.

Octaves are fractions of the object's size in the picture, so that neither the resolution nor the distance of the
camera decides; and no pixel counts for more than twice real texture, so that a few loud specks cannot speak for all.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.geometry.correspondence import VISIBILITY, Correspondence
from bench.geometry.masked_gaussian import masked_gaussian
from bench.geometry.prediction import predict
from bench.metrics.declaration import Measurement, ObjectMetric, Result, Sample
from bench.metrics.loo_psnr import MIN_COVERAGE
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

FRACTIONS = (256, 128, 64, 32, 16)  # of the object's size: standard deviations of the low-passes
LOUDEST = 2.0  # root mean squares of real texture: more than that is cut to it

# Lower quartile of `detail_energy` over ground-truth renders at 256 px of the mini-world's first 40 training objects,
# less the 10 whose views overlap too little. The quartile, not the median: texture as plain as this is real, and an
# object plainer than the reference cannot reach 1 however well its views agree. A slow test measures it again.
REFERENCE_ENERGY = (1.82e-4, 3.80e-4, 6.36e-4, 9.90e-4)


def detail_bands(pictures: Tensor, mask: Tensor, size: float) -> Tensor:
    """Octaves of detail of the masked pixels of an object of `size` px, float64 (4, n, C), finest first.

    Differences of neighbouring low-passes with standard deviations of 1/256, 1/128, 1/64, 1/32 and 1/16 of the size.
    `pictures` float (V, H, W, C), `mask` bool (V, H, W) with n pixels. A low-pass is of the mask alone.
    """
    low = [masked_gaussian(pictures, mask, size / fraction)[mask] for fraction in FRACTIONS]
    return torch.stack([finer - coarser for finer, coarser in itertools.pairwise(low)])


def detail_energy(views: Tensor, mask: Tensor, size: float) -> Tensor:
    """Mean squared length of the colour in each band, float64 (4,): what `REFERENCE_ENERGY` is made of."""
    return mean_product(*(detail_bands(views, mask, size),) * 2)


def cde(
    views: Tensor, correspondence: Correspondence, reference_energy: tuple[float, ...] = REFERENCE_ENERGY
) -> Measurement:
    """Mean over bands b of max(0, c_b) / max(R_b, e_b), in [0, 1].

    c_b = <x_b . x'_b> and e_b = (<x_b^2> + <x'_b^2>) / 2, means over Omega of all views, with x the `views`, float
    (V, H, W, 3) in [0, 1], and x' their leave-one-view-out prediction; R is `reference_energy`. Vectors longer than
    2 sqrt(R_b) are cut to that length first. `coverage` is |Omega| / |F|; under 10 % the value is NaN and the status
    'not_measurable'. Flat colour is 0.
    Raises `ImageError` when the views are not of the correspondence's number and size.
    """
    prediction, _ = predict(views, correspondence)
    coverage = correspondence.coverage
    if coverage < MIN_COVERAGE:
        return Measurement(math.nan, "not_measurable", coverage)
    # side by side, so that view and prediction share one normalisation
    both = torch.cat((views.double(), prediction), dim=-1)
    bands = detail_bands(both, correspondence.scoring_mask, correspondence.object_size)
    reference = torch.tensor(reference_energy, dtype=torch.float64, device=views.device)
    seen, predicted = (_cut(part, LOUDEST * reference.sqrt()) for part in bands.chunk(2, dim=-1))
    return Measurement(float(shared_energy(seen, predicted, reference).mean()), coverage=coverage)


def shared_energy(seen: Tensor, predicted: Tensor, reference: Tensor) -> Tensor:
    """max(0, <x . x'>) / max(R, (<x^2> + <x'^2>) / 2) of each band, float64 (B,), in [0, 1].

    `seen` and `predicted` float64 (B, n, C), `reference` R float64 (B,). Views that contradict each other share
    nothing, and no less: what one band gets wrong takes nothing from another.
    """
    shared = mean_product(seen, predicted).clamp(min=0.0)
    present = (mean_product(seen, seen) + mean_product(predicted, predicted)) / 2
    return shared / torch.maximum(reference, present)


def mean_product(a: Tensor, b: Tensor) -> Tensor:
    """<a . b> over pixels, (B,), of (B, n, C)."""
    return (a * b).sum(dim=-1).mean(dim=-1)


def _cut(bands: Tensor, longest: Tensor) -> Tensor:
    """Vectors (B, n, C) of at most the band's `longest` (B,), in their own direction."""
    length = torch.linalg.vector_norm(bands, dim=-1, keepdim=True).clamp(min=1e-300)
    cut: Tensor = bands * (longest[:, None, None] / length).clamp(max=1.0)
    return cut


def band_parameters() -> str:
    """Bands, reference and cut, for signatures."""
    reference = ",".join(f"{energy:g}" for energy in REFERENCE_ENERGY)
    return f"bands=dog:object/{','.join(map(str, FRACTIONS))} reference_energy={reference} cut={LOUDEST:g}rms"


class Cde(ObjectMetric):
    """Detail that the views agree on, against that of real texture: blur does not pay."""

    needs_mesh = True

    def results(self) -> tuple[Result, ...]:
        """One number per sample."""
        return (Result("cde", "up", "", "consistent detail energy", axis="consistency", worst=0.0),)

    def parameters(self) -> str:
        """Bands and reference, and the constants of prediction and visibility."""
        return f"{band_parameters()} weight=cos^2 {VISIBILITY} min_coverage={MIN_COVERAGE} v2"

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The sample's CDE. Raises `UsageError` for a sample without a mesh."""
        return {"cde": cde(sample.views, sample.geometry.correspondence)}
