"""From a suite and the command's options to what will be done: cases, cameras, generators, metrics."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from bench.cases.case import Case
from bench.errors import BenchError, GeneratorError, InputError, PluginError, UsageError, nearest
from bench.generators.catalogue import GENERATORS
from bench.generators.protocol import Generator, GeneratorContext
from bench.geometry.cameras import Cameras, cameras_digest
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import ObjectMetric, Result, SetMetric
from bench.plugins.contract import plugin_class
from bench.plugins.guard import plugin_code
from bench.results.summary import PhaseInfo
from bench.run.apart import metric_of
from bench.run.options import RunOptions
from bench.run.places import Places
from bench.run.samples import SampleKey
from bench.suite.cameras import cameras_of, with_cameras
from bench.suite.check import make_metric, read_options
from bench.suite.schema import Cases, GeneratorEntry, MeshCases, MetricEntry, PromptCases, Suite
from bench.throughput.declaration import Throughput
from bench.workers.crew import Crew
from bench.workers.limits import Lost, WorkerLost
from groundwork.errors import first_finding
from groundwork.hashing import hash_json, hash_strings, seed_from

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Plan:
    """What a run will do. `all_cases` is the whole suite; `cases` what `--limit` left of it."""

    suite: Suite
    all_cases: tuple[Case, ...]
    cases: tuple[Case, ...]
    shared: Cameras | None  # the cameras of all cases; None: each has its own
    seeds: tuple[int, ...]
    generators: tuple[GeneratorEntry, ...]
    object_metrics: tuple[ObjectMetric, ...]
    object_entries: tuple[MetricEntry, ...]  # of the object metrics: other processes make them again
    set_metrics: tuple[SetMetric, ...]
    context: GeneratorContext
    comparable: bool
    throughput: Throughput | None = None

    @property
    def results(self) -> tuple[Result, ...]:
        """Every number that a generator gets, primary ones first, then in the suite's order."""
        declared = [r for metric in self.object_metrics for r in metric.results()]
        declared += [metric.result() for metric in self.set_metrics]
        declared += self.throughput.results() if self.throughput is not None else ()
        primary = self.suite.primary
        return tuple(sorted(declared, key=lambda r: primary.index(r.name) if r.name in primary else len(primary)))

    @property
    def samples(self) -> tuple[SampleKey, ...]:
        """Every sample that the command asks for."""
        return tuple(
            SampleKey(entry.name, case.id, seed)
            for entry in self.generators
            for case in self.cases
            for seed in self.seeds
        )

    @property
    def cameras(self) -> Cameras:
        """The cameras of all cases. Raises `UsageError` in a suite where each case has its own."""
        return self.shared or cameras_of(self.suite.views)

    def cameras_of(self, case: Case) -> Cameras:
        """The cameras that a case is seen by. Raises `InputError` where its camera files are missing or broken."""
        return self.context.cameras_of(case)

    def views_of(self, case: Case) -> int:
        """How many views a case has; 0 where its camera files are missing or broken."""
        return len(self.cameras if case.cameras is None else case.cameras)

    def views_signature(self, case: Case | None = None, among: Collection[str] | None = None) -> str:
        """The part of every signature that says what was looked at.

        Where each case has its own cameras: those of `case`, or of all cases of the plan (those `among` them).
        """
        v = self.suite.views
        looks = f"resolution={v.resolution} background={v.background}"
        if v.cameras is not None:
            chosen = [one for one in self.cases if among is None or one.id in among] if case is None else [case]
            prints = [one.cameras.fingerprint for one in chosen if one.cameras is not None]
            return f"cameras=each@sha256:{hash_strings(prints)[:12]} {looks}"
        lens = f"perspective fov={_listed(v.fov)}" if v.projection == "perspective" else "orthographic"
        lens += "" if v.distance is None else f" distance={_listed(v.distance)}"
        lens += "" if v.frame is None else f" frame={_listed(v.frame)}"
        return f"azimuths={_listed(v.azimuths)} elevation={_listed(v.elevation)} projection={lens} {looks}"

    def noise_seeds(self, case: Case, seed: int) -> tuple[int, ...]:
        """One noise seed a view, from (suite seed, case, sample seed, view) and nothing else."""
        return tuple(seed_from("noise", self.suite.seed, case.id, seed, view) for view in range(self.views_of(case)))

    def sample_identity(self, fingerprint: str, case: Case, seed: int) -> str:
        """What a sample is made from; a stored sample of this identity is not made again."""
        looks = cameras_digest(self.cameras) if case.cameras is None else case.cameras.fingerprint
        parts = [fingerprint, case_digest(case), looks, self.suite.views.background]
        return hash_strings([*parts, str(self.suite.seed), str(seed)])


