"""What the views of an object say about the pixels of one of them: the prediction that consistency metrics test."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
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
    mixture = correspondence.keep(("mixture", power, own_view), lambda: mixed(correspondence, power, own_view))
    prediction = torch.zeros(views.shape, dtype=torch.float64, device=views.device)
    prediction[mixture.painted] = mixture.weights @ views.reshape(-1, views.shape[-1]).double()
    return prediction, mixture.painted.clone()


@dataclass(frozen=True)
class Mixture:
    """Pixels as weighted means of pixels: `weights`, sparse float64 (n, V H W), of the n `painted` ones (V, H, W)."""

    painted: Tensor
    weights: Tensor


def mixed(correspondence: Correspondence, power: float, own_view: bool) -> Mixture:
    """How `predict` mixes; it depends on no picture."""
    visible = correspondence.visible
    count, _, height, width = visible.shape
    shape = (count, height, width)
    total = torch.zeros(shape, dtype=torch.float64, device=visible.device)
    nothing = torch.empty(0, 4, dtype=torch.long, device=visible.device)
    parts = [(nothing, nothing, nothing.double())]
    for i in range(count):
        for j in range(count):
            if i == j and not own_view:
                continue
            row, column = torch.nonzero(visible[i, j], as_tuple=True)
            weight = correspondence.cosine[i, j, row, column].double() ** power
            total[i, row, column] += weight
            places, shares = bilinear_taps(correspondence.pixel[i, j, row, column], height, width)
            here = ((i * height + row) * width + column)[:, None].expand_as(places)
            parts.append((here, places + j * height * width, shares * weight[:, None]))
    painted = total > 0
    here, there, weight = (torch.cat([part.flatten() for part in side]) for side in zip(*parts, strict=True))
    used = (weight > 0) & painted.flatten()[here]
    here, there, weight = here[used], there[used], weight[used] / total.flatten()[here[used]]
    number = painted.flatten().cumsum(dim=0) - 1  # of each painted pixel among them
    return Mixture(painted, sparse(number[here], there, weight, (int(painted.sum()), total.numel())))


def sparse(rows: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """A sparse matrix; values at the same place add up."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse", UserWarning)  # that CSR is new, and may change its interface
        return torch.sparse_coo_tensor(torch.stack((rows, columns)), values, shape).coalesce().to_sparse_csr()


def bilinear_taps(xy: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The four pixels of a view round each position (n, 2), pixel centres at + 0.5, and their shares, float64 (n, 4).

    Places are row * `width` + column. Positions lie between centres.
    """
    row, column, below, right, down, across = _corners(xy, height, width)
    places = torch.stack((row * width + column, row * width + right, below * width + column, below * width + right), -1)
    shares = torch.stack(((1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across), dim=-1)
    return places, shares


def bilinear(view: Tensor, xy: Tensor) -> Tensor:
    """`view` (H, W, C) at positions (n, 2), pixel centres at + 0.5; float64 (n, C). Positions lie between centres."""
    row, column, below, right, down, across = _corners(xy, *view.shape[:2])
    top = torch.lerp(view[row, column].double(), view[row, right].double(), across[:, None])
    bottom = torch.lerp(view[below, column].double(), view[below, right].double(), across[:, None])
    return torch.lerp(top, bottom, down[:, None])


def _corners(xy: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Row and column of the upper left of the four pixels, of the lower right one, and how far down and across."""
    corner = (xy.double() - 0.5).floor()
    column, row = corner.long().unbind(dim=-1)
    # a position on the last row or column of centres has no neighbour beyond; its weight there is zero
    right, below = (column + 1).clamp(max=width - 1), (row + 1).clamp(max=height - 1)
    across, down = (xy.double() - 0.5 - corner).unbind(dim=-1)
    return row, column, below, right, down, across


def check_views(views: Tensor, mask: Tensor) -> None:
    """Raise `ImageError` unless `views` (V, H, W, C) has the views and the size of `mask` (V, H, W)."""
    if views.ndim != 4 or views.shape[:3] != mask.shape:
        raise ImageError(
            "the pictures do not fit the cameras",
            where=f"views of shape {tuple(views.shape)}",
            expected=f"{tuple(mask.shape)} and channels: (views, height, width, channels)",
            hint="score pictures at the suite's resolution and with all of its views",
        )
