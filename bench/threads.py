"""Threads that neither starve a busy machine nor decide numbers.

Between two parallel loops OpenMP's threads spin, by default for about a millisecond. On a machine with as many busy
processes as cores that starves the very thread they wait for: measuring one sample took 3 to 10 s instead of 0.2. A
short spin keeps the speed of a quiet machine (within 10 %) and takes 0.5 s on the busy one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_idle: ContextVar[int] = ContextVar("threads outside of `alone`", default=0)


def sleep_when_idle() -> None:
    """Ask GNU OpenMP for short spins. Takes effect only before torch is imported; the user's own settings win."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")


@contextmanager
def alone() -> Iterator[None]:
    """Let the calling thread compute alone: sums that are shared out depend on the number of cores.

    What is left idle is `available` to those who share out whole pictures.
    """
    import torch  # not before `sleep_when_idle`

    threads, outer = torch.get_num_threads(), _idle.get()
    idle = _idle.set(outer or threads)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        _idle.reset(idle)


def available() -> int:
    """How many threads may compute at once: torch's number, or what it was outside of `alone`."""
    import torch

    return _idle.get() or torch.get_num_threads()


def each_alone(function: Callable[[Item], Answer], items: Iterable[Item], device: torch.device) -> list[Answer]:
    """`function` of each item, in order. On a CPU several at once, each on a thread that computes alone.

    What an item gets then does not depend on the number of cores. For small work: nothing limits the memory.
    """
    import torch

    if device.type != "cpu":
        return [function(item) for item in items]
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(available(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(function, items))
    finally:
        torch.set_num_threads(threads)  # the pool's threads changed the default for new ones
