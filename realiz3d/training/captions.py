"""Captions as conditioning: encoded once by a frozen encoder, kept by content, handed out as `Text`.

Training never holds the text encoder: all captions of a run are encoded before its first step, and the encoder, which
may be larger than the model that trains, is let go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from groundwork.hashing import content_key
from realiz3d.data.tensor_cache import TensorCache
from realiz3d.errors import DataError, UsageError
from realiz3d.hosts import Host
from realiz3d.hosts.prompts import Encoded, encode_prompts
from realiz3d.text import Text
from realiz3d.training.config import ClassLabels, HashedWords, PipelineText

NULL = ""  # the caption that stands for no text


class CaptionEncoder(Protocol):
    """Turns captions into conditioning. `fingerprint` changes with everything that decides the result."""

    fingerprint: str

    def encode(self, captions: Sequence[str]) -> list[Encoded]:
        """One entry per caption; the empty caption is that of no text."""
        ...


class WordVectors:
    """Captions as fixed random unit vectors, one a word, that depend on the word alone."""

    def __init__(self, settings: HashedWords) -> None:
        self.settings, self.fingerprint = settings, f"hashed words v1 {settings.model_dump_json()}"

    def encode(self, captions: Sequence[str]) -> list[Encoded]:
        """embeds, mask and, if wanted, pooled; padding is zero and masked. No text is one masked-in zero vector."""
        return [self._encode(caption.lower().split()[: self.settings.length_tokens]) for caption in captions]

    def _encode(self, words: list[str]) -> Encoded:
        embeds = torch.zeros(self.settings.length_tokens, self.settings.width)
        mask = torch.zeros(self.settings.length_tokens, dtype=torch.int64)
        mask[: max(1, len(words))] = 1
        for place, word in enumerate(words):
            embeds[place] = self._vector(word)
            if self.settings.places:
                # a caption never holds white space inside a word, so places cannot be taken for words
                embeds[place] += 0.5 * self._vector(f"place {place}")
        encoded = {"embeds": embeds, "mask": mask}
        return encoded | {"pooled": embeds.sum(0) / mask.sum()} if self.settings.pooled else encoded

    def _vector(self, name: str) -> Tensor:
        """Its length is the root of its width: one a channel, as hosts expect."""
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])
        vector: Tensor = torch.randn(self.settings.width, generator=torch.Generator().manual_seed(seed))
        length: float = self.settings.width**0.5
        return vector.mul(length / vector.norm())


class NamedClasses:
    """Captions as the class whose name they contain; no text is the class after the last, as DiT has it."""

    def __init__(self, settings: ClassLabels) -> None:
        self.names, self.fingerprint = settings.names, f"labels v1 {settings.model_dump_json()}"

    def encode(self, captions: Sequence[str]) -> list[Encoded]:
        """labels alone. Raises `DataError` for a caption that names no class."""
        return [{"labels": torch.tensor(self._label(caption))} for caption in captions]

    def _label(self, caption: str) -> int:
        if caption == NULL:
            return len(self.names)
        for label, name in enumerate(self.names):
            if name.lower() in caption.lower():
                return label
        raise DataError(
            f"the caption {ascii(caption)[:200]} names no class",
            expected=f"one of {', '.join(self.names)[:500]}",
            hint="add the class to base.text.names",
        )


class PromptEncoder:
    """The text encoders of a host's pipeline, through its own `encode_prompt`; `load` makes the pipeline."""

    def __init__(
        self,
        host: type[Host],
        load: Callable[[], Any],
        settings: PipelineText,
        *,
        base: str,
        device: torch.device | str = "cpu",
    ) -> None:
        self.host, self.load, self.settings, self.device = host, load, settings, device
        self.fingerprint = f"prompts v1 {base} {settings.model_dump_json()}"
        self._pipeline: Any = None

    @torch.no_grad()
    def encode(self, captions: Sequence[str]) -> list[Encoded]:
        """As the host reads them: `Host.encoded_prompts`."""
        if self._pipeline is None:
            self._pipeline = self.load().to(self.device)
        length = self.settings.length_tokens
        return encode_prompts(self.host, self._pipeline, captions, device=self.device, length_tokens=length)

    def release(self) -> None:
        """Let the encoders go; the next `encode` loads them again."""
        self._pipeline = None


class Captions:
    """Encoded captions of a run, from the cache or encoded now."""

    def __init__(self, encoder: CaptionEncoder, cache: TensorCache | None = None) -> None:
        self.encoder, self.cache = encoder, cache
        self._kept: dict[str, Encoded] = {}

    def prepare(self, captions: Sequence[str], *, batch: int = 16) -> None:
        """Encode those captions that are neither in memory nor in the cache."""
        wanted = [caption for caption in dict.fromkeys(captions) if self._find(caption) is None]
        for start in range(0, len(wanted), batch):
            some = wanted[start : start + batch]
            for caption, encoded in zip(some, self.encoder.encode(some), strict=True):
                if self.cache is None:
                    self._kept[caption] = encoded
                else:
                    self.cache.put(self._key(caption), encoded)

    def text(self, captions: Sequence[str]) -> Text:
        """(B, ...) of B captions."""
        return _stack([self._get(caption) for caption in captions])

    def text_per_view(self, captions: Sequence[Sequence[str]]) -> Text:
        """(B, V, ...) of B samples with a caption for each of V views."""
        views = len(captions[0])
        flat = self.text([caption for sample in captions for caption in sample])
        return flat._map(lambda value: value.reshape(-1, views, *value.shape[1:]))

    def _get(self, caption: str) -> Encoded:
        found = self._find(caption)
        if found is None:
            raise UsageError("a caption was not prepared", where=ascii(caption)[:200], hint="prepare() all of them")
        return found

    def _find(self, caption: str) -> Encoded | None:
        if caption in self._kept:
            return self._kept[caption]
        return None if self.cache is None else self.cache.get(self._key(caption))

    def _key(self, caption: str) -> str:
        return content_key("caption v1", self.encoder.fingerprint, caption)


def _stack(encoded: Sequence[Encoded]) -> Text:
    """One batch; texts of different length are padded with masked zeros."""
    fields: dict[str, Tensor] = {}
    for name in encoded[0]:
        values = [entry[name] for entry in encoded]
        longest = max((len(value) for value in values if value.ndim), default=0)
        if name in ("embeds", "mask"):
            values = [torch.cat([value, value.new_zeros(longest - len(value), *value.shape[1:])]) for value in values]
        fields[name] = torch.stack(values)
    return Text(fields.get("embeds"), fields.get("mask"), fields.get("pooled"), fields.get("labels"))
