"""One worker process, as its parent sees it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from queue import Queue
from typing import Any, BinaryIO

import psutil

from bench.workers.frames import receive, send

_BOOT = "import os, sys; sys.path[:] = sys.argv.pop(1).split(os.pathsep); from bench.workers.child import main; main()"


class Worker:
    """A fresh Python process. What it says goes to `heard` as (worker, bytes), and None when it has ended.

    Not forked (forks and CUDA do not mix), and started without the caller's main module, so that scripts need no guard.
    It is the head of a process group of its own: Ctrl-C reaches the parent alone, and `kill` takes what it started
    with it.
    """

    def __init__(self, heard: Queue[tuple[Worker, bytes | None]]) -> None:
        thread = "main" if threading.current_thread() is threading.main_thread() else "other"
        command = [sys.executable, "-c", _BOOT, os.pathsep.join(sys.path), str(os.getpid()), thread]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=os.name == "posix"
        )
        self.ready = False
        self.task: Any = None  # what it works on
        self.busy = False
        self.owner = ""  # whose tasks alone it does
        self.since = time.monotonic()  # of the task, once it is ready
        assert self.process.stdin is not None and self.process.stdout is not None
        self._tasks: BinaryIO = self.process.stdin  # type: ignore[assignment]
        self._reader = threading.Thread(target=self._listen, args=(heard,), daemon=True)
        self._reader.start()

    def give(self, task: Any, packed: bytes) -> None:
        """Send a task."""
        self.task, self.busy, self.since = task, True, time.monotonic()
        self.tell(packed)

    def tell(self, packed: bytes) -> None:
        """Send a message. A process that is gone already says so in `heard`."""
        with suppress(OSError):
            send(self._tasks, packed)

    @property
    def seconds(self) -> float:
        """How long it has worked on its task."""
        return time.monotonic() - self.since

    def memory(self) -> int:
        """Resident bytes of it and of all that it started; 0 when it is gone."""
        try:
            process = psutil.Process(self.process.pid)
            family = [process, *process.children(recursive=True)]
        except psutil.Error:
            return 0
        total = 0
        for one in family:
            with suppress(psutil.Error):
                total += one.memory_info().rss
        return total

    def kill(self) -> int:
        """End it, with what it started; returns its exit code."""
        if os.name == "posix":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        with suppress(OSError):
            self.process.kill()
        code = self.process.wait()
        with suppress(OSError, ValueError):
            self._tasks.close()
        return code

    def _listen(self, heard: Queue[tuple[Worker, bytes | None]]) -> None:
        stream: BinaryIO = self.process.stdout  # type: ignore[assignment]
        with stream:
            while (content := receive(stream)) is not None:
                heard.put((self, content))
        heard.put((self, None))
