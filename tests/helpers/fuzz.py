"""Hostile bytes for every kind of file that strangers hand in. The readers may refuse them by name, and nothing else.

`python tests/helpers/fuzz.py --seconds 600` mutates each kind in turn, guided by the coverage of our code where atheris
is installed, and prints what came of it. Inputs that found something go to tests/faults/corpus/, which a test replays.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

CORPUS = Path(__file__).parents[1] / "faults" / "corpus"
SECONDS = 10.0  # that reading one small file may take
LARGEST = 20_000  # bytes of a mutated file


class Finding(Exception):
    """A reader did what it must not do."""


@dataclass(frozen=True)
class Kind:
    """`read` takes a file or a folder, whose file is called `name`; `seeds` are well-formed contents."""

    name: str
    read: Callable[[Path], object]
    seeds: Callable[[], list[bytes]]
    whole_folder: bool = False


def survive(kind: Kind, content: bytes, folder: Path) -> str:
    """'read' or 'refused'. Raises `Finding` for every other end, and for a reader that takes too long."""
    from bench.errors import BenchError

    path = folder / kind.name
    path.write_bytes(content)
    started = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind.read(folder if kind.whole_folder else path)
        end = "read"
    except BenchError:
        end = "refused"
    except Exception as error:
        raise Finding(f"{type(error).__name__}: {error}") from error
    if (took := time.monotonic() - started) > SECONDS:
        raise Finding(f"took {took:.0f} s")
    return end


def _suite(path: Path) -> object:
    from fake_plugins import PLUGINS

    from bench.suite.load import load_suite

    return load_suite(path, plugins=PLUGINS)


def _picture(path: Path) -> object:
    from groundwork.pictures import read_picture

    return read_picture(path)


def _mesh(path: Path) -> object:
    from bench.mesh_files.reader import read_mesh

    return read_mesh(path)


def _side(folder: Path) -> object:
    from bench.gate.inputs import read_input

    return read_input(folder)


@cache
def _baseline() -> dict[str, bytes]:
    """The files of an accepted state."""
    from gate_sides import side

    from bench.gate.baseline import write_baseline

    with tempfile.TemporaryDirectory() as folder:
        write_baseline(side(), Path(folder), "Ada", "first state", "2026-05-01", "c0ffee")
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _accepted(folder: Path) -> object:
    for name, content in _baseline().items():
        if name != "baseline.json":
            (folder / name).write_bytes(content)
    return _side(folder)


def _entry(path: Path) -> object:
    from bench.leaderboard.files import read_document

    return read_document(path)


def _prompts(path: Path) -> object:
    from bench.cases.prompt_file import prompt_cases

    return prompt_cases(path)


def _scores(path: Path) -> object:
    from bench.results.scores import read_scores

    return read_scores(path)


def _suites() -> list[bytes]:
    least = "name: a\nversion: 1\ntask: texturing\ncases: {source: miniworld}\nmetrics: [detail]\n"
    more = (
        "views: {azimuths: [0, 90], elevation: [0, 10], resolution: 64, background: '#ff0000'}\nseeds: [0, 3]\n"
        "references:\n  photos: {folder: p}\ngenerators:\n  - {name: ours, use: renders, strength: .5}\n"
        "primary: [detail]\ngates: {detail: {delta: 0.02}}\ntimeout: 60\n"
    )
    return [least.encode(), (least + more).encode()]


def _pictures() -> list[bytes]:
    from PIL import Image

    found = []
    ramp = np.arange(16 * 12 * 4, dtype=np.uint8).reshape(16, 12, 4)
    for form, mode in (("PNG", "RGBA"), ("PNG", "P"), ("JPEG", "RGB"), ("JPEG", "L"), ("WEBP", "RGB")):
        stream = io.BytesIO()
        picture = Image.fromarray(ramp, "RGBA")
        (picture.convert("RGB").convert(mode) if mode != "RGBA" else picture).save(stream, form)
        found.append(stream.getvalue())
    return found


def _glbs() -> list[bytes]:
    import trimesh

    box = trimesh.creation.box()
    box.visual.vertex_colors = [200, 10, 10, 255]
    return [bytes(box.export(file_type="glb"))]


def _exports(form: str) -> list[bytes]:
    import trimesh

    made = trimesh.creation.box().export(file_type=form)
    return [made.encode() if isinstance(made, str) else bytes(made)]


def _gltfs() -> list[bytes]:
    """A triangle whose buffer is inside the text, where a mutation can reach its numbers."""
    import base64

    points = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0]]).tobytes()
    tree = {
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "translation": [0, 0, 1], "children": [1]}, {"scale": [1, 2, 1]}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "mode": 4, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorFactor": [1, 0.5, 0, 1]}}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0],
                       "max": [1, 1, 0]}],
        "bufferViews": [{"buffer": 0, "byteOffset": 0, "byteLength": 36}],
        "buffers": [{"byteLength": 36, "uri": "data:;base64," + base64.b64encode(points).decode()}],
    }  # fmt: skip
    return [json.dumps(tree).encode()]


def _tables() -> list[bytes]:
    from bench.results.scores import ScoreRow, frame

    stream = io.BytesIO()
    frame([ScoreRow("a", "cow", 0, None, "m", 1.0, "dB", "s", 0.5, "ok", "d")]).to_parquet(stream, index=False)
    return [stream.getvalue()]


def _summaries() -> list[bytes]:
    from bench.results.summary import Row, SuiteInfo, Summary

    row = Row(generator="a", metric="m", axis="realism", direction="up", value=1.0, status="ok")
    summary = Summary(suite=SuiteInfo(name="s", version=1, hash="0" * 64), rows=(row,), seeds=(0,))
    return [json.dumps(summary.to_json()).encode()]


def _objects() -> list[bytes]:
    return [b'{"format": 1, "suite": {"name": "s", "version": 1}, "values": [1, 2.5, null, "x"]}']


KINDS = {
    "suite": Kind("suite.yaml", _suite, _suites),
    "picture": Kind("view.png", _picture, _pictures),
    "glb": Kind("mesh.glb", _mesh, _glbs),
    "gltf": Kind("mesh.gltf", _mesh, _gltfs),
    "obj": Kind("mesh.obj", _mesh, lambda: _exports("obj")),
    "ply": Kind("mesh.ply", _mesh, lambda: _exports("ply")),
    "stl": Kind("mesh.stl", _mesh, lambda: _exports("stl")),
    "off": Kind("mesh.off", _mesh, lambda: _exports("off")),
    "summary": Kind("summary.json", _side, _summaries, whole_folder=True),
    "baseline": Kind("baseline.json", _accepted, lambda: [_baseline()["baseline.json"]], whole_folder=True),
    "entry": Kind("entry.json", _entry, _objects),
    "prompts": Kind("prompts.csv", _prompts, lambda: [b'case,prompt\ncow,a cow\nsofa,"a red, soft sofa"\n']),
    "scores": Kind("scores.parquet", _scores, _tables),
}


@cache
def seeds(name: str) -> tuple[bytes, ...]:
    """Well-formed contents of a kind."""
    return tuple(KINDS[name].seeds())


ODD = (
    *(
        b"1e999",
        b"-1",
        b"0",
        b"99999999999999999999",
        b"NaN",
        b"null",
        b"[]",
        b"{}",
        b'""',
        b"1.5",
        b"true",
        b"\n",
        b" ",
    ),
    *(b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"../../etc/passwd", b"&a *a", b"!!python/object:os.system", b"\x1b[2J"),
)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """A few edits: bits, bytes, cuts, repeats, and numbers or words replaced by odd ones."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        place = rng.randrange(len(data) + 1)
        match rng.randrange(13):
            case 0 if data:
                data[place - 1] ^= 1 << rng.randrange(8)
            case 1 if data:
                data[place - 1] = rng.choice((0, 1, 127, 128, 255))
            case 2:
                del data[place : place + rng.randrange(1, 40)]
            case 3:
                data[place:place] = data[place : place + rng.randrange(1, 200)] * rng.choice((1, 2, 20))
            case 4:
                data[place : place + rng.randrange(8)] = rng.choice(ODD)
            case 5 | 6 | 7 | 8 | 9:
                digits = [i for i, byte in enumerate(data) if 48 <= byte <= 57]
                if digits:
                    start = rng.choice(digits)
                    data[start : start + 1] = rng.choice(ODD)
            case 10:
                del data[place:]
            case _ if data:  # swap two neighbours
                data[place - 2 : place] = data[place - 2 : place][::-1]
    return bytes(data[:LARGEST])


