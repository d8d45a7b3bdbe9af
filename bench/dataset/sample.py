"""One object as a training sample: its views, normal and position maps, caption and cameras, as the bytes of files."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image

from bench.cases.case import Case
from bench.errors import MeshError
from bench.generators.ground_truth import SUPERSAMPLE
from bench.geometry.camera_file import camera_json
from bench.geometry.cameras import Cameras, cameras_digest
from bench.geometry.control import control_map
from bench.geometry.rasteriser import rasterise
from bench.geometry.rendering import render_albedo
from bench.run.plan import case_digest
from groundwork.hashing import hash_strings
from groundwork.pictures import RGB, Picture
from realiz3d.data.layout import CAMERAS, CAPTION, file_name
from realiz3d.data.maps import encode_map

VERSION = 1  # raise when the same object would give other bytes


@dataclass(frozen=True)
class SampleRequest:
    """Render `case`, called `id` in the data set, from `cameras` over `background` (sRGB in [0, 1]) on `device`."""

    id: str
    case: Case
    cameras: Cameras
    background: RGB
    device: str

    def fingerprint(self) -> str:
        """SHA-256 (hex) of all that decides the sample. Raises `MeshError` for a file that cannot be read."""
        parts = [f"sample v{VERSION} supersample={SUPERSAMPLE}", self.id, case_digest(self.case)]
        return hash_strings([*parts, cameras_digest(self.cameras), repr(self.background)])


def render_sample(request: SampleRequest) -> dict[str, bytes]:
    """File name -> contents, in a fixed order; the same request gives the same bytes.

    Views are albedo, antialiased; maps have one sample a pixel, at its centre (mixed normals would be no normals).
    Raises `MeshError` for a mesh that cannot be read or has nothing to show.
    """
    if request.case.mesh is None:
        raise MeshError(f"case '{request.case.id}' has no mesh to render")
    mesh = request.case.mesh.load()
    if not mesh.has_appearance and not mesh.unpainted:
        raise MeshError(
            f"the mesh of '{request.case.id}' has nothing to show: no texture, vertex colours or base colour",
            hint="leave it out: a model would learn that this caption means white",
        )
    views = render_albedo(mesh, request.cameras, request.background, request.device, SUPERSAMPLE)
    gbuffer = rasterise(mesh, request.cameras, request.device)
    files = {file_name("view", index): _png(view) for index, view in enumerate(views)}
    for kind in ("normal", "position"):
        maps = control_map(gbuffer, kind)
        files |= {file_name(kind, index): encode_map(values) for index, values in enumerate(maps)}
    files[CAPTION] = (request.case.prompt + "\n").encode()
    files[CAMERAS] = camera_json(request.cameras)
    return files


def _png(picture: Picture) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, format="PNG", compress_level=6)
    return encoded.getvalue()
