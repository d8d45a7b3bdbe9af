"""The inputs of single cases, opened as a run will open them: what fails there is told before anything is made."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.cases.case import Case
from bench.cases.mesh_file import MeshFile
from bench.errors import BenchError, MeshError
from bench.generators.protocol import Generator, GeneratorContext
from bench.mesh_files.reader import read_mesh
from bench.plugins.guard import plugin_code
from bench.run.plan import build_generator, generator_class, is_calibration, shared_cameras, suite_cases
from bench.suite.schema import MeshCases, Suite
from groundwork.notes import Note


@dataclass
class Inputs:
    """How many `meshes` and sets of `cameras` were opened; `problems` cost a run rows, `notes` are what is left out."""

    meshes: int = 0
    cameras: int = 0
    problems: list[BenchError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def open_inputs(suite: Suite) -> Inputs:
    """Open the meshes and cameras of the cases, and what generators say of their own inputs.

    Folders that are not there are no problem yet: suites are shipped without them, and `run` says how to name them.
    """
    found = Inputs()
    cases: tuple[Case, ...] = ()
    if isinstance(suite.cases, MeshCases):
        if not (suite.folder / suite.cases.path).is_dir():
            found.notes.append(f"the folder of meshes is not there yet: {suite.folder / suite.cases.path}")
            return found
        painted = any(is_calibration(entry) for entry in suite.generators)
        try:
            cases = suite_cases(suite)
        except BenchError as error:
            found.problems.append(error)
        for case in cases:
            if isinstance(case.mesh, MeshFile):
                _open(case, case.mesh, painted, found)
    elif suite.views.cameras is not None:
        try:
            cases = suite_cases(suite)
        except BenchError as error:
            found.problems.append(error)
    for case in cases:
        if case.cameras is not None:
            found.cameras += 1
            found.problems += [case.cameras.problem] if case.cameras.problem is not None else []
            found.notes += [f"case '{case.id}': {note}" for note in case.cameras.notes]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", Note)
        found.problems += _of_generators(suite, cases)
    found.notes += dict.fromkeys(str(told.message) for told in said if issubclass(told.category, Note))
    return found


def _open(case: Case, handle: MeshFile, painted: bool, found: Inputs) -> None:
    found.meshes += 1
    try:
        read = read_mesh(handle.path)
    except BenchError as error:
        found.problems.append(error.about(f"case '{case.id}'"))
        return
    found.notes += [f"case '{case.id}': {note}" for note in read.notes]
    if painted and not read.mesh.has_appearance:
        why = read.mesh.unpainted or "it has no texture with coordinates, no vertex colours and no base colour"
        told = f"case '{case.id}': the mesh cannot be painted, as calibration generators do: {why}"
        found.problems.append(MeshError(told, where="" if read.mesh.unpainted else str(handle.path)))


def _of_generators(suite: Suite, cases: tuple[Case, ...]) -> Iterator[BenchError]:
    """What generators that have a method `unusable` say of their inputs."""
    context = GeneratorContext(cases, shared_cameras(suite), suite.views.rgb, "cpu", suite.folder)
    for entry in suite.generators:
        if not cases or generator_class(entry).unusable is Generator.unusable:
            continue
        what = f"generator '{entry.name}'"
        try:
            generator = build_generator(entry, context)
            with plugin_code(what, "unusable()"):
                problems = list(generator.unusable())
        except BenchError as error:
            yield error
            continue
        yield from (problem.about(what) for problem in problems)
