"""The stages before generation: what generators have to render or train first, once for all that ask for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from bench.errors import BenchError
from bench.generators.protocol import Generator, Preparation
from bench.plugins.guard import plugin_code
from bench.run.executors import Executor, InProcess
from bench.run.places import OURS, Places
from bench.run.plan import OfGenerator, Plan, ask_generator, build_generator, generator_class, of_generator
from bench.workers.limits import Lost
from groundwork.progress import Reporter, Stage

_NAMED = 4  # pieces of work that are named before a stage begins


def prepare_generators(
    plan: Plan, seeds: Mapping[str, Sequence[int]], places: Places, reporter: Reporter
) -> dict[str, BenchError]:
    """Do what generators need before they can make samples of `seeds`, by generator name.

    Returns why generators cannot make theirs, by name. Work of one kind is one stage, with the time that is left by the
    pace so far; an interrupted run picks up what its generators have kept. Strangers' work is done where they work, and
    moves the stage on when a piece is done.
    """
    wanted: dict[str, Preparation] = {}
    users: dict[str, list[str]] = {}
    failed: dict[str, BenchError] = {}
    for entry in plan.generators:
        if not seeds.get(entry.name) or generator_class(entry).preparations is Generator.preparations:
            continue
        try:
            pieces = _pieces(of_generator(entry, plan.context, places, tuple(seeds[entry.name])), places)
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


def _pieces(question: OfGenerator, places: Places) -> tuple[Preparation, ...]:
    """What a generator needs, to be done where it works."""
    executor = places.beside(question.entry)
    if isinstance(executor, InProcess) or question.owner == OURS:
        return _asked(question)
    told = ask_generator(_told, question, places)
    return tuple(replace(piece, do=partial(_do_there, question, piece, executor, places)) for piece in told)


def _asked(question: OfGenerator) -> tuple[Preparation, ...]:
    generator = build_generator(question.entry, question.context)
    with plugin_code(f"generator '{question.entry.name}'", "preparations()"):
        return tuple(generator.preparations(question.seeds))


def _told(question: OfGenerator) -> tuple[Preparation, ...]:
    """In its process: what it needs, without the work itself, which does not travel."""
    return tuple(replace(piece, do=_nothing) for piece in _asked(question))


def _nothing(_: object) -> None:
    return None


@dataclass(frozen=True)
class _Piece:
    question: OfGenerator
    key: str

    @property
    def owner(self) -> str:
        return self.question.owner


def _do_there(
    question: OfGenerator, piece: Preparation, executor: Executor, places: Places, advance: Callable[[int], None]
) -> None:
    limits = places.preparing(piece.steps)
    for answer in executor.map(_do, [_Piece(question, piece.key)], lambda _: limits):
        if isinstance(answer, Lost):
            raise answer.error
    advance(piece.steps)


def _do(task: _Piece) -> None:
    for piece in _asked(task.question):
        if piece.key == task.key:  # or it was done meanwhile
            piece.do(_nothing)


def _advance(stage: Stage, note: str, steps: int) -> None:
    stage.advance(steps, note)


def _tell(kind: str, pieces: Sequence[Preparation], reporter: Reporter) -> None:
    names = ", ".join(piece.name for piece in pieces[:_NAMED])
    more = f" and {len(pieces) - _NAMED} more" if len(pieces) > _NAMED else ""
    reporter.say(f"{kind}: {names}{more}; kept in {', '.join(dict.fromkeys(piece.kept for piece in pieces))}")
