"""`make-real-set`: the 'real' half of the training data, sampled from the base model as the paper does."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.commands import flags
from bench.commands.terminal import answer, answer_json, invocation, note
from bench.errors import EXIT_INCOMPLETE, InputError

if TYPE_CHECKING:
    from groundwork.pictures import Picture
    from realiz3d.data.base_model import BaseModel, Sampling

FORMATS = ("folder", "webdataset")
VERSION = 1  # raise when the same settings would give other pictures


def make_real_set(
    context: typer.Context,
    base: Annotated[
        str, flags.flag("--base", "The base model: a diffusers folder, or OWNER/NAME on the hub.", metavar="CHECKPOINT")
    ],
    captions: Annotated[
        Path, flags.flag("--captions", "A CSV file case,prompt, or the folder of a rendered data set.", metavar="CSV")
    ],
    out: Annotated[Path, flags.flag("--out", "Folder of the data set, exactly as named.", metavar="DIR")],
    per_caption: Annotated[int, flags.flag("--per-caption", "Pictures per caption.", min=1, max=1000, metavar="N")] = 4,
    resolution: Annotated[int, flags.flag("--resolution", "Side of the pictures in pixels.", min=8, max=4096)] = 512,
    steps: Annotated[
        int | None, flags.flag("--steps", "Denoising steps (default: the pipeline's).", min=1, metavar="N")
    ] = None,
    guidance: Annotated[
        float | None, flags.flag("--guidance", "Guidance scale (default: the pipeline's).", metavar="X")
    ] = None,
    seed: Annotated[int, flags.flag("--seed", "Seed of all noise.", min=0, metavar="N")] = 0,
    prompt: Annotated[
        str | None, flags.flag("--prompt", "How {caption} and {view} become a prompt.", metavar="TEXT")
    ] = None,
    revision: Annotated[
        str | None, flags.flag("--revision", "Branch, tag or commit on the hub.", metavar="REV")
    ] = None,
    dtype: Annotated[str, flags.flag("--dtype", "float32, bfloat16 or float16.", metavar="NAME")] = "float32",
    form: Annotated[str, flags.flag("--format", "folder, or webdataset for tar shards.", metavar="NAME")] = "folder",
    shard_size: Annotated[int, flags.flag("--shard-size", "Captions per shard.", min=1, metavar="N")] = 1000,
    device: flags.Device = "cpu",
    batch_size: Annotated[int, flags.flag("--batch-size", "Pictures made at once.", min=1, metavar="N")] = 4,
    as_json: flags.Json = False,
) -> None:
    """Sample the base model for the captions of a data set: pictures that show what 'real' means to it.

    Prompts get words for the view and a white background, training captions do not. The same command resumes.
    """
    flags.one_of(form, FORMATS, "format")
    from bench.dataset.folder import Growing
    from bench.run.environment import versions
    from bench.run.plan import check_device
    from groundwork.hashing import hash_json
    from groundwork.progress import Reporter
    from realiz3d.data.base_model import PROMPT, BaseModel, Sampling, describe

    check_device(device)
    sampling = Sampling(per_caption, resolution, steps, guidance, seed, prompt or PROMPT, dtype=dtype)
    wanted = _captions(captions)
    model = BaseModel(base, revision=revision, device=device, offline=invocation(context).offline)
    settings: dict[str, Any] = {"kind": "real", "version": VERSION, "format": form, **describe(sampling, model)}
    settings["shard_size"] = shard_size if form == "webdataset" else None
    about = {
        "source": {"base": base, "revision": revision, "captions": captions.absolute().name},
        "batch_size": batch_size,
        "device": device.partition(":")[0],
        "versions": {**versions(), **_packages()},
    }
    growing = Growing(out, settings, about, settings["shard_size"], joint="_")
    prints = {name: hash_json([settings, name, caption]) for name, caption in wanted.items()}
    kept = 0
    for name, stored in growing.stored.items():
        if name not in wanted or stored.fingerprint != prints[name]:
            raise InputError(
                f"the data set holds pictures of '{name}', whose caption is gone or has changed",
                where=str(out),
                hint="choose another --out for other captions",
            )
        kept += 1
    todo = [name for name in wanted if name not in growing.stored]
    struck: dict[str, str] = {}
    growing.begin()
    with Reporter().stage("sample", per_caption * len(todo)) as stage:
        for name in todo:
            files = _files(model, name, wanted[name], sampling, batch_size)
            if len(files) < 2 * per_caption:
                struck[name] = f"{per_caption - len(files) // 2} pictures were held back by the model's safety checker"
            if files:
                growing.add(name, prints[name], files)
            stage.advance(per_caption)
    growing.finish(struck)
    for name, why in struck.items():
        note(f"left out: {name}: {why}", style="yellow")
    if as_json:
        answer_json({"out": str(out), "kept": kept, "sampled": len(todo), "held_back": struck})
    else:
        answer(str(out))
    if any(name not in growing.stored for name in wanted):
        raise typer.Exit(EXIT_INCOMPLETE)


def _files(model: BaseModel, name: str, caption: str, sampling: Sampling, batch_size: int) -> dict[str, bytes]:
    """The pictures of a caption and, beside each, the caption that training uses."""
    files: dict[str, bytes] = {}
    for number, picture in model.pictures(name, caption, sampling, batch_size):
        if picture is not None:
            files |= {f"{number}.png": _png(picture), f"{number}.txt": f"{caption}\n".encode()}
    return files


def _png(picture: Picture) -> bytes:
    from PIL import Image

    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, format="PNG", compress_level=6)
    return encoded.getvalue()


def _captions(source: Path) -> dict[str, str]:
    """Captions by id, from a table or from the samples of a rendered data set."""
    from realiz3d.data import MultiviewSamples
    from realiz3d.data.captions import read_table
    from realiz3d.data.layout import is_id

    if source.is_dir():
        samples = MultiviewSamples(source)
        return {name: samples.caption(index) for index, name in enumerate(samples.ids)}
    captions: dict[str, str] = {}
    for row in read_table(source, ("case", "prompt")):
        name, where = row.values[0].replace(".", "-"), f"{source}:{row.line}"
        if not is_id(name):
            raise InputError(
                f"'{ascii(row.values[0])[1:-1][:80]}' cannot name a sample",
                where=where,
                expected="letters, digits, '_', '-' and '.', starting with a letter or digit; at most 128",
            )
        if name in captions:
            raise InputError(f"a second caption for '{name}'", where=where)
        captions[name] = row.values[1]
    return captions


def _packages() -> dict[str, str]:
    from importlib.metadata import version

    return {package: version(package) for package in ("diffusers", "transformers")}
