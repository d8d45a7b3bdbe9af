"""Layer-aware training: real samples do not update the early blocks.

In a real-data iteration i ~ U{0 .. floor(tau N)} is drawn, and blocks [0, i] (0-based, inclusive) get no update from
the real samples. Instead of toggling `requires_grad`, the gradient is stopped in front of block i + 1: the later
blocks' gradients are the same numbers, the early blocks need neither backward pass nor stored activations, and one
forward can mix samples with different stops.

What else lies below the stop is frozen with it: the input projection and, in two-stream hosts, the text stream.
Embedders of time and captions that the later blocks read keep learning from real samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from realiz3d.errors import UsageError
from realiz3d.plan import Domain, deepest_block, domain_tensor
from realiz3d.slots import Cut

NO_STOP = -1


def draw_stops(
    domains: Tensor | Sequence[str | int],
    n_blocks: int,
    *,
    tau: float = 0.4,
    rng: torch.Generator | None = None,
    per_sample: bool = False,
) -> Tensor:
    """(B,) int64 on the CPU: the last block that a sample does not update, -1 for synthetic samples.

    One draw serves all real samples of the iteration, as in the paper; `per_sample` draws one each. rng: a CPU
    generator. The last block is never frozen.
    """
    wanted = domain_tensor(domains)
    if n_blocks < 2:
        raise UsageError("layer-aware training of a model with one block", expected="at least two blocks")
    deepest = min(deepest_block(tau, n_blocks), n_blocks - 2)
    drawn = torch.randint(0, deepest + 1, (len(wanted) if per_sample else 1,), generator=rng)
    return torch.where(wanted == Domain.REAL, drawn.expand(len(wanted)), NO_STOP)


def cuts(stops: Tensor, n_blocks: int, device: torch.device) -> tuple[list[Cut], Cut]:
    """Where the gradient of U pictures stops: one `Cut` in front of each block, and one for a borrowed head.

    stops: (U,) int64 on the CPU, -1 where nothing stops. Where no picture sends a gradient the cut is "all" rather
    than a mask, so that parameters below it have gradient None: on a gradient of zeros AdamW would still move them.
    """
    if stops.numel() and not NO_STOP <= int(stops.min()) <= int(stops.max()) <= n_blocks - 2:
        raise UsageError(
            f"stops {stops.tolist()}", expected=f"-1 (no stop) to {n_blocks - 2}: the last block must train"
        )
    if not bool((stops > NO_STOP).any()):
        return [None] * n_blocks, None
    at_blocks = [_cut(stops >= block - 1, device) if block else None for block in range(n_blocks)]
    return at_blocks, _cut(stops > NO_STOP, device)


def _cut(stopped: Tensor, device: torch.device) -> Cut:
    if not bool(stopped.any()):
        return None
    return "all" if bool(stopped.all()) else stopped.to(device)[:, None, None]
