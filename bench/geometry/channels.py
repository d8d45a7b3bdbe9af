"""Sums over an axis of three, which torch's own reductions take ten times as long for on a CPU."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def dot(a: Tensor, b: Tensor) -> Tensor:
    """a . b over the last axis: (...) of (..., C), in the order of the channels."""
    return reduce(add, (x * y for x, y in zip(a.unbind(dim=-1), b.unbind(dim=-1), strict=True)))


def squared_length(a: Tensor) -> Tensor:
    """a . a over the last axis: (...) of (..., C)."""
    return dot(a, a)
