"""Files made to do harm, one of each idea: what is small on disk and huge in memory, lies about itself, or runs.

`python tests/helpers/hostile_files.py` reads each in a process of its own and prints how it ended, in how many seconds
and with how much memory.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hostile_archives import ARCHIVES, ARRAYS
from hostile_documents import JSONS, TABLES, YAMLS
from hostile_meshes import MESHES
from hostile_pickle import OPENED, Make
from hostile_pictures import PICTURES


def _read_picture(path: Path) -> object:
    from groundwork.pictures import read_picture

    return read_picture(path)


def _read_mesh(path: Path) -> object:
    from bench.mesh_files.reader import read_mesh

    return read_mesh(path)


def _read_json(path: Path) -> object:
    from bench.leaderboard.files import read_document

    return read_document(path)


def _read_summary(path: Path) -> object:
    from bench.results.read import read_run

    return read_run(path.parent)


def _read_baseline(path: Path) -> object:
    from bench.gate.baseline import read_document

    return read_document(path.parent)


def _read_cameras(path: Path) -> object:
    from bench.geometry.camera_file import read_cameras

    return read_cameras(path)


def _read_suite(path: Path) -> object:
    from bench.suite.load import load_suite

    return load_suite(path)


def _read_scores(path: Path) -> object:
    from bench.results.scores import read_scores

    return read_scores(path)


def _read_leave_one_out(path: Path) -> object:
    from bench.results.leave_one_out import read_leave_one_out

    return read_leave_one_out(path)


def _read_nearest(path: Path) -> object:
    from bench.results.nearest import read_nearest

    return read_nearest(path)


def _read_arrays(path: Path) -> object:
    from bench.references.library import _read_arrays

    return _read_arrays(path, "x")


def _read_archive(path: Path) -> object:
    from bench.leaderboard.rescoring.opening import Wanted, open_pictures

    return open_pictures(path, path.parent / "samples", "mine", Wanted(frozenset({"cow"}), (0,), 4))


KINDS: dict[str, tuple[str, Callable[[Path], object], dict[str, Make]]] = {
    "picture": ("view.png", _read_picture, PICTURES),
    "mesh": ("mesh.gltf", _read_mesh, MESHES),
    "entry": ("entry.json", _read_json, JSONS),
    "summary": ("summary.json", _read_summary, JSONS),
    "baseline": ("baseline.json", _read_baseline, JSONS),
    "cameras": ("cameras.json", _read_cameras, JSONS),
    "suite": ("suite.yaml", _read_suite, YAMLS),
    "scores": ("scores.parquet", _read_scores, TABLES),
    "leave one out": ("leave_one_out.parquet", _read_leave_one_out, TABLES),
    "nearest": ("nearest.parquet", _read_nearest, TABLES),
    "reference": ("set.npz", _read_arrays, ARRAYS),
    "archive": ("pictures.bin", _read_archive, ARCHIVES),
}


def outcome(kind: str, idea: str, folder: Path) -> tuple[str, str, float, int]:
    """How reading it in a process of its own ended ('read', 'refused', or the defect), with which words, in how many
    seconds, and the most bytes that it held beyond what importing takes.
    """
    name, read, makes = KINDS[kind]
    (folder / name).write_bytes(makes[idea]())
    inner, outer = os.pipe()
    child = os.fork()
    if child == 0:
        end = _end(read, folder / name)
        os.write(outer, json.dumps(end).encode())
        os._exit(0)
    os.close(outer)
    with os.fdopen(inner, "rb") as stream:
        said = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not said:
        return f"ended with {status}", "", 0.0, 0
    end, words, seconds, used = json.loads(said)
    return end, words, seconds, used


def _end(read: Callable[[Path], object], path: Path) -> tuple[str, str, float, int]:
    import warnings

    from bench.errors import BenchError

    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    words = ""
    try:
        read(path)
        end = "read"
    except BenchError as error:
        end, words = "refused", str(error)
    except BaseException as error:
        end, words = type(error).__name__, str(error)[:200]
    seconds = time.monotonic() - started
    return end, words, seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10


def warm_up() -> None:
    """Import what readers need, so that only reading is measured."""
    import PIL.Image
    import pyarrow.parquet  # noqa: F401

    import bench.gate.baseline
    import bench.geometry.camera_file
    import bench.leaderboard.files
    import bench.leaderboard.rescoring.opening
    import bench.mesh_files.reader
    import bench.references.library
    import bench.results.leave_one_out
    import bench.results.nearest
    import bench.results.read
    import bench.suite.check
    import bench.suite.load  # noqa: F401
    from bench.suite.check import Plugins

    PIL.Image.init()
    Plugins.installed()


def main() -> int:
    warm_up()
    bad = 0
    for kind in sys.argv[1:] or KINDS:
        for idea in KINDS[kind][2]:
            with tempfile.TemporaryDirectory() as folder:
                end, words, seconds, used = outcome(kind, idea, Path(folder))
            fine = end in ("read", "refused") and seconds < 10 and used < 2 << 30
            bad += not fine
            said = words.splitlines()[0][:110] if words else ""
            mark = "  " if fine else "! "
            print(f"{mark}{kind}: {idea}: {end}, {seconds:.1f} s, {used >> 20} MiB: {said}", flush=True)
    opened = OPENED.exists()
    print(f"{bad} not handled; {'a pickle was opened' if opened else 'nothing ran'}")
    return 1 if bad or opened else 0


if __name__ == "__main__":
    sys.exit(main())