def _listed(values: float | tuple[float, ...]) -> str:
    return ",".join(f"{value:g}" for value in (values if isinstance(values, tuple) else (values,)))


def case_digest(case: Case) -> str:
    """SHA-256 (hex) of a case's id, prompt and mesh, and of its cameras where it has its own."""
    parts = [case.id, case.prompt, case.mesh.fingerprint if case.mesh is not None else None]
    return hash_json(parts + ([] if case.cameras is None else [case.cameras.fingerprint]))


def make_plan(suite: Suite, options: RunOptions, places: Places | None = None) -> Plan:
    """Resolve everything that can be wrong before work starts. Raises `BenchError` with what to do.

    Strangers' metrics are made where `places` say; None: here.
    """
    context = generator_context(suite, options.device)
    all_cases = context.cases
    metrics = [make_metric(entry, METRICS) if places is None else metric_of(entry, places) for entry in suite.metrics]
    for metric in metrics:
        if isinstance(metric, ObjectMetric):
            metric.see_prompts(tuple(case.prompt for case in all_cases))
    limit = options.limit
    plan = Plan(
        suite=suite,
        all_cases=all_cases,
        cases=all_cases[:limit],
        shared=context.shared,
        seeds=options.seeds or suite.seeds,
        generators=_chosen(suite.generators, options.generators),
        object_entries=tuple(
            entry for entry, m in zip(suite.metrics, metrics, strict=True) if isinstance(m, ObjectMetric)
        ),
        object_metrics=tuple(m for m in metrics if isinstance(m, ObjectMetric)),
        set_metrics=tuple(m for m in metrics if isinstance(m, SetMetric)),
        context=context,
        comparable=limit is None or limit >= len(all_cases),
        throughput=next((m for m in metrics if isinstance(m, Throughput)), None),
    )
    timed_against(plan)  # wrong names are told before work starts
    return plan


def generator_context(suite: Suite, device: str) -> GeneratorContext:
    """What the suite's generators are set up with. Raises `BenchError` for cases, cameras or a device that fail."""
    check_device(device)
    return GeneratorContext(suite_cases(suite), shared_cameras(suite), suite.views.rgb, device, suite.folder)


def timed_against(plan: Plan) -> GeneratorEntry | None:
    """The entry that the others are timed against in turns. Raises `UsageError` where the suite has no such model."""
    name = None if plan.throughput is None else plan.throughput.options.against
    if name is None:
        return None
    found = {entry.name: entry for entry in plan.suite.generators}
    where = "metrics: throughput: against"
    if name not in found:
        hint = nearest(name, found)
        raise UsageError(f"the suite has no generator '{name}' to time others against", where=where, hint=hint)
    if is_calibration(found[name]) or not generator_class(found[name]).timed:
        raise UsageError(f"no model makes the pictures of '{name}', so it has no speed", where=where)
    return found[name]


def shared_cameras(suite: Suite) -> Cameras | None:
    """The cameras of all cases; None where each has its own."""
    return cameras_of(suite.views) if suite.views.cameras is None else None


def suite_cases(suite: Suite) -> tuple[Case, ...]:
    """The suite's objects, in their fixed order, each with its own cameras where the suite's views say so.

    Raises `InputError` that says what is missing; a case whose cameras are broken carries the reason.
    """
    return with_cameras(find_cases(suite.cases, suite.folder), suite.views)


