"""What the command line (or a caller from Python) decides about a run, beside the suite."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


def default_folder(suite: str) -> Path:
    """Where a run of a suite goes without --out: the same place each time, so that the same command resumes."""
    return Path("runs") / suite


@dataclass(frozen=True)
class RunOptions:
    """Options of `realiz3d-bench run`, with its defaults. None: as the suite (or for `out`, the run) has it.

    workers: processes that generate and measure; with Ray at most so many, 0: as many as the cluster holds. measurers:
    processes that measure where there is much to measure, also when one process generates; None: `workers`. isolate:
    whose code works in processes of its own, that of others ("foreign"), everybody's ("all") or nobody's ("none").
    timeout: seconds that a batch may take; memory: GiB that a process of a plug-in may take. cache: the
    folder of features that runs share; None: the run's own.
    """

    out: Path | None = None
    generators: tuple[str, ...] | None = None
    limit: int | None = None
    device: str = "cpu"
    batch_size: int = 8
    seeds: tuple[int, ...] | None = None
    executor: str = "local"
    workers: int = 1
    measurers: int | None = None
    isolate: Literal["foreign", "all", "none"] = "foreign"
    timeout: float | None = None
    memory: float | None = None
    cache: Path | None = None
    offline: bool = False
    debug: bool = False  # show tracebacks of what fails as it fails
    dry_run: bool = False
    json: bool = False
    argv: tuple[str, ...] = ()
