"""What a run does before models can paint: rendering what they learn from, and training those that are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bench.generators.protocol import Preparation
from groundwork.progress import Reporter, Stage
from realiz3d.training.callbacks import Log, Silent
from realiz3d.training.trainer import Trainer
from suites.miniworld.models import MiniworldMethod, data_folder, is_complete, make_data, user_folder
from suites.miniworld.world import Renders

RENDERING, TRAINING = "render training data", "train models"
Advance = Callable[[int], None]


def preparations(method: MiniworldMethod, seeds: Sequence[int]) -> tuple[Preparation, ...]:
    """Renderings and trainings that are missing for a method's models of `seeds`, in the order to do them."""
    missing = [seed for seed in seeds if method.find(seed) is None]
    data = [renders for renders in method.data() if missing and not is_complete(renders)]
    return (*(_rendering(renders) for renders in data), *(_training(method, seed) for seed in missing))


def _rendering(renders: Renders) -> Preparation:
    def do(advance: Advance) -> None:
        make_data(renders, _Rendered(advance))

    folder = data_folder() / renders.folder
    return Preparation(RENDERING, renders.folder, str(folder), renders.stop - renders.first, str(folder.parent), do)


def _training(method: MiniworldMethod, seed: int) -> Preparation:
    def do(advance: Advance) -> None:
        method.train(seed, [_Trained(advance)])

    key = f"{TRAINING} {method.method} {method.task} {method.digest} {seed}"
    left = method.steps - method.done(seed)
    return Preparation(TRAINING, f"{method.method} (seed {seed})", key, left, str(user_folder()), do)


class _Trained(Silent):
    """Tells of each step."""

    def __init__(self, advance: Advance) -> None:
        self.advance = advance

    def step(self, trainer: Trainer, log: Log | None) -> None:
        """One more."""
        self.advance(1)


class _Rendered(Reporter):
    """Shows nothing of its own, and tells of each object that is there or rendered."""

    def __init__(self, advance: Advance) -> None:
        super().__init__()
        self._advance = advance

    @contextmanager
    def stage(self, name: str, total: int, done: int = 0) -> Iterator[Stage]:
        """A stage that passes on what it is told."""
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Pass it on."""
        self._advance(steps)

    def say(self, message: str) -> None:
        """Nothing: objects of the mini-world have no notes."""
