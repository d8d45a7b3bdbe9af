"""A worker on a cluster: an actor that keeps one process for its tasks and holds it to their limits.

The work is not done in the actor itself. What hangs, crashes or leaks costs a process that is replaced here, just as
beside a local run, and the actor is left to tell what happened.
"""

from __future__ import annotations

import os
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError, PluginError
from bench.plugins.guard import outcry
from bench.workers.crew import Crew
from bench.workers.frames import seal, unpack
from bench.workers.limits import Limits, Lost


@dataclass(frozen=True)
class Sealed:
    """A function and its task, packed: only the process that does the work needs the modules that they come from."""

    content: bytes


class Agent:
    """What Ray makes an actor of. `path`: where the driver looks for modules; `threads` to compute with."""

    def __init__(self, path: Sequence[str], threads: int | None) -> None:
        # Ray's own copies of packages are for Ray; what the driver can import is looked for where it lies, if it does
        own = [entry for entry in sys.path if "thirdparty_files" not in entry and "_private" not in entry]
        sys.path[:] = [*own, *(entry for entry in path if entry not in own and Path(entry).is_dir())]
        self._crew = Crew(1, keep=True, threads=threads)

    def hello(self, described: Callable[[], dict[str, Any]]) -> tuple[str, int, dict[str, Any]]:
        """The machine's name, this process, and what `described` says here."""
        return socket.gethostname(), os.getpid(), described()

    def do(self, module: str, sealed: Sealed, limits: Limits) -> bytes:
        """The packed answer: ("done", what the function returned), ("lost", why and when) or ("raised", error, trace).

        `module` is imported before the clock is looked at.
        """
        self._crew.imports = module
        try:
            (answer,) = self._crew.map(open_and_do, [sealed], lambda _: limits)
        except Exception as error:
            trace = "".join(traceback.format_exception(error))
            told = error if isinstance(error, BenchError) else PluginError(f"the code {outcry(error)}")
            return seal(("raised", told, trace))
        if isinstance(answer, Lost):
            return seal(("lost", answer.error, answer.seconds))
        return answer


def open_and_do(sealed: Sealed) -> bytes:
    """In the process: do what was packed."""
    function, task = unpack(sealed.content)
    return seal(("done", function(task)))
