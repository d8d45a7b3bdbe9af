"""Inputs that users of neighbouring tools reported, built by a folder of scripts, and what becomes of them.

    python tests/helpers/reported_inputs.py FOLDER        prints the table, in a few minutes

Each case is a folder with a `make.py`. They are not part of the project: `tests/cli/test_reported_inputs.py` asks the
same of each, and skips where the folder is not there.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from bench.cli import main
from bench.results.read import read_run
from groundwork.notes import Note

RED, GREEN, BLUE, YELLOW, WHITE = [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [255, 255, 255]
MAGENTA, FOUR = [255, 0, 255], [RED, GREEN, BLUE, YELLOW]


@dataclass(frozen=True)
class Outcome:
    """What became of one input, in words, and whether that is right."""

    said: str
    right: bool


@dataclass(frozen=True)
class Answer:
    """Of one command: its exit code, and all that it said."""

    rc: int
    text: str

    @property
    def named(self) -> str:
        """The first error of a refusal, short."""
        lines = [line for line in self.text.splitlines() if "error" in line.lower() or "refused" in line.lower()]
        return (lines or self.text.splitlines() or [""])[0][:150]


def run(folder: Path, *arguments: str) -> Answer:
    """One command of the command line, in `folder`."""
    said = io.StringIO()
    before = Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = main(["--offline", *arguments])
    finally:
        os.chdir(before)
    return Answer(code, said.getvalue())


def make(folder: Path, *arguments: str) -> None:
    """The case's own script."""
    subprocess.run([sys.executable, "make.py", *arguments], cwd=folder, check=True, capture_output=True)


def rendered(folder: Path, meshes: str) -> Answer:
    """The front views of a folder of meshes, into `folder/o`."""
    shutil.rmtree(folder / "o", ignore_errors=True)
    return run(
        folder, "render-dataset", "--views", "0", "--projection", "orthographic", "--resolution", "128",
        "--meshes", meshes, "--out", "o",
    )  # fmt: skip


def front(folder: Path, name: str) -> np.ndarray:
    """uint8 (128, 128, 3)."""
    [path] = [*(folder / "o" / name).glob("view_0.png"), *(folder / "o").glob(f"**/{name}/view_0.png")][:1]
    return np.asarray(Image.open(path).convert("RGB"))


def at(picture: np.ndarray, *places: tuple[float, float]) -> list[list[int]]:
    """Colours at (right, down), from 0 to 1 of the whole picture."""
    side = len(picture)
    return [picture[int(side * y), int(side * x)].tolist() for x, y in places]


def quarters(picture: np.ndarray) -> list[list[int]]:
    return at(picture, *[(x, y) for y in (0.3, 0.7) for x in (0.3, 0.7)])


def box(picture: np.ndarray) -> tuple[int, int]:
    """First and last column that is not white."""
    columns = np.flatnonzero((picture != 255).any(axis=(0, 2)))
    return int(columns[0]), int(columns[-1])


def close(one: list[list[int]], other: list[list[int]], by: int = 1) -> bool:
    return bool(np.abs(np.array(one) - np.array(other)).max() <= by)


def scored(folder: Path, out: str) -> list[str]:
    """Cases of which a run has values."""
    rows = read_run(folder / out).score_rows
    return sorted({row.case for row in rows if row.case and row.value is not None and math.isfinite(row.value)})


# --- the cases


def a1(folder: Path) -> Outcome:
    make(folder)
    found = run(folder, "run", "suite.yaml", "--out", "out")
    undefined = (folder / "meshes" / "kettle.obj").read_text().replace("mtllib kettle.mtl\n", "")
    (folder / "meshes" / "kettle.obj").write_bytes(b"\xef\xbb\xbf" + undefined.encode())
    again = run(folder, "run", "suite.yaml", "--out", "again")
    return Outcome(
        f"rc {found.rc}; with a byte order mark and an undefined usemtl rc {again.rc}", (found.rc, again.rc) == (0, 0)
    )


def a2(folder: Path) -> Outcome:
    make(folder)
    both = rendered(folder, "textured")
    texture, sound = quarters(front(folder, "only_texture")), at(front(folder, "sound"), (0.5, 0.5))
    half = rendered(folder, "factor")
    picture = front(folder, "half_factor")
    sides = at(picture, (0.3, 0.5), (0.7, 0.5))
    right = (both.rc, half.rc) == (0, 0) and texture == FOUR and sound == [GREEN]
    return Outcome(
        f"texture honoured, neighbour rendered; halves {sides}, box {box(picture)}",
        right and sides == [RED, BLUE] and box(picture) == (5, 122),
    )


def a3(folder: Path) -> Outcome:
    make(folder)
    found = rendered(folder, "meshes")
    grey = [[value] * 3 for value in (32, 96, 160, 224)]
    seen = [quarters(front(folder, name)) for name in ("slate", "slab")]
    return Outcome(f"quarter points {[c[0] for c in seen[0]]}, {[c[0] for c in seen[1]]}",
                   found.rc == 0 and all(close(one, grey) for one in seen))  # fmt: skip


