"""Trainings that a run asks for on the way: told beforehand, with how long they will take on this machine."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path

from realiz3d.training.callbacks import Log, Silent
from realiz3d.training.trainer import Trainer
from suites.miniworld.models import MiniworldMethod, user_folder

_MEASURED_AFTER = 20  # steps
_WARM = 3  # first steps of a training, which are slower and not measured


class Trainings:
    """The models that a run needs. Generators announce theirs when they are made, before any of them paints."""

    def __init__(self) -> None:
        self.methods: dict[MiniworldMethod, None] = {}
        self.trained, self.steps, self.seconds = 0, 0, 0.0

    def announce(self, method: MiniworldMethod) -> None:
        """A generator will need this method's models."""
        self.methods[method] = None

    def model(self, method: MiniworldMethod, seed: int, seeds: Iterable[int]) -> Path:
        """The model's folder, after training it if need be. seeds: all that the run asks of every method."""
        found = method.find(seed)
        if found is not None:
            return found
        missing = self.missing(seeds)
        if not self.trained:
            self.say(f"{_models(len(missing))} to train; they are kept in {user_folder()}")
        number = self.trained + 1
        self.say(f"training {number} of {self.trained + len(missing)}: {method.method}, seed {seed}")
        others = sum(other.steps for other, k in missing if (other, k) != (method, seed))
        started = time.monotonic()
        folder = method.train(seed, [_Watch(self, others)])
        self.trained += 1
        left = f"; about {_duration(others * self.pace)} left" if others and self.steps else ""
        self.say(f"{method.method}, seed {seed}: trained in {_duration(time.monotonic() - started)}{left}")
        return folder

    def missing(self, seeds: Iterable[int]) -> list[tuple[MiniworldMethod, int]]:
        """Announced models that have to be trained."""
        return [(method, seed) for method in self.methods for seed in sorted(set(seeds)) if method.find(seed) is None]

    @property
    def pace(self) -> float:
        """Seconds a step, measured in this process so far."""
        return self.seconds / max(1, self.steps)

    def say(self, message: str) -> None:
        """A line for people, wherever standard error goes just now: a run's bar stays below it."""
        print(f"mini-world: {message}", file=sys.stderr, flush=True)


class _Watch(Silent):
    """Measures the steps of one training; says early what all of them will take."""

    def __init__(self, trainings: Trainings, others: int) -> None:
        self.trainings, self.others = trainings, others
        self.done, self.last = 0, 0.0

    def begin(self, trainer: Trainer) -> None:
        """Say so where a training resumes."""
        if trainer.progress.step:
            self.trainings.say(f"resuming at step {trainer.progress.step} of {sum(trainer.totals)}")

    def step(self, trainer: Trainer, log: Log | None) -> None:
        """Count."""
        now = time.monotonic()
        self.done += 1
        if self.done > _WARM:
            self.trainings.steps += 1
            self.trainings.seconds += now - self.last
        self.last = now
        if self.trainings.steps == _MEASURED_AFTER:
            left = sum(trainer.totals) - trainer.progress.step + self.others
            pace = self.trainings.pace
            self.trainings.say(f"{pace:.3f} s a step: about {_duration(left * pace)} for all")


def _models(count: int) -> str:
    return "1 model" if count == 1 else f"{count} models"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


TRAININGS = Trainings()