def find_cases(cases: Cases, folder: Path) -> tuple[Case, ...]:
    """The suite's objects, in their fixed order. Raises `InputError` that says how to name them, or what is wrong."""
    if isinstance(cases, MeshCases):
        if not (folder / cases.path).is_dir():
            raise InputError(
                "the suite's folder of meshes does not exist",
                where=os.path.normpath(folder / cases.path),
                expected="one mesh per object (GLB, glTF, OBJ, PLY)",
                hint="name yours: --set cases.path=MESHES --set cases.prompts=MESHES/prompts.csv",
            )
        from bench.cases.mesh_folder import mesh_folder_cases

        return mesh_folder_cases(folder / cases.path, folder / cases.prompts if cases.prompts else None)
    if isinstance(cases, PromptCases):
        if not (folder / cases.path).is_file():
            raise InputError(
                "the suite's table of prompts does not exist",
                where=os.path.normpath(folder / cases.path),
                expected="a CSV file with the columns case and prompt",
                hint="name yours: --set cases.path=prompts.csv",
            )
        from bench.cases.prompt_file import prompt_cases

        return prompt_cases(folder / cases.path)
    from bench.cases.miniworld.world import miniworld_cases

    return miniworld_cases(cases.split, cases.count, cases.look, cases.seed)


def generator_class(entry: GeneratorEntry) -> type[Generator]:
    """The class behind a suite's entry, with what it says of itself. Raises `BenchError` when there is none."""
    found: type[Generator] = plugin_class(GENERATORS, entry.use)
    return found


def build_generator(entry: GeneratorEntry, context: GeneratorContext) -> Generator:
    """The generator behind a suite's entry. Raises `BenchError` with the entry's name for all that goes wrong."""
    factory = generator_class(entry)
    with plugin_code(f"generator '{entry.name}'", "__init__()"):
        return factory(entry.name, read_options(factory, entry.options), context)


def set_up_generators(
    plan: Plan, places: Places | None = None
) -> tuple[dict[str, str], dict[str, PluginError | WorkerLost]]:
    """The fingerprint of every generator of the plan by name, and why some have none ('').

    Asked where the generators work on this machine (None: here). One that fails to what nobody can mend in the suite,
    its own code, costs its rows, as long as others work. Raises `BenchError` where one is not available (a checkpoint
    that is not there); where others could run without it, the error says how.
    """
    found: dict[str, str] = {}
    failed: dict[str, BenchError] = {}
    for entry in reversed(plan.generators):  # the process that is asked last is there for the first one's samples
        try:
            found[entry.name] = ask_fingerprint(entry, plan.context, places)
        except BenchError as error:
            failed[entry.name] = error
    broken = {name: error for name, error in failed.items() if isinstance(error, PluginError | WorkerLost)}
    if len(broken) == len(failed) and (found or not failed):
        return {entry.name: found.get(entry.name, "") for entry in plan.generators}, broken
    failed = {entry.name: failed[entry.name] for entry in plan.generators if entry.name in failed}
    first, *others = failed.values()
    hints = [first.hint] if first.hint else []
    hints += [f"{len(others)} more cannot be set up: {', '.join([*failed][1:])}"] if others else []
    hints += [f"run the others: --generators {','.join(found)}"] if found else []
    raise type(first)(first.message, where=first.where, expected=first.expected, hint="; ".join(hints)) from first


@dataclass(frozen=True)
class OfGenerator:
    """What a question to a generator goes by: all that is needed to set it up, and the seeds that are wanted of it.

    owner: whose code runs, by `Places.owner`; `Crew` never mixes two in a process.
    """

    entry: GeneratorEntry
    context: GeneratorContext
    owner: str
    seeds: tuple[int, ...] = ()


def of_generator(
    entry: GeneratorEntry, context: GeneratorContext, places: Places | None, seeds: tuple[int, ...] = ()
) -> OfGenerator:
    """A question to a generator that works at `places` (None: here)."""
    return OfGenerator(entry, context, entry.name if places is None else places.owner(entry), seeds)


def ask_generator(ask: Callable[[OfGenerator], Answer], question: OfGenerator, places: Places | None) -> Answer:
    """The answer of `ask`, which sets the generator up, from where the generator works on this machine (None: here).

    Raises what `ask` raises, and the loss of the process that was asked.
    """
    executor = places.beside(question.entry) if places is not None else None
    if places is None or not isinstance(executor, Crew):
        return ask(question)
    (answer,) = executor.map(ask, [question], lambda _: places.setting_up())
    if isinstance(answer, Lost):
        raise answer.error.about(f"generator '{question.entry.name}': set-up")
    return answer


