"""Pictures of textured meshes as they are painted: albedo without lighting, over a plain background.

What a renderer must decide and other tools leave unsaid:

* Colours are sRGB as stored, and so is the arithmetic on them (texture x factor x vertex colour); only the vertex
  colours of glTF are blended and multiplied in linear light, as their format asks.
* Both sides of a face are painted, whether its material calls itself double-sided or not.
* A pixel is the mean of `supersample`^2 samples on a regular grid: a box filter. Each sample is composited before the
  mean is taken, so that soft silhouettes and cut-outs are right over any background.
* Textures are sampled as the material says: bilinearly or to the nearest texel, repeated, mirrored or clamped. There is
  no mip-map, whatever a file asks for: it would bleed across the charts of an atlas.
  Minification is the supersampling's work: against 32 x 32 samples, 4 x 4 reach 50 dB where a pixel spans 4 x 4 texels
  of a 1/f texture, 42 dB at 8 x 8, 37 dB at 16 x 16; `supersample` of half the texels per pixel spans keeps 42 dB.
* `opaque` ignores alpha; `mask` shows what is behind where alpha is below the cut-off; `blend` composites front to
  back. What is behind is found by depth peeling, so the order of the faces in the file never matters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.errors import MeshError, UsageError
from bench.geometry import kernels, shading
from bench.geometry.cameras import Cameras
from bench.geometry.mesh import Mesh
from bench.geometry.rasteriser import PlacedMesh, project
from bench.geometry.warp_runtime import launch, scalars, vectors

MAX_LAYERS = 64  # transparent surfaces behind one another; what lies further back is left out
_MODES = {"opaque": shading.OPAQUE, "mask": shading.MASK, "blend": shading.BLEND}
_WRAPS = {"repeat": shading.REPEAT, "mirror": shading.MIRROR, "clamp": shading.CLAMP}


def render_views(
    mesh: Mesh,
    cameras: Cameras,
    background: tuple[float, float, float],
    device: str = "cpu",
    supersample: int = 4,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """sRGB views, uint8 (V, H, W, 3), of `mesh` over `background` (sRGB in [0, 1]), and their alpha, float32 (V, H, W).

    Alpha is how much of a pixel the mesh covers, transparency included, in [0, 1].
    Raises `UsageError` for a device that is not there or a `supersample` below 1, `MeshError` for a mesh whose surface
    is not known (`Mesh.unpainted`).
    """
    image = _premultiplied(mesh, cameras, device, supersample)
    behind = torch.tensor(background, dtype=torch.float64, device=image.device)
    colour = image[..., :3].double() + (1.0 - image[..., 3:].double()) * behind
    views = (colour.clamp(0.0, 1.0) * 255.0 + 0.5).floor().to(torch.uint8)
    return views.cpu().numpy(), image[..., 3].cpu().numpy()


def render_albedo(
    mesh: Mesh,
    cameras: Cameras,
    background: tuple[float, float, float],
    device: str = "cpu",
    supersample: int = 4,
) -> npt.NDArray[np.uint8]:
    """The views of `render_views` alone."""
    return render_views(mesh, cameras, background, device, supersample)[0]


def _premultiplied(mesh: Mesh, cameras: Cameras, device: str, supersample: int) -> Tensor:
    """Albedo times coverage, and coverage: float32 (V, H, W, 4)."""
    if mesh.unpainted:
        raise MeshError(f"the mesh cannot be painted: {mesh.unpainted}")
    if supersample < 1:
        raise UsageError(f"supersample {supersample} takes no samples", expected="1 or more samples a side")
    placed = project(mesh, cameras, device, supersample)
    appearance = _appearance(mesh, placed.clip.device)
    layers = 1 if all(m.alpha_mode == "opaque" for m in mesh.materials) else MAX_LAYERS
    shape = (len(cameras), cameras.resolution, cameras.resolution, 4)
    image = torch.zeros(shape, dtype=torch.float32, device=placed.clip.device)
    for view in range(len(cameras)):  # one by one: a supersampled z-buffer is large
        _add_view(placed.view(view), appearance, supersample, layers, image[view : view + 1])
    return image


def _add_view(placed: PlacedMesh, appearance: list[Any], supersample: int, layers: int, image: Tensor) -> None:
    """Shade one view into `image` (1, H, W, 4), layer by layer from the front."""
    keys = placed.nearest_keys()
    transmittance = torch.ones(keys.shape, dtype=torch.float32, device=keys.device)
    for layer in range(layers):
        if layer:
            keys = placed.nearest_keys(behind=keys)
        surface = (scalars(keys), vectors(placed.clip), vectors(placed.faces))
        arguments = (*surface, *appearance, supersample, scalars(transmittance), vectors(image))
        launch(shading.shade, image.shape[:3], arguments, keys.device)
        if layers > 1 and bool((keys == kernels.EMPTY_KEY).all()):
            break


def _appearance(mesh: Mesh, device: torch.device) -> list[Any]:
    """What `shading.shade` wants to know of the mesh's materials, in its order. Absent things are one unread row."""

    def put(array: npt.NDArray[Any], dtype: npt.DTypeLike) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, dtype=dtype)).to(device)

    nothing = np.zeros((1, 4), dtype=np.uint8)
    used = [m.texture for m in mesh.materials if m.texture is not None and mesh.uv is not None]
    textures = list({id(texture): texture for texture in used}.values())  # parts of an object often share one
    first = np.cumsum([0] + [texture.shape[0] * texture.shape[1] for texture in textures])
    slot = {id(texture): (start, *texture.shape[:2]) for start, texture in zip(first[:-1], textures, strict=True)}
    looks = [(*(_WRAPS[way] for way in m.wrap), 0 if m.nearest else 1) for m in mesh.materials]
    slots = [(*slot.get(id(m.texture), (0, 0, 0)), _MODES[m.alpha_mode]) for m in mesh.materials]
    return [
        scalars(put(mesh.face_material, np.int32)),
        # a stranger's NaN must not become a texel's address
        vectors(put(np.zeros((1, 2)) if mesh.uv is None else np.nan_to_num(mesh.uv), np.float64)),
        shading.UNPAINTED if mesh.colours is None else shading.LINEAR if mesh.linear_colours else shading.AS_STORED,
        vectors(put(nothing if mesh.colours is None else mesh.colours, np.uint8)),
        vectors(put(np.concatenate([texture.reshape(-1, 4) for texture in textures] or [nothing]), np.uint8)),
        vectors(put(np.array(slots), np.int32)),
        vectors(put(np.array(looks), np.int32)),
        vectors(put(np.array([m.factor for m in mesh.materials]), np.float32)),
        scalars(put(np.array([m.alpha_cutoff for m in mesh.materials]), np.float32)),
    ]
