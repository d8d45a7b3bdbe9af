"""What the command line does, as functions: run a suite, score a folder of pictures, compare with an accepted state.

And the two things that metric functions are given: pictures and the geometry that they show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from bench.gate.document import GatePage
    from bench.geometry.cameras import Cameras
    from bench.geometry.scene import SceneGeometry
    from bench.run.session import RunOutcome
    from bench.suite.schema import Suite


def run(
    suite: str | Path,
    out: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    generators: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    limit: int | None = None,
    device: str = "cpu",
    batch_size: int = 8,
    offline: bool = False,
    isolate: Literal["foreign", "all", "none"] = "foreign",
    timeout: float | None = None,
    memory: float | None = None,
    cache: str | Path | None = None,
) -> RunOutcome:
    """Run a suite: generate what is missing, score, store and report. The same call resumes.

    suite: a file, or the name of a shipped suite. out: the run folder; None: runs/<name of the suite>. overrides: as
    `--set` takes them, 'views.resolution=256'. generators: only these. limit: the first so many cases, which makes the
    run not comparable. isolate: whose code works in processes of its own, where a crash or a hang costs its own rows.
    timeout: seconds that a generator may take for a batch. memory: GiB that such a process may take. cache: a folder of
    features that runs share; None: the run's own. Returns the run's folder, report, summary and what is incomplete.
    Raises `BenchError`.
    """
    from bench.suite.declare import load_apart

    return _executed(
        load_apart(suite, overrides, isolate, timeout), out, generators, seeds, limit, device, batch_size, offline,
        isolate, timeout, memory, cache,
    )  # fmt: skip


def score(
    folder: str | Path,
    suite: str | Path,
    name: str | None = None,
    out: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    seeds: Sequence[int] | None = None,
    limit: int | None = None,
    device: str = "cpu",
    offline: bool = False,
) -> RunOutcome:
    """Score pictures that some other tool made, by a suite's protocol; its other generators are left out.

    folder: <case>/view_<i>.png in the suite's view order, or what docs/external-outputs.md tells. name: how results
    call it; None: the folder's name. The rest as for `run`. Raises `BenchError`.
    """
    from bench.run.availability import available
    from bench.run.options import RunOptions
    from bench.suite.folder import folder_name, with_folder
    from bench.suite.load import load_suite

    label = name or folder_name(Path(folder))
    judged = with_folder(load_suite(suite, overrides), label, Path(folder))
    options = RunOptions(out=None if out is None else Path(out), limit=limit, device=device, offline=offline)
    there, _ = available(judged, label, options)
    return _executed(judged, out, there, seeds, limit, device, 8, offline)


def compare(
    baseline: str | Path,
    candidate: str | Path,
    *,
    generator: str | None = None,
    renamed: tuple[str, str] | None = None,
    deltas: Mapping[str, float] | None = None,
    strict: bool = False,
    out: str | Path | None = None,
) -> GatePage:
    """Whether a generator got worse than its accepted state: the regression gate, without importing torch.

    baseline: a run folder or a directory that `realiz3d-bench baseline accept` wrote. candidate: a run folder.
    generator: which one, where there are several; renamed: its old and its new name. deltas: the harm that is tolerated
    by result, in place of the suite's `gates`. strict: what cannot be decided fails. out: where to write the page.
    The returned page has `verdict`, `exit_code` (0 passed, 1 worse, 2 not comparable, 3 not measured) and `results`.
    Raises `BenchError` for inputs that are neither.
    """
    from bench.gate.inputs import read_deltas, read_input, two_sides
    from bench.gate.page import gate_page

    old, new = two_sides(read_input(Path(baseline)), read_input(Path(candidate)), generator, renamed)
    given = [f"{result}={delta}" for result, delta in (deltas or {}).items()]
    page = gate_page(old, new, read_deltas(given, list(new.results)), strict)
    if out is not None:
        from reports.gate import write_gate

        write_gate(page, Path(out))
    return page


def open_scene(mesh: str | Path, cameras: Cameras | None = None, device: str = "cpu") -> SceneGeometry:
    """A mesh under some cameras: its `correspondence`, what the consistency metrics are given, and its `gbuffer`.

    mesh: GLB, glTF, OBJ or PLY; it is centred, and its longest side becomes 1. cameras: from
    `bench.geometry.cameras.view_cameras`; None: four level views of 512 px. Raises `MeshError`.
    """
    from bench.cases.mesh_file import load_mesh
    from bench.geometry.cameras import view_cameras
    from bench.geometry.scene import SceneGeometry

    return SceneGeometry(load_mesh(Path(mesh)).normalised(), cameras or view_cameras(), device)


def read_views(paths: Sequence[str | Path], background: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Tensor:
    """Picture files as the views that metric functions take: float32 (V, H, W, 3) in [0, 1], sRGB.

    paths: in view order, all of one size. Transparent pictures are laid on `background`. Raises `ImageError`.
    """
    import numpy as np
    import torch

    from bench.errors import ImageError
    from groundwork.pictures import read_picture

    eight_bit = tuple(round(255 * channel) for channel in background)
    pictures = [read_picture(Path(path), (eight_bit[0], eight_bit[1], eight_bit[2])) for path in paths]
    sizes = {picture.shape[:2] for picture in pictures}
    if len(sizes) != 1:
        raise ImageError(f"the views have {len(sizes)} sizes", where=", ".join(map(str, paths)), expected="one size")
    return torch.from_numpy(np.stack(pictures)).float() / 255


def _executed(
    suite: Suite,
    out: str | Path | None,
    generators: Sequence[str] | None,
    seeds: Sequence[int] | None,
    limit: int | None,
    device: str,
    batch_size: int,
    offline: bool,
    isolate: Literal["foreign", "all", "none"] = "foreign",
    timeout: float | None = None,
    memory: float | None = None,
    cache: str | Path | None = None,
) -> RunOutcome:
    from bench.run import session
    from bench.run.options import RunOptions
    from reports import write_reports

    options = RunOptions(
        out=None if out is None else Path(out),
        generators=None if generators is None else tuple(generators),
        limit=limit,
        device=device,
        batch_size=batch_size,
        seeds=None if seeds is None else tuple(seeds),
        offline=offline,
        isolate=isolate,
        timeout=timeout,
        memory=memory,
        cache=None if cache is None else Path(cache).absolute(),
        argv=("python",),
    )
    outcome = session.run(suite, options)
    write_reports([outcome.folder])
    return outcome
