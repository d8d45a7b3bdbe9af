"""The cameras of each case, from files that lie in folders of the cases' names: read once, before a run.

A case whose files are missing or broken has no cameras and says why; the others do not suffer. Where frames are named
by numbers (`./train/r_12`), views are in the order of the numbers, else in that of the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from bench.cases.cameras import OwnCameras
from bench.errors import BenchError, InputError
from bench.geometry.cameras import Cameras, cameras_digest
from bench.layouts.camera_files import LENSES, META, OURS, STACKED, TRANSFORMS, read_cameras, tells_cameras
from bench.layouts.seen_camera import Lens, Seen
from groundwork.hashing import hash_file, hash_strings
from groundwork.walk import walk

MOST_VIEWS = 64
_NEAREST = 0.9  # from the object's middle, in its longest sides: inside that a camera may stand in the object
_SAME = 1e-3  # in poses, of two cameras that are one
_NONE = "it has no camera files"
_SMALL, _LARGE = 0.15, 3.0  # shares of the frame that an object's longest side rarely has


def read_case_cameras(
    path: Path,
    cases: Sequence[str],
    resolution: int,
    *,
    convention: str | None = None,
    up: str = "z",
    size: float | None = None,
    fov: float | None = None,
    take: Sequence[int] | None = None,
) -> dict[str, OwnCameras]:
    """Each case's cameras, for pictures of `resolution` pixels a side.

    `path` is a folder that holds a place for each case, or has `{case}` where its name stands. `size` is the object's
    longest side in the files' units (None: what they say, else 1), `fov` the full vertical angle in degrees where they
    tell no lens, `take` which cameras are the views.
    Raises `InputError` where no case has camera files.
    """
    files, lacking = _files_of(path, cases)
    if not files and all(error.message == _NONE for error in lacking.values()):
        raise InputError(
            "the folder has no camera files of the suite's cases",
            where=str(path),
            expected=f"<case>/{TRANSFORMS}, {META}, {OURS} or 000.npy ..., or a path with {{case}} in it",
            hint="name yours: --set views.cameras.path=DIR",
        )
    found = {}
    for case in cases:
        try:
            if case not in files:
                raise lacking[case]
            seen = _in_order(read_cameras(files[case], convention, up, resolution))
            if take is not None and max(take) >= len(seen):
                raise InputError(
                    f"there are {len(seen)} cameras, and `take` names number {max(take)}", where=str(files[case][0])
                )
            chosen = seen if take is None else tuple(seen[number] for number in take)
            cameras = cameras_from(chosen, resolution, size, fov, str(files[case][0]))
            how = convention or ("zero123" if files[case][0].suffix == ".npy" else "blender")
            found[case] = OwnCameras(cameras_digest(cameras), cameras, None, how, up, _notes(cameras))
        except BenchError as error:
            # what the message says decides nothing but that there are no cameras; places are another on each machine
            found[case] = OwnCameras(hash_strings(["no cameras", error.message]), None, error.about(f"case '{case}'"))
    return found


def cameras_from(
    seen: Sequence[Seen], resolution: int, size: float | None = None, fov: float | None = None, where: str = ""
) -> Cameras:
    """The cameras themselves, exactly as the files tell them, in the object's longest sides.

    Raises `InputError` for views that are no views of a suite: of two projections, without a lens, inside the object,
    one camera twice.
    """
    if len(seen) > MOST_VIEWS:
        raise InputError(
            f"there are {len(seen)} cameras",
            where=where,
            expected=f"at most {MOST_VIEWS} views of a case",
            hint="choose some: views.cameras.take",
        )
    if len({camera.frame is None for camera in seen}) > 1:
        raise InputError("the cameras are of both projections", where=where, expected="one projection for a case")
    orthographic = seen[0].frame is not None
    matrices, intrinsics = np.tile(np.eye(4), (len(seen), 1, 1)), np.tile(np.eye(3), (len(seen), 1, 1))
    for view, camera in enumerate(seen):
        unit = size or camera.unit or 1.0
        matrices[view, :3] = camera.pose
        matrices[view, :3, 3] /= unit
        lens = camera.lens or (None if fov is None else Lens.of_angle(fov))
        if camera.frame is not None:
            lens = Lens(unit / camera.frame, unit / camera.frame)
        if lens is None:
            raise InputError(
                "the files tell no field of view",
                where=where,
                expected="camera_angle_x, fl_x and w, or K.npy",
                hint="say it: views.cameras.fov (Zero-1-to-3's renders: 49.1)",
            )
        intrinsics[view] = [
            [lens.fx * resolution, 0.0, lens.cx * resolution],
            [0.0, lens.fy * resolution, lens.cy * resolution],
            [0.0, 0.0, 1.0],
        ]
        if not orthographic and camera.distance / unit < _NEAREST:
            raise InputError(
                f"camera {view} stands {camera.distance / unit:.3g} of the object's longest side from its middle",
                where=where,
                expected=f"at least {_NEAREST}: outside the object",
                hint="say how long the object is in the files' units: views.cameras.size",
            )
    cameras = Cameras(matrices, intrinsics, "orthographic" if orthographic else "perspective", resolution)
    _refuse_twins(cameras, where)
    return cameras


def _refuse_twins(cameras: Cameras, where: str) -> None:
    forward, right = cameras.forward, cameras.world_to_camera[:, 0, :3]
    for a in range(len(cameras)):
        for b in range(a):
            apart = max(float(np.abs(which[a] - which[b]).max()) for which in (forward, right))
            if apart < _SAME:
                raise InputError(
                    f"cameras {b} and {a} look from the same side",
                    where=where,
                    expected="different views: a view that agrees with itself proves nothing",
                    hint="choose among them: views.cameras.take",
                )


def _notes(cameras: Cameras) -> tuple[str, ...]:
    """What is odd about how large the object is in the frame: mostly a unit that is not the one that was said."""
    focal = cameras.intrinsics[:, 1, 1] / cameras.resolution
    away = cameras.world_to_camera[:, 2, 3] if cameras.projection == "perspective" else np.ones(len(cameras))
    share = float(np.median(focal / away))
    if _SMALL <= share <= _LARGE:
        return ()
    return (
        f"by its cameras the object's longest side is {share:.3g} of the frame: is views.cameras.size its longest side "
        "in the files' units?",
    )


def _in_order(seen: tuple[Seen, ...]) -> tuple[Seen, ...]:
    numbers = [re.search(r"\d+$", PurePosixPath(camera.file.replace("\\", "/")).stem) for camera in seen]
    found = [int(number[0]) for number in numbers if number]
    if len(set(found)) < len(seen):
        return seen
    return tuple(camera for _, camera in sorted(zip(found, seen, strict=True), key=lambda pair: pair[0]))


def _files_of(path: Path, cases: Sequence[str]) -> tuple[dict[str, tuple[Path, ...]], Mapping[str, InputError]]:
    """Camera files by case, and why a case has none."""
    found, lacking = {}, {}
    below = None if "{case}" in str(path) else _below(path, cases)
    for case in cases:
        if below is None:
            place = Path(str(path).replace("{case}", case))
            sets = _sets([*place.iterdir()] if place.is_dir() else [], [place] if place.is_file() else [])
        else:
            place, sets = path / case, _sets(*below[case])
        if sets and (len(sets) == 1 or _alike(sets)):
            found[case] = sets[0]
        elif sets:
            listed = ", ".join(sorted(_shown(files, path) for files in sets)[:4])
            lacking[case] = InputError(
                "several files tell its cameras",
                where=str(place),
                expected=f"one of {listed}",
                hint="name it with {case}: --set 'views.cameras.path=DIR/{case}/transforms_test.json'",
            )
        else:
            lacking[case] = InputError(
                _NONE,
                where=str(place),
                expected=f"{TRANSFORMS}, {META}, {OURS} or 000.npy ...",
                hint="SyncDreamer's meta.pkl is not read, because pickles run code: write cameras.json from it"
                if (place / "meta.pkl").is_file()
                else "",
            )
    return found, lacking


def _below(root: Path, cases: Sequence[str]) -> dict[str, tuple[list[Path], list[Path]]]:
    """Files that may tell cameras, by case: those below a folder of its name, and those that are called by it."""
    if not root.is_dir():
        raise InputError("there is no such folder of cameras", where=str(root), hint="--set views.cameras.path=DIR")
    found: dict[str, tuple[list[Path], list[Path]]] = {case: ([], []) for case in cases}
    for file in walk(root, (".json", ".npy")).files:
        relative = file.relative_to(root)
        # cases may be called 000, as pictures and their cameras are: a folder's name goes before a file's
        above = {*relative.parent.parts} & found.keys()
        for name in above or {file.stem} & found.keys():
            found[name][0 if above else 1].append(file)
    return found


def _sets(files: Sequence[Path], named: Sequence[Path]) -> list[tuple[Path, ...]]:
    """Among files, those that tell cameras: single ones, and all the numbered `.npy` of a folder together.

    `named` are called by the case, so that their names need not say what they are.
    """
    found: list[tuple[Path, ...]] = [(file,) for file in named if file.suffix == ".npy" or tells_cameras(file)]
    numbered: dict[Path, list[Path]] = {}
    for file in sorted(files):
        if file.suffix == ".json":
            # a broken transforms.json says so when it is read
            if file.name.startswith("transforms") or (file.name in (META, OURS) and tells_cameras(file)):
                found.append((file,))
        elif file.name in STACKED:
            found.append((file,))
        elif file.suffix == ".npy" and file.stem.isdecimal() and file.name not in LENSES:
            numbered.setdefault(file.parent, []).append(file)
    return found + [tuple(sorted(group, key=lambda file: int(file.stem))) for group in numbered.values()]


def _alike(sets: Sequence[tuple[Path, ...]]) -> bool:
    """Whether all say the same, as the `cameras.json` of several seeds do."""
    return all(len(files) == 1 for files in sets) and len({hash_file(files[0]) for files in sets}) == 1


def _shown(files: tuple[Path, ...], path: Path) -> str:
    root = Path(str(path).partition("{case}")[0])
    first = files[0].relative_to(root).as_posix() if files[0].is_relative_to(root) else files[0].name
    return first if len(files) == 1 else f"{first} ..."
