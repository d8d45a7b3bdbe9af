"""Where a sample's time goes, of generators that run diffusers-like pipelines: text, encode, denoise, decode.

Calls of the pipeline's parts are bracketed by marks on the device's own clock, which nobody waits for until all work is
done. It is a pass of its own, after the timed ones, so that nothing of this is in their times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.throughput.stopwatch import Moments

STAGES = ("text", "encode", "denoise", "decode")


@dataclass(frozen=True)
class StageTime:
    """Seconds of all calls of a stage, and how many there were: of `denoise` one a step, whatever the batch."""

    name: str
    seconds: float
    calls: int


@dataclass
class StageClock:
    """Times calls on `device` while `watching` parts."""

    device: str
    _marks: list[tuple[str, Any, Any]] = field(default_factory=list)
    _within: bool = False

    @contextmanager
    def watching(self, pipelines: Iterable[Any]) -> Iterator[None]:
        """Time the parts of pipelines, each with `encode_prompt`, `vae`, `transformer` or `unet`, where it has them."""
        moments = Moments(self.device)
        places = list(_places(pipelines))
        missing = object()
        kept = [(owner, name, vars(owner).get(name, missing)) for _, owner, name in places]
        for stage, owner, name in places:
            object.__setattr__(owner, name, self._timed(stage, getattr(owner, name), moments))
        try:
            yield
        finally:
            for owner, name, before in kept:
                if before is missing:
                    object.__delattr__(owner, name)
                else:
                    object.__setattr__(owner, name, before)

    def _timed(self, stage: str, call: Callable[..., Any], moments: Moments) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            if self._within:  # a part that calls itself, or another's: once is enough
                return call(*arguments, **options)
            self._within = True
            start = moments.now()
            try:
                return call(*arguments, **options)
            finally:
                self._marks.append((stage, start, moments.now()))
                self._within = False

        return timed

    def read(self) -> tuple[StageTime, ...]:
        """Each stage that was called, in the order of work; waits for the device."""
        moments = Moments(self.device)
        moments.wait()
        marks, self._marks = self._marks, []
        return tuple(
            StageTime(stage, sum(moments.between(a, b) for name, a, b in marks if name == stage), len(calls))
            for stage in STAGES
            if (calls := [name for name, _, _ in marks if name == stage])
        )


def _places(pipelines: Iterable[Any]) -> Iterator[tuple[str, Any, str]]:
    """(stage, object, name of its method) of every part, once."""
    seen: set[tuple[int, str]] = set()
    for pipeline in pipelines:
        network = getattr(pipeline, "transformer", None) or getattr(pipeline, "unet", None)
        vae = getattr(pipeline, "vae", None)
        for stage, owner, name in (
            ("text", pipeline, "encode_prompt"),
            ("encode", vae, "encode"),
            ("denoise", network, _forward(network)),
            ("decode", vae, "decode"),
        ):
            if owner is not None and callable(getattr(owner, name, None)) and (id(owner), name) not in seen:
                seen.add((id(owner), name))
                yield stage, owner, name


def _forward(network: Any) -> str:
    """What a call of a network runs: a mark inside of a compiled graph would break it in two."""
    return "_compiled_call_impl" if getattr(network, "_compiled_call_impl", None) is not None else "forward"
