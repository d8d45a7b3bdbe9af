"""What `inspect` says of camera files beside pictures: the suite's `views` to paste, of all cases or of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bench.cases.case import Case
    from bench.layouts.conventions import CameraReading
    from bench.layouts.shape import Shape

_SAME_SIZE = 0.03


def about_cameras(
    path: str, shape: Shape, side: int, convention: str | None, readings: tuple[list[CameraReading], dict[str, str]]
) -> tuple[dict[str, Any] | None, list[str]]:
    """The `views` of a suite that camera files beside the pictures describe, and lines that say so; None without any.

    `path` is what the suite calls the folder, `side` that of the pictures in pixels, `readings` what `camera_readings`
    found.
    """
    from bench.layouts.camera_files import find_camera_files, read_cameras, views_of

    files = {
        case: there
        for case, paths in shape.files.items()
        if not shape.sheet and (there := find_camera_files(paths[0].parent))
    }
    if not files:
        return None, []
    from bench.layouts.conventions import settled
    from bench.layouts.yaml_flow import flow

    found, refused = readings
    said = _compared(found, refused)
    best = found[0] if settled(found) else None
    how, up = (best.convention, best.up) if best is not None and convention is None else (convention, "z")
    told: dict[str, dict[str, Any]] = {}
    for case, these in files.items():
        try:
            told[case] = views_of(read_cameras(these, how, up), best.size if best is not None else 1.0)
        except InputError as error:
            return None, [*said, f"cameras of {case}: {error.message} ({error.where})"]
    views = next(iter(told.values()))
    if all(seen == views for seen in told.values()) and up == "z":
        unit = "" if best is not None else ", in longest sides of the object if the files' unit is that"
        views = {**views, "resolution": side}
        return views, [*said, f"cameras{unit}: views: {flow(views)}"]
    own: dict[str, Any] = {"path": path}
    own |= {"convention": how} if how not in (None, "blender") else {}
    own |= {"up": up} if up != "z" else {}
    if best is not None and abs(best.size - 1) > _SAME_SIZE:
        own |= {"size": float(f"{best.size:.3g}")}
    of_each = {"cameras": own, "resolution": side}
    return of_each, [*said, f"cameras are of each case: views: {flow(of_each)}"]


def readings_of(
    shape: Shape, cases: tuple[Case, ...], small: dict[str, npt.NDArray[np.float64]], convention: str | None
) -> tuple[list[CameraReading], dict[str, str]]:
    """Every reading of the files by the cases' meshes; nothing without meshes, or with a convention that was given."""
    from bench.layouts.camera_files import find_camera_files

    files = {case: shape.files[case] for case in small if find_camera_files(shape.files[case][0].parent)}
    meshes = {case.id: case.mesh.load() for case in cases if case.mesh is not None and case.id in files}
    if not meshes or convention is not None or shape.sheet:
        return [], {}
    from bench.layouts.conventions import camera_readings

    return camera_readings(files, small, meshes)


def agreement_line(cases: tuple[Case, ...], small: dict[str, npt.NDArray[np.float64]]) -> list[str]:
    """How well pictures, taken in their order, meet the meshes' outlines in the cameras that the suite gives each."""
    if not any(case.cameras is not None for case in cases):
        return []
    from bench.layouts.conventions import FITS, outline_agreement

    found = [
        outline_agreement(small[case.id], case.mesh.load(), case.cameras.found)
        for case in cases
        if case.id in small and case.mesh is not None and case.cameras is not None
        if case.cameras.found is not None and len(case.cameras.found) == len(small[case.id])
    ]
    if not found:
        return []
    mean = sum(found) / len(found)
    line = f"in the suite's cameras outlines meet the meshes' by {mean:.3f} ({len(found)} cases)"
    return [line if mean >= FITS else f"{line}: another order, convention or size, or files of other pictures"]


def _compared(found: list[CameraReading], refused: dict[str, str]) -> list[str]:
    from bench.layouts.conventions import settled

    if not found:
        return [f"cameras cannot be {way}: {why}" for way, why in refused.items()]
    shown = "; ".join(f"{reading.words()}: outline {reading.outline:.3f}" for reading in found[:3])
    lines = [f"cameras against the meshes, {found[0].views} views: {shown}"]
    if not settled(found):
        lines.append("no reading of the cameras fits: are the files those of these pictures, and the meshes the same?")
    elif found[0].mirror:
        lines.append("the pictures are mirrored beside their cameras: `mirror: true`")
    if settled(found) and abs(found[0].size - 1) > _SAME_SIZE:
        lines.append(f"the objects' longest side is {found[0].size:.3g} in the files' units")
    return lines
