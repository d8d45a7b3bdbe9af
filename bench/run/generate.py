"""The generation stage: makes the samples that are missing, batch by batch, and stores each as soon as it is there.

Nothing that a generator does costs more than its own samples: what it raises is told, and where it works in a process
of its own (`bench.run.places`), so is a crash, a hang or a leak. The case that did it is found by trying each alone.
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from torch import Tensor

from bench.cases.case import Case
from bench.errors import BenchError, GeneratorError
from bench.generators.protocol import GenerationRequest, Generator, GeneratorContext, MultiviewImage
from bench.geometry.cameras import Cameras, cameras_digest
from bench.geometry.control import control_map
from bench.geometry.scene import SceneGeometry
from bench.plugins.guard import plugin_code
from bench.plugins.state import own_process
from bench.run.failures import Failure, FailureLog
from bench.run.luggage import SampleParcel, carried
from bench.run.places import Places, share_of
from bench.run.plan import Plan, build_generator
from bench.run.prepare import prepare_generators
from bench.run.samples import EncodedSample, SampleKey, SampleStore, check_views
from bench.run.survivors import map_surviving
from bench.suite.schema import GeneratorEntry
from bench.workers import child
from bench.workers.cluster import Share
from bench.workers.limits import Lost
from groundwork.progress import Reporter


@dataclass(frozen=True)
class _Job:
    case: Case
    seed: int
    noise_seeds: tuple[int, ...]
    identity: str


@dataclass(frozen=True)
class _Task:
    """One batch of one generator: everything that a worker process needs. owner: as of `OfGenerator`."""

    entry: GeneratorEntry
    context: GeneratorContext
    samples: Path | None  # None: the pictures come back with the answer
    jobs: tuple[_Job, ...]
    run: str
    fingerprint: str
    share: Share
    owner: str

    def travelling(self) -> _Task:
        """As it goes to a machine that does not see the run folder."""
        return replace(self, samples=None, jobs=tuple(replace(job, case=carried(job.case)) for job in self.jobs))


@dataclass(frozen=True)
class _Answer:
    generator: str
    done: int
    seconds: float
    failures: tuple[Failure, ...]
    samples: Mapping[SampleKey, EncodedSample] = field(default_factory=dict)  # that travelled with it


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
    places: Places,
    batch_size: int,
    reporter: Reporter,
    log: FailureLog,
    unset: Mapping[str, BenchError] = MappingProxyType({}),
) -> Generation:
    """Make every sample of the plan that the store does not hold, after what their generators need for it.

    fingerprints: generator name -> hash. unset: why some cannot be asked for any, by name.
    """
    broken: list[Failure] = []
    missing: dict[str, list[_Job]] = {}
    for entry in plan.generators:
        jobs = missing[entry.name] = []
        for case in plan.cases:
            if case.cameras is not None and case.cameras.problem is not None:
                broken += [Failure.of(entry.name, case.id, seed, case.cameras.problem) for seed in plan.seeds]
                continue
            for seed in plan.seeds:
                identity = plan.sample_identity(fingerprints[entry.name], case, seed)
                if store.digest(SampleKey(entry.name, case.id, seed), identity) is None:
                    jobs.append(_Job(case, seed, plan.noise_seeds(case, seed), identity))
    seeds = {name: sorted({job.seed for job in jobs}) for name, jobs in missing.items() if name not in unset}
    unprepared = dict(unset) | prepare_generators(plan, seeds, places, reporter)
    failures = [
        Failure.of(name, job.case.id, job.seed, error) for name, error in unprepared.items() for job in missing[name]
    ]
    failures += broken
    log.add(failures)
    tasks, run = [], secrets.token_hex(8)
    for entry in plan.generators:
        jobs = [] if entry.name in unprepared else missing[entry.name]
        share = share_of(entry.resources or plan.suite.resources.generate, plan.context.device)
        size = places.batch(batch_size, len(jobs), share)
        for start in range(0, len(jobs), size):
            batch = tuple(jobs[start : start + size])
            known, owner = fingerprints[entry.name], places.owner(entry)
            tasks.append(_Task(entry, plan.context, store.root, batch, run, known, share, owner))
    made: dict[str, int] = {}
    seconds: dict[str, float] = {}
    with reporter.stage("generate samples", sum(len(task.jobs) for task in tasks)) as stage:

        def note(answer: _Answer) -> None:
            failures.extend(answer.failures)
            log.add(answer.failures)
            made[answer.generator] = made.get(answer.generator, 0) + answer.done
            seconds[answer.generator] = round(seconds.get(answer.generator, 0.0) + answer.seconds, 3)
            stage.advance(answer.done + len(answer.failures))

        def split(task: _Task) -> list[_Task] | None:
            """A task for each sample that was not stored before the worker was lost."""
            if len(task.jobs) == 1:
                return None
            left = [job for job in task.jobs if store.digest(_key(task, job), job.identity) is None]
            note(_Answer(task.entry.name, len(task.jobs) - len(left), 0.0, ()))
            return [replace(task, jobs=(job,)) for job in left]

        for executor, its_tasks in places.shared_out(tasks, lambda task: task.entry):
            found = map_surviving(
                executor, _make, its_tasks, lambda task: places.making(len(task.jobs)), split, _blamed
            )  # fmt: skip
            for answer in found:
                if isinstance(answer, Lost):
                    note(_lost(answer, store))
                    continue
                for key, sample in answer.samples.items():
                    store.put(key, sample)
                note(answer)
    order = [entry.name for entry in plan.generators]
    failures.sort(key=lambda f: (order.index(f.generator), f.case, f.seed))
    return Generation(tuple(failures), made, seconds)


def _key(task: _Task, job: _Job) -> SampleKey:
    return SampleKey(task.entry.name, job.case.id, job.seed)


def _blamed(one: _Task | _Answer) -> str:
    return one.entry.name if isinstance(one, _Task) else one.generator


def _lost(lost: Lost[_Task], store: SampleStore) -> _Answer:
    """What a loss cost: the samples that are not there."""
    task = lost.task
    left = [job for job in task.jobs if store.digest(_key(task, job), job.identity) is None]
    name = task.entry.name
    failures = [Failure.of(name, job.case.id, job.seed, lost.error.about(f"generator '{name}'")) for job in left]
    return _Answer(name, len(task.jobs) - len(left), lost.seconds, tuple(failures))


class SceneControls:
    """Control maps on demand; the last scene is kept because generators ask for several maps of one case."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.key: tuple[str, str] | None = None
        self.scene: SceneGeometry | None = None

    def control(self, case: Case, cameras: Cameras, kind: str) -> Tensor:
        """Raises `GeneratorError` for a case without a mesh, `UsageError` for an unknown kind."""
        if case.mesh is None:
            raise GeneratorError(f"case '{case.id}' has no mesh, so it has no {kind} map")
        key = (case.mesh.fingerprint, cameras_digest(cameras))
        if self.key != key or self.scene is None:
            self.key, self.scene = key, SceneGeometry(case.mesh.load(), cameras, self.device)
        return control_map(self.scene.gbuffer, kind)


