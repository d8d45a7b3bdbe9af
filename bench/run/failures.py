"""What failed: one line each in the summary, with its traceback in `failures.log`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import BenchError
from bench.plugins.guard import frames_of


@dataclass(frozen=True)
class Failure:
    """A sample that could not be made or judged, and why. Without a case: the generator as a whole.

    `traceback` is where in the code it happened, as Python prints it; '' where there is no error behind it.
    """

    generator: str
    case: str
    seed: int | None
    message: str
    traceback: str = field(default="", repr=False, compare=False)

    @classmethod
    def of(cls, generator: str, case: str, seed: int | None, error: BaseException, about: str = "") -> Failure:
        """What `error` made of a sample; `about` opens the message."""
        reason = str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
        return cls(generator, case, seed, f"{about}: {reason}" if about else reason, frames_of(error))

    @property
    def subject(self) -> str:
        """'mine / cow / seed 0', or the generator alone."""
        return f"{self.generator} / {self.case} / seed {self.seed}" if self.case else self.generator


class FailureLog:
    """`failures.log` of a run folder: the failures of the last command on it, each traceback once.

    Written as they happen, so that a run that is killed has told what went wrong until then. `show` gets every
    traceback too (`--debug`).
    """

    def __init__(self, path: Path, show: Callable[[str], None] | None = None) -> None:
        self.path, self._show = path, show
        self._told: dict[str, str] = {}
        path.unlink(missing_ok=True)

    def add(self, failures: Iterable[Failure]) -> None:
        """Append what failed."""
        for failure in failures:
            text = failure.traceback.rstrip() or "no traceback: nothing was raised"
            if failure.traceback and failure.traceback in self._told:
                text = f"the traceback is that of {self._told[failure.traceback]}"
            elif failure.traceback:
                self._told[failure.traceback] = failure.subject
                if self._show is not None:
                    self._show(f"{failure.subject}: {text}")
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8", errors="backslashreplace") as log:
                log.write(f"{failure.subject}: {failure.message}\n\n{text}\n\n{'-' * 80}\n\n")
