"""What watches a training run. Callbacks live on the main process only, and nothing they do changes what is learned."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from groundwork.files import write_atomically
from groundwork.progress import Reporter, Stage
from realiz3d.errors import DependencyMissing

if TYPE_CHECKING:
    from rich.console import Console

    from realiz3d.training.trainer import Trainer


@dataclass(frozen=True)
class Log:
    """Means since the last log. step counts all phases; losses are of the samples seen; None = none of that kind.

    gradient_norm: before clipping, of the last step. stop, reassigned: what layer-aware training and domain
    reassignment drew in the last step: the last block that real samples do not update, and for every sample of the
    step, synthetic ones first, the last block in synthetic mode (-1 = none).
    """

    phase: str
    step: int
    phase_step: int
    phase_steps: int
    loss: float
    loss_synthetic: float | None
    loss_real: float | None
    learning_rate: float
    gradient_norm: float | None
    samples_per_second: float
    stop: int | None
    reassigned: list[int] | None

    def scalars(self) -> dict[str, float]:
        """What can be drawn as curves."""
        names = ("loss", "loss_synthetic", "loss_real", "learning_rate", "gradient_norm", "samples_per_second")
        values = {name: getattr(self, name) for name in names}
        return {name: float(value) for name, value in values.items() if value is not None}


class Callback(Protocol):
    """Something that watches. `trainer` shows everything: model, progress, out, config."""

    def begin(self, trainer: Trainer) -> None:
        """Before the first step, also of a resumed run."""
        ...

    def step(self, trainer: Trainer, log: Log | None) -> None:
        """After every optimiser step; `log` when it is time for one."""
        ...

    def checkpoint(self, trainer: Trainer, folder: Path) -> None:
        """After a checkpoint was written."""
        ...

    def end(self, trainer: Trainer) -> None:
        """At the end, also after an error or an interruption."""
        ...


class Silent:
    """A callback that does nothing; others override what they need."""

    def begin(self, trainer: Trainer) -> None:
        """Nothing."""

    def step(self, trainer: Trainer, log: Log | None) -> None:
        """Nothing."""

    def checkpoint(self, trainer: Trainer, folder: Path) -> None:
        """Nothing."""

    def end(self, trainer: Trainer) -> None:
        """Nothing."""


class Bars(Silent):
    """A bar a phase with loss and remaining time on a terminal; elsewhere a line now and then. On standard error."""

    def __init__(self, console: Console | None = None) -> None:
        self.reporter = Reporter(console)
        self._phases = ExitStack()
        self._stage: Stage | None = None
        self._phase = -1
        self._loss = ""

    def begin(self, trainer: Trainer) -> None:
        """Say where the run resumes."""
        if trainer.progress.step:
            self.reporter.say(f"resumed at step {trainer.progress.step}")

    def step(self, trainer: Trainer, log: Log | None) -> None:
        """Advance."""
        progress = trainer.progress
        if self._stage is None or progress.phase != self._phase:
            self._phases.close()
            self._phase = progress.phase
            name, total = trainer.phases[self._phase].name, trainer.totals[self._phase]
            self._stage = self._phases.enter_context(self.reporter.stage(name, total, progress.phase_step - 1))
        self._loss = f"loss {log.loss:.4f}" if log else self._loss
        self._stage.advance(note=self._loss)

    def end(self, trainer: Trainer) -> None:
        """Leave the terminal as it was."""
        self._phases.close()


class JsonLines(Silent):
    """Every log as a line of `<out>/log.jsonl`."""

    def begin(self, trainer: Trainer) -> None:
        """Drop lines behind the checkpoint that the run resumes from."""
        path = trainer.out / "log.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        kept = [line for line in lines if _step_of(line) <= trainer.progress.step]
        write_atomically(path, "".join(f"{line}\n" for line in kept).encode())

    def step(self, trainer: Trainer, log: Log | None) -> None:
        """Append."""
        if log is not None:
            with (trainer.out / "log.jsonl").open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(asdict(log)) + "\n")


def _step_of(line: str) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return sys.maxsize  # half a line of a run that was killed


class TensorBoard(Silent):
    """Curves as TensorBoard's event files in `<out>/tensorboard`."""

    def __init__(self) -> None:
        _needed("tensorboard")
        self._writer: Any = None

    def begin(self, trainer: Trainer) -> None:
        """Open; later events of an earlier run are hidden."""
        from torch.utils.tensorboard import SummaryWriter

        folder = str(trainer.out / "tensorboard")
        self._writer = SummaryWriter(folder, purge_step=trainer.progress.step + 1)

    def step(self, trainer: Trainer, log: Log | None) -> None:
        """Write."""
        for name, value in (log.scalars() if log else {}).items():
            self._writer.add_scalar(name, value, trainer.progress.step)

    def end(self, trainer: Trainer) -> None:
        """Close."""
        if self._writer is not None:
            self._writer.close()


class WeightsAndBiases(Silent):
    """Curves in a Weights & Biases project; the run's id lies in `<out>/wandb_run` so that resuming continues it."""

    def __init__(self, project: str) -> None:
        self.project, self._wandb = project, _needed("wandb")
        self._run: Any = None

    def begin(self, trainer: Trainer) -> None:
        """Start or continue."""
        note = trainer.out / "wandb_run"
        known = note.read_text(encoding="utf-8").strip() if note.is_file() else None
        self._run = self._wandb.init(
            project=self.project,
            name=trainer.config.name,
            id=known,
            resume="allow",
            dir=str(trainer.out),
            config=trainer.config.model_dump(mode="json"),
        )
        write_atomically(note, str(self._run.id).encode())

    def step(self, trainer: Trainer, log: Log | None) -> None:
        """Write."""
        if log is not None and self._run is not None:
            self._run.log(log.scalars(), step=trainer.progress.step)

    def end(self, trainer: Trainer) -> None:
        """Close."""
        if self._run is not None:
            self._run.finish()


def _needed(package: str) -> Any:
    try:
        return import_module(package)
    except ImportError as error:
        raise DependencyMissing(
            f"logging needs the Python package {package}, which cannot be imported: {error}",
            hint=f"pip install {package}, or take it out of the config's logging section",
        ) from error
