"""Is one picture shown again where another view was asked for? Needs no mesh and no weights.

A front copied to every view, or mirrored as the back (a Janus head), has the right paint in the right colours, and one
outline. Without a mesh no other number sees it; an eye does at once, and so does a comparison of pixels. Plain things
may look the same from all sides, so only texture counts: no two sides of a thing have the same, but for a mould's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import TYPE_CHECKING

from bench.geometry.foreground import MESHLESS_PARAMETERS, find_silhouettes
from bench.geometry.ground import stands_elsewhere
from bench.geometry.masked_gaussian import masked_gaussian
from bench.geometry.prediction import check_views
from bench.metrics.declaration import SHARE, Measurement, ObjectMetric, Result, Sample
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

GRID = 64  # px a side that views are compared at: grain and compression average out, and a slip of a pixel is little
SAME = (
    2.0 / 255.0
)  # root mean square difference up to which two views show one picture, after light and tint are fitted
LIGHT = (0.5, 2.0)  # the gain of a channel, at least and at most, that is taken for other light on the same paint
DETAIL_SIGMA = 1.0  # px of the grid: what differs from its surroundings at this scale is texture
TEXTURE = (
    1.0 / 255.0
)  # median deviation from these surroundings; with less, paint is plain, but for edges between parts
ALIKE = 0.5  # of its median deviation, by which the texture of one picture differs at most: grain of its own exceeds it
COMMON = 0.5  # of the smaller outline, that both must show


def repeated_views(views: Tensor, silhouettes: Tensor) -> float:
    """The share of views, in [0, 1], that show the same picture as another view of the sample, or its mirror image.

    `views` float (V, H, W, 3) in [0, 1], `silhouettes` bool (V, H, W). Two views are laid over each other as they are,
    and with the objects' boxes brought to one size; they show one picture where, on the pixels of both objects, paint
    differs by at most `SAME`, up to a gain and an offset of each channel, and texture by at most half of itself. Plain
    paint repeats nothing. Raises `ImageError` when both differ in number or size.
    """
    check_views(views, silhouettes)
    repeated = torch.zeros(len(views), dtype=torch.bool)
    for pictures, whole in (_small(views.double(), silhouettes), _boxed(views.double(), silhouettes)):
        grey = pictures.mean(dim=-1, keepdim=True)
        layers = torch.cat((pictures, grey - masked_gaussian(grey, whole, DETAIL_SIGMA)), dim=-1)
        for i, j in combinations(range(len(views)), 2):
            mirrored = layers[j].flip(1), whole[j].flip(1)
            if any(_same(layers[i], whole[i], *other) for other in ((layers[j], whole[j]), mirrored)):
                repeated[[i, j]] = True
    return float(repeated.double().mean())


def _same(one: Tensor, whole: Tensor, other: Tensor, others_whole: Tensor) -> bool:
    """Whether two pictures show the same: (H, W, 4) of paint and detail, and bool (H, W) that the object covers."""
    both = whole & others_whole
    if not bool(both.any()) or int(both.sum()) < COMMON * min(int(whole.sum()), int(others_whole.sum())):
        return False
    here, there = one[both], other[both]
    texture = min(_median(detail) for detail in (here[:, 3], there[:, 3]))
    if texture < TEXTURE or _median(here[:, 3] - there[:, 3]) > ALIKE * texture:
        return False
    return max(_unexplained(here[:, :3], there[:, :3]), _unexplained(there[:, :3], here[:, :3])) <= SAME


def _median(detail: Tensor) -> float:
    return float(detail.abs().median())


def _unexplained(paint: Tensor, other: Tensor) -> float:
    """What `other` does not explain of `paint`, both (N, 3), under the light and tint that fit it: root mean square."""
    paint, other = paint - paint.mean(dim=0), other - other.mean(dim=0)
    gain = (paint * other).sum(dim=0) / other.square().sum(dim=0).clamp_min(1e-12)
    return float((paint - gain.clamp(*LIGHT) * other).square().mean().sqrt())


def _small(views: Tensor, silhouettes: Tensor) -> tuple[Tensor, Tensor]:
    """Whole views at `GRID` pixels a side (V, GRID, GRID, 3), and which pixels the object covers."""
    both = torch.cat((views, silhouettes[..., None].double()), dim=-1).movedim(-1, 1)
    small = torch.nn.functional.interpolate(both, (GRID, GRID), mode="bilinear", antialias=True).movedim(1, -1)
    return small[..., :3], small[..., 3] > 0.999


def _boxed(views: Tensor, silhouettes: Tensor) -> tuple[Tensor, Tensor]:
    """The same of each object's box, widened to a square."""
    found = [_small(*box) for box in _boxes(views, silhouettes)]
    return torch.cat([pictures for pictures, _ in found]), torch.cat([whole for _, whole in found])


def _boxes(views: Tensor, silhouettes: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    for view, inside in zip(views, silhouettes, strict=True):
        rows, columns = (inside.any(dim=axis).nonzero().flatten().tolist() for axis in (1, 0))
        if not rows:
            yield view[None], inside[None]
            continue
        top, left, high, wide = rows[0], columns[0], rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]
        side = max(high, wide)
        down, right = (side - high) // 2, (side - wide) // 2
        paint, covered = view.new_zeros(1, side, side, 3), inside.new_zeros(1, side, side)
        paint[0, down : down + high, right : right + wide] = view[top : top + high, left : left + wide]
        covered[0, down : down + high, right : right + wide] = inside[top : top + high, left : left + wide]
        yield paint, covered


class RepeatedViews(ObjectMetric):
    """How many views of a sample show the picture of another one again."""

    def results(self) -> tuple[Result, ...]:
        """One number per sample."""
        return (
            Result("repeated_views", "down", "", "share of views shown again", axis="consistency", worst=1.0,
                   limits=SHARE),
        )  # fmt: skip

    def parameters(self) -> str:
        """How the object is found in the pictures, and what counts as the same picture."""
        return (
            f"{MESHLESS_PARAMETERS} grid={GRID} frames=whole,box mirrored=yes same={SAME * 255:g}/255 "
            f"light={LIGHT[0]:g}..{LIGHT[1]:g} texture={TEXTURE * 255:g}/255,{DETAIL_SIGMA:g}px,{ALIKE:g} "
            f"common={COMMON:g} v2"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The sample's share; on another plain ground than the suite's it is not measurable, nor with a single view."""
        if len(sample.views) < 2 or stands_elsewhere(sample.views, sample.background):
            return {"repeated_views": Measurement(float("nan"), "not_measurable")}
        silhouettes = find_silhouettes(sample.views, sample.background)
        return {"repeated_views": Measurement(repeated_views(sample.views, silhouettes))}