def fuzz(name: str, seconds: float, seed: int) -> tuple[dict[str, int], list[tuple[bytes, str]]]:
    """Mutations of one kind for some seconds: how they ended, and what was found."""
    rng, ends, found = random.Random(f"{name}{seed}"), {"read": 0, "refused": 0}, []
    pool = list(seeds(name))
    with tempfile.TemporaryDirectory() as folder:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            content = mutated(rng.choice(pool), rng)
            try:
                end = survive(KINDS[name], content, Path(folder))
            except Finding as error:
                if str(error)[:40] not in {said[:40] for _, said in found}:
                    found.append((content, str(error)))
                continue
            ends[end] += 1
            if end == "read" and len(pool) < 200 and rng.random() < 0.05:  # go on from what is still well-formed
                pool.append(content)
    return ends, found


def guided(name: str, seconds: int, corpus: Path) -> None:
    """Mutations that are kept where they reach new code of ours, by atheris; ends the process.

    Only Python is seen, and only what is imported inside the instrumentation: readers import late, so each seed is read
    there once.
    """
    import atheris

    work = Path(tempfile.mkdtemp())
    with atheris.instrument_imports(include=["bench", "groundwork", "yaml"], enable_loader_override=False):
        for index, content in enumerate(seeds(name)):
            with suppress(Finding):  # importing takes its time here
                survive(KINDS[name], content, work)
            (corpus / f"seed-{index}").write_bytes(content)

    def one(content: bytes) -> None:
        survive(KINDS[name], content, work)

    words = [word.decode("latin-1") for word in ODD]
    (work.parent / f"{work.name}.dict").write_text("".join(f'"{_escaped(word)}"\n' for word in words))
    atheris.Setup(
        [sys.argv[0], str(corpus), f"-max_total_time={seconds}", f"-max_len={LARGEST}", "-print_final_stats=1",
         "-rss_limit_mb=3000", "-timeout=20", f"-dict={work}.dict", f"-artifact_prefix={CORPUS / name}-"],
        one,
    )  # fmt: skip
    atheris.Fuzz()


