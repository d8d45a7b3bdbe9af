"""The order in which samples are seen: fixed by (seed, epoch), shared out among ranks, and resumed at any sample.

Epochs follow one another as one endless stream of samples. Step k of rank r takes the stream's places
[start + (k W + r) B, ... + B) with W ranks and batches of B, so that no sample is dropped at an epoch's end, and a run
that stopped after n samples resumes with the n-th, even with another number of ranks or another batch size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
from torch.utils.data import DataLoader, Dataset, Sampler

from realiz3d.errors import UsageError

Item = TypeVar("Item")
Batch = TypeVar("Batch")


@lru_cache(maxsize=4)
def epoch_order(length: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """A permutation of range(length) that depends on (length, seed, epoch) only.

    Sorted raw words of PCG64: the words, unlike numpy's `permutation`, are promised to stay the same.
    """
    words = np.random.PCG64(np.random.SeedSequence([seed, epoch])).random_raw(length)
    order = np.argsort(np.asarray(words), kind="stable")
    order.setflags(write=False)
    return order


class SeededBatches(Sampler[list[int]]):
    """Endless batches of indices for one rank; a `batch_sampler` for `DataLoader`.

    `length` samples, `batch_size` of them a step on each of `world_size` ranks. Iterating starts at `start`, a place in
    the stream of all ranks' samples.
    """

    def __init__(
        self, length: int, batch_size: int, *, seed: int = 0, rank: int = 0, world_size: int = 1, start: int = 0
    ) -> None:
        if length < 1 or batch_size < 1 or not 0 <= rank < world_size or start < 0 or seed < 0:
            raise UsageError(
                "these batches cannot be drawn",
                where=f"length={length} batch_size={batch_size} rank={rank} world_size={world_size} start={start}",
                expected="length, batch_size and world_size from 1 on, rank below world_size, seed and start from 0 on",
            )
        self.length, self.batch_size, self.seed = length, batch_size, seed
        self.rank, self.world_size, self.start = rank, world_size, start

    @property
    def samples_per_step(self) -> int:
        """Samples that all ranks together see in a step."""
        return self.batch_size * self.world_size

    def batch_at(self, samples: int) -> list[int]:
        """This rank's batch of the step before which all ranks together have seen `samples` samples."""
        first = samples + self.rank * self.batch_size
        places = (divmod(place, self.length) for place in range(first, first + self.batch_size))
        return [int(epoch_order(self.length, self.seed, epoch)[offset]) for epoch, offset in places]

    def __iter__(self) -> Iterator[list[int]]:
        samples = self.start
        while True:
            yield self.batch_at(samples)
            samples += self.samples_per_step


class ResumableLoader(Generic[Item, Batch]):
    """Endless batches of a data set, with an exact position however many workers read ahead.

    Iterate over it, save `state_dict()` with the checkpoint, and `load_state_dict` it before iterating again: the next
    batch is the one that would have come next. `workers` processes decode ahead; 0 decodes here.
    """

    def __init__(
        self,
        dataset: Dataset[Item],
        batches: SeededBatches,
        collate: Callable[[Sequence[Item]], Batch],
        *,
        workers: int = 0,
        pin_memory: bool = False,
        prefetch: int = 2,
    ) -> None:
        self.dataset, self.batches, self.collate = dataset, batches, collate
        self.workers, self.pin_memory, self.prefetch = workers, pin_memory, prefetch
        self.samples = batches.start

    @property
    def epoch(self) -> float:
        """Epochs that all ranks together have seen."""
        return self.samples / self.batches.length

    def __iter__(self) -> Iterator[Batch]:
        settings: dict[str, Any] = {"prefetch_factor": self.prefetch} if self.workers else {}
        old = self.batches
        ahead = SeededBatches(
            old.length,
            old.batch_size,
            seed=old.seed,
            rank=old.rank,
            world_size=old.world_size,
            start=self.samples,
        )
        loader = DataLoader(
            self.dataset,
            batch_sampler=ahead,
            collate_fn=self.collate,
            num_workers=self.workers,
            pin_memory=self.pin_memory,
            **settings,
        )
        for batch in loader:
            # counted as it is handed out: what is saved during the step that it feeds resumes behind it
            self.samples += self.batches.samples_per_step
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Where the loader stands: the batches handed out so far count as seen."""
        return {"samples": self.samples, "seed": self.batches.seed, "length": self.batches.length}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from a saved place. Raises `UsageError` when the seed or the number of samples has changed."""
        for name, now in (("seed", self.batches.seed), ("length", self.batches.length)):
            if state.get(name) != now:
                raise UsageError(
                    f"the order of samples cannot be resumed: its {name} was {state.get(name)} and is {now}",
                    expected="the data set and the seed of the interrupted run",
                    hint="restore them, or start the data over without this state",
                )
        self.samples = int(state["samples"])
