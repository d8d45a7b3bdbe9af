"""The mini-world's trainings on a borrowed machine: one file of data, one GPU, a time limit, few packages.

    python -m suites.miniworld pack-world data/miniworld world.safetensors              # at home
    python -m suites.miniworld.kit world.safetensors out --device cuda --seconds 520    # there
    python -m suites.miniworld ship out/realiz3d/checkpoints/step_1720 MODELS           # at home

Needs torch, diffusers, safetensors, pydantic and PyYAML; methods with LoRA need peft as well. The base is trained
first, then methods, several at once, because a small model leaves a GPU idle most of the time. Below `out` lie the
packed base and a folder for each finished training, in half precision, and `packed-<k>.tar` with the same: few files,
none above 15 MB. What the time did not suffice for is named: the same command goes on with it where `out` is still
there, and with `--base out/base` another machine trains the methods.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from groundwork.errors import UserError
from suites.miniworld.slim import FILES

HERE = Path(__file__).parent
BASE = "base"
_BUNDLE = 15 * 10**6  # bytes of a tar
_SAVING = 15.0  # seconds that a training may take to save and stop
_PACKAGES = {"lora": "peft", "domain-adapter": "peft"}  # what the names of methods begin with: what they need


@dataclass
class Training:
    """A training in a process of its own."""

    name: str
    process: subprocess.Popen[bytes]
    started: float = field(default_factory=time.monotonic)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns 0 when all that was asked for is there, else 1."""
    asked = _parser().parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    if asked.only:
        try:
            train_one(asked.only, asked.world, asked.out, asked.configs, asked.device, asked.base)
        except UserError as error:
            sys.exit(str(error))
        return 0
    started = time.monotonic()
    limit = started + asked.seconds
    names = asked.methods.split(",") if asked.methods else methods_of(asked.configs)
    done: list[str] = []
    if asked.base is None:
        done += run_all([BASE], asked, limit, at_once=1)
    if asked.base is not None or done:
        done += run_all(names, asked, limit, asked.at_once)
    bundles = bundle(asked.out)
    missing = [name for name in ([BASE] if asked.base is None else []) + names if name not in done]
    _say(f"{time.monotonic() - started:.0f} s; done: {', '.join(done) or 'nothing'}; in {len(bundles)} tar files")
    if missing:
        _say(f"missing: {', '.join(missing)}. What went wrong, if anything: *.log in {asked.out}")
    return 1 if missing else 0


def methods_of(configs: Path) -> list[str]:
    """The methods of a folder of configs that can be trained with the packages that are there."""
    names = sorted(file.stem for file in (configs / "methods").glob("*.yaml") if file.stem != "shared")
    needs = {name: package for name in names for start, package in _PACKAGES.items() if name.startswith(start)}
    absent = {name: package for name, package in needs.items() if find_spec(package) is None}
    if absent:
        _say(f"left out, for want of {', '.join(sorted(set(absent.values())))}: {', '.join(absent)}")
    return [name for name in names if name not in absent]


def run_all(names: Sequence[str], asked: argparse.Namespace, limit: float, at_once: int) -> list[str]:
    """Train each in a process of its own, `at_once` together, until the limit; which are finished."""
    todo, running, done = list(names), list[Training](), list[str]()
    while (todo or running) and time.monotonic() < limit - _SAVING:
        while todo and len(running) < at_once:
            running.append(_start(todo.pop(0), asked))
        time.sleep(0.1)
        for training in [training for training in running if training.process.poll() is not None]:
            running.remove(training)
            if training.process.returncode == 0:
                done.append(training.name)
                _say(f"{training.name}: {time.monotonic() - training.started:.0f} s")
            else:
                _say(f"{training.name}: failed, see {training.name}.log")
    for training in running:
        training.process.send_signal(signal.SIGINT)
    for training in running:
        try:
            training.process.wait(max(0.1, limit - time.monotonic()))
        except subprocess.TimeoutExpired:
            training.process.kill()
            training.process.wait()
    return done


def train_one(name: str, world: Path, out: Path, configs: Path, device: str, base: Path | None) -> None:
    """Train the base or a method and pack it below `out`; goes on where it was broken off."""
    from realiz3d.training.config_file import load_config
    from realiz3d.training.processes import Alone
    from realiz3d.training.run import train
    from suites.miniworld.packed_world import PackedWorld
    from suites.miniworld.packing import pack
    from suites.miniworld.slim import write_slim

    # a GPU has good kernels of its own, and may have no compiler
    changes = ["logging.bars=false", "optimisation.compile=false"]
    if device.startswith("cuda"):
        changes.append("optimisation.attention=auto")
    if name == BASE:
        config = load_config(configs / "base.yaml", changes)
    else:
        changes.append(f"base.checkpoint={json.dumps(str(base or out / BASE))}")
        config = load_config(configs / "methods" / f"{name}.yaml", changes)
    data = PackedWorld.read(world).material
    checkpoint = train(config, out / f"{name}-training", processes=Alone(device), data=data, offline=True)
    if name == BASE:
        pack(checkpoint, out / BASE, half=True)
    else:
        about = {"method": name, "task": config.task, "seed": config.seed}
        write_slim(checkpoint, out / name, about=about, half=True)


def bundle(out: Path) -> list[Path]:
    """Everything finished below `out` in tar files of at most `_BUNDLE` bytes, unless one model alone is larger."""
    for old in out.glob("packed-*.tar"):
        old.unlink()
    finished = [folder for folder in sorted(out.iterdir()) if (folder / FILES).is_file() or folder.name == BASE]
    bundles: list[tuple[int, list[Path]]] = []
    for folder in finished:
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        if not bundles or bundles[-1][0] + size > _BUNDLE:
            bundles.append((0, []))
        bundles[-1] = (bundles[-1][0] + size, [*bundles[-1][1], folder])
    written = []
    for number, (_, folders) in enumerate(bundles):
        file = out / f"packed-{number}.tar"
        with tarfile.open(file, "w") as archive:
            for folder in folders:
                archive.add(folder, folder.name)
        written.append(file)
    return written


def _start(name: str, asked: argparse.Namespace) -> Training:
    command = [*json.loads(asked.python), str(asked.world), str(asked.out), "--only", name, "--device", asked.device]
    command += ["--configs", str(asked.configs)] + ([] if asked.base is None else ["--base", str(asked.base)])
    with (asked.out / f"{name}.log").open("ab") as log:
        return Training(name, subprocess.Popen(command, stdout=log, stderr=log))


def _say(message: str) -> None:
    print(f"kit: {message}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m suites.miniworld.kit", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("world", type=Path, help="the file of pack-world")
    parser.add_argument("out", type=Path, help="folder of what is trained")
    parser.add_argument("--device", default="cuda", help="cuda or cpu")
    parser.add_argument("--seconds", type=float, default=520.0, help="stop, saved and packed, by then")
    parser.add_argument("--methods", help="names of methods, separated by commas; all")
    parser.add_argument("--at-once", type=int, default=6, help="methods trained together")
    parser.add_argument("--base", type=Path, help="a packed base to tune, instead of training one")
    parser.add_argument("--configs", type=Path, default=HERE, help="folder of base.yaml and methods/")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    again = [sys.executable, "-m", "suites.miniworld.kit"]
    parser.add_argument("--python", default=json.dumps(again), help=argparse.SUPPRESS)  # how this command is started
    return parser


if __name__ == "__main__":
    sys.exit(main())
