"""Views and the grid: V pictures side by side as one picture, and back.

View v lies in row v // C and column v % C of an R x C grid. Only reshapes and permutations: exact, in any dtype.
"""

from __future__ import annotations

from torch import Tensor

Grid = tuple[int, int]


def tile(views: Tensor, grid: Grid) -> Tensor:
    """(B, V, C, h, w) views to (B, C, R h, C w) grids."""
    rows, columns = grid
    batch, _, channels, height, width = views.shape
    split = views.reshape(batch, rows, columns, channels, height, width)
    return split.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, rows * height, columns * width)


def untile(picture: Tensor, grid: Grid) -> Tensor:
    """(B, C, R h, C w) grids to (B, V, C, h, w) views; the inverse of `tile`."""
    rows, columns = grid
    batch, channels, height, width = picture.shape
    split = picture.reshape(batch, channels, rows, height // rows, columns, width // columns)
    views = split.permute(0, 2, 4, 1, 3, 5)
    return views.reshape(batch, rows * columns, channels, height // rows, width // columns)


def untile_tokens(tokens: Tensor, grid: Grid, size: tuple[int, int]) -> Tensor:
    """Row-major tokens (B, H W, d) of grids of H x W tokens to (B, V, n, d), row-major within each view."""
    batch, _, width = tokens.shape
    picture = tokens.transpose(1, 2).reshape(batch, width, *size)
    return untile(picture, grid).flatten(3).transpose(2, 3)


def spread(per_view: Tensor, grid: Grid, view_size: tuple[int, int]) -> Tensor:
    """One vector per view, (B, V, d), to one per token of the grid, (B, R h C w, d), row-major over the grid."""
    views = per_view[..., None, None].expand(*per_view.shape, *view_size)
    return tile(views, grid).flatten(2).transpose(1, 2)
