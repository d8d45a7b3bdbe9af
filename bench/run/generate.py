"""The generation stage: makes the samples that are missing, batch by batch, and stores each as soon as it is there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from bench.cases.case import Case
from bench.errors import BenchError, GeneratorError
from bench.generators.protocol import GenerationRequest, Generator, GeneratorContext, MultiviewImage
from bench.geometry.cameras import Cameras
from bench.geometry.control import control_map
from bench.geometry.scene import SceneGeometry
from bench.plugins.guard import plugin_code
from bench.run.executors import Executor
from bench.run.failures import Failure, FailureLog
from bench.run.plan import Plan, build_generator
from bench.run.prepare import prepare_generators
from bench.run.samples import SampleKey, SampleStore, check_views
from bench.suite.schema import GeneratorEntry
from groundwork.progress import Reporter


@dataclass(frozen=True)
class _Job:
    case: Case
    seed: int
    noise_seeds: tuple[int, ...]
    identity: str


@dataclass(frozen=True)
class _Task:
    """One batch of one generator: everything that a worker process needs."""

    entry: GeneratorEntry
    context: GeneratorContext
    samples: Path
    jobs: tuple[_Job, ...]


@dataclass(frozen=True)
class _Answer:
    generator: str
    done: int
    seconds: float
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class Generation:
    """What the stage did: failures, and for each generator how many samples were made in how many seconds."""

    failures: tuple[Failure, ...]
    made: dict[str, int]
    seconds: dict[str, float]


def generate_samples(
    plan: Plan,
    fingerprints: dict[str, str],
    store: SampleStore,
    executor: Executor,
    batch_size: int,
    reporter: Reporter,
    log: FailureLog,
) -> Generation:
    """Make every sample of the plan that the store does not hold, after what their generators need for it.

    fingerprints: generator name -> hash.
    """
    missing: dict[str, list[_Job]] = {}
    for entry in plan.generators:
        jobs = missing[entry.name] = []
        for case in plan.cases:
            for seed in plan.seeds:
                identity = plan.sample_identity(fingerprints[entry.name], case, seed)
                if store.digest(SampleKey(entry.name, case.id, seed), identity) is None:
                    jobs.append(_Job(case, seed, plan.noise_seeds(case, seed), identity))
    seeds = {name: sorted({job.seed for job in jobs}) for name, jobs in missing.items()}
    unprepared = prepare_generators(plan, seeds, reporter)
    failures = [
        Failure.of(name, job.case.id, job.seed, error) for name, error in unprepared.items() for job in missing[name]
    ]
    log.add(failures)
    tasks: list[_Task] = []
    for entry in plan.generators:
        jobs = [] if entry.name in unprepared else missing[entry.name]
        for start in range(0, len(jobs), batch_size):
            tasks.append(_Task(entry, plan.context, store.root, tuple(jobs[start : start + batch_size])))
    made: dict[str, int] = {}
    seconds: dict[str, float] = {}
    with reporter.stage("generate samples", sum(len(task.jobs) for task in tasks)) as stage:
        for answer in executor.map(_make, tasks):
            failures += answer.failures
            log.add(answer.failures)
            made[answer.generator] = made.get(answer.generator, 0) + answer.done
            seconds[answer.generator] = round(seconds.get(answer.generator, 0.0) + answer.seconds, 3)
            stage.advance(answer.done + len(answer.failures))
    order = [entry.name for entry in plan.generators]
    failures.sort(key=lambda f: (order.index(f.generator), f.case, f.seed))
    return Generation(tuple(failures), made, seconds)


class SceneControls:
    """Control maps on demand; the last scene is kept because generators ask for several maps of one case."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.key: tuple[str, int] | None = None
        self.scene: SceneGeometry | None = None

    def control(self, case: Case, cameras: Cameras, kind: str) -> Tensor:
        """Raises `GeneratorError` for a case without a mesh, `UsageError` for an unknown kind."""
        if case.mesh is None:
            raise GeneratorError(f"case '{case.id}' has no mesh, so it has no {kind} map")
        key = (case.mesh.fingerprint, id(cameras))
        if self.key != key or self.scene is None:
            self.key, self.scene = key, SceneGeometry(case.mesh.load(), cameras, self.device)
        return control_map(self.scene.gbuffer, kind)


# a worker keeps the generator of its last task: weights are loaded once, and two models never fill the memory
_warm: tuple[GeneratorEntry, GeneratorContext, Generator] | None = None


def _generator(entry: GeneratorEntry, context: GeneratorContext) -> Generator:
    global _warm
    if _warm is None or _warm[0] != entry or _warm[1] is not context:
        _warm = None
        _warm = (entry, context, build_generator(entry, context))
    return _warm[2]


def _make(task: _Task) -> _Answer:
    start = time.monotonic()
    store, name = SampleStore(task.samples), task.entry.name
    try:
        generator = _generator(task.entry, task.context)
    except BenchError as error:  # it could be set up before, or the run would not have begun
        failed = tuple(Failure.of(name, job.case.id, job.seed, error) for job in task.jobs)
        return _Answer(name, 0, time.monotonic() - start, failed)
    controls = SceneControls(task.context.device)
    requests = [
        GenerationRequest(job.case, task.context.cameras, job.seed, task.context.background, job.noise_seeds, controls)
        for job in task.jobs
    ]
    failures: list[Failure] = []
    done = _batch(generator, requests, task.jobs, store, name)
    for index in range(done, len(task.jobs)):
        # the batch broke off here: find out which case it was, and give every other one its chance
        job, request = task.jobs[index], requests[index]
        try:
            with plugin_code(f"generator '{name}'", "generate()"):
                answer = next(iter(generator.generate([request])), None)
            _store(answer, request, job, store, name)
        except BenchError as error:
            failures.append(Failure.of(name, job.case.id, job.seed, error))
    return _Answer(name, len(task.jobs) - len(failures), time.monotonic() - start, tuple(failures))


def _batch(
    generator: Generator, requests: Sequence[GenerationRequest], jobs: Sequence[_Job], store: SampleStore, name: str
) -> int:
    """How many of the requests, from the first on, were answered and stored before anything went wrong."""
    done = 0
    try:
        with plugin_code(f"generator '{name}'", "generate()"):
            for request, job, answer in zip(requests, jobs, generator.generate(requests), strict=False):
                _store(answer, request, job, store, name)
                done += 1
    except BenchError:
        # not lost: the caller asks again for each case alone, and reports what fails then
        return done
    return done


def _store(answer: object, request: GenerationRequest, job: _Job, store: SampleStore, name: str) -> None:
    key = SampleKey(name, job.case.id, job.seed)
    if not isinstance(answer, MultiviewImage):
        got = "no answer" if answer is None else f"an answer of type {type(answer).__name__}"
        raise GeneratorError(
            f"generator '{name}' gave {got} to case '{job.case.id}'", expected="one MultiviewImage for each request"
        )
    if answer.case != job.case.id or answer.seed != job.seed:
        raise GeneratorError(
            f"generator '{name}' answered out of order",
            expected=f"the answer to case '{job.case.id}', seed {job.seed}",
            hint="yield one MultiviewImage per request, in the requests' order",
        )
    check_views(answer.views, len(request.cameras), request.cameras.resolution, key)
    store.write(key, answer.views, job.identity)
