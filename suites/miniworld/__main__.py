"""`python -m suites.miniworld`: render the models' data, measure a base, and pack the one that ships."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)
World = Annotated[Path, typer.Argument(help="Folder of the data sets.")]
Checkpoint = Annotated[Path, typer.Argument(help="A checkpoint folder of `realiz3d-bench train`.")]
Out = Annotated[Path, typer.Argument(help="Folder of the base model, in diffusers' layout.")]


@app.command("make-world")
def make_world(
    world: World,
    resolution: Annotated[int, typer.Option(min=16, help="Side of a view in pixels.")] = 32,
    look: Annotated[str, typer.Option(help="Of the photographs: muted, rich or daylight.")] = "daylight",
    workers: Annotated[int, typer.Option(min=1, help="Processes that render.")] = 1,
) -> None:
    """Render all data sets of the models, or what is missing of them."""
    from bench.cases.miniworld.world import PHOTOGRAPHIC
    from suites.miniworld.world import make_world as make

    looks = {str(name): name for name in PHOTOGRAPHIC}
    if look not in looks:
        raise typer.BadParameter(f"'{look}' is not one of {', '.join(PHOTOGRAPHIC)}", param_hint="--look")
    make(world, resolution=resolution, workers=workers, look=looks[look])


@app.command("pack-world")
def pack_world(world: World, out: Annotated[Path, typer.Argument(help="The file to write.")]) -> None:
    """Write what models learn from as one small file of bytes, for `python -m suites.miniworld.kit` on a GPU."""
    from suites.miniworld.packed_world import pack_world as write

    typer.echo(f"{write(world, out) / 1e6:.1f} MB")


@app.command()
def gate(
    checkpoint: Checkpoint,
    world: World,
    sheet: Annotated[Path | None, typer.Option(help="Also write a contact sheet (PNG).")] = None,
) -> None:
    """Measure a base's distance to held-out rich pictures, beside those of the oracles. Fails when the gate does."""
    import json

    from suites.miniworld.gate import measure, write_sheet
    from suites.miniworld.packing import open_checkpoint

    base = open_checkpoint(checkpoint)
    measured = measure(base, world)
    typer.echo(json.dumps({**asdict(measured), "passed": measured.passed}, indent=1))
    if sheet is not None:
        write_sheet(sheet, base, world)
    if not measured.passed:
        raise typer.Exit(1)


@app.command()
def gates(
    base: Annotated[Path, typer.Argument(help="A packed base.")],
    out: Annotated[Path, typer.Argument(help="Run folder: the pictures stay there.")],
    look: Annotated[str, typer.Option(help="Of the photographs that it was trained on.")] = "daylight",
    limit: Annotated[int | None, typer.Option(min=8, help="First objects of the suite; all.")] = None,
) -> None:
    """Hold a base against mindless pictures of its size, by the suites' realism and identity. Fails when it does."""
    import json

    from bench.cases.miniworld.world import PHOTOGRAPHIC
    from suites.miniworld.gates import measure_base

    if look not in PHOTOGRAPHIC:
        raise typer.BadParameter(f"'{look}' is not one of {', '.join(PHOTOGRAPHIC)}", param_hint="--look")
    found = measure_base(base, out, look, limit)
    failures = found.failures()
    typer.echo(json.dumps({**asdict(found), "failures": failures}, indent=1))
    if failures:
        raise typer.Exit(1)


@app.command()
def sheet(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Annotated[Path, typer.Argument(help="The picture (PNG) to write.")],
    generators: Annotated[str, typer.Option(help="Names, separated by commas, from top to bottom.")],
) -> None:
    """Show what generators of a run painted: a row each, the same objects in all of them."""
    from suites.miniworld.sheet import run_sheet

    run_sheet(run, generators.split(",")).save(out)


@app.command()
def modes(
    checkpoint: Checkpoint,
    world: World,
    sheet: Annotated[Path | None, typer.Option(help="Also write a contact sheet (PNG).")] = None,
    base: Annotated[
        Path | None, typer.Option(help="The packed base that it started from, which the judge learns from; ours.")
    ] = None,
) -> None:
    """Measure what shifters do: pictures without control in either mode, beside the base's and both domains.

    Fails when the modes are not told apart.
    """
    import json

    from suites.miniworld.base import BASE, open_base
    from suites.miniworld.gate import contact_sheet
    from suites.miniworld.gates import stage_1_failures
    from suites.miniworld.stages import measure_modes, mode_pictures

    started = open_base(BASE if base is None else base)
    pictures = mode_pictures(checkpoint, started, world)
    measured = measure_modes(pictures, started, world)
    failures = stage_1_failures(measured)
    typer.echo(json.dumps({**{name: asdict(look) for name, look in measured.items()}, "failures": failures}, indent=1))
    if sheet is not None:
        contact_sheet(list(pictures.values())).save(sheet)
    if failures:
        raise typer.Exit(1)


@app.command()
def denoising(checkpoint: Checkpoint, world: World) -> None:
    """Measure errors on held-out pictures of either domain by noise level: the shipped base's and a checkpoint's."""
    import json

    from suites.miniworld.base import open_base
    from suites.miniworld.denoising import measure_denoising

    typer.echo(json.dumps(measure_denoising(checkpoint, open_base(), world), indent=1))


@app.command()
def pack(checkpoint: Checkpoint, out: Out) -> None:
    """Write a checkpoint as a base model, in full precision and without a gate: to tune it, or to train it further."""
    from suites.miniworld.packing import pack as write

    write(checkpoint, out)


@app.command()
def export(
    checkpoint: Checkpoint,
    world: World,
    out: Out,
    hardware: Annotated[str, typer.Option(help="What it was trained on, for the model card.")],
    note: Annotated[str, typer.Option(help="What else the card should say of the training.")] = "",
) -> None:
    """Pack a base in half precision with its model card, when it passes the gate."""
    from suites.miniworld.base import export as pack

    pack(checkpoint, world, out, hardware=hardware, note=note)


@app.command("measure-reference")
def measure_reference() -> None:
    """Render the suites' reference of realism again, and write the features that come with the bench."""
    from suites.miniworld.reference import write_reference

    typer.echo(write_reference())


@app.command()
def claims(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, one for each table of the paper.")],
    out: Annotated[Path, typer.Option(help="Folder of claims.md, claims.json and the figures.")],
) -> None:
    """Hold runs against the paper: which of its claims hold here, and whether methods come in the same order."""
    from suites.miniworld.claims.report import write_claims

    for path in write_claims(runs, out):
        typer.echo(path)


@app.command("ship")
def ship_models(
    checkpoints: Annotated[list[Path], typer.Argument(help="Last checkpoints of finished trainings, seed 0.")],
    out: Annotated[Path, typer.Argument(help="Folder of the models that ship: suites/miniworld/checkpoints.")],
    base: Annotated[Path | None, typer.Option(help="The packed base that they started from; ours.")] = None,
) -> None:
    """Copy trained models to where they ship from: half precision, without the state of training."""
    from suites.miniworld.base import BASE
    from suites.miniworld.models import ship

    for checkpoint in checkpoints:
        typer.echo(ship(checkpoint, out, base or BASE))


if __name__ == "__main__":
    app()
