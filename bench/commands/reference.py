"""`reference build` and `reference list`: sets of real pictures, pinned, as features."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import flags
from bench.commands.terminal import answer, answer_json, answer_table, first_sentence, invocation
from bench.errors import UsageError

# the levels whose weights come with the install
DEFAULT_EXTRACTORS = "efficientnet_lite0,efficientnet_lite0_interior,efficientnet_lite0_texture"

RECIPES = ("imagenet",)

reference = typer.Typer(help="Make and list reference sets of real pictures.", no_args_is_help=True)


@reference.command("build")
def build(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="How suites call the set: {built: NAME}. 'imagenet' is a recipe too.")
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Pictures: a folder, tar shards (WebDataset), parquet files.")
    ],
    extractors: Annotated[
        str, flags.flag("--extractors", "Extractors whose features the set will hold.", metavar="A,B")
    ] = DEFAULT_EXTRACTORS,
    background: Annotated[
        str, flags.flag("--background", "What transparent pictures are laid on: white, black, grey or '#rrggbb'.")
    ] = "white",
    source: Annotated[
        str, flags.flag("--source", "Where the pictures come from, for people to read.", metavar="TEXT")
    ] = "",
    recipe: Annotated[
        str | None,
        flags.flag(
            "--recipe",
            "How to choose among the pictures. imagenet: FOLDER is the validation set; the photographs of the classes"
            " that the prompts name, cut out (the default when NAME is imagenet).",
            metavar="NAME",
        ),
    ] = None,
    prompts: Annotated[
        Path | None, flags.flag("--prompts", "imagenet: a CSV with the columns case and prompt.", metavar="CSV")
    ] = None,
    per_class: Annotated[
        int | None, flags.flag("--per-class", "imagenet: photographs per class (4).", min=1, metavar="N")
    ] = None,
    classes_map: Annotated[
        Path | None,
        flags.flag(
            "--classes-map",
            "imagenet: a CSV with the columns case and class (a synset, number or name), in place of CLIP's choice.",
            metavar="CSV",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        flags.flag("--labels", "imagenet: the table of labels of a flat validation archive.", metavar="FILE"),
    ] = None,
    segmenter: Annotated[
        str | None,
        flags.flag(
            "--segmenter", "imagenet: rembg's network, isnet-general-use (the default) or u2net.", metavar="NAME"
        ),
    ] = None,
    out: flags.Out = None,
    device: flags.Device = "cpu",
    as_json: flags.Json = False,
) -> None:
    """Make a reference set from pictures, and pin it. From archives it may be of any size."""
    from bench.extractors.catalogue import load_extractor
    from bench.references.build import build_reference
    from bench.references.large import build_large_reference
    from bench.references.library import is_shipped, user_folder
    from bench.references.pictures import picture_paths
    from bench.references.sources import find_archives
    from bench.run.plan import check_device
    from bench.suite.views import srgb
    from groundwork.progress import Reporter

    try:
        colour = srgb(background)
    except ValueError as error:
        raise UsageError(
            f"unknown colour '{background}'",
            where=f"--background {background}",
            expected="white, black, grey or '#rrggbb'",
        ) from error
    if out is None and is_shipped(name):
        raise UsageError(
            f"'{name}' is a set that comes with the project, and suites would still use that one",
            hint="choose another NAME",
        )
    check_device(device)
    chosen = flags.names(extractors, "--extractors") or ()
    offline = invocation(context).offline
    target = out or user_folder()
    if recipe is not None:
        flags.one_of(recipe, RECIPES, "recipe")
    if recipe or name in RECIPES:
        from bench.commands.imagenet import build_imagenet

        if source:
            raise UsageError("a recipe writes the source itself", where="--source")
        made = build_imagenet(
            name, folder, prompts, per_class or 4, classes_map, labels, segmenter or "isnet-general-use",
            chosen, colour, target, device, offline,
        )  # fmt: skip
    else:
        own = {"--prompts": prompts, "--per-class": per_class, "--classes-map": classes_map, "--labels": labels,
               "--segmenter": segmenter}  # fmt: skip
        if stray := [flag for flag, value in own.items() if value is not None]:
            raise UsageError(f"{stray[0]} belongs to a recipe", hint=f"add --recipe imagenet, or leave {stray[0]} out")
        loaded = [load_extractor(extractor, device, offline) for extractor in chosen]
        archives, command = find_archives(folder), invocation(context).argv
        count = len(picture_paths(folder)) if archives is None else archives.count()
        with Reporter().stage("features", count or 1) as stage:
            if archives is None:
                made = build_reference(
                    name, folder, loaded, colour, target, source=source, progress=stage.advance, command=command
                )
            else:
                told = stage.advance if count else lambda _: None
                made = build_large_reference(name, archives, loaded, colour, target, source, told, command)
    if as_json:
        answer_json(made.model_dump(mode="json", exclude={"files"}, exclude_none=True))
    else:
        answer(str(target / (f"{name}.npz" if (target / f"{name}.npz").exists() else f"{name}.shards")))


@reference.command("list")
def list_sets(as_json: flags.Json = False) -> None:
    """List the reference sets that suites can name."""
    from bench.references.library import list_references

    entries = list_references()
    if as_json:
        answer_json(
            [
                {**entry.provenance.model_dump(mode="json", exclude={"files", "recipe"}), "shipped": entry.shipped}
                for entry in entries
            ]
        )
        return
    rows = [
        (
            entry.name,
            "shipped" if entry.shipped else "built",
            f"{entry.provenance.count} pictures",
            ", ".join(entry.provenance.extractors),
            first_sentence(entry.provenance.source),
        )
        for entry in entries
    ]
    answer_table("reference sets", ("name", "origin", "size", "extractors", "source"), rows)
