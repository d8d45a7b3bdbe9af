"""`tune-shifting`: the paper's rule for (B_max, t_max) on a validation suite, with the curve that it chose from."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.commands import flags, generator_options
from bench.commands.run import read_options
from bench.commands.terminal import answer, answer_json, answer_table, note, only_answers_on_stdout
from bench.errors import EXIT_INCOMPLETE, UsageError
from bench.run.options import RunOptions

if TYPE_CHECKING:
    from bench.tuning import Axes, SuiteTradeoff
    from realiz3d.sampling.shifting import Shifting
    from realiz3d.tuning import Tuning

_DIRECTION = {"up": "higher", "down": "lower"}
_TOLERANCE = re.compile(r"([0-9]*\.?[0-9]+)\s*(%?)")


def tune_shifting(
    context: typer.Context,
    suite: flags.Suite,
    checkpoint: generator_options.Checkpoint,
    out: Annotated[
        Path | None,
        flags.flag("--out", "Folder of the run, exactly as named (default: runs/tune-SUITE).", metavar="DIR"),
    ] = None,
    consistency: Annotated[
        str | None, flags.flag("--consistency", "Result to raise (default: the suite's first of objects).")
    ] = None,
    realism: Annotated[
        str | None, flags.flag("--realism", "Result to keep (default: the suite's first distance of sets).")
    ] = None,
    tolerance: Annotated[
        str, flags.flag("--tolerance", "Largest loss of realism: a share (5%) or in its own unit.", metavar="X")
    ] = "5%",
    blocks: Annotated[
        str, flags.flag("--blocks", "B_max to try, in per cent of the blocks.", metavar="A,B")
    ] = "0,10,20,30,40",
    steps: Annotated[str, flags.flag("--t-max", "t_max to try.", metavar="A,B")] = "1000,950,900,850,800",
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
    """Tune inference-time shifting: B_max first, then t_max, the most consistent within a loss of realism. Resumes.

    Use objects that are neither trained on nor evaluated on.
    """
    allowed = _tolerance(tolerance)
    fracs = [percent / 100 for percent in _numbers(blocks, "--blocks", 100)]
    times = _numbers(steps, "--t-max", 1000)
    options = generator_options.realiz3d_options(checkpoint, option or (), ("block_frac", "t_max", "shifting"))
    from bench.suite.load import load_suite
    from bench.tuning import SuiteTradeoff, check_suite, choose_axes
    from realiz3d import tune_shifting as tune
    from reports import write_reports

    loaded = load_suite(suite, overrides or ())
    run_options = read_options(
        context, out or Path("runs") / f"tune-{loaded.name}", None, limit, device, batch_size, seeds, executor, workers,
        False, as_json,
    )  # fmt: skip
    axes = choose_axes(check_suite(loaded, options, run_options), consistency, realism)
    measure = SuiteTradeoff(loaded, options, run_options, axes)
    with only_answers_on_stdout():
        tuning = tune(measure, max_realism_loss=allowed, block_fracs=fracs, t_max_values=times)
        assert measure.outcome is not None
        write_reports([measure.outcome.folder])
    incomplete = measure.outcome.incomplete
    for line in incomplete:
        note(f"incomplete: {line}", style="yellow")
    result = _write(tuning, measure, axes, tolerance)
    if as_json:
        answer_json(result)
    else:
        _print(tuning, measure, axes, result)
    if incomplete:
        raise typer.Exit(EXIT_INCOMPLETE)


def _write(tuning: Tuning, measure: SuiteTradeoff, axes: Axes, tolerance: str) -> dict[str, Any]:
    """`tuning.json` and `tuning.svg` in the run's folder; the former is returned."""
    from bench.tuning import label_of
    from groundwork.files import write_atomically
    from reports.tuning import TuningMark, tuning_svg

    assert measure.outcome is not None
    folder = measure.outcome.folder
    drawable = [t for t in tuning.trials if not math.isnan(sum(measure.measured[t.setting].both()))]
    marks = [
        TuningMark(
            label_of(trial.setting),
            measure.measured[trial.setting].realism[0],
            measure.measured[trial.setting].consistency[0],
            trial.allowed,
            trial.setting == tuning.chosen,
        )
        for trial in drawable
    ]
    titles = [f"{r.name}, {_DIRECTION[r.direction]} is better" for r in (axes.realism, axes.consistency)]
    svg = tuning_svg(marks, _stages([trial.setting for trial in drawable], tuning.chosen), *titles)
    write_atomically(folder / "tuning.svg", svg.encode())
    result = {
        "chosen": asdict(tuning.chosen),
        "consistency": axes.consistency.name,
        "realism": axes.realism.name,
        "tolerance": tolerance,
        "largest_loss": tuning.largest_loss,
        "comparable": measure.outcome.summary.comparable,
        "trials": [
            {
                "name": label_of(trial.setting),
                **asdict(trial.setting),
                "consistency": [_finite(value) for value in measure.measured[trial.setting].consistency],
                "realism": [_finite(value) for value in measure.measured[trial.setting].realism],
                "loss": _finite(trial.loss),
                "allowed": trial.allowed,
            }
            for trial in tuning.trials
        ],
        "figure": str(folder / "tuning.svg"),
        "report": str(measure.outcome.report),
    }
    write_atomically(folder / "tuning.json", (json.dumps(result, indent=1) + "\n").encode())
    return result


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _stages(settings: Sequence[Shifting], chosen: Shifting) -> list[list[int]]:
    """Settings without shifted steps; and those with the chosen blocks, which begin with one of the former."""
    blocks = [i for i, setting in enumerate(settings) if setting.t_max is None]
    steps = [i for i, setting in enumerate(settings) if setting.block_frac == chosen.block_frac]
    return [stage for stage in (blocks, steps) if len(stage) > 1]


def _print(tuning: Tuning, measure: SuiteTradeoff, axes: Axes, result: dict[str, Any]) -> None:
    from bench.tuning import label_of

    rows = []
    for trial in tuning.trials:
        found = measure.measured[trial.setting]
        verdict = "chosen" if trial.setting == tuning.chosen else "" if trial.allowed else "loses too much realism"
        numbers = [f"{value:.6g}" for value in (found.consistency[0], found.realism[0], trial.loss)]
        rows.append([label_of(trial.setting), *numbers, verdict])
    columns = ["setting", axes.consistency.name, axes.realism.name, "loss of realism", ""]
    answer_table("Consistency against realism", columns, rows)
    t_max = "null" if tuning.chosen.t_max is None else f"{tuning.chosen.t_max:g}"
    answer(f"chosen: block_frac: {tuning.chosen.block_frac:g}, t_max: {t_max}")
    answer(f"figure: {result['figure']}")


def _tolerance(text: str) -> Any:
    """A largest loss in the metric's unit, or a function from the unshifted value to it."""
    found = _TOLERANCE.fullmatch(text.strip())
    if found is None:
        raise UsageError("this is not a tolerance", where=f"--tolerance {text}", expected="a share (5%) or 0.3")
    value = float(found[1])
    return (lambda unshifted: value / 100 * abs(unshifted)) if found[2] else value


def _numbers(text: str, name: str, top: float) -> list[float]:
    try:
        values: Sequence[float] = [float(part) for part in text.split(",")]
    except ValueError:
        values = ()
    if not values or not all(0 <= value <= top for value in values):
        raise UsageError("these numbers cannot be tried", where=f"{name} {text}", expected=f"numbers from 0 to {top:g}")
    return sorted(set(values))
