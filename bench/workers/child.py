"""The worker's side: does one task after the other, answers in private, and never outlives its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO

from bench.errors import BenchError, PluginError
from bench.plugins.guard import outcry
from bench.threads import sleep_when_idle
from bench.workers.frames import pack, receive, send, unpack

READY = "ready"
inside = False  # whether this process is a worker
_PR_SET_PDEATHSIG = 1


class RemoteError(Exception):
    """The traceback of an error in a worker, as text: the cause of that error here."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def main() -> None:
    """Read tasks from standard input, answer on what was standard output; called by `bench.workers.process`."""
    global inside
    inside = True
    parent, from_main_thread = int(sys.argv[1]), sys.argv[2] == "main"
    tasks, answers = _private_streams()
    if from_main_thread:  # the system sends the signal when the *thread* ends that started this process
        _die_with(parent)
    with suppress(OSError):  # where memory runs out, this process goes, and not the run
        Path("/proc/self/oom_score_adj").write_text("500")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    sleep_when_idle()
    inbox: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_read, args=(tasks, inbox), daemon=True).start()
    send(answers, _begun(inbox.get()))
    while True:
        send(answers, _done(inbox.get()))


def _private_streams() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes under numbers that nobody knows: whatever code prints goes to standard error."""
    tasks = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return tasks, answers


def _die_with(parent: int) -> None:
    """Ask Linux to kill this process with its parent, even inside compiled code that lets no thread run."""
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before that
        os._exit(1)


def _read(tasks: BinaryIO, inbox: SimpleQueue[bytes]) -> None:
    """Pass tasks on; the pipe's end is the parent's: then this process goes at once, with all that it started."""
    while (content := receive(tasks)) is not None:
        inbox.put(content)
    with suppress(OSError, AttributeError):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _begun(content: bytes) -> bytes:
    """Import what the tasks need, before anybody looks at the clock: (READY, None), or as `_done`."""
    try:
        module, threads = unpack(content)
        if threads is not None:
            _compute_with(threads)
        import_module(module)
        return pack((READY, None))
    except BaseException as error:
        return _packed(error)


def _done(content: bytes) -> bytes:
    """The packed answer to a task: (True, what it returned) or (False, what it raised)."""
    try:
        function, task = unpack(content)
        return pack((True, function(task)))
    except BaseException as error:
        return _packed(error)


def _compute_with(threads: int) -> None:
    """As many threads as the parent computes with: sums may depend on it."""
    import torch

    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


def _packed(error: BaseException) -> bytes:
    told: Any = error
    if not isinstance(error, Exception):  # what ends programs ends a task here
        told = PluginError(f"the code {outcry(error)}")
    trace = "".join(traceback.format_exception(error))
    try:
        return pack((False, (told, trace)))
    except Exception:  # an error that does not travel
        text = str(error) if isinstance(error, BenchError) else outcry(error)
        return pack((False, (PluginError(f"the code {text}"), trace)))
