"""What goes where: answers on standard output, everything else on standard error, colours only where someone looks."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from typing import Any, TextIO

import typer


@dataclass(frozen=True)
class Invocation:
    """How the program was called: the whole command line, and the flags that hold for every command."""

    argv: tuple[str, ...]
    offline: bool = False
    debug: bool = False


def invocation(context: typer.Context) -> Invocation:
    """How the program was called."""
    found = context.find_root().obj
    return found if isinstance(found, Invocation) else Invocation(tuple(sys.argv))


def printable(text: str) -> str:
    """`text` without what could drive a terminal: names of files and prompts come from strangers."""
    return "".join(c if c in "\n\t" or c.isprintable() else ascii(c)[1:-1] for c in text)


def first_sentence(text: str) -> str:
    """The first sentence of a longer text, on one line."""
    words = " ".join(text.split())
    first, stop, _ = words.partition(". ")
    return f"{first}." if stop else words


_answers: TextIO | None = None  # where answers go while standard output is not theirs


@contextmanager
def only_answers_on_stdout() -> Iterator[None]:
    """Send what plug-ins, their libraries and their processes print to standard error meanwhile; answers come through.

    Also a decorator. A second one inside changes nothing.
    """
    global _answers
    if _answers is not None:
        yield
        return
    own = sys.stdout
    own.flush()
    kept = os.dup(1)
    # a test, or a notebook, has put something else in the place of the process' own
    _answers = os.fdopen(os.dup(kept), "w", encoding="utf-8") if _is_first_file(own) else own
    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if _answers is not own:
            with suppress(OSError):
                _answers.close()
        _answers = None
        os.dup2(kept, 1)
        os.close(kept)


def _is_first_file(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 1
    except (OSError, ValueError, AttributeError):
        return False


def answer(text: str) -> None:
    """A line of the result, on standard output."""
    _put(printable(text))


def answer_json(value: Any) -> None:
    """The whole result as JSON, on standard output. NaN becomes null: JSON has no NaN."""
    _put(json.dumps(_finite(value), indent=2, ensure_ascii=True, allow_nan=False, default=str))


def _put(text: str) -> None:
    try:
        print(text, file=_answers or sys.stdout, flush=True)
    except BrokenPipeError:  # the reader has seen enough (`| head`): no fault of anybody
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, (_answers or sys.stdout).fileno())
        os.close(silent)


def note(text: str, style: str = "") -> None:
    """A line for people, on standard error."""
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True).print(Text(printable(text), style=style), soft_wrap=True)


def answer_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on a terminal; elsewhere one line per row, cells separated by tabs."""
    if not (_answers or sys.stdout).isatty():
        for row in rows:
            answer("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, no_wrap=index == 0)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console(file=_answers or sys.stdout).print(table)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and value - value != 0 else value
