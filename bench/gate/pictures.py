"""The baseline's pictures: a baseline directory holds none, but a run may still do, recognised by their digests."""

from __future__ import annotations

from dataclasses import replace

from bench.gate.inputs import Input
from bench.gate.sides import Side
from groundwork.errors import InputError, UsageError


def with_pictures(side: Side, source: Input) -> Side:
    """`side` with the run folder of `source`. Raises `InputError` unless that holds the pictures that were scored."""
    if source.run is None:
        raise UsageError(
            "--pictures needs a run folder: a baseline directory holds no pictures", where=str(source.path)
        )
    there = source.side(side.generator).digests
    changed = sorted(sample for sample, digest in side.digests.items() if there.get(sample) != digest)
    if changed or not side.digests:
        lacking = f"{len(changed)} of {len(side.digests)} samples differ or are gone, such as {changed[0]}"
        raise InputError(
            f"these are not the baseline's pictures: {lacking}" if changed else "the baseline knows no pictures",
            where=str(source.path),
            expected="the run that the baseline was accepted from",
        )
    return replace(side, root=source.path)