def ask_fingerprint(entry: GeneratorEntry, context: GeneratorContext, places: Places | None) -> str:
    """As `generator_fingerprint`, from where the generator works on this machine (None: here)."""
    return ask_generator(_fingerprint, of_generator(entry, context, places), places)


def _fingerprint(question: OfGenerator) -> str:
    return generator_fingerprint(question.entry, question.context)


def generator_fingerprint(entry: GeneratorEntry, context: GeneratorContext) -> str:
    """What the generator's samples are recognised by. Raises `GeneratorError` when it gives none."""
    generator = build_generator(entry, context)
    with plugin_code(f"generator '{entry.name}'", "fingerprint()"):
        fingerprint: object = generator.fingerprint()
    if not isinstance(fingerprint, str) or not fingerprint:
        raise GeneratorError(
            f"generator '{entry.name}' gave {fingerprint!r} as its fingerprint",
            where=entry.use,
            expected="a text, the SHA-256 of all that decides its images: stored samples are reused by it",
        )
    return fingerprint


def is_calibration(entry: GeneratorEntry) -> bool:
    """Whether the generator is a yardstick (its class says so) that is not ranked against real ones."""
    return bool(generator_class(entry).calibration)


def training_of(
    entry: GeneratorEntry, context: GeneratorContext, places: Places | None = None
) -> tuple[PhaseInfo, ...]:
    """What the training behind a generator cost, by phase; empty where nobody wrote that down.

    Asked where the generator works (None: here). Raises `PluginError` for a generator that has a method `training`
    which tells no such thing, and `WorkerLost` for one that costs its process.
    """
    if generator_class(entry).training is Generator.training:
        return ()
    return ask_generator(_training, of_generator(entry, context, places), places)


def _training(question: OfGenerator) -> tuple[PhaseInfo, ...]:
    entry, context = question.entry, question.context
    what = f"generator '{entry.name}'"
    try:
        generator = build_generator(entry, context)
        with plugin_code(what, "training()"):
            return tuple(PhaseInfo.model_validate(phase) for phase in generator.training())
    except PluginError as error:
        if isinstance(error.__cause__, ValidationError):
            place, found = first_finding(error.__cause__)
            raise PluginError(
                f"{what}: training() gave an invalid phase: {place}: {found}",
                expected="phases with the fields of PhaseInfo in bench/results/summary.py",
            ) from error
        raise
    except BenchError:  # the checkpoint may be gone while its pictures are scored
        return ()


def broken_cases(plan: Plan, sound: Collection[str]) -> frozenset[str]:
    """Cases whose mesh or cameras cannot be read, of those that are not known to be `sound`: nobody's fault."""
    broken = {case.id for case in plan.cases if plan.views_of(case) == 0}
    for case in plan.cases:
        if case.id not in sound and case.mesh is not None:
            try:
                case.mesh.load()
            except BenchError:
                broken.add(case.id)
    return frozenset(broken)


def check_device(device: str) -> None:
    """Raises `UsageError` for a device that this machine does not have."""
    import torch

    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise UsageError(f"unknown device '{device}'", expected="cpu, cuda or cuda:<number>") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "no CUDA device can be used here", hint="use --device cpu, or install a torch built for your GPU"
        )
    if kind not in ("cpu", "cuda"):
        raise UsageError(f"device '{device}' is not supported", expected="cpu, cuda or cuda:<number>")


def _chosen(entries: Sequence[GeneratorEntry], names: Sequence[str] | None) -> tuple[GeneratorEntry, ...]:
    if not entries:
        raise UsageError(
            "the suite names no generator", hint="add one under `generators`, or use `realiz3d-bench score`"
        )
    if names is None:
        return tuple(entries)
    known = {entry.name for entry in entries}
    for name in names:
        if name not in known:
            raise UsageError(f"the suite has no generator '{name}'", where="--generators", hint=nearest(name, known))
    return tuple(entry for entry in entries if entry.name in names)
