"""From cases to a data set: what is there already stays, the rest is rendered, and what fails is named."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bench.cases.case import Case
from bench.dataset.folder import Growing
from bench.dataset.sample import VERSION, SampleRequest, render_sample
from bench.errors import BenchError, ImageError, InputError, MeshError
from bench.generators.ground_truth import SUPERSAMPLE
from bench.suite.cameras import cameras_of
from bench.suite.views import Views
from bench.workers.limits import WorkerLost
from groundwork.progress import Reporter
from realiz3d.data.layout import is_id

Task = TypeVar("Task")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Made:
    """What a call did: objects `kept` from earlier, `rendered` now, and `failed` (id -> why)."""

    kept: int
    rendered: int
    failed: dict[str, str]


def make_dataset(
    cases: Sequence[Case],
    views: Views,
    out: Path,
    *,
    about: dict[str, Any],
    shard_size: int | None = None,
    device: str = "cpu",
    workers: int = 1,
    reporter: Reporter | None = None,
) -> Made:
    """Render the cases into `out`: folders, or tar shards of `shard_size` objects. The same call resumes.

    `about` goes into the manifest. A case whose mesh is broken is left out and named; other errors end the work.
    Raises `UsageError` when `out` is another data set's, `InputError` for ids that cannot be file names, objects that
    the cases no longer have, or, in shards, objects that have changed.
    """
    reporter = reporter or Reporter()
    requests = _requests(cases, views, device)
    settings = {
        "kind": "multiview",
        "version": VERSION,
        "views": views.model_dump(mode="json"),
        "supersample": SUPERSAMPLE,
        "format": "folder" if shard_size is None else "webdataset",
        "shard_size": shard_size,
    }
    growing = Growing(out, settings, about, shard_size)
    _refuse_lost(growing, requests)
    known = [request for name, request in requests.items() if name in growing.stored]
    todo = [request for name, request in requests.items() if name not in growing.stored]
    with reporter.stage("check", len(known)) as stage:
        for request, fingerprint in zip(known, in_order(_fingerprint, known, workers), strict=True):
            stage.advance()
            if fingerprint != growing.stored[request.id].fingerprint:
                _refuse_changed(growing, request, shard_size)
                todo.append(request)
    failed: dict[str, str] = {}
    growing.begin()
    with reporter.stage("render", len(todo)) as stage:
        for request, made in zip(todo, in_order(_render, todo, workers), strict=True):
            if isinstance(made, BenchError):
                failed[request.id] = str(made)
            else:
                fingerprint, files, notes = made
                growing.add(request.id, fingerprint, files)
                for said in notes:
                    reporter.say(f"'{request.id}': {said}")
            stage.advance()
    growing.finish(failed)
    if not growing.stored:
        name, why = next(iter(failed.items()))
        raise InputError(f"none of the {len(failed)} objects could be rendered; '{name}': {why}", where=str(out))
    return Made(len(requests) - len(todo), len(todo) - len(failed), failed)


def in_order(function: Callable[[Task], Answer], tasks: Sequence[Task], workers: int) -> Iterator[Answer]:
    """Answers in the tasks' order; with several workers, computed in other processes a little ahead of their use."""
    if workers == 1 or len(tasks) < 2:
        yield from map(function, tasks)
        return
    context = multiprocessing.get_context("spawn")  # forks and CUDA do not mix
    with ProcessPoolExecutor(min(workers, len(tasks)), context, _start_worker) as pool:
        waiting: deque[Future[Answer]] = deque()
        try:
            for task in tasks:
                waiting.append(pool.submit(function, task))
                if len(waiting) > 2 * workers:  # answers are megabytes: never hold many
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise WorkerLost(
                "a worker process died", hint="often for want of memory: use fewer --workers; what is stored stays"
            ) from error


def _start_worker() -> None:
    import torch

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    torch.set_num_threads(1)


def _fingerprint(request: SampleRequest) -> str:
    try:
        return request.fingerprint()
    except (MeshError, ImageError):
        return ""


def _render(request: SampleRequest) -> tuple[str, dict[str, bytes], tuple[str, ...]] | BenchError:
    """Fingerprint, files and notes of a sample, or what is wrong with its mesh."""
    mesh = request.case.mesh
    try:
        return request.fingerprint(), render_sample(request), () if mesh is None else mesh.notes
    except (MeshError, ImageError) as error:
        return error


def _requests(cases: Sequence[Case], views: Views, device: str) -> dict[str, SampleRequest]:
    cameras = cameras_of(views)
    requests: dict[str, SampleRequest] = {}
    for case in cases:
        name = case.id.replace(".", "-")
        if not is_id(name):
            raise InputError(
                f"the case '{case.id}' cannot name a sample",
                expected="letters, digits, '_', '-' and '.', starting with a letter or digit; at most 128",
                hint="rename its mesh",
            )
        if name in requests:
            twin = requests[name].case.id
            raise InputError(f"the cases '{twin}' and '{case.id}' would both be the sample '{name}'", hint="rename one")
        requests[name] = SampleRequest(name, case, cameras, views.rgb, device)
    return requests


def _refuse_lost(growing: Growing, requests: dict[str, SampleRequest]) -> None:
    lost = sorted(set(growing.stored) - set(requests))
    if lost:
        raise InputError(
            f"the data set holds {len(lost)} object(s) that are not among the cases: {', '.join(lost[:5])}",
            where=str(growing.root),
            hint="choose another --out for other objects",
        )


def _refuse_changed(growing: Growing, request: SampleRequest, shard_size: int | None) -> None:
    if shard_size is not None:
        raise InputError(
            f"the mesh or prompt of '{request.id}' has changed since it was stored in a shard",
            where=str(growing.root),
            hint="choose another --out: shards only grow",
        )
