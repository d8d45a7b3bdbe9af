"""Colour drift: do the views agree on the colour of the object, whatever becomes of its details?

A warm front and a cool side are the commonest inconsistency of generated views, and `cde` is blind to it on purpose.
Pairs of views are compared where both see the same surface, after a low-pass that takes the details out, so that a
slip of a pixel or two is not mistaken for a change of colour.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from bench.geometry.correspondence import VISIBILITY, Correspondence
from bench.geometry.lab import ciede2000, cielab
from bench.geometry.masked_gaussian import LowPasses
from bench.geometry.prediction import bilinear_taps, check_views, sparse
from bench.metrics.cde import FRACTIONS
from bench.metrics.declaration import POSITIVE, Measurement, ObjectMetric, Result, Sample
from bench.metrics.loo_psnr import MIN_COVERAGE
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

FRACTION = FRACTIONS[-1]  # of the object's size: the coarsest of the bands that `cde` looks at ends here
DARK = 1.0 / 255.0  # a channel that is darker on average has no gain to speak of


@dataclass(frozen=True)
class PairDrift:
    """What view `other` does to the colours of view `view` on the `pixels` of `view` that both show.

    gain        per channel: mean of the other's values over mean of this one's; 1 where either is under 1/255
    bias        per channel: mean difference, other less this one, where white is 1
    difference  mean CIEDE2000 of the low-passed colours
    """

    view: int
    other: int
    pixels: int
    gain: tuple[float, float, float]
    bias: tuple[float, float, float]
    difference: float


@dataclass(frozen=True)
class _Pairs:
    """Ordered pairs of views, (view, other, pixels), that show common surface, and how their colours are read.

    here        int (n,)                   common pixels, one pair after the other: places in the flattened views
    there       sparse float64 (n, V H W)  what mixes their colours in the other view
    low_passes  over the common pixels of each pair alone
    """

    pairs: tuple[tuple[int, int, int], ...]
    here: Tensor
    there: Tensor
    low_passes: LowPasses


def pair_drifts(views: Tensor, correspondence: Correspondence) -> tuple[PairDrift, ...]:
    """The drift of every ordered pair of views that shows a common piece of surface.

    `views` float (V, H, W, 3), sRGB in [0, 1]. The other view is sampled at the places of this view's pixels, and both
    are low-passed (Gaussian of 1/16 of the object's size, on sRGB values) over their common pixels alone.
    Gain and bias each explain the drift by itself. Fitted together by least squares they cannot be told apart on paint
    of one shade, and the slope falls below 1 for views that are merely unlike; the ratio of the means does not.
    Raises `ImageError` when the views are not of the correspondence's number and size.
    """
    check_views(views, correspondence.foreground)
    found = correspondence.keep("pairs of views", lambda: _pairs(correspondence))
    colours = views.reshape(-1, 3).double()
    smooth = found.low_passes.of(torch.cat((colours[found.here], found.there @ colours), dim=-1))[0]
    lab, other_lab = (cielab(part.clamp(0.0, 1.0)) for part in smooth.chunk(2, dim=-1))
    sizes = [pixels for _, _, pixels in found.pairs]
    apart = torch.split(ciede2000(lab, other_lab), sizes)
    drifts = []
    for (i, j, pixels), both, difference in zip(found.pairs, torch.split(smooth, sizes), apart, strict=True):
        mine, others = both.mean(dim=0).cpu().numpy().reshape(2, 3)
        lit = (mine >= DARK) & (others >= DARK)
        gain = np.where(lit, others / np.where(lit, mine, 1.0), 1.0)
        drifts.append(PairDrift(i, j, pixels, _triple(gain), _triple(others - mine), float(difference.mean())))
    return tuple(drifts)


def _pairs(correspondence: Correspondence) -> _Pairs:
    visible = correspondence.visible
    count, _, height, width = visible.shape
    nothing = torch.empty(0, 4, dtype=torch.long, device=visible.device)
    pairs, here, there, shares, masks = [], [nothing[:, 0]], [nothing], [nothing.double()], [visible[:0, 0]]
    for i in range(count):
        for j in range(count):
            common = visible[i, i] & visible[i, j]
            pixels = int(common.sum())
            if i == j or pixels == 0:
                continue
            pairs.append((i, j, pixels))
            masks.append(common[None])
            here.append(torch.nonzero(common.flatten())[:, 0] + i * height * width)
            places, share = bilinear_taps(correspondence.pixel[i, j][common], height, width)
            there.append(places + j * height * width)
            shares.append(share)
    places, share = torch.cat(there), torch.cat(shares)
    rows = torch.arange(len(places), device=places.device)[:, None].expand_as(places)
    taps = sparse(rows.flatten(), places.flatten(), share.flatten(), (len(places), count * height * width))
    low_passes = LowPasses(torch.cat(masks), (correspondence.object_size / FRACTION,))
    return _Pairs(tuple(pairs), torch.cat(here), taps, low_passes)


def _triple(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float, float]:
    red, green, blue = values.tolist()
    return red, green, blue


def colour_drift(views: Tensor, correspondence: Correspondence) -> tuple[Measurement, Measurement]:
    """Mean CIEDE2000 between the low-passed views of a sample, and the mean size of the log gain.

    Pairs weigh as many pixels as they share; for the gain, a pair counts |ln g| averaged over its channels. `coverage`
    is |Omega| / |F|; under 10 % both values are NaN and the status is 'not_measurable'.
    Raises `ImageError` when the views are not of the correspondence's number and size.
    """
    check_views(views, correspondence.foreground)
    coverage = correspondence.coverage
    if coverage < MIN_COVERAGE:
        missing = Measurement(math.nan, "not_measurable", coverage)
        return missing, missing
    drifts = pair_drifts(views, correspondence)
    total = sum(drift.pixels for drift in drifts)
    difference = math.fsum(drift.pixels * drift.difference for drift in drifts) / total
    gain = math.fsum(drift.pixels * abs(math.log(g)) for drift in drifts for g in drift.gain) / (3 * total)
    return Measurement(difference, coverage=coverage), Measurement(gain, coverage=coverage)


class ColourDrift(ObjectMetric):
    """Colour differences between views of the same surface, and the gains between them."""

    needs_mesh = True
    never_primary = MappingProxyType(
        dict.fromkeys(("colour_drift", "colour_gain"), "one colour all over the object wins it")
    )

    def results(self) -> tuple[Result, ...]:
        """What people see, and how it comes about."""
        return (
            Result(
                "colour_drift", "down", "dE00", "colour difference between views", axis="consistency", limits=POSITIVE
            ),
            Result(
                "colour_gain",
                "down",
                "",
                "log gain of colour between views",
                axis="consistency",
                limits=POSITIVE,
            ),
        )

    def parameters(self) -> str:
        """The low-pass, and the constants of visibility."""
        return (
            f"low_pass=object/{FRACTION},srgb difference=ciede2000,d65 gain=ratio-of-means dark={DARK * 255:g}/255 "
            f"{VISIBILITY} pooling=pixels-of-pairs min_coverage={MIN_COVERAGE} v2"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """Both numbers of a sample. Raises `UsageError` for a sample without a mesh."""
        difference, gain = colour_drift(sample.views, sample.geometry.correspondence)
        return {"colour_drift": difference, "colour_gain": gain}
