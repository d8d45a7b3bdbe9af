"""The command line. Here, and only here, errors become messages and exit codes.

0 success; 1 regression or a failed self-test; 2 wrong usage, configuration or input (and defects of ours);
3 incomplete; 130 interrupted.
Heavy libraries are imported by the commands that need them, so that help and mistakes answer at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated, Any, NoReturn

import typer

from bench import __version__
from bench.commands.bake import bake
from bench.commands.baseline import baseline
from bench.commands.cache import cache
from bench.commands.compare import compare
from bench.commands.doctor import doctor
from bench.commands.flags import flag
from bench.commands.generate import generate
from bench.commands.inspect import inspect
from bench.commands.leaderboard import leaderboard
from bench.commands.listing import list_names
from bench.commands.make_real_set import make_real_set
from bench.commands.reference import reference
from bench.commands.render_dataset import render_dataset
from bench.commands.report import report
from bench.commands.run import run
from bench.commands.score import score
from bench.commands.selftest import selftest
from bench.commands.terminal import Invocation, answer, note
from bench.commands.train import train
from bench.commands.tune_shifting import tune_shifting
from bench.commands.validate import validate
from bench.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, BenchError, UsageError
from bench.threads import sleep_when_idle
from groundwork.notes import Note
from groundwork.texts import visible

PROGRAM = "realiz3d-bench"

# flags of the program itself that people also write behind the command
_ANYWHERE = ("--debug", "--offline")

# typer carries its own copy of click in some versions, so the class is found from what typer makes public
_ClickException = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")

app = typer.Typer(
    name=PROGRAM,
    help="Score photorealistic, 3D-consistent image generators: realism, consistency, control, with honest statistics.",
    epilog="Every option is also an environment variable: --batch-size is REALIZ3D_BENCH_BATCH_SIZE.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        answer(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    context: typer.Context,
    offline: Annotated[bool, flag("--offline", "Never use the network. May stand anywhere.")] = False,
    debug: Annotated[bool, flag("--debug", "Show the traceback of an error. May stand anywhere.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    argv = context.obj.argv if isinstance(context.obj, Invocation) else tuple(sys.argv)
    context.obj = Invocation(argv, offline=offline, debug=debug)
    if offline:
        # read by the libraries that would fetch weights, in this process and its workers
        os.environ.update(REALIZ3D_BENCH_OFFLINE="1", HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")


app.command("run")(run)
app.command("score")(score)
app.command("report")(report)
app.command("compare")(compare)
app.add_typer(baseline, name="baseline")
app.add_typer(leaderboard, name="leaderboard")
app.add_typer(reference, name="reference")
app.add_typer(cache, name="cache")
app.command("list")(list_names)
app.command("validate")(validate)
app.command("inspect")(inspect)
app.command("doctor")(doctor)
app.command("selftest")(selftest)
app.command("render-dataset")(render_dataset)
app.command("make-real-set")(make_real_set)
app.command("train")(train)
app.command("tune-shifting")(tune_shifting)
app.command("generate")(generate)
app.command("bake")(bake)


def program() -> NoReturn:
    """The program itself: what `main` says, and nothing after it."""
    _open_standard_streams()
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os.dup2(2, 1)  # what plug-ins print while the process ends is no answer
    if any(t is not threading.main_thread() and not t.daemon and t.is_alive() for t in threading.enumerate()):
        os._exit(code)  # threads that a plug-in left: everything is written, and nobody waits for them
    sys.exit(code)


def _open_standard_streams() -> None:
    """Closed ones (`>&-`) would give their numbers to the next files that are opened, and these what is printed."""
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. `arguments` defaults to those of the process."""
    sleep_when_idle()
    words = list(sys.argv[1:] if arguments is None else arguments)
    call = Invocation((PROGRAM, *words))
    debug = "--debug" in words or os.environ.get("REALIZ3D_BENCH_DEBUG", "").lower() in ("1", "true", "yes", "on")
    warnings.showwarning = _show  # type: ignore[assignment]
    try:
        _refuse_undecodable([*words, *(v for k, v in os.environ.items() if k.startswith("REALIZ3D_BENCH_"))])
        with _terminated_as_interrupted():
            code = app(_program_flags_first(words), prog_name=PROGRAM, standalone_mode=False, obj=call)
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    except BenchError as error:
        _explain(str(error), error.exit_code, debug)
        return error.exit_code
    except (
        SystemExit
    ) as error:  # typer does not raise it here: a plug-in tried to end the program, perhaps with success
        if isinstance(error.__context__, BrokenPipeError):  # `--help | head`: the reader has seen enough
            return EXIT_OK
        hint = "report it to the plug-in's author; --debug shows where"
        _explain(f"a plug-in ended the program with sys.exit({error.code!r})\n  do:       {hint}", EXIT_USAGE, debug)
        return EXIT_USAGE
    except Exception as error:
        if isinstance(error, _ClickException) and not error.format_message():  # type: ignore[attr-defined]
            return EXIT_USAGE  # no command at all: typer has printed the help
        _explain(_unforeseen(error, debug), EXIT_USAGE, debug and not isinstance(error, _ClickException))
        return EXIT_USAGE
    if code == EXIT_INTERRUPTED:  # typer turns Ctrl-C into this code itself
        note("interrupted; run the same command to continue")
    return code if isinstance(code, int) else EXIT_OK


