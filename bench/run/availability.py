"""Which generators of a suite can be had here, for a folder that is scored beside them."""

from __future__ import annotations

from dataclasses import replace

from bench.errors import BenchError
from bench.run.options import RunOptions
from bench.run.places import open_places
from bench.run.plan import ask_fingerprint, generator_context
from bench.suite.schema import Suite


def available(suite: Suite, scored: str, options: RunOptions) -> tuple[tuple[str, ...], dict[str, BenchError]]:
    """Names of the scored folder and of those that can be had beside it; the others by name, with the reason.

    A person who scores a folder need not have the model whose pictures are a reference. Without it, metrics against
    that reference are rows that say so; everything else is measured. Each is asked where it works on this machine.
    """
    others = [entry for entry in suite.generators if entry.name != scored]
    there, absent = [scored], {}
    if others:
        context = generator_context(suite, options.device)
        with open_places(suite, replace(options, executor="local", workers=1)) as places:
            for entry in others:
                try:
                    ask_fingerprint(entry, context, places)
                except BenchError as error:
                    absent[entry.name] = error
                else:
                    there.append(entry.name)
    return tuple(there), absent
