"""Pictures judged at the size they were painted at, without the background that its coarse pixels mix in.

A model that paints 16 px a side covers an object with a dozen pixels, and those along the outline are half background.
Enlarged, that half reaches far into the object, differently in each view, so that even perfect views disagree. But how
much of it there is follows from the mesh's own mask, reduced and enlarged as the pictures are: it is taken out again.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from bench.errors import UsageError
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

LEAST_PAINT = 0.3  # share of a pixel that must be the object's: what is taken out of less would be mostly guessed


def unmixed(views: Tensor, foreground: Tensor, background: tuple[float, float, float], size: int) -> Tensor:
    """The object's paint as `size` pixels a side show it, float64 (V, H, W, 3) in [0, 1].

    `views` float (V, H, W, 3) in [0, 1], `foreground` bool (V, H, W). Views less background, and the mask, are averaged
    over the pixels of a picture of that size and enlarged by a bicubic filter; their ratio is the paint.
    Raises `UsageError` for a size beyond the views' own.
    """
    height, width = views.shape[1:3]
    if size > min(height, width):
        raise UsageError(
            f"pictures of {width} x {height} px cannot be judged at {size} px",
            expected="the size they were painted at: at most their own",
            hint="`size_px` of a metric is for small pictures that were enlarged; leave it out otherwise",
        )
    behind = torch.tensor(background, dtype=torch.float64, device=views.device)
    paint = torch.cat((views.double() - behind, foreground[..., None].double()), dim=-1).permute(0, 3, 1, 2)
    (fewer, more), (fewer_across, more_across) = (_resizes(side, size, views.device) for side in (height, width))
    shown = more @ (fewer @ paint @ fewer_across.T) @ more_across.T
    colour, share = shown[:, :3].permute(0, 2, 3, 1), shown[:, 3, :, :, None]
    paint_alone: Tensor = behind + colour / share.clamp(min=LEAST_PAINT)
    return paint_alone.clamp(0.0, 1.0)


@lru_cache(maxsize=8)
def _resizes(side: int, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """What averages a line of `side` pixels over `size`, (size, side), and what enlarges it again, (side, size).

    Both resizes act on rows and columns apart, and products with small matrices take a tenth of torch's time.
    """
    lines, few = (torch.eye(length, dtype=torch.float64, device=device) for length in (side, size))
    fewer = torch.nn.functional.adaptive_avg_pool2d(lines[None], (size, side))[0]
    more = torch.nn.functional.interpolate(few[None, None], size=(side, size), mode="bicubic", align_corners=False)
    return fewer, more[0, 0]
