"""The part of a picture that matters: objects fill less than half of a frame, and filters cost by the pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")


def bounding_box(mask: Tensor, border: int = 0) -> tuple[slice, slice] | None:
    """Rows and columns that hold `mask`, bool (H, W), `border` px wider on each side within the frame; None if empty.

    >>> import torch
    >>> bounding_box(torch.eye(5, dtype=torch.bool)[:, 1:3])
    (slice(1, 3, None), slice(0, 2, None))
    """
    rows, columns = torch.nonzero(mask.any(dim=1))[:, 0], torch.nonzero(mask.any(dim=0))[:, 0]
    if not len(rows):
        return None
    (top, bottom), (left, right) = ((int(found[0]), int(found[-1]) + 1) for found in (rows, columns))
    height, width = mask.shape
    return (
        slice(max(top - border, 0), min(bottom + border, height)),
        slice(max(left - border, 0), min(right + border, width)),
    )
