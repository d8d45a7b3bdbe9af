"""Prompts through a diffusers pipeline's own `encode_prompt`: the same words condition training and sampling alike."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

Encoded = dict[str, Tensor]  # fields of Text without batch axis: embeds (L, c), mask (L,), pooled (p,), labels ()


@torch.no_grad()
def encode_prompts(
    pipeline: Any, prompts: Sequence[str], *, device: torch.device | str, length_tokens: int | None = None
) -> list[Encoded]:
    """Each prompt alone, on the CPU: embeds with mask (PixArt, Sana, Qwen-Image; padding cut off), or with pooled (SD3,
    Flux). length_tokens: the longest prompt; None: the pipeline's default. The pipeline stays where it is.
    """
    wanted: dict[str, Any] = {"prompt": list(prompts), "prompt_2": None, "prompt_3": None, "device": device}
    # rewriting prompts where two packages happen to be installed would make results depend on the machine
    wanted |= {"do_classifier_free_guidance": False, "clean_caption": False}
    if length_tokens:
        wanted["max_sequence_length"] = length_tokens
    understood = inspect.signature(pipeline.encode_prompt).parameters
    found = pipeline.encode_prompt(**{name: wanted[name] for name in wanted if name in understood})
    family = type(pipeline).__name__
    embeds = found[0].cpu()
    if family.startswith("StableDiffusion3"):
        return [{"embeds": e, "pooled": p} for e, p in zip(embeds, found[2].cpu(), strict=True)]
    if family.startswith("Flux"):
        return [{"embeds": e, "pooled": p} for e, p in zip(embeds, found[1].cpu(), strict=True)]
    if found[1] is None:  # Qwen-Image leaves the mask out when nothing is padded
        return [{"embeds": e, "mask": torch.ones(len(e), dtype=torch.int64)} for e in embeds]
    return [_trimmed(e, m) for e, m in zip(embeds, found[1].cpu().long(), strict=True)]


def _trimmed(embeds: Tensor, mask: Tensor) -> Encoded:
    """Without the padding behind the last token; attention never sees it, and it is most of the bytes."""
    length = max(1, int(mask.nonzero().max()) + 1 if mask.any() else 1)
    return {"embeds": embeds[:length].contiguous(), "mask": mask[:length].contiguous()}
