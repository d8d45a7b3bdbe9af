"""`bake`: generated views of a mesh become its texture, in one GLB file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import flags
from bench.commands.terminal import answer, answer_json, note
from bench.errors import ImageError, MeshError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bench.geometry.cameras import Cameras

CAMERAS = "cameras.json"


def bake(
    sample: Annotated[Path, typer.Argument(metavar="SAMPLE_FOLDER", help="Folder of view_0.png, view_1.png, ...")],
    mesh: Annotated[
        Path, flags.flag("--mesh", "The mesh that the views show (GLB, glTF, OBJ, PLY, STL, OFF).", metavar="FILE")
    ],
    out: Annotated[Path, flags.flag("--out", "The textured mesh.", metavar="FILE.glb")],
    suite: Annotated[
        str | None,
        flags.flag("--suite", "The suite whose views these are (default: cameras.json beside them).", metavar="SUITE"),
    ] = None,
    size: Annotated[int, flags.flag("--size", "Texels per side of the texture.", min=8, max=8192, metavar="N")] = 1024,
    power: Annotated[float, flags.flag("--power", "Views are weighted by cos(theta)^X.", min=0.0, metavar="X")] = 2.0,
    unwrap: Annotated[
        bool, flags.flag("--unwrap", "Make new texture coordinates, whatever the mesh has (needs xatlas).")
    ] = False,
    device: flags.Device = "cpu",
    as_json: flags.Json = False,
) -> None:
    """Bake views into a texture. Texels that no view sees are filled along the surface, and their share is reported."""
    if out.suffix.lower() != ".glb":
        raise UsageError(
            "the textured mesh is written as GLB", where=f"--out {out}", expected="a name that ends in .glb"
        )
    import torch

    from bench.cases.mesh_file import load_mesh
    from bench.run.plan import check_device
    from bench.texture_bake.atlas import atlas_fault
    from bench.texture_bake.atlas import unwrap as new_atlas
    from bench.texture_bake.bake import bake_texture, wearing_texture
    from bench.texture_bake.glb import glb_bytes
    from groundwork.files import write_atomically

    check_device(device)
    views = _views(sample)
    cameras = _cameras(sample, suite, views)
    original = load_mesh(mesh)
    fault = atlas_fault(original)
    if fault and original.uv is not None and not unwrap:
        raise MeshError(
            f"the mesh's own texture coordinates cannot hold this texture: {fault}",
            where=str(mesh),
            expected="a texel for each point of the surface",
            hint="add --unwrap to make new ones",
        )
    if fault or unwrap:
        original = new_atlas(original, size)
    baked = bake_texture(original.normalised(), torch.from_numpy(views), cameras, size, power=power, device=device)
    write_atomically(out, glb_bytes(wearing_texture(original, baked.texture)))
    note(f"{baked.unseen:.1%} of the texels are seen by no view; they were filled from their surroundings")
    if as_json:
        answer_json({"out": str(out), "unseen": baked.unseen, "size": size, "views": len(views)})
    else:
        answer(str(out))


def _views(folder: Path) -> npt.NDArray[np.uint8]:
    """The pictures of a sample, uint8 (V, H, H, 3), transparency on white."""
    import numpy as np

    from groundwork.pictures import SUFFIXES, read_picture

    if not folder.is_dir():
        raise ImageError("there is no such folder of views", where=str(folder), expected="view_0.png, view_1.png, ...")
    views: list[npt.NDArray[np.uint8]] = []
    while found := [path for suffix in SUFFIXES if (path := folder / f"view_{len(views)}{suffix}").exists()]:
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise ImageError(f"two pictures are view {len(views)}: {names}", where=str(folder), hint="keep one")
        picture = read_picture(found[0])
        side = len(views[0]) if views else picture.shape[0]
        if picture.shape[:2] != (side, side):
            raise ImageError(
                f"the picture is {picture.shape[1]} x {picture.shape[0]} pixels",
                where=str(found[0]),
                expected=f"{side} x {side}: square pictures of one size",
            )
        views.append(picture)
    if not views:
        raise ImageError("the folder has no views", where=str(folder), expected="view_0.png, view_1.png, ...")
    return np.stack(views)


def _cameras(folder: Path, suite: str | None, views: npt.NDArray[np.uint8]) -> Cameras:
    """Where the views look from: the suite's views, else the file beside them, else the four of the standard ring."""
    from bench.geometry.camera_file import read_cameras
    from bench.geometry.cameras import view_cameras

    side, beside = views.shape[1], folder / CAMERAS
    if suite is not None:
        from bench.suite.cameras import cameras_of
        from bench.suite.load import load_suite

        cameras, origin = cameras_of(load_suite(suite).views, side), f"suite {suite}"
    elif beside.is_file():
        cameras, origin = read_cameras(beside), str(beside)
    elif len(views) == 4:
        cameras, origin = view_cameras(resolution=side), "the standard ring"
        note(f"no --suite and no {CAMERAS}: taking the views for front, 90, 180, 270 degrees, perspective, fov 40")
    else:
        raise UsageError(
            f"nothing says where the {len(views)} views look from",
            where=str(folder),
            expected=f"--suite SUITE, or {CAMERAS} beside the views",
        )
    if (len(cameras), cameras.resolution) != (len(views), side):
        raise ImageError(
            f"{len(views)} views of {side} pixels do not fit the cameras",
            where=str(folder),
            expected=f"{len(cameras)} views of {cameras.resolution} pixels, by {origin}",
        )
    return cameras
