"""Text of the samples and of 'no text', as one batch for classifier-free guidance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from realiz3d.errors import DependencyMissing, UsageError
from realiz3d.hosts import Host
from realiz3d.hosts.prompts import Encoded, encode_prompts
from realiz3d.text import Text


class ComponentPrompts:
    """A prompt encoder from the parts of a pipeline: the base pipeline's class, with these parts, encodes.

    components: tokenizers, text encoders and the rest by name. Nothing is loaded or moved.
    """

    def __init__(
        self,
        host: type[Host],
        family: str,
        components: Mapping[str, Any],
        *,
        device: torch.device | str,
        length_tokens: int | None,
    ) -> None:
        import diffusers

        kind = getattr(diffusers, family, None)
        if not (isinstance(kind, type) and issubclass(kind, diffusers.DiffusionPipeline)):
            raise UsageError(f"diffusers has no pipeline {family!r}", where="text_pipeline")
        missing = [name for name, part in components.items() if name.startswith("text_encoder") and part is None]
        if len(missing) == sum(name.startswith("text_encoder") for name in components):
            raise UsageError(
                "the pipeline has no text encoder to encode prompts with",
                where="text_encoder",
                hint="pass encoded prompts, as Text",
            )
        expected, _ = kind._get_signature_keys(kind)
        self.pipeline = kind(**{name: components.get(name) for name in expected})
        self.host, self.device, self.length_tokens, self.fingerprint = host, device, length_tokens, ""

    def encode(self, captions: Sequence[str]) -> list[Encoded]:
        """One entry per caption."""
        return encode_prompts(self.host, self.pipeline, captions, device=self.device, length_tokens=self.length_tokens)


def caption_encoder(
    host: type[Host],
    settings: Mapping[str, Any] | None,
    family: str | None,
    components: Mapping[str, Any],
    device: torch.device | str,
) -> Any:
    """The encoder that a pipeline's text settings describe; the kinds are those of `realiz3d.training.config`.

    Raises `UsageError` when there is none.
    """
    kind = (settings or {}).get("encoder", "pipeline")
    if kind == "pipeline" and family is not None:
        length = (settings or {}).get("length_tokens")
        return ComponentPrompts(host, family, components, device=device, length_tokens=length)
    if kind == "pipeline":
        raise UsageError(
            "this pipeline cannot encode prompts",
            expected="encoded prompts: Text(embeds=..., mask=...), or Text(labels=...) for class-conditional hosts",
        )
    try:
        from realiz3d.training.captions import NamedClasses, WordVectors
        from realiz3d.training.config import ClassLabels, HashedWords
    except ImportError as error:
        raise DependencyMissing(f"this text encoder needs pydantic: {error}", hint="pip install pydantic") from error
    if kind == "hashed_words":
        return WordVectors(HashedWords.model_validate(settings))
    return NamedClasses(ClassLabels.model_validate(settings))


def encode_text(encoder: Any, prompts: Sequence[str]) -> Text:
    """(B, ...) of B prompts."""
    from realiz3d.training.captions import Captions

    captions = Captions(encoder)
    captions.prepare(prompts)
    return captions.text(prompts)


def join_texts(first: Text, second: Text) -> Text:
    """The samples of both, first ones first; texts of different length are padded with masked zeros."""
    fields: dict[str, Tensor] = {}
    for name in ("embeds", "mask", "pooled", "labels"):
        one, other = getattr(first, name), getattr(second, name)
        if name == "mask" and first.embeds is not None and second.embeds is not None:
            lengths = first.embeds.shape[-2], second.embeds.shape[-2]
            if one is None and other is None and lengths[0] != lengths[1]:
                raise UsageError(
                    f"texts of {lengths[0]} and {lengths[1]} tokens for a host without text mask",
                    where="negative_prompt",
                    expected="the same number of tokens",
                )
            one, other = (_mask(text, one is not None or other is not None) for text in (first, second))
        if (one is None) != (other is None):
            raise UsageError(f"one text has {name}, the other has not", where="negative_prompt")
        if one is None:
            continue
        if name in ("embeds", "mask"):
            one, other = _same_length(one, other, axis=-2 if name == "embeds" else -1)
        fields[name] = torch.cat([one, other.to(one)])
    return Text(**fields, guidance=second.guidance)


def _mask(text: Text, wanted: bool) -> Tensor | None:
    if text.mask is not None or not wanted or text.embeds is None:
        return text.mask
    return torch.ones(text.embeds.shape[:-1], dtype=torch.int64, device=text.embeds.device)


def _same_length(one: Tensor, other: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    longest = max(one.shape[axis], other.shape[axis])
    behind = [0, 0] * (-axis - 1)
    return tuple(pad(value, [*behind, 0, longest - value.shape[axis]]) for value in (one, other))  # type: ignore[return-value]
