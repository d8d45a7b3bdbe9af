"""Batch sizes from one up to what memory holds, and going on unharmed after the one that it does not hold."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

from bench.throughput.stopwatch import peak_device_memory, reset_peak_device_memory

PASSES = 3  # timed passes of each size
_NO_MEMORY = re.compile(r"out of memory|not enough memory|can't allocate memory|ALLOC_FAILED|bad_alloc", re.IGNORECASE)


@dataclass(frozen=True)
class BatchSize:
    """Seconds of each pass over one batch of `size` objects, and the most device memory (bytes), None on a CPU."""

    size: int
    seconds: tuple[float, ...]
    peak_device_bytes: int | None

    @property
    def seconds_per_object(self) -> float:
        """Of the median pass."""
        return median(self.seconds) / self.size


@dataclass(frozen=True)
class Sweep:
    """The sizes that went through, and the first that did not fit into memory, None where all did.

    `recovered`: the smallest size went through once more afterwards, in the same process.
    """

    sizes: tuple[BatchSize, ...]
    too_large: int | None = None
    recovered: bool = True


def sweep(run: Callable[[int, int], float], largest: int, device: str, passes: int = PASSES) -> Sweep:
    """Run sizes 1, 2, 4, ... up to `largest`, or until memory is out. `run(size, number)` answers with seconds.

    The first pass of a size is not counted: it compiles, or makes the allocator grow. Raises what `run` raises for any
    other reason than memory.
    """
    done: list[BatchSize] = []
    size = 1
    while size <= largest:
        measured = _measured(run, size, device, passes)
        if measured is None:
            recovered = _measured(run, 1, device, 1) is not None if done else False
            return Sweep(tuple(done), size, recovered)
        done.append(measured)
        size *= 2
    return Sweep(tuple(done))


def _measured(run: Callable[[int, int], float], size: int, device: str, passes: int) -> BatchSize | None:
    reset_peak_device_memory(device)
    try:
        run(size, 0)
        seconds = tuple(run(size, number) for number in range(1, passes + 1))
        return BatchSize(size, seconds, peak_device_memory(device))
    except Exception as error:
        if not out_of_memory(error):
            raise
    # only here are the error, its frames and the tensors that they hold let go of
    free_memory(device)
    return None


def out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that it stems from, says that there was no memory left."""
    while error is not None:
        if isinstance(error, MemoryError | torch.OutOfMemoryError):
            return True
        if isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def free_memory(device: str) -> None:
    """Give back what nobody holds any more."""
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
