"""The course of a day: each step in a process of its own, within its time, until all time is spent.

A step that crashes the device's context, hangs or runs out of memory takes nothing with it but itself.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.gpu_day.findings import Book, Finding
from bench.gpu_day.settings import Settings
from bench.gpu_day.steps import STEPS, Step

RESERVE = 8.0  # s for the page
BOOK = "findings.jsonl"


@dataclass(frozen=True)
class Day:
    """`python`: how this program is started again, for a step."""

    out: Path
    settings: Settings
    seconds: float
    python: tuple[str, ...] = (sys.executable, "-m", "bench.gpu_day")

    @property
    def book(self) -> Book:
        """Where findings go."""
        return Book(self.out / BOOK)

    def spend(self, steps: Sequence[Step] = STEPS, say: Callable[[str], None] = print) -> None:
        """Run steps in their order; those that the time does not suffice for are skipped by name.

        Steps that ended well on an earlier day in the same folder are not run again.
        """
        begun = time.monotonic()
        self.book.write(Finding("day", "kind", text=self.settings.kind))
        done = {one.step for one in self.book.read() if not one.name and one.status == "measured"}
        for step in steps:
            left = self.seconds - RESERVE - (time.monotonic() - begun)
            if step.name in done:
                say(f"{step.name}: done before")
            elif left < step.least:
                self._end(step, "skipped", f"{max(0.0, left):.0f} s were left, it needs {step.least:.0f}", 0.0, say)
            else:
                started = time.monotonic()
                why = self._run(step, min(step.seconds, left))
                self._end(step, "failed" if why else "measured", why, time.monotonic() - started, say)

    def _run(self, step: Step, seconds: float) -> str:
        """In a process of its own; why it ended early, '' when it did not."""
        command = [*self.python, "--only", step.name, "--out", str(self.out), "--device", self.settings.device]
        command += ["--seconds", f"{seconds:.0f}"] + (["--tiny"] if self.settings.tiny else [])
        command += [] if self.settings.world is None else ["--world", str(self.settings.world)]
        log = self.out / f"{step.name}.log"
        with log.open("wb") as out:
            child = subprocess.Popen(command, stdout=out, stderr=out)
            try:
                code = child.wait(seconds)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                return f"stopped after {seconds:.0f} s; what it had found by then counts"
        if code == 0:
            return ""
        told = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"{told[-1][:400] if told else 'it said nothing'} (exit status {code})"

    def _end(self, step: Step, status: str, why: str, took: float, say: Callable[[str], None]) -> None:
        finding = Finding(step.name, "", status, took, "s", text=why)  # type: ignore[arg-type]
        self.book.write(finding)
        say(f"{step.name}: {status} in {took:.0f} s{f': {why}' if why else ''}")
