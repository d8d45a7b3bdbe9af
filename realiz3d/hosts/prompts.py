"""Prompts through a diffusers pipeline's own `encode_prompt`: the same words condition training and sampling alike.

What `encode_prompt` returns differs between pipelines, and a pooled vector looks like a mask to a careless reader. So
each host says how its pipelines' answer is read (`Host.encoded_prompts`), mostly by one of the two functions here.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from realiz3d.errors import UsageError

if TYPE_CHECKING:
    from realiz3d.hosts.base import Host

Encoded = dict[str, Tensor]  # fields of Text without batch axis: embeds (L, c), mask (L,), pooled (p,), labels ()


@torch.no_grad()
def encode_prompts(
    host: type[Host],
    pipeline: Any,
    prompts: Sequence[str],
    *,
    device: torch.device | str,
    length_tokens: int | None = None,
) -> list[Encoded]:
    """Each prompt alone, on the CPU, as `host` reads the answer of `pipeline.encode_prompt`.

    length_tokens: the longest prompt; None: the pipeline's default. The pipeline stays where it is. Raises `UsageError`
    for an answer that the host does not understand.
    """
    wanted: dict[str, Any] = {"prompt": list(prompts), "prompt_2": None, "prompt_3": None, "device": device}
    # rewriting prompts where two packages happen to be installed would make results depend on the machine
    wanted |= {"do_classifier_free_guidance": False, "clean_caption": False}
    if length_tokens:
        wanted["max_sequence_length"] = length_tokens
    understood = inspect.signature(pipeline.encode_prompt).parameters
    answer = pipeline.encode_prompt(**{name: wanted[name] for name in wanted if name in understood})
    try:
        return host.encoded_prompts(answer, len(prompts))
    except UsageError as error:
        raise UsageError(
            error.message, where=f"{type(pipeline).__name__}.encode_prompt", expected=error.expected
        ) from None


def with_mask(embeds: Any, mask: Any, count: int) -> list[Encoded]:
    """Embeddings (N, L, c) with a mask (N, L) of 0 and 1, padding cut off; mask None: nothing is padded.

    Attention never sees the padding behind the last token, and it is most of the bytes.
    """
    embeds = _tensor(embeds, "embeddings", 3, count)
    if mask is None:
        return [{"embeds": e, "mask": torch.ones(len(e), dtype=torch.int64)} for e in embeds]
    mask = _tensor(mask, "a mask", 2, count)
    if mask.shape != embeds.shape[:2] or not ((mask == 0) | (mask == 1)).all():
        raise UsageError(
            f"the prompts' mask has shape {tuple(mask.shape)} and values that a mask cannot have",
            expected=f"0 and 1 of shape {tuple(embeds.shape[:2])}",
        )
    return [_trimmed(e, m) for e, m in zip(embeds, mask.long(), strict=True)]


def with_pooled(embeds: Any, pooled: Any, count: int) -> list[Encoded]:
    """Embeddings (N, L, c), whose padding is part of the prompt, with a pooled vector (N, p) each."""
    embeds, pooled = _tensor(embeds, "embeddings", 3, count), _tensor(pooled, "pooled embeddings", 2, count)
    return [{"embeds": e, "pooled": p} for e, p in zip(embeds, pooled, strict=True)]


def _tensor(value: Any, what: str, axes: int, count: int) -> Tensor:
    if not isinstance(value, Tensor) or value.ndim != axes or len(value) != count:
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"type {type(value).__name__}"
        raise UsageError(f"where {what} should be is something of {got}", expected=f"{axes} axes, {count} prompts")
    return value.cpu()


def _trimmed(embeds: Tensor, mask: Tensor) -> Encoded:
    length = max(1, int(mask.nonzero().max()) + 1 if mask.any() else 1)
    return {"embeds": embeds[:length].contiguous(), "mask": mask[:length].contiguous()}
