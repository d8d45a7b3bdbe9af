"""`generate`: views of a checkpoint in the layout that `score` and `bake` read, for meshes, prompts or a suite."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.commands import flags, generator_options
from bench.commands.run import read_options
from bench.commands.terminal import answer, answer_json, note, only_answers_on_stdout
from bench.errors import EXIT_INCOMPLETE, UsageError
from bench.run.options import RunOptions

if TYPE_CHECKING:
    from bench.run.plan import Plan
    from bench.suite.schema import Suite

VIEWS, SUITE = "views", "suite.yaml"


def generate(
    context: typer.Context,
    checkpoint: generator_options.Checkpoint,
    out: Annotated[Path, flags.flag("--out", "Folder to write into, exactly as named.", metavar="DIR")],
    meshes: Annotated[
        Path | None,
        flags.flag("--meshes", "Folder of mesh files to paint (GLB, glTF, OBJ, PLY, STL, OFF).", metavar="FOLDER"),
    ] = None,
    prompts: Annotated[
        Path | None, flags.flag("--prompts", "A CSV file case,prompt: of the meshes, or alone.", metavar="CSV")
    ] = None,
    suite: Annotated[
        str | None, flags.flag("--suite", "A suite whose cases and views are made instead.", metavar="SUITE")
    ] = None,
    resolution: Annotated[
        int | None, flags.flag("--resolution", "Side of a view in pixels (default: as trained, else 512).", min=16)
    ] = None,
    option: generator_options.Options = None,
    limit: flags.Limit = None,
    device: flags.Device = RunOptions.device,
    batch_size: flags.BatchSize = RunOptions.batch_size,
    seeds: flags.Seeds = None,
    executor: flags.Executor = RunOptions.executor,
    workers: flags.Workers = RunOptions.workers,
    overrides: flags.Set = None,
    as_json: flags.Json = False,
) -> None:
    """Make the views of a Realiz3D checkpoint: OUT/views/CASE/seed_0/view_0.png ... The same command resumes.

    OUT/suite.yaml judges them: score OUT/views --suite OUT/suite.yaml. --set changes it: --set views.elevation=20.
    """
    if (suite is None) == (meshes is None and prompts is None) or (suite is not None and resolution is not None):
        raise UsageError(
            "generate needs one source of cases",
            expected="--meshes FOLDER [--prompts CSV], --prompts CSV, or --suite SUITE (whose resolution is its own)",
        )
    options = generator_options.realiz3d_options(checkpoint, option or ())
    run_options = read_options(
        context, out, None, limit, device, batch_size, seeds, executor, workers, False, as_json
    )  # fmt: skip
    from bench.suite.load import load_suite
    from bench.suite.schema import GeneratorEntry

    source: str | Path = suite if suite is not None else _suite_file(out, checkpoint, meshes, prompts, resolution)
    entry = GeneratorEntry.model_validate({"name": VIEWS, "use": "realiz3d", **options})
    loaded: Suite = load_suite(source, overrides or ()).model_copy(update={"generators": (entry,)})
    with only_answers_on_stdout():
        made, failures = _make(loaded, run_options, out)
    for line in failures:
        note(f"incomplete: {line}", style="yellow")
    if as_json:
        answer_json({"out": str(out / VIEWS), "suite": str(source), "made": made, "incomplete": failures})
    else:
        answer(str(out / VIEWS))
    if failures:
        raise typer.Exit(EXIT_INCOMPLETE)


def _make(suite: Suite, options: RunOptions, out: Path) -> tuple[int, list[str]]:
    """Make what is missing; how many samples that were, and what failed, one line each."""
    from bench.geometry.camera_file import camera_json
    from bench.results.layout import RunLayout
    from bench.run.failures import FailureLog
    from bench.run.generate import generate_samples
    from bench.run.places import open_places
    from bench.run.plan import make_plan, set_up_generators
    from bench.run.samples import SampleKey, SampleStore
    from groundwork.files import write_atomically
    from groundwork.lock import hold_folder
    from groundwork.progress import Reporter

    plan, reporter = make_plan(suite, options), Reporter()
    _refuse_strangers(plan, out / VIEWS)
    fingerprints, _ = set_up_generators(plan)
    log = FailureLog(RunLayout(out).failures, reporter.say if options.debug else None)
    store = SampleStore(out)
    with hold_folder(out, options.argv), open_places(suite, options) as places:
        generation = generate_samples(plan, fingerprints, store, places, options.batch_size, reporter, log)
    for case in plan.cases:
        for seed in plan.seeds:
            key = SampleKey(VIEWS, case.id, seed)
            if store.holds(key):
                write_atomically(
                    store.folder(key) / "cameras.json", camera_json(plan.cameras_of(case))
                )  # what `bake` looks for
    lines = [f"{failure.case} / seed {failure.seed}: {failure.message}" for failure in generation.failures]
    return sum(generation.made.values()), lines


def _refuse_strangers(plan: Plan, folder: Path) -> None:
    """Views of other cases would make the folder one that `score` refuses."""
    known = {case.id for case in plan.all_cases}
    found = [entry.name for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []
    strangers = sorted(name for name in found if name not in known)
    if strangers:
        raise UsageError(
            f"--out holds views of other cases: {', '.join(strangers[:3])}",
            where=str(folder),
            hint="choose another --out; nothing in it was touched",
        )


def _suite_file(out: Path, checkpoint: Path, meshes: Path | None, prompts: Path | None, resolution: int | None) -> Path:
    """A suite of the cases, written beside the views so that it can judge them."""
    import yaml

    from bench.generators.realiz3d_pipeline import trained_size
    from groundwork.files import write_atomically

    cases: dict[str, Any]
    if meshes is None:
        cases = {"source": "prompts", "path": str(Path(str(prompts)).absolute())}
    else:
        cases = {"source": "meshes", "path": str(meshes.absolute())}
        cases |= {"prompts": str(prompts.absolute())} if prompts is not None else {}
    content = {
        "name": "generated",
        "version": 1,
        "task": "text_to_multiview" if meshes is None else "texturing",
        "cases": cases,
        "views": {"resolution": resolution or trained_size(checkpoint) or 512},
        "metrics": ["hull_iou"] if meshes is None else ["loo_psnr", "cde", "silhouette_iou"],
    }
    file = out / SUITE
    write_atomically(file, yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode())
    return file
