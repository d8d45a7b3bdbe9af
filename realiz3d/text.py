"""What a host is conditioned on besides time and control: one type for every text encoder, and for class labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from realiz3d.errors import UsageError

_TRAILING = {"embeds": 2, "mask": 1, "pooled": 1, "labels": 0}


@dataclass(frozen=True, eq=False)
class Text:
    """Encoded prompts of B samples, shared by the views of a sample or given per view.

    embeds: (B, L, c) or (B, V, L, c), the encoder's token embeddings.
    mask:   (B, L) or (B, V, L), 1 = a token, 0 = padding.
    pooled: (B, p) or (B, V, p), pooled embeddings (SD3, Flux).
    labels: (B,) or (B, V) integers, for class-conditional hosts (DiT).
    guidance: the guidance scale that guidance-distilled hosts (Flux-dev, Sana-Sprint) read; ignored by the others.

    Shared and per-view fields do not mix: either every tensor has the axis V or none has it.
    """

    embeds: Tensor | None = None
    mask: Tensor | None = None
    pooled: Tensor | None = None
    labels: Tensor | None = None
    guidance: float = 1.0

    def __post_init__(self) -> None:
        lead = {tuple(value.shape[: value.ndim - _TRAILING[name]]) for name, value in self._tensors().items()}
        if not lead:
            raise UsageError("a Text without embeddings or labels", expected="embeds=..., or labels=... for DiT")
        if len(lead) > 1 or not 1 <= len(next(iter(lead))) <= 2:
            shapes = {name: tuple(value.shape) for name, value in self._tensors().items()}
            raise UsageError(
                f"the fields of a Text disagree about batch and views: {shapes}",
                expected="leading axes (B,) for every field, or (B, V) for every field",
            )

    @property
    def batch(self) -> int:
        """B."""
        return int(next(iter(self._tensors().values())).shape[0])

    @property
    def views(self) -> int | None:
        """V when given per view, None when the views of a sample share their text."""
        name, value = next(iter(self._tensors().items()))
        return int(value.shape[1]) if value.ndim - _TRAILING[name] == 2 else None

    def samples(self, chosen: slice) -> Text:
        """The texts of some of the samples."""
        return self._map(lambda value: value[chosen])

    def per_view(self, views: int) -> Text:
        """One text per view, views of a sample adjacent: (B * V, ...); a shared text is repeated."""
        if self.views is None:
            return self._map(lambda value: value.repeat_interleave(views, dim=0))
        if self.views != views:
            raise UsageError(f"texts for {self.views} views, but the grid has {views}")
        return self._map(lambda value: value.flatten(0, 1))

    def of_view(self, view: int) -> Text:
        """The text of one view of every sample: (B, ...)."""
        return self if self.views is None else self._map(lambda value: value[:, view])

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> Text:
        """A copy on a device; `dtype` changes embeddings only."""

        def move(value: Tensor) -> Tensor:
            return value.to(device=device, dtype=dtype if value.is_floating_point() else None)

        return self._map(move)

    def _tensors(self) -> dict[str, Tensor]:
        named = {field.name: getattr(self, field.name) for field in fields(self) if field.name in _TRAILING}
        return {name: value for name, value in named.items() if value is not None}

    def _map(self, change: Callable[[Tensor], Tensor]) -> Text:
        return Text(**{name: change(value) for name, value in self._tensors().items()}, guidance=self.guidance)


def require(value: Tensor | None, field: str, host: str) -> Tensor:
    """A field of a `Text` that a host cannot do without."""
    if value is None:
        raise UsageError(f"{host} needs Text({field}=...)", where=f"text.{field}")
    return value
