"""Where code of others runs: whatever it raises, or however it tries to end the program, comes out as one error."""

from __future__ import annotations

import traceback
from types import TracebackType

from bench.errors import BenchError, PluginError
from bench.plugins.state import remember


class plugin_code:  # noqa: N801  read as `with plugin_code("metric 'mine'", "measure()")`
    """What `call` of `subject` raises comes out as a `BenchError` that opens with the subject; Ctrl-C passes.

    Errors for people keep their kind. Others, `sys.exit` among them, become a `PluginError` with the original as cause.
    What the code changed in the state that all share is put back.
    """

    def __init__(self, subject: str, call: str) -> None:
        self.subject, self.call = subject, call

    def __enter__(self) -> None:
        self._restore = remember()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self._restore()
        if error is None or isinstance(error, KeyboardInterrupt):
            return
        if isinstance(error, BenchError):
            raise error.about(self.subject) from error
        raise PluginError(f"{self.subject}: {self.call} {outcry(error)}") from error


def outcry(error: BaseException) -> str:
    """What an error of a stranger's did, as the end of a sentence: 'raised KeyError: views'."""
    if isinstance(error, SystemExit):
        return f"called sys.exit({'' if error.code is None else repr(error.code)})"
    said = " ".join(str(error).split())
    return f"raised {type(error).__name__}" + (f": {said}" if said else "")


def frames_of(error: BaseException) -> str:
    """The traceback of an error and of what caused it, as Python prints it."""
    return "".join(traceback.format_exception(error))
