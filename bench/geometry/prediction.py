"""What the views of an object say about the pixels of one of them: the prediction that consistency metrics test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.errors import ImageError
from bench.geometry.correspondence import Correspondence
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")


def predict(
    views: Tensor, correspondence: Correspondence, *, power: float = 2.0, own_view: bool = False
) -> tuple[Tensor, Tensor]:
    """Paint each pixel of each view with the colours that the views seeing its surface point have there.

    `views` float (V, H, W, C). A pixel gets sum_j w_j x_j / sum_j w_j with w_j = cos(theta_j)^power and x_j a bilinear
    sample, over the views j that see the point: all others, and its own too with `own_view`.
    Returns the prediction, float64 (V, H, W, C), and where there is one, bool (V, H, W); it is 0 elsewhere.
    Raises `ImageError` when the views are not of the correspondence's number and size.
    """
    check_views(views, correspondence.foreground)
    count = len(views)
    prediction = torch.zeros(views.shape, dtype=torch.float64, device=views.device)
    total = torch.zeros(views.shape[:3], dtype=torch.float64, device=views.device)
    for i in range(count):
        for j in range(count):
            if i == j and not own_view:
                continue
            row, column = torch.nonzero(correspondence.visible[i, j], as_tuple=True)
            weight = correspondence.cosine[i, j, row, column].double() ** power
            colour = bilinear(views[j], correspondence.pixel[i, j, row, column])
            prediction[i, row, column] += weight[:, None] * colour
            total[i, row, column] += weight
    painted = total > 0
    return torch.where(painted[..., None], prediction / total[..., None].clamp(min=1e-300), 0.0), painted


def bilinear(view: Tensor, xy: Tensor) -> Tensor:
    """`view` (H, W, C) at positions (n, 2), pixel centres at + 0.5; float64 (n, C). Positions lie between centres."""
    height, width = view.shape[:2]
    corner = (xy.double() - 0.5).floor()
    column, row = corner.long().unbind(dim=-1)
    # a position on the last row or column of centres has no neighbour beyond; its weight there is zero
    right, below = (column + 1).clamp(max=width - 1), (row + 1).clamp(max=height - 1)
    across, down = (xy.double() - 0.5 - corner)[..., None].unbind(dim=-2)
    top = torch.lerp(view[row, column].double(), view[row, right].double(), across)
    bottom = torch.lerp(view[below, column].double(), view[below, right].double(), across)
    return torch.lerp(top, bottom, down)


def check_views(views: Tensor, mask: Tensor) -> None:
    """Raise `ImageError` unless `views` (V, H, W, C) has the views and the size of `mask` (V, H, W)."""
    if views.ndim != 4 or views.shape[:3] != mask.shape:
        raise ImageError(
            "the pictures do not fit the cameras",
            where=f"views of shape {tuple(views.shape)}",
            expected=f"{tuple(mask.shape)} and channels: (views, height, width, channels)",
            hint="score pictures at the suite's resolution and with all of its views",
        )