def _escaped(word: str) -> str:
    return "".join(f"\\x{ord(letter):02x}" for letter in word)


def guide(name: str, seconds: int, keep: int) -> int:
    """Run `guided` in a process of its own, print its figures, and keep some of what reached new code.

    Returns how many findings there were.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--one", name, "--seconds", str(seconds), "--corpus", folder]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        said = done.stderr
        covered = [int(number) for number in re.findall(r"cov: (\d+)", said)] or [0]
        tried = re.search(r"stat::number_of_executed_units: +(\d+)", said)
        found = re.findall(r"Test unit written to (\S+)", said)
        reached = sorted(
            (path for path in Path(folder).iterdir() if "seed" not in path.name), key=lambda p: p.stat().st_size
        )
        print(
            f"{name:<9} {int(tried[1]) if tried else 0:>7} tried, places reached {covered[0]} -> {covered[-1]}, "
            f"{len(reached)} inputs reached new ones, {len(found)} found", flush=True,
        )  # fmt: skip
        if not tried:
            print(said[-1500:])
        for path in reached[-keep:] if keep else []:
            (CORPUS / f"{name}-{path.name[:12]}").write_bytes(path.read_bytes())
    return len(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--seconds", type=int, default=60, help="for each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--guided", action="store_true", help="by coverage of our code (needs atheris)")
    parser.add_argument("--keep", type=int, default=0, help="inputs of each kind to keep in the corpus, with --guided")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--corpus", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        guided(options.one, options.seconds, options.corpus)
    names = options.kinds.split(",")
    CORPUS.mkdir(parents=True, exist_ok=True)
    if options.guided:
        return 1 if sum(guide(name, options.seconds, options.keep) for name in names) else 0
    total = 0
    for name in names:
        ends, found = fuzz(name, options.seconds, options.seed)
        tried, read, refused = sum(ends.values()), ends["read"], ends["refused"]
        print(f"{name:<9} {tried:>7} tried, {read:>6} read, {refused:>6} refused, {len(found)} found")
        for index, (content, said) in enumerate(found):
            print(f"          {said[:150]}")
            CORPUS.mkdir(parents=True, exist_ok=True)
            (CORPUS / f"{name}-{options.seed}-{index}").write_bytes(content)
        total += len(found)
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
