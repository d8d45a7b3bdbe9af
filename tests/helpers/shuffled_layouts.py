"""Ten layouts with shuffled orders for the detective, and how it does on them.

    python tests/helpers/shuffled_layouts.py              prints the table

Each is written once for three textured meshes, held against these; and once, from views at uneven heights, for a suite
of prompts, where only the pictures' own hull can tell.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from bench.cases.case import Case
from bench.cli import main
from bench.generators.ground_truth import ground_truth
from bench.run.plan import find_cases
from bench.suite.cameras import cameras_of
from bench.suite.load import load_suite
from bench.suite.schema import MiniworldCases, Views

SIDE = 64
NAMES = ("front", "right", "back", "left")
ORDER = (2, 0, 3, 1)  # picture ORDER[v] is view v
TAKE = np.argsort(ORDER)  # the view that each picture is


@dataclass(frozen=True)
class Written:
    """One way to lay out four views: how each is called, or how they share a picture."""

    name: str
    single: str = ""
    sheet: tuple[int, int] = (1, 1)
    padding: int = 0
    mirror: bool = False
    turn: int = 0
    ground: int = 255
    transparent: bool = False
    extra: int = 0  # further views, from elsewhere
    beside: str = ""  # maps that lie beside the views


LAYOUTS = [
    Written("numbers", "{case}/view_{i}.png"),
    Written("zeros from one", "{case}/{j:03d}.png"),
    Written("words", "out/{case}/rgb_000_{word}.png", beside="out/{case}/normals_000_{word}.png"),
    Written("case in the name", "{case}-{i:02d}.webp"),
    Written("strip by case", "{case}.png", (1, 4)),
    Written("grid with a border", "{case}/grid.png", (2, 2), padding=2),
    Written("mirrored grid", "{case}/grid.png", (2, 2), mirror=True),
    Written("turned", "{case}/color_{i:04d}.png", turn=1),
    Written("grey strip", "{case}/sample.png", (1, 4), ground=127),
    Written("six of which four", "{case}/img{i}.png", transparent=True, extra=2),
]


def write_suite(file: Path, meshes: Path) -> Path:
    """Of a folder of meshes, four level views."""
    file.write_text(
        f"name: small\nversion: 1\ntask: texturing\ncases: {{source: meshes, path: '{meshes}'}}\n"
        f"views: {{resolution: {SIDE}, distance: 2.4}}\nmetrics: [silhouette_iou]\n"
    )
    return file


def true_views(case: Case, views: Views) -> np.ndarray:
    """uint8 (V, S, S, 4)."""
    white = ground_truth(case, cameras_of(views), (1.0, 1.0, 1.0), "cpu").views
    black = ground_truth(case, cameras_of(views), (0.0, 0.0, 0.0), "cpu").views
    alpha = 255 - (white.astype(int) - black).max(axis=-1, keepdims=True)
    return np.concatenate([white, np.uint8(alpha)], axis=-1)


def write(root: Path, how: Written, truths: dict[str, np.ndarray]) -> None:
    for case, truth in truths.items():
        chosen = [truth[v] for v in TAKE] + [truth[4 + i] for i in range(how.extra)]
        pictures = []
        for rgba in chosen:
            picture = rgba if how.transparent else rgba[..., :3].copy()
            if how.ground != 255:
                picture[rgba[..., 3] == 0] = how.ground
            picture = np.rot90(picture, -how.turn)  # what `turn` and then `mirror` undo
            pictures.append(picture[:, ::-1] if how.mirror else picture)
        if how.sheet == (1, 1):
            for i, picture in enumerate(pictures):
                word = NAMES[i] if i < 4 else ""
                for pattern, content in ((how.single, picture), (how.beside, 255 - picture)):
                    if pattern:
                        path = root / pattern.format(case=case, i=i, j=i + 1, word=word)
                        path.parent.mkdir(parents=True, exist_ok=True)
                        Image.fromarray(np.ascontiguousarray(content)).save(path, lossless=True)
            continue
        rows, columns = how.sheet
        step = SIDE + how.padding
        whole = np.zeros((rows * step + how.padding, columns * step + how.padding, 3), dtype=np.uint8)
        for i, picture in enumerate(pictures):
            y, x = (how.padding + place * step for place in divmod(i, columns))
            whole[y : y + SIDE, x : x + SIDE] = picture
        path = root / how.single.format(case=case)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(whole).save(path)


def found_in(root: Path, suite: Path) -> tuple[dict, float]:
    """What `inspect --json` answers, and its seconds."""
    said, start = io.StringIO(), time.monotonic()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        main(["inspect", str(root), "--suite", str(suite), "--json"])
    return json.loads(said.getvalue()), time.monotonic() - start


def judged(found: dict, how: Written) -> str:
    """`right`, `not settled` (with whether the right reading is among the first three), or `WRONG`."""
    wanted = (list(ORDER), how.mirror, how.turn)
    readings = [(one["take"], one["mirror"], one["turn"]) for one in found["readings"]]
    if found["settled"]:
        return "right" if readings[0] == wanted else "WRONG"
    return "not settled" + (", right one among the first three" if wanted in readings[:3] else "")


UNEVEN = Views(azimuths=(0.0, 70.0, 160.0, 250.0), elevation=(20.0, -10.0, 45.0, 0.0), resolution=SIDE)


def hull_suite(file: Path) -> Path:
    """Of one prompt, four views at uneven heights and steps."""
    (file.parent / "prompts.csv").write_text("case,prompt\nbox,a box\n")
    file.write_text(
        "name: s\nversion: 1\ntask: text_to_multiview\ncases: {source: prompts, path: prompts.csv}\n"
        f"views: {{azimuths: [0, 70, 160, 250], elevation: [20, -10, 45, 0], resolution: {SIDE}}}\n"
        "metrics: [hull_iou]\n"
    )
    return file


def box_views() -> dict[str, np.ndarray]:
    """A box with a lid in the views of `hull_suite`, and two more from elsewhere."""
    _, case = find_cases(MiniworldCases(source="miniworld", count=2), Path())
    more = UNEVEN.model_copy(
        update={"azimuths": (*UNEVEN.azimuths, 45.0, 225.0), "elevation": (20.0, -10.0, 45.0, 0.0, 5.0, 30.0)}
    )
    return {"box": true_views(case, more)}


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from conftest import textured_ellipsoid

    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        (scratch / "meshes").mkdir()
        for seed, extents in enumerate(((0.4, 0.5, 0.4), (0.5, 0.4, 0.5), (0.5, 0.45, 0.4))):
            textured_ellipsoid(seed, extents).export(scratch / "meshes" / f"thing{seed}.glb")
        by_mesh, by_hull = write_suite(scratch / "m.yaml", scratch / "meshes"), hull_suite(scratch / "h.yaml")
        loaded = load_suite(by_mesh)
        six = loaded.views.model_copy(update={"azimuths": (0.0, 90.0, 180.0, 270.0, 45.0, 225.0)})
        solid = {case.id: true_views(case, six) for case in find_cases(loaded.cases, loaded.folder)}
        box = box_views()
        print("| layout | with meshes | seconds | by the hull | seconds |\n|---|---|---|---|---|")
        for number, how in enumerate(LAYOUTS):
            row = []
            for kind, truths, suite in (("m", solid, by_mesh), ("h", box, by_hull)):
                write(scratch / f"{kind}{number}", how, truths)
                found, seconds = found_in(scratch / f"{kind}{number}", suite)
                row += [judged(found, how), f"{seconds:.0f}"]
            print(f"| {how.name} | {' | '.join(row)} |", flush=True)
