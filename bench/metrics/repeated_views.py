"""Is one picture shown again where another view was asked for? Needs no mesh and no weights.

A front copied to every view, or mirrored as the back (a Janus head), has the right paint in the right colours, and one
outline. Without a mesh no other number sees it; an eye does at once, and so does a comparison of pixels. It finds what
was copied as it is, not what was changed on the way, and a box may look the same from all sides: a remark, no verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from types import MappingProxyType
from typing import TYPE_CHECKING

from bench.geometry.foreground import MESHLESS_PARAMETERS, find_silhouettes
from bench.geometry.ground import stands_elsewhere
from bench.geometry.prediction import check_views
from bench.metrics.declaration import SHARE, Measurement, ObjectMetric, Result, Sample
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

GRID = 64  # px a side that views are compared at: grain and compression average out, and a slip of a pixel is little
SAME = 4.0 / 255.0  # root mean square difference up to which two views show one picture
PLAIN = 8.0 / 255.0  # deviation of the paint: with less, any two views look alike
COMMON = 0.5  # of the smaller outline, that both must show


def repeated_views(views: Tensor, silhouettes: Tensor) -> float:
    """The share of views, in [0, 1], that show the same picture as another view of the sample, or its mirror image.

    `views` float (V, H, W, 3) in [0, 1], `silhouettes` bool (V, H, W). Two views are laid over each other as they are,
    and with the objects' boxes brought to one size; they show one picture where, on the pixels of both objects, they
    differ by at most `SAME`. Plain paint repeats nothing. Raises `ImageError` when both differ in number or size.
    """
    check_views(views, silhouettes)
    repeated = torch.zeros(len(views), dtype=torch.bool)
    for pictures, whole in (_small(views.double(), silhouettes), _boxed(views.double(), silhouettes)):
        for i, j in combinations(range(len(views)), 2):
            mirrored = pictures[j].flip(1), whole[j].flip(1)
            if any(_same(pictures[i], whole[i], *other) for other in ((pictures[j], whole[j]), mirrored)):
                repeated[[i, j]] = True
    return float(repeated.double().mean())


def _same(one: Tensor, whole: Tensor, other: Tensor, others_whole: Tensor) -> bool:
    both = whole & others_whole
    if not bool(both.any()) or int(both.sum()) < COMMON * min(int(whole.sum()), int(others_whole.sum())):
        return False
    here, there = one[both], other[both]
    plain = min(_length(paint - paint.mean(dim=0)) for paint in (here, there)) < PLAIN
    return not plain and _length(here - there) <= SAME


def _length(difference: Tensor) -> float:
    return float(difference.square().mean().sqrt())


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

    never_primary = MappingProxyType(
        {
            "repeated_views": "plain objects look the same from all sides, views that disagree never do, and any "
            "change to a copied view passes it"
        }
    )

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
            f"plain={PLAIN * 255:g}/255 common={COMMON:g} v1"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The sample's share; on another plain ground than the suite's it is not measurable, nor with a single view."""
        if len(sample.views) < 2 or stands_elsewhere(sample.views, sample.background):
            return {"repeated_views": Measurement(float("nan"), "not_measurable")}
        silhouettes = find_silhouettes(sample.views, sample.background)
        return {"repeated_views": Measurement(repeated_views(sample.views, silhouettes))}
