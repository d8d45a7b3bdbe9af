"""The throughput stage: each generator alone in a fresh process, timed on a few of the suite's cases.

Timings are not deterministic, so they are no rows of `scores.parquet`, which is. They are kept in `throughput.json`
under what decides them (generator, hardware, batch, cases, options), and a generator is timed again only when that
changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from bench.cases.case import Case
from bench.errors import BenchError, UsageError
from bench.generators.protocol import GenerationRequest, Generator, GeneratorContext, MultiviewImage
from bench.plugins.guard import frames_of, plugin_code
from bench.results.summary import Row, TimingInfo
from bench.run.environment import hardware
from bench.run.executors import Executor, InProcess, Processes
from bench.run.failures import Failure
from bench.run.folder import RunFolder
from bench.run.generate import SceneControls
from bench.run.luggage import carried
from bench.run.options import RunOptions
from bench.run.places import Places, share_of
from bench.run.plan import Plan, build_generator, case_digest, generator_class, is_calibration, timed_against
from bench.run.timed_rows import record_of, rows_of, timed_cases, with_turns
from bench.suite.schema import GeneratorEntry
from bench.throughput.declaration import Throughput
from bench.throughput.stopwatch import make_stopwatch
from bench.throughput.sweep import out_of_memory
from bench.throughput.timing import Timing, Wishes, time_generator
from bench.throughput.turns import Turns, in_turns
from bench.workers.cluster import Share
from bench.workers.limits import Lost
from groundwork.hashing import hash_json, seed_from
from groundwork.progress import Reporter

FORMAT = 2
TEXTURE = 512  # texels a side of the texture that is baked


@dataclass(frozen=True)
class Speeds:
    """Rows for the summary, what failed, and what the report lists of each generator's timing."""

    rows: tuple[Row, ...] = ()
    failures: tuple[Failure, ...] = ()
    timings: tuple[TimingInfo, ...] = ()


