"""Object metrics as scipy, scikit-image and plain loops have them: what the batched ones must agree with."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity
from torch import Tensor

from bench.geometry import foreground
from bench.geometry.correspondence import Correspondence
from bench.geometry.gbuffer import GBuffer
from bench.metrics.cce import FRACTION, PLAINEST
from bench.metrics.cce import SHARED as COLOURS_SHARED
from bench.metrics.cde import FINER, FRACTIONS, LOUDEST, SHARED, TEXTURE_ENERGY
from bench.metrics.cde import PLAINEST as LEAST_DETAIL
from bench.metrics.unjudged_seam import FLAT, LEVEL, SHOWN, SMOOTH, STEPS, pair_places

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def plain_bilinear(view: Floats, xy: Floats) -> Floats:
    """`view` (H, W, C) at (n, 2), by scipy's spline of degree 1."""
    places = (xy[:, ::-1] - 0.5).T
    return np.stack([ndimage.map_coordinates(view[..., c], places, order=1, mode="nearest") for c in range(3)], axis=-1)


def plain_prediction(views: Floats, matches: Correspondence, power: float = 2.0, own_view: bool = False) -> Floats:
    """What `predict` paints, (V, H, W, 3); 0 where nothing is."""
    total, colour = np.zeros(views.shape[:3]), np.zeros(views.shape)
    for i, j in itertools.product(range(len(views)), repeat=2):
        seen = matches.visible[i, j].cpu().numpy()
        if i != j or own_view:
            weight = matches.cosine[i, j].cpu().double().numpy()[seen] ** power
            total[i][seen] += weight
            xy = matches.pixel[i, j].cpu().double().numpy()[seen]
            colour[i][seen] += weight[:, None] * plain_bilinear(views[j], xy)
    return np.where(total[..., None] > 0, colour / np.maximum(total, 1e-300)[..., None], 0.0)


def plain_low_pass(picture: Floats, mask: Bools, sigma: float) -> Floats:
    """A Gaussian over masked neighbours alone, (H, W, C)."""
    share = ndimage.gaussian_filter(mask.astype(np.float64), sigma, mode="constant")
    known = np.where(mask[..., None], picture, 0.0)
    found = ndimage.gaussian_filter(known, (sigma, sigma, 0), mode="constant")
    return np.where(mask[..., None], found / np.maximum(share, 1e-300)[..., None], 0.0)


def _scored(views: Floats, matches: Correspondence) -> tuple[Floats, Bools]:
    both = np.concatenate((views, plain_prediction(views, matches)), axis=-1)
    return both, matches.scoring_mask.cpu().numpy()


def plain_cde(views: Floats, matches: Correspondence) -> float:
    """`cde` of views whose coverage suffices."""
    both, scored = _scored(views, matches)
    low = []
    for fraction in FRACTIONS:
        sigma = matches.object_size / fraction
        low.append(np.concatenate([plain_low_pass(p, m, sigma)[m] for p, m in zip(both, scored, strict=True)]))
    energies = []
    for (finer, coarser), texture in zip(itertools.pairwise(low), TEXTURE_ENERGY, strict=True):
        longest = LOUDEST * math.sqrt(texture)
        seen, told = np.split(finer - coarser, 2, axis=1)
        lengths = (np.maximum(np.linalg.norm(x, axis=1), 1e-300) for x in (seen, told))
        seen, told = (x * np.minimum(1.0, longest / n)[:, None] for x, n in zip((seen, told), lengths, strict=True))
        energies.append([(seen * told).sum(1).mean(), ((seen**2).sum(1) + (told**2).sum(1)).mean() / 2])
    need, agreed = LEAST_DETAIL, []
    for (shared, present), most in zip(energies[::-1], SHARED[::-1], strict=True):
        agreed.append(min(1.0, max(0.0, shared) / max(present, need) / most))
        need = max(present, need) * FINER
    return float(np.mean(agreed))


def plain_cce(views: Floats, matches: Correspondence) -> float:
    """`cce` of views whose coverage suffices."""
    both, scored = _scored(views, matches)
    sigma = matches.object_size / FRACTION
    low = np.concatenate([plain_low_pass(p, m, sigma)[m] for p, m in zip(both, scored, strict=True)])
    x, y = np.split(low, 2, axis=1)
    mean = (x.mean(0) + y.mean(0)) / 2
    x, y = x - mean, y - mean
    present = ((x * x).sum(1).mean() + (y * y).sum(1).mean()) / 2
    return float(min(1.0, max(0.0, (x * y).sum(1).mean()) / max(present, PLAINEST) / COLOURS_SHARED))


