"""Consistent detail energy: of the detail that the views show, how much do they *agree* on?

A mean squared error rewards the generator that paints nothing in particular: flat colour agrees with flat colour. Here
agreement is counted in octaves of detail, as the energy that a view shares with what the other views say about the same
surface, out of the energy that is there. Detail that the views do not share is dead weight in the denominator.

How much detail there ought to be only the object knows, so nobody is paid for more of it: plain paint whose views agree
has all of it. Detail that is *missing* is told by the picture itself. Real paint has in each octave at least a third of
the energy of the next coarser one; a blur has not, and lacks the rest.

Octaves are fractions of the object's size in the picture, so that neither the resolution nor the distance of the
camera decides; and no pixel counts for more than twice real texture, so that a few loud specks cannot speak for all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.geometry.correspondence import VISIBILITY, Correspondence
from bench.geometry.masked_gaussian import LowPasses
from bench.geometry.prediction import predict
from bench.metrics.declaration import SHARE, Measurement, ObjectMetric, Result, Sample
from bench.metrics.loo_psnr import MIN_COVERAGE
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

FRACTIONS = (256, 128, 64, 32, 16)  # of the object's size: standard deviations of the low-passes

# Lower quartile of `detail_energy` over ground-truth renders at 256 px of the mini-world's first 40 training objects,
# less the 10 whose views overlap too little. Real texture, to cut specks by: nothing has to be as loud.
TEXTURE_ENERGY = (1.82e-4, 3.80e-4, 6.36e-4, 9.90e-4)
LOUDEST = 2.0  # root mean squares of real texture: more than that is cut to it

# What those renders have at least, rounded down; a slow test measures all of it again.
SHARED = (0.85, 0.95, 0.98, 0.99)  # of a band's energy, finest first: pixels and resampling take the rest from anybody
FINER = 1.0 / 3.0  # of the next coarser band's energy
PLAINEST = 5e-5  # energy of the coarsest band: a level of 8 bits in each channel. The plainest object has 8e-5


def detail_bands(pictures: Tensor, mask: Tensor, size: float) -> Tensor:
    """Octaves of detail of the masked pixels of an object of `size` px, float64 (4, n, C), finest first.

    Differences of neighbouring low-passes with standard deviations of 1/256, 1/128, 1/64, 1/32 and 1/16 of the size.
    `pictures` float (V, H, W, C), `mask` bool (V, H, W) with n pixels. A low-pass is of the mask alone.
    """
    return _bands(octaves(mask, size).of(pictures[mask]))


def octaves(mask: Tensor, size: float) -> LowPasses:
    """The low-passes that `detail_bands` are differences of."""
    return LowPasses(mask, [size / fraction for fraction in FRACTIONS])


def _bands(low: Tensor) -> Tensor:
    return low[:-1] - low[1:]


def detail_energy(views: Tensor, mask: Tensor, size: float) -> Tensor:
    """Mean squared length of the colour in each band, float64 (4,): what `TEXTURE_ENERGY` is made of."""
    return mean_product(*(detail_bands(views, mask, size),) * 2)


def cde(views: Tensor, correspondence: Correspondence) -> Measurement:
    """Mean over bands b of max(0, c_b) / max(e_b, n_b) / `SHARED`_b, each at most 1; in [0, 1].

    c_b and e_b are the `shared_and_present` energies of the views, float (V, H, W, 3) in [0, 1], and n_b the
    `needed` ones. `coverage` is |Omega| / |F|; under 10 % the value is NaN and the status 'not_measurable'. Flat colour
    is 0. Raises `ImageError` when the views are not of the correspondence's number and size.
    """
    coverage = correspondence.coverage
    shared, present = shared_and_present(views, correspondence)
    if coverage < MIN_COVERAGE:
        return Measurement(math.nan, "not_measurable", coverage)
    most = torch.tensor(SHARED, dtype=torch.float64, device=views.device)
    agreed = shared.clamp(min=0.0) / torch.maximum(present, needed(present)) / most
    return Measurement(float(agreed.clamp(max=1.0).mean()), coverage=coverage)


def shared_and_present(views: Tensor, correspondence: Correspondence) -> tuple[Tensor, Tensor]:
    """c_b = <x_b . x'_b> and e_b = (<x_b^2> + <x'_b^2>) / 2 of each band, float64 (4,) each.

    Means over Omega of all views, with x the views and x' their leave-one-view-out prediction. Vectors longer than
    2 sqrt(R_b), with R the `TEXTURE_ENERGY`, are cut to that length first.
    Raises `ImageError` when the views are not of the correspondence's number and size.
    """
    prediction, _ = predict(views, correspondence)
    scored = correspondence.scoring_mask
    low = correspondence.keep("octaves", lambda: octaves(scored, correspondence.object_size))
    bands = _bands(low.of(torch.cat((views[scored].double(), prediction[scored]), dim=-1)))
    longest = LOUDEST * torch.tensor(TEXTURE_ENERGY, dtype=torch.float64, device=views.device).sqrt()
    seen, predicted = (_cut(part, longest) for part in bands.chunk(2, dim=-1))
    return mean_product(seen, predicted), (mean_product(seen, seen) + mean_product(predicted, predicted)) / 2


def needed(present: Tensor) -> Tensor:
    """Energy that each band (B,), finest first, must have at least: a third of what the next coarser one has or needs.

    The coarsest needs `PLAINEST`, so that next to nothing is no detail.
    """
    needs = [torch.full_like(present[-1], PLAINEST)]
    for coarser in present[1:].flip(0):
        needs.insert(0, FINER * torch.maximum(coarser, needs[0]))
    return torch.stack(needs)


def mean_product(a: Tensor, b: Tensor) -> Tensor:
    """<a . b> over pixels, (B,), of (B, n, C)."""
    product: Tensor = torch.linalg.vecdot(a.flatten(1), b.flatten(1)) / a.shape[1]
    return product


def _cut(bands: Tensor, longest: Tensor) -> Tensor:
    """Vectors (B, n, C) of at most the band's `longest` (B,), in their own direction."""
    length = torch.linalg.vector_norm(bands, dim=-1, keepdim=True).clamp(min=1e-300)
    cut: Tensor = bands * (longest[:, None, None] / length).clamp(max=1.0)
    return cut


def band_parameters() -> str:
    """Bands and all their constants, for signatures."""
    texture, shared = (",".join(f"{number:g}" for number in numbers) for numbers in (TEXTURE_ENERGY, SHARED))
    return (
        f"bands=dog:object/{','.join(map(str, FRACTIONS))} cut={LOUDEST:g}rms texture_energy={texture} "
        f"shared={shared} finer={FINER:.3g} plainest={PLAINEST:g}"
    )


class Cde(ObjectMetric):
    """The share of their detail that the views agree on: neither blur nor louder paint pays."""

    needs_mesh = True

    def results(self) -> tuple[Result, ...]:
        """One number per sample."""
        return (
            Result(
                "cde",
                "up",
                "",
                "consistent detail energy",
                axis="consistency",
                worst=0.0,
                limits=SHARE,
            ),
        )

    def parameters(self) -> str:
        """Bands, and the constants of prediction and visibility."""
        return f"{band_parameters()} weight=cos^2 {VISIBILITY} min_coverage={MIN_COVERAGE} v3"

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The sample's CDE. Raises `UsageError` for a sample without a mesh."""
        return {"cde": cde(sample.views, sample.geometry.correspondence)}
