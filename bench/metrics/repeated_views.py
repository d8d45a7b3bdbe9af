"""Is one picture shown again where another view was asked for? Needs no mesh and no weights.

A front copied to every view, or mirrored as the back (a Janus head), has the right paint in the right colours, and one
outline. Without a mesh no other number sees it; an eye does at once, and so does a comparison of pixels. Plain things
may look the same from all sides, so only texture counts, which two sides of a thing seldom share.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

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

SAME = 2.0 / 255.0  # root mean square difference of two views that show one picture, after light and tint are fitted
LIGHT = (0.5, 2.0)  # the gain of a channel, at least and at most, that is taken for other light on the same paint
ALIKE = 0.5  # of its median deviation, by which the texture of one picture differs at most: grain of its own exceeds it
COMMON = 0.5  # of the smaller outline, that both must show


@dataclass(frozen=True)
class Scale:
    """How finely views are compared, and what of them is texture.

    Views are brought to `grid` px a side, so that grain and compression average out and a slip of a pixel is little.
    Texture is what differs from its surroundings, a Gaussian of `sigma` px of these, by `least` or more (median): with
    less, paint is plain, but for edges between its parts.
    """

    grid: int = 64
    sigma: float = 1.0
    least: float = 1.0 / 255.0


def scale_of(size_px: int | None) -> Scale:
    """The scale for models that paint at this size. Few pixels lie beside many edges, so they are looked at closely."""
    return Scale() if size_px is None or size_px >= Scale().grid else Scale(size_px, 0.5, 2.0 / 255.0)


def repeated_views(views: Tensor, silhouettes: Tensor, scale: Scale | None = None) -> float:
    """The share of views, in [0, 1], that show the same picture as another view of the sample, or its mirror image.

    `views` float (V, H, W, 3) in [0, 1], `silhouettes` bool (V, H, W). Two views are laid over each other as they are,
    and with the objects' boxes brought to one size; they show one picture where, on the pixels of both objects, paint
    differs by at most `SAME`, up to a gain and an offset of each channel, and texture by at most half of itself. Plain
    paint repeats nothing. Raises `ImageError` when both differ in number or size.
    """
    scale = scale or Scale()
    check_views(views, silhouettes)
    repeated = torch.zeros(len(views), dtype=torch.bool)
    for frame in (_small, _boxed):
        pictures, whole = frame(views.double(), silhouettes, scale.grid)
        grey = pictures.mean(dim=-1, keepdim=True)
        layers = torch.cat((pictures, grey - masked_gaussian(grey, whole, scale.sigma)), dim=-1)
        for i, j in combinations(range(len(views)), 2):
            mirrored = layers[j].flip(1), whole[j].flip(1)
            others = (layers[j], whole[j]), mirrored
            if any(_same(layers[i], whole[i], *other, scale.least) for other in others):
                repeated[[i, j]] = True
    return float(repeated.double().mean())


def _same(one: Tensor, whole: Tensor, other: Tensor, others_whole: Tensor, least: float) -> bool:
    """Whether two pictures show the same: (H, W, 4) of paint and detail, and bool (H, W) that the object covers."""
    both = whole & others_whole
    if not bool(both.any()) or int(both.sum()) < COMMON * min(int(whole.sum()), int(others_whole.sum())):
        return False
    here, there = one[both], other[both]
    texture = min(_median(detail) for detail in (here[:, 3], there[:, 3]))
    if texture < least or _median(here[:, 3] - there[:, 3]) > ALIKE * texture:
        return False
    return max(_unexplained(here[:, :3], there[:, :3]), _unexplained(there[:, :3], here[:, :3])) <= SAME


def _median(detail: Tensor) -> float:
    return float(detail.abs().median())


def _unexplained(paint: Tensor, other: Tensor) -> float:
    """What `other` does not explain of `paint`, both (N, 3), under the light and tint that fit it: root mean square."""
    paint, other = paint - paint.mean(dim=0), other - other.mean(dim=0)
    gain = (paint * other).sum(dim=0) / other.square().sum(dim=0).clamp_min(1e-12)
    return float((paint - gain.clamp(*LIGHT) * other).square().mean().sqrt())


def _small(views: Tensor, silhouettes: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Whole views at `side` pixels (V, side, side, 3), and which of them the object covers."""
    both = torch.cat((views, silhouettes[..., None].double()), dim=-1).movedim(-1, 1)
    small = torch.nn.functional.interpolate(both, (side, side), mode="bilinear", antialias=True).movedim(1, -1)
    return small[..., :3], small[..., 3] > 0.999


def _boxed(views: Tensor, silhouettes: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """The same of each object's box, widened to a square."""
    found = [_small(*box, side) for box in _boxes(views, silhouettes)]
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

    class Options(BaseModel):
        """Options of `repeated_views`."""

        model_config = ConfigDict(extra="forbid", frozen=True)
        size_px: int | None = Field(
            None, ge=16, le=4096, description="the size that models paint at, where the suite's views are enlarged"
        )

    def results(self) -> tuple[Result, ...]:
        """One number per sample."""
        return (
            Result("repeated_views", "down", "", "share of views shown again", axis="consistency", worst=1.0,
                   limits=SHARE),
        )  # fmt: skip

    def parameters(self) -> str:
        """How the object is found in the pictures, and what counts as the same picture."""
        scale = scale_of(self.options.size_px)
        return (
            f"{MESHLESS_PARAMETERS} grid={scale.grid} frames=whole,box mirrored=yes same={SAME * 255:g}/255 "
            f"light={LIGHT[0]:g}..{LIGHT[1]:g} texture={scale.least * 255:g}/255,{scale.sigma:g}px,{ALIKE:g} "
            f"common={COMMON:g} v2"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The sample's share; on another plain ground than the suite's it is not measurable, nor with a single view."""
        if len(sample.views) < 2 or stands_elsewhere(sample.views, sample.background):
            return {"repeated_views": Measurement(float("nan"), "not_measurable")}
        silhouettes = find_silhouettes(sample.views, sample.background)
        scale = scale_of(self.options.size_px)
        return {"repeated_views": Measurement(repeated_views(sample.views, silhouettes, scale))}