def plain_drift(views: Floats, matches: Correspondence) -> float:
    """`colour_drift`: the mean CIEDE2000 between low-passed views."""
    sigma, weighted, pixels = matches.object_size / FRACTION, 0.0, 0
    for i, j in itertools.permutations(range(len(views)), 2):
        common = (matches.visible[i, i] & matches.visible[i, j]).cpu().numpy()
        if not common.any():
            continue
        both = np.zeros((*common.shape, 6))
        xy = matches.pixel[i, j].cpu().double().numpy()[common]
        both[common] = np.concatenate((views[i][common], plain_bilinear(views[j], xy)), axis=-1)
        smooth = plain_low_pass(both, common, sigma)[common].clip(0.0, 1.0)
        weighted += float(deltaE_ciede2000(rgb2lab(smooth[:, :3]), rgb2lab(smooth[:, 3:])).sum())
        pixels += int(common.sum())
    return weighted / pixels


def plain_ssim(view: Floats, other: Floats) -> float:
    """Of one view: mean without the border."""
    return float(
        structural_similarity(
            view, other, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0, channel_axis=-1
        )
    )


def plain_seam(views: Floats, matches: Correspondence, gbuffer: GBuffer) -> float:
    """`unjudged_seam` from whole shifted pictures."""
    judged = matches.scoring_mask.cpu().numpy()
    beside = np.stack([matches.visible[i, i].cpu().numpy() for i in range(len(views))]) & ~judged
    position, normal = (x.cpu().numpy() for x in (gbuffer.position, gbuffer.face_normal))
    ratios = []
    for fraction in STEPS:
        found = []
        for one, other in ((judged, beside), (judged, judged), (beside, beside)):
            total, count = 0.0, 0
            for here, there in pair_places(*views.shape[1:3], matches.object_size / fraction):
                way = position[there] - position[here]
                off = np.maximum(abs((way * normal[here]).sum(-1)), abs((way * normal[there]).sum(-1)))
                smooth = (normal[here] * normal[there]).sum(-1) > SMOOTH
                level = off < LEVEL * np.linalg.norm(way, axis=-1)
                chosen = ((one[here] & other[there]) | (other[here] & one[there])) & smooth & level
                total += float(np.square(views[here][chosen] - views[there][chosen]).sum())
                count += int(chosen.sum())
            found.append(total / max(count, 1))
        across, inside, outside = found
        ratios.append((across + FLAT) / ((inside + outside) / 2 + FLAT))
    return max(1.0, math.sqrt(sum(ratios) / len(ratios)) / SHOWN)


def plain_foreground(view: Floats, background: tuple[float, float, float], see_through: Bools | None = None) -> Bools:
    """`estimate_foreground` by scipy's own filters on the whole picture."""
    distance = np.abs(view - np.asarray(background)).max(axis=-1)
    edge = np.concatenate([distance[0], distance[-1], distance[1:-1, 0], distance[1:-1, -1]])
    limits = foreground.LEAST_DISTANCE, foreground.MOST_DISTANCE
    apart = distance > np.clip(foreground.EDGE_MARGIN * np.quantile(edge, foreground.EDGE_QUANTILE), *limits)
    rim = apart & ndimage.binary_dilation(~apart, np.ones((3, 3), dtype=bool))
    mask = apart & ((distance > ndimage.maximum_filter(distance, size=3) / 2) | ~rim)
    parts, count = ndimage.label(mask, structure=np.ones((3, 3)))
    large = np.bincount(parts.ravel(), minlength=count + 1) >= foreground.SPECK * mask.size
    large[0] = False
    filled: Bools = ndimage.binary_fill_holes(large[parts])
    if see_through is not None:
        regions, count = ndimage.label(filled & ~large[parts])
        marked = ndimage.mean(see_through, regions, np.arange(1, count + 1)) if count else np.empty(0)
        filled &= ~np.concatenate([[False], np.asarray(marked) > 0.5])[regions]
    return filled


def plain_unmixed(views: Tensor, shown: Tensor, background: tuple[float, float, float], size: int) -> Tensor:
    """`unmixed` by torch's own resizes."""
    behind = torch.tensor(background, dtype=torch.float64)
    paint = torch.cat((views.double() - behind, shown[..., None].double()), dim=-1).permute(0, 3, 1, 2)
    small = torch.nn.functional.adaptive_avg_pool2d(paint, size)
    again = torch.nn.functional.interpolate(small, size=tuple(shown.shape[1:]), mode="bicubic", align_corners=False)
    share = again[:, 3:].clamp(min=0.3)
    return (behind + (again[:, :3] / share).permute(0, 2, 3, 1)).clamp(0.0, 1.0)