def _refuse_undecodable(words: Sequence[str]) -> None:
    """Names that are no UTF-8 cannot be written into summaries, nor read from there. Raises `UsageError`."""
    for word in words:
        if any("\ud800" <= letter <= "\udfff" for letter in word):
            raise UsageError(
                "the name is not valid UTF-8",
                where=visible(word),
                expected="names of files and folders in UTF-8",
                hint="rename it; if other programs show it well, set the locale to a UTF-8 one (LC_ALL=C.UTF-8)",
            )


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM as Ctrl-C: a batch system that ends the job leaves no half-told run and no processes behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


_show_warning = warnings.showwarning


def _show(message: Warning | str, category: type[Warning], *place: Any) -> None:
    """Notes are for people; what libraries warn of stays as it was."""
    if issubclass(category, Note):
        note(f"note: {message}", style="yellow")
    else:
        _show_warning(message, category, *place)


def _program_flags_first(words: Sequence[str]) -> list[str]:
    end = words.index("--") if "--" in words else len(words)
    moved = [word for word in words[:end] if word in _ANYWHERE]
    return [*dict.fromkeys(moved), *(word for word in words[:end] if word not in _ANYWHERE), *words[end:]]


def _command(context: Any) -> str:
    """The command that was called wrongly, as it is typed."""
    words: list[str] = []
    while context is not None and context.parent is not None:
        words.insert(0, str(context.info_name))
        context = context.parent
    return " ".join([PROGRAM, *words])


def _unforeseen(error: Exception, debug: bool) -> str:
    if isinstance(error, _ClickException):
        text: str = error.format_message()  # type: ignore[attr-defined]
        return f"{text}\n  do:       see {_command(getattr(error, 'ctx', None))} --help"
    if isinstance(error, OSError) and error.strerror:
        where = f"\n  where:    {error.filename}" if error.filename else ""
        return f"the system refused: {error.strerror}{where}\n  do:       fix that and run the same command again"
    hint = (
        "report this defect with the traceback below"
        if debug
        else "run the same command with --debug to see where, and report it"
    )
    return f"unexpected {type(error).__name__}: {error}\n  do:       {hint}"


def _explain(message: str, code: int, debug: bool) -> None:
    first, _, rest = message.partition("\n")
    note(f"error: {first}", style="bold red" if code == EXIT_USAGE else "bold yellow")
    if rest:
        note(rest)
    if debug:
        import traceback

        note(traceback.format_exc(), style="dim")