@dataclass(frozen=True)
class _Task:
    entry: GeneratorEntry
    context: GeneratorContext
    cases: tuple[Case, ...]
    size: int
    seed: int  # of the suite
    first: int  # sample seed of the warm-up
    metric: Throughput
    share: Share
    against: GeneratorEntry | None = None

    def travelling(self) -> _Task:
        """As it goes to a machine that has no files of this one."""
        return replace(self, cases=tuple(map(carried, self.cases)))

    def request(self, case: Case, number: int, controls: SceneControls) -> GenerationRequest:
        """What pass `number` asks of a case: the same as the last one, from other noise."""
        context, seed = self.context, self.first + number
        cameras = context.cameras_of(case)
        noise = tuple(seed_from("noise", self.seed, case.id, seed, view) for view in range(len(cameras)))
        return GenerationRequest(case, cameras, seed, context.background, noise, controls)

    def batches(self, number: int, controls: SceneControls) -> list[list[GenerationRequest]]:
        """All cases, in batches."""
        made = [self.request(case, number, controls) for case in self.cases]
        return [made[start : start + self.size] for start in range(0, len(made), self.size)]

    def batch_of(self, size: int, number: int, controls: SceneControls) -> list[GenerationRequest]:
        """A batch of any size: the cases again and again, each time from other noise."""
        cases = self.cases
        return [
            self.request(cases[i % len(cases)], number * (size // len(cases) + 1) + i // len(cases), controls)
            for i in range(size)
        ]


@dataclass(frozen=True)
class _Answer:
    timing: Timing | None = None
    turns: Turns | None = None
    hardware: dict[str, Any] | None = None
    threads: int = 0
    error: str = ""
    traceback: str = ""


def measure_throughput(
    plan: Plan, fingerprints: Mapping[str, str], options: RunOptions, folder: RunFolder, places: Places,
    reporter: Reporter,
) -> Speeds:  # fmt: skip
    """Time every generator that has not been timed like this before; nothing when the suite does not ask for it."""
    metric = plan.throughput
    if metric is None:
        return Speeds()
    against = timed_against(plan)
    size = _batch_size(plan, metric, options)
    alone = _alone(places.executor)
    records = _read(folder)
    rows: list[Row] = []
    failures: list[Failure] = []
    timings: list[TimingInfo] = []
    with reporter.stage("time generators", len(plan.generators)) as stage:
        for entry in plan.generators:
            if not fingerprints[entry.name]:
                rows += rows_of(plan, metric, entry.name, None, "failed", "it could not be set up")
                stage.advance()
                continue
            other = None if against is None else fingerprints.get(against.name, "")
            identity = _identity(plan, metric, (fingerprints[entry.name], other), options)
            if is_calibration(entry) or not generator_class(entry).timed:
                rows += rows_of(plan, metric, entry.name, None, "not_measurable", "no model makes these pictures")
                stage.advance()
                continue
            record = records.get(entry.name)
            if record is None or record.identity != identity:
                record = None
                task = _task(plan, metric, entry, size)
                answer = _ask(alone, _time, task, places, _passes(metric))
                if answer.timing is None:
                    failures.append(Failure(entry.name, "", None, f"throughput: {answer.error}", answer.traceback))
                    rows += rows_of(plan, metric, entry.name, None, "failed", answer.error)
                    records.pop(entry.name, None)
                else:
                    machine = answer.hardware or {}
                    record = record_of(plan, metric, entry.name, identity, answer.timing, machine, answer.threads, size)
                    if against is not None and against.name != entry.name:
                        turns = _ask(alone, _race, replace(task, against=against), places, 2 * metric.options.rounds)
                        record = with_turns(record, against.name, turns.turns, turns.error)
                    records[entry.name] = record
                _write(folder, records)
            if record is not None:
                rows += rows_of(plan, metric, entry.name, record, "ok", "")
                timings.append(record)
            stage.advance()
    return Speeds(tuple(rows), tuple(failures), tuple(timings))


def _alone(executor: Executor) -> Executor:
    """Not beside other work, and in a process of its own: its memory and its first image are the generator's."""
    return Processes(1) if isinstance(executor, InProcess | Processes) else executor


def _batch_size(plan: Plan, metric: Throughput, options: RunOptions) -> int:
    return min(options.batch_size, len(timed_cases(plan, metric)))


def _task(plan: Plan, metric: Throughput, entry: GeneratorEntry, size: int) -> _Task:
    cases = timed_cases(plan, metric)
    share = share_of(entry.resources or plan.suite.resources.generate, plan.context.device)
    return _Task(entry, plan.context, cases, size, plan.suite.seed, plan.seeds[0], metric, share)


def _passes(metric: Throughput) -> int:
    """How many times all cases are made, about: what limits of time are told by."""
    return metric.options.repeats + metric.options.warm_up + 3 + 8 * metric.options.sweep


def _ask(executor: Executor, work: Callable[[_Task], _Answer], task: _Task, places: Places, passes: int) -> _Answer:
    batch = places.making(task.size)
    batches = -(-len(task.cases) // task.size) * passes
    seconds = None if batch.seconds is None else batch.seconds * batches + 2 * task.metric.options.seconds
    limits = replace(batch, seconds=seconds)
    answer = next(iter(executor.map(work, [task], lambda _: limits)))
    return _Answer(error=str(answer.error)) if isinstance(answer, Lost) else answer


def _time(task: _Task) -> _Answer:
    context, o = task.context, task.metric.options
    controls = SceneControls(context.device)
    wishes = Wishes(o.repeats, o.warm_up, o.seconds, o.sweep, _baking(task) if o.bake else None)
    described, threads = hardware(context.device), torch.get_num_threads()
    try:
        with plugin_code(f"generator '{task.entry.name}'", "generate()"):
            timing = time_generator(
                lambda: build_generator(task.entry, context),
                lambda number: task.batches(number, controls),
                context.device,
                wishes,
                lambda size, number: task.batch_of(size, number, controls),
            )
    except BenchError as error:
        return _Answer(hardware=described, threads=threads, error=str(error), traceback=frames_of(error))
    return _Answer(timing, None, described, threads)


def _baking(task: _Task) -> Callable[[MultiviewImage], object]:
    """What makes a texture of an answer; the atlas of each mesh is made once, outside of what is timed."""
    from bench.texture_bake.atlas import atlas_fault, unwrap
    from bench.texture_bake.bake import bake_texture

    cases = {case.id: case for case in task.cases}
    meshes: dict[str, Any] = {}

    def bake(answer: MultiviewImage) -> object:
        case, device = cases[answer.case], task.context.device
        if answer.case not in meshes:
            if case.mesh is None:
                raise UsageError(f"case '{case.id}' has no mesh to bake on", where="metrics: throughput: bake")
            mesh = case.mesh.load().normalised()
            meshes[answer.case] = unwrap(mesh, TEXTURE) if atlas_fault(mesh) else mesh
        views = torch.from_numpy(answer.views)
        return bake_texture(meshes[answer.case], views, task.context.cameras_of(case), TEXTURE, device=device)

    return bake


def _race(task: _Task) -> _Answer:
    """Both in one process, in turns."""
    context, o = task.context, task.metric.options
    controls = SceneControls(context.device)
    clock = make_stopwatch(context.device)
    assert task.against is not None
    entries = (task.against, task.entry)
    try:
        with plugin_code(f"generator '{task.entry.name}'", "generate()"):
            old, new = (build_generator(entry, context) for entry in entries)

            def seconds(side: Generator, number: int) -> float:
                total = 0.0
                for batch in task.batches(number, controls):
                    clock.mark()
                    for _ in side.generate(batch):
                        clock.mark()
                    total += clock.seconds()[-1]
                return total

            turns = in_turns(lambda n: seconds(old, n), lambda n: seconds(new, n), o.rounds, max(1, o.warm_up))
    except BenchError as error:
        why = "both together do not fit into memory" if out_of_memory(error) else str(error)
        return _Answer(error=why, traceback=frames_of(error))
    return _Answer(turns=turns)


def _identity(plan: Plan, metric: Throughput, fingerprints: tuple[str, str | None], options: RunOptions) -> str:
    """What a timing is kept for."""
    return hash_json(
        [
            FORMAT, fingerprints, hardware(options.device), torch.__version__, torch.get_num_threads(),
            _batch_size(plan, metric, options), [case_digest(case) for case in timed_cases(plan, metric)],
            plan.views_signature(), metric.options.model_dump(mode="json"), metric.parameters(), options.executor,
        ]
    )  # fmt: skip


def _read(folder: RunFolder) -> dict[str, TimingInfo]:
    """Timings of earlier commands by generator; none when the file is not of this format."""
    try:
        content = json.loads(folder.throughput.read_bytes())
        if content["format"] != FORMAT:
            return {}
        records = [TimingInfo.model_validate(record) for record in content["timings"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # pydantic's errors are ValueErrors
        return {}
    return {record.generator: record for record in records}


def _write(folder: RunFolder, records: Mapping[str, TimingInfo]) -> None:
    timings = [record.model_dump(mode="json") for record in records.values()]
    folder.write_json(folder.throughput, {"format": FORMAT, "timings": timings})
