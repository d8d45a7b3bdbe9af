"""What a block must know while it runs, and how it gets to know it.

Each block carries a `Slot`. A forward of the `MultiviewModel` fills all slots, the hooks of the blocks read their
own, and the slots are emptied again when the forward returns. A block that finds its slot empty stops with an error
instead of running without a shift.

That matters for gradient checkpointing, which runs a block a second time during `backward()`. Were the second run to
see another plan, the gradient would be off by a few per cent without any message. `bind_checkpointing` therefore ties
the state of the first run to the second; a checkpoint wrapper that is not tied finds an empty slot and fails.

Hooks share one function, and all that differs between blocks lies in tensors of the slot: `torch.compile` then compiles
one block and uses it for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from realiz3d.errors import OutOfOrder, UsageError
from realiz3d.tiling import Grid

# which samples send no gradient below a block: none, all, or those marked in a (U, 1, 1) mask
Cut = Literal["all"] | Tensor | None


class BlockState(NamedTuple):
    """What one block does in one call of the host on U pictures.

    shift: (U, 1, d) added to the image tokens, or None. cut: where the gradient stops in front of the block.
    head_cut: the same for the timestep embedder that the output head borrows from the first block (DiT).
    grid: the views that the pictures consist of, None when each picture is one view. domains: (U,) values of `Domain`
    that the plan has for this block, or None without a plan.
    """

    shift: Tensor | None
    cut: Cut
    head_cut: Cut
    grid: Grid | None
    domains: Tensor | None = None


class Slot:
    """The place beside a block where its state lies."""

    def __init__(self) -> None:
        self.state: BlockState | None = None

    def read(self) -> BlockState:
        """The state; raises when no forward of the model is running."""
        if self.state is None:
            raise OutOfOrder(
                "a transformer block ran outside of a forward of its MultiviewModel, so its domain is unknown",
                hint="call the MultiviewModel, not its transformer. If this came up during backward(): a checkpoint "
                "wrapper that is not tied to the model runs blocks again; use model.enable_gradient_checkpointing()",
            )
        return self.state


def cut_gradient(x: Tensor, cut: Cut) -> Tensor:
    """x with the gradient stopped for the samples that `cut` names; the values do not change."""
    if cut is None:
        return x
    if isinstance(cut, Tensor):
        mask = cut.reshape(-1, *[1] * (x.ndim - 1))
        return torch.where(mask, x.detach(), x)
    return x.detach()


def hook_block(block: nn.Module, slot: Slot, *, text_stream: bool) -> RemovableHandle:
    """Shift and cut the tokens that enter a block; with `text_stream` the text tokens are cut too."""
    # not registered as a submodule: a slot holds no parameters and must not appear in state dicts
    block.__dict__["realiz3d_slot"] = slot
    hook = _two_stream_hook if text_stream else _one_stream_hook
    return block.register_forward_pre_hook(hook, with_kwargs=True)


def _one_stream_hook(
    block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    state = block.__dict__["realiz3d_slot"].read()
    return replace_argument(args, kwargs, "hidden_states", 0, lambda x: _enter(x, state))


def _two_stream_hook(
    block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    state = block.__dict__["realiz3d_slot"].read()
    args, kwargs = replace_argument(args, kwargs, "hidden_states", 0, lambda x: _enter(x, state))
    return replace_argument(args, kwargs, "encoder_hidden_states", 1, lambda x: cut_gradient(x, state.cut))


def _enter(x: Tensor, state: BlockState) -> Tensor:
    x = cut_gradient(x, state.cut)
    return x if state.shift is None else x + state.shift.to(device=x.device, dtype=x.dtype)


def replace_argument(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], name: str, position: int, change: Callable[[Tensor], Tensor]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Change one argument of a call. Hosts pass it by keyword, gradient checkpointing passes it by position."""
    if name in kwargs:
        return args, {**kwargs, name: change(kwargs[name])}
    if len(args) <= position:
        raise UsageError(f"a transformer block was called without {name}")
    return (*args[:position], change(args[position]), *args[position + 1 :]), dict(kwargs)


def fill(slots: Sequence[Slot], states: Sequence[BlockState] | None) -> None:
    """Set every slot, or empty them all."""
    for i, slot in enumerate(slots):
        slot.state = None if states is None else states[i]


class _Remembering:
    """A block together with the state of its first run, for checkpoint functions that run it again."""

    def __init__(self, block: nn.Module) -> None:
        self.block = block
        self.slot: Slot = block.__dict__["realiz3d_slot"]
        self.state = self.slot.read()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        before, self.slot.state = self.slot.state, self.state
        try:
            return self.block(*args, **kwargs)
        finally:
            self.slot.state = before


def bind_checkpointing(transformer: Any) -> None:
    """Tie the host's checkpoint function to the block states, once; does nothing while checkpointing is off."""
    if not getattr(transformer, "gradient_checkpointing", False):
        return
    original = transformer._gradient_checkpointing_func
    if getattr(original, "realiz3d_bound", False):
        return

    def checkpoint(block: nn.Module, *args: Any) -> Any:
        return original(_Remembering(block), *args)

    checkpoint.realiz3d_bound = True  # type: ignore[attr-defined]
    transformer._gradient_checkpointing_func = checkpoint
