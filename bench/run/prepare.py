"""The stages before generation: what generators have to render or train first, once for all that ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from bench.errors import BenchError
from bench.generators.protocol import Generator, Preparation
from bench.plugins.guard import plugin_code
from bench.run.plan import Plan, build_generator, generator_class
from groundwork.progress import Reporter, Stage

_NAMED = 4  # pieces of work that are named before a stage begins


def prepare_generators(plan: Plan, seeds: Mapping[str, Sequence[int]], reporter: Reporter) -> dict[str, BenchError]:
    """Do what generators need before they can make samples of `seeds`, by generator name.

    Returns why generators cannot make theirs, by name. Work of one kind is one stage, with the time that is left by the
    pace so far; an interrupted run picks up what its generators have kept.
    """
    wanted: dict[str, Preparation] = {}
    users: dict[str, list[str]] = {}
    failed: dict[str, BenchError] = {}
    for entry in plan.generators:
        if not seeds.get(entry.name) or generator_class(entry).preparations is Generator.preparations:
            continue
        try:
            generator = build_generator(entry, plan.context)
            with plugin_code(f"generator '{entry.name}'", "preparations()"):
                pieces = tuple(generator.preparations(seeds[entry.name]))
        except BenchError as error:
            failed[entry.name] = error
            continue
        for piece in pieces:
            wanted.setdefault(piece.key, piece)
            users.setdefault(piece.key, []).append(entry.name)
    for kind in dict.fromkeys(piece.kind for piece in wanted.values()):
        pieces = tuple(piece for piece in wanted.values() if piece.kind == kind)
        _tell(kind, pieces, reporter)
        with reporter.stage(kind, sum(piece.steps for piece in pieces)) as stage:
            for number, piece in enumerate(pieces, 1):
                whose = users[piece.key]
                if all(name in failed for name in whose):
                    continue
                try:
                    with plugin_code(f"generator '{whose[0]}'", piece.name):
                        piece.do(partial(_advance, stage, f"{piece.name}, {number} of {len(pieces)}"))
                except BenchError as error:
                    failed |= {name: error for name in whose if name not in failed}
    return failed


def _advance(stage: Stage, note: str, steps: int) -> None:
    stage.advance(steps, note)


def _tell(kind: str, pieces: Sequence[Preparation], reporter: Reporter) -> None:
    names = ", ".join(piece.name for piece in pieces[:_NAMED])
    more = f" and {len(pieces) - _NAMED} more" if len(pieces) > _NAMED else ""
    reporter.say(f"{kind}: {names}{more}; kept in {', '.join(dict.fromkeys(piece.kept for piece in pieces))}")