def a4(folder: Path) -> Outcome:
    make(folder)
    found = rendered(folder, "meshes")
    told = subprocess.run([sys.executable, "expect.py", "o"], cwd=folder, capture_output=True, text=True, check=True)
    wrong = [line for line in told.stdout.splitlines() if "wrong" in line]
    return Outcome(f"{len(wrong)} of 16 places wrong", found.rc == 0 and not wrong)


def a6(folder: Path) -> Outcome:
    make(folder)
    found = rendered(folder, "meshes")
    centre = at(front(folder, "fan"), (0.5, 0.5))
    sparse = box(front(folder, "sparse"))
    cards = at(front(folder, "copies"), (0.1, 0.5), (0.5, 0.5), (0.9, 0.5))
    return Outcome(
        f"fan {centre[0]}, sparse box {sparse}, two cards and a gap",
        found.rc == 0 and centre == [BLUE] and sparse == (5, 122) and cards == [RED, WHITE, RED],
    )


def a7(folder: Path) -> Outcome:
    make(folder)
    found = rendered(folder, "meshes")
    seen = [at(front(folder, name), (0.5, 0.5))[0] for name in ("plain", "withmtl")]
    return Outcome(f"{seen[0]}, {seen[1]}", found.rc == 0 and seen == [RED, RED])


def a8(folder: Path) -> Outcome:
    make(folder)
    found = rendered(folder, "meshes")
    seen = at(front(folder, "pair"), (0.3, 0.5), (0.7, 0.5))
    return Outcome(f"halves {seen}", found.rc == 0 and seen == [RED, BLUE])


def a9(folder: Path) -> Outcome:
    make(folder)
    first = rendered(folder, "two")
    two = at(front(folder, "scan"), (0.3, 0.5), (0.7, 0.5))
    second = rendered(folder, "quads")
    quads = at(front(folder, "tiles"), (0.3, 0.5), (0.7, 0.5))
    return Outcome(
        f"{two}; {quads}", (first.rc, second.rc) == (0, 0) and two == [GREEN, MAGENTA] and quads == [RED, BLUE]
    )


def b2(folder: Path) -> Outcome:
    make(folder)
    counts = []
    os.environ["REALIZ3D_BENCH_REFERENCES"] = str(folder / "library")
    try:
        for pictures in ("photos", "mixed"):
            run(folder, "reference", "build", pictures, pictures, "--extractors", "efficientnet_lite0_texture")
            counts.append(json.loads((folder / "library" / f"{pictures}.json").read_text())["count"])
    finally:
        del os.environ["REALIZ3D_BENCH_REFERENCES"]
    return Outcome(f"pictures used: {counts[0]} of 12 linked, {counts[1]} of 12 mixed", counts == [12, 12])


def d1(folder: Path) -> Outcome:
    make(folder)
    synthetic = run(
        folder, "render-dataset", "--miniworld", "train", "--count", "4", "--resolution", "32", "--out", "synthetic"
    )
    train = (
        "train", "tiny-cpu", "--set", "data.synthetic.path=synthetic", "--set", "data.real={path: photos}",
        "--set", "method.warmup.length.steps=2", "--set", "method.stage1.length.steps=2",
        "--set", "method.stage2.length.steps=2", "--set", "checkpoints.every_steps=2", "--device", "cpu", "--out", "t",
    )  # fmt: skip
    first = run(folder, *train)
    same = run(folder, *train, "--from-step", "2")
    make(folder, "edit")
    edited = run(folder, *train, "--from-step", "2")
    return Outcome(
        f"same data rc {same.rc}, edited data rc {edited.rc}: {edited.named}",
        (synthetic.rc, first.rc, same.rc, edited.rc) == (0, 0, 0, 2) and "real pictures changed" in edited.named,
    )


def d2(folder: Path) -> Outcome:
    from realiz3d.data import RealImages

    make(folder)
    count = len(RealImages(folder / "photos", resolution=32))
    return Outcome(f"{count} of 12", count == 12)


def e1(folder: Path) -> Outcome:
    make(folder)
    codes = [run(folder, "run", f"{name}.yaml", "--out", f"out-{name}").rc for name in ("cut", "gone")]
    found = [scored(folder, f"out-{name}") for name in ("cut", "gone")]
    return Outcome(
        f"rc {codes[0]} and {codes[1]}, scored {found[0]}", codes == [3, 3] and found == [["bell", "horn"]] * 2
    )


