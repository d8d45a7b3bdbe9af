"""Checkpoints scored beside the training by a command of the user's, such as a suite of this project."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from realiz3d.errors import UsageError
from realiz3d.training.callbacks import Log, Silent
from realiz3d.training.config import Scores

if TYPE_CHECKING:
    from realiz3d.training.trainer import Trainer


class ScoreCommand(Silent):
    """Runs the command for checkpoints; what it prints goes to `<out>/scores/step_<n>.log`.

    One command at a time: training continues meanwhile, and waits only where the next one is due or at the end.
    """

    def __init__(self, settings: Scores) -> None:
        self.settings = settings
        self._due = 0
        self._running: subprocess.Popen[bytes] | None = None

    def begin(self, trainer: Trainer) -> None:
        """Count from where the run stands."""
        self._due = trainer.progress.step + self.settings.every_steps

    def step(self, trainer: Trainer, log: Log | None) -> None:
        """Say when a command has failed."""
        if self._running is not None and self._running.poll() is not None:
            self._finish()

    def checkpoint(self, trainer: Trainer, folder: Path) -> None:
        """Start the command when it is due; the run's last checkpoint always is."""
        if trainer.progress.step < self._due and trainer.progress.step != sum(trainer.totals):
            return
        self._finish()
        self._due = trainer.progress.step + self.settings.every_steps
        log = trainer.out / "scores" / f"step_{trainer.progress.step}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        values = {"checkpoint": str(folder), "step": str(trainer.progress.step), "out": str(trainer.out)}
        words = [_filled(word, values) for word in self.settings.command]
        with log.open("wb") as stream:
            try:
                self._running = subprocess.Popen(
                    words, stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
                )
            except OSError as error:
                raise UsageError(
                    f"the scoring command cannot start: {error.strerror}",
                    where="logging.scores.command",
                    expected="a program on PATH and its arguments, as a list",
                ) from error

    def end(self, trainer: Trainer) -> None:
        """Wait for the last one."""
        self._finish()

    def _finish(self) -> None:
        if self._running is not None:
            self._running.wait()
            self._running = None


def _filled(word: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        word = word.replace("{" + name + "}", value)
    return word