# a worker keeps the generator of its last task: weights are loaded once, and two models never fill the memory
_warm: tuple[str, str, Generator] | None = None  # under the run's token and its name


def _generator(task: _Task) -> Generator:
    global _warm
    if _warm is None or _warm[:2] != (task.run, task.entry.name):
        _warm = None
        generator = build_generator(task.entry, task.context)
        if task.samples is None:
            _check_is_the_same(task, generator)
        _warm = (task.run, task.entry.name, generator)
    return _warm[2]


def _check_is_the_same(task: _Task, generator: Generator) -> None:
    """Raise `GeneratorError` where a machine's files or code make it another generator than was asked for."""
    with plugin_code(f"generator '{task.entry.name}'", "fingerprint()"):
        found = generator.fingerprint()
    if found != task.fingerprint:
        raise GeneratorError(
            f"generator '{task.entry.name}' is another one on {socket.gethostname()}: its files or its code differ",
            expected="the same checkpoints and code on every machine of the cluster, under the same path",
        )


def _make(task: _Task) -> _Answer:
    own = child.inside and task.owner == task.entry.name  # its worker makes the samples of no other generator
    with own_process() if own else nullcontext():
        return _made(task)


def _made(task: _Task) -> _Answer:
    start = time.monotonic()
    store = SampleParcel() if task.samples is None else SampleStore(task.samples)
    name = task.entry.name
    try:
        generator = _generator(task)
    except BenchError as error:  # it could be set up before, or the run would not have begun
        failed = tuple(Failure.of(name, job.case.id, job.seed, error) for job in task.jobs)
        return _Answer(name, 0, time.monotonic() - start, failed)
    context, controls = task.context, SceneControls(task.context.device)
    requests = [
        GenerationRequest(
            job.case, context.cameras_of(job.case), job.seed, context.background, job.noise_seeds, controls
        )
        for job in task.jobs
    ]
    failures: list[Failure] = []
    done = 0
    with suppress(BenchError):  # not lost: each case is asked for again alone, and what fails then is told
        for request, job, answer in zip(requests, task.jobs, _answers(generator, requests, name), strict=False):
            _store(answer, request, job, store, name)
            done += 1
    for index in range(done, len(task.jobs)):
        # the batch broke off here: find out which case it was, and give every other one its chance
        job, request = task.jobs[index], requests[index]
        try:
            _store(next(_answers(generator, [request], name), None), request, job, store, name)
        except BenchError as error:
            failures.append(Failure.of(name, job.case.id, job.seed, error))
    travelling = store.samples if isinstance(store, SampleParcel) else {}
    return _Answer(name, len(task.jobs) - len(failures), time.monotonic() - start, tuple(failures), travelling)


def _answers(generator: Generator, requests: Sequence[GenerationRequest], name: str) -> Iterator[object]:
    """What the generator answers. Only its own code is guarded: a full disk is not its fault, and ends the run."""
    with plugin_code(f"generator '{name}'", "generate()"):
        answers = iter(generator.generate(requests))
    while True:
        with plugin_code(f"generator '{name}'", "generate()"):
            try:
                answer = next(answers)
            except StopIteration:
                return
        yield answer


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