def f1(folder: Path) -> Outcome:
    make(folder)
    said = {}
    for name in ("zeros", "padded", "front", "onebased", "macos", "pad"):
        found = run(folder, "score", name, "--suite", "suite.yaml", "--out", f"o-{name}")
        said[name] = f"rc {found.rc}"
        if found.rc != 0:
            lists = "found mug/: " in found.text or "the picture is 134 x 134 pixels" in found.text
            said[name] += " with a listing" if lists and "realiz3d-bench inspect FOLDER" in found.text else " ?"
    right = dict.fromkeys(("front", "onebased", "pad"), "rc 3 with a listing")
    return Outcome(
        "; ".join(f"{name} {what}" for name, what in said.items()),
        all(what == right.get(name, "rc 0") for name, what in said.items()),
    )


def f2(folder: Path) -> Outcome:
    make(folder)
    codes = [
        (run(folder, "validate", f"{name}.yaml").rc, run(folder, "run", f"{name}.yaml", "--out", f"o-{name}").rc)
        for name in ("ushort", "transform")
    ]
    shown = rendered(folder, "transform")
    return Outcome(f"validate and run: rc {codes[0]}, {codes[1]}", codes == [(0, 0)] * 2 and shown.rc == 0)


def f3(folder: Path) -> Outcome:
    from groundwork.pictures import read_picture

    make(folder)
    tagged, right = (
        [read_picture(folder / d / f"p{i}.png").astype(int) for i in range(6)] for d in ("tagged", "right")
    )
    off = [int(np.abs(one - other).max()) for one, other in zip(tagged, right, strict=True)]
    return Outcome(f"off by at most {max(off)} of 255", max(off) <= 2)


def p1(folder: Path) -> Outcome:
    make(folder)
    found = run(folder, "run", "suite.yaml", "--out", "out")
    kinds = ["png", "palette", "upper", "webp", "deep", "turned", "clear", "grid"]
    views = {
        kind: [
            np.asarray(Image.open(next((folder / "out").glob(f"**/samples/{kind}/mug/seed_0/view_{v}.png")))).astype(
                int
            )
            for v in range(4)
        ]
        for kind in kinds
    }
    off = max(int(np.abs(np.array(views[kind]) - views["png"]).max()) for kind in kinds)
    return Outcome(f"rc {found.rc}, eight encodings differ by at most {off} of 255", found.rc == 0 and off == 0)


def p2(folder: Path) -> Outcome:
    make(folder)
    found = rendered(folder, "meshes")
    seen = [at(front(folder, name), (0.5, 0.5))[0] for name in ("bare", "withmat")]
    return Outcome(f"{seen[0]}, {seen[1]}", found.rc == 0 and close(seen, [[7, 11, 39]] * 2, 0))


def p3(folder: Path) -> Outcome:
    make(folder)
    found = rendered(folder, "meshes")
    names = sorted(path.stem for path in (folder / "meshes").iterdir() if path.suffix in (".glb", ".obj"))
    mirrored = [GREEN, RED, YELLOW, BLUE]
    wrong = [name for name in names if quarters(front(folder, name)) != (mirrored if name == "mirrored" else FOUR)]
    return Outcome(f"{len(names) - len(wrong)} of {len(names)} right", found.rc == 0 and not wrong and len(names) == 10)


CASES: dict[str, tuple[str, Callable[[Path], Outcome]]] = {
    "A1": ("the run ends: AttributeError, no file named", a1),
    "A2": ("crash that takes the neighbour along; blue half white", a2),
    "A3": ("all white, no note", a3),
    "A4": ("clamp and mirror painted as repeat, nearest blurred", a4),
    "A6": ("parts missing", a6),
    "A7": ("grey 178", a7),
    "A8": ("second library never opened, card white", a8),
    "A9": ("last texture everywhere; IndexError", a9),
    "B2": ("4 and 3 of 12 used, no note", b2),
    "B3": ("4 and 3 of 12 used, no note", b2),
    "D1": ("resumes, rc 0", d1),
    "D2": ("4 of 12, no note", d2),
    "E1": ("rc 2, nothing scored; rc 3", e1),
    "F1": ("refused without saying what is there", f1),
    "F2": ("one case stops the suite; validate calls it valid", f2),
    "F3": ("profile ignored, up to 106 of 255 off", f3),
    "P1": ("right", p1),
    "P2": ("13, 13, 38", p2),
    "P3": ("right", p3),
}


def outcome(cases: Path, name: str, scratch: Path) -> Outcome:
    """Of one case, in a copy of the folder of cases below `scratch`."""
    copy = scratch / "cases"
    if not copy.is_dir():
        shutil.copytree(cases, copy)
    return CASES[name][1](copy / name)


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore", Note)
    wanted = sys.argv[2:] or list(CASES)
    print("| case | before | now | |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        for name in wanted:
            try:
                found = outcome(Path(sys.argv[1]), name, Path(scratch))
            except Exception as error:
                found = Outcome(f"{type(error).__name__}: {error}", False)
            print(f"| {name} | {CASES[name][0]} | {found.said} | {'right' if found.right else 'WRONG'} |", flush=True)
