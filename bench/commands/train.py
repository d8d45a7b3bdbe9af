"""`train`: both stages of Realiz3D from one config; the same command resumes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import flags
from bench.commands.terminal import answer, answer_json, invocation, only_answers_on_stdout

DEVICES = ("auto", "cpu")


def train(
    context: typer.Context,
    config: Annotated[
        str, typer.Argument(metavar="CONFIG", help="A config file, or the name of a shipped config (tiny-cpu, ...).")
    ],
    out: Annotated[
        Path | None,
        flags.flag("--out", "Folder to train in, exactly as named (default: runs/train-NAME).", metavar="DIR"),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        flags.flag(
            "--set", "Change a field of the config: data.synthetic.path=DIR. May be repeated.", metavar="KEY=VALUE"
        ),
    ] = None,
    resume: Annotated[bool, flags.flag("--resume", "Refuse to start over: there must be a checkpoint.")] = False,
    from_step: Annotated[
        int | None, flags.flag("--from-step", "Resume from this checkpoint instead of the newest.", min=1, metavar="N")
    ] = None,
    device: Annotated[str, flags.flag("--device", "auto (what accelerate finds) or cpu.", metavar="NAME")] = "auto",
    as_json: flags.Json = False,
) -> None:
    """Train Realiz3D: learn the domain, then the control. Interrupt it at any time; the same command resumes.

    Several GPUs: accelerate launch --multi_gpu -m bench train CONFIG.
    """
    flags.one_of(device, DEVICES, "device")
    from realiz3d.training import load_config

    loaded = load_config(config, overrides or ())
    folder = out or Path("runs") / f"train-{loaded.name}"
    from realiz3d.training.run import train as run_training

    with only_answers_on_stdout():
        last = run_training(
            loaded,
            folder,
            resume=resume,
            from_step=from_step,
            device=None if device == "auto" else device,
            offline=invocation(context).offline,
        )
    if as_json:
        answer_json({"out": str(folder), "checkpoint": str(last), "budget": str(folder / "training.json")})
    else:
        answer(str(last))
