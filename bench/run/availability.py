"""Which generators of a suite can be had here, for a folder that is scored beside them."""

from __future__ import annotations

from bench.errors import BenchError
from bench.run.options import RunOptions
from bench.run.plan import generator_fingerprint, make_plan
from bench.suite.schema import Suite


def available(suite: Suite, scored: str, options: RunOptions) -> tuple[tuple[str, ...], dict[str, BenchError]]:
    """Names of the scored folder and of those that can be had beside it; the others by name, with the reason.

    A person who scores a folder need not have the model whose pictures are a reference. Without it, metrics against
    that reference are rows that say so; everything else is measured.
    """
    context = make_plan(suite, options).context
    there, absent = [scored], {}
    for entry in suite.generators:
        if entry.name == scored:
            continue
        try:
            generator_fingerprint(entry, context)
        except BenchError as error:
            absent[entry.name] = error
        else:
            there.append(entry.name)
    return tuple(there), absent
