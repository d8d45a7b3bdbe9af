"""LGM (Tang et al. 2024): four views to 3D Gaussians in one pass of an asymmetric U-Net. What papers lift views with.

The U-Net is the authors' code, which is not on PyPI: a checkout of github.com/3DTopia/LGM is used where one is named.
Only its `core/unet.py` is imported. What LGM wraps round the U-Net, a 1 x 1 convolution and the activations that make
Gaussians of 14 channels, is written out here, so that neither its renderer nor its training code is needed.

As in LGM's training, the first camera is made the canonical one: at (0, 0, 1.5), looking along -z, with 49.1 degrees.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import UsageError, WeightsMissing
from bench.extractors.exact import exact_kernels
from bench.extractors.hub import FoundWeights, HubFile, find_weights, needed_package
from bench.geometry.cameras import Cameras
from bench.lifting.gaussians import Gaussians, check_rasteriser
from bench.lifting.visual_hull import pixel_rays
from groundwork.hashing import hash_file
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from bench.lifting.lgm_network import LgmNetwork
else:
    torch = late("torch")

REPOSITORY = "https://github.com/3DTopia/LGM"
COMMIT = "fe8d12cff8c827df7bb77a3c8e8b37408cb6fe4c"
INSTEAD = "or use the metric hull_lift, which needs neither (its own numbers, not LGM's)"

WEIGHTS = HubFile(
    repository="ashawkey/LGM",
    revision="bc0097d24ffc5efc2e6a216edd579128f85f53ab",
    name="model_fp16_fixrot.safetensors",
    sha256="744d6324656342c64f871308e73db97f0eb51858d94329b30090e986a6d050ab",
    folder="LGM",
    config="config.json",
)
# the published weights belong to LGM's option set `big`
PUBLISHED_CONFIG: Mapping[str, Any] = {
    "down_channels": (64, 128, 256, 512, 1024, 1024),
    "down_attention": (False, False, False, True, True, True),
    "mid_attention": True,
    "up_channels": (1024, 1024, 512, 256, 128),
    "up_attention": (True, True, True, False, False),
}

VIEWS = 4
INPUT_SIZE = 256
RADIUS = 1.5  # of the ring of cameras in LGM's world
FOV = 49.1  # degrees
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
_FOV_TOLERANCE = 0.05  # degrees
_ANGLE_TOLERANCE = 0.5  # degrees


@dataclass(frozen=True)
class LgmLifter:
    """Lifts four views a quarter turn apart. `fingerprint` names code and weights, for signatures."""

    network: LgmNetwork
    fingerprint: str

    def lift(self, views: Tensor, cameras: Cameras, background: tuple[float, float, float]) -> LgmLift:
        """LGM always answers with Gaussians; those that are not finite are left out. Raises `UsageError`."""
        world = LgmWorld.of(cameras, background)
        device = next(self.network.parameters()).device
        pictures = torch.nn.functional.interpolate(
            views.permute(0, 3, 1, 2).to(device, torch.float32), (INPUT_SIZE, INPUT_SIZE), mode="bilinear"
        )
        mean, deviation = (torch.tensor(values, device=device)[:, None, None] for values in (MEAN, DEVIATION))
        rays = plucker_rays(world.cameras(cameras, INPUT_SIZE)).to(device)
        with torch.inference_mode(), exact_kernels(device):
            raw = self.network(torch.cat(((pictures - mean) / deviation, rays), dim=1))
        raw = raw[torch.isfinite(raw).all(dim=1)]
        return LgmLift(gaussians_of(raw), world)


@dataclass(frozen=True)
class LgmWorld:
    """How a suite's world lies in LGM's: turned by `rotation` (3, 3) and scaled by `scale`."""

    rotation: Any
    scale: float

    @classmethod
    def of(cls, cameras: Cameras, background: tuple[float, float, float]) -> LgmWorld:
        """The world in which the first camera is LGM's canonical one.

        Raises `UsageError` for views that LGM was not made for: other than four of one elevation a quarter turn apart
        in view order, another field of view, a background that is not white.
        """
        azimuths, elevations = cameras.angles.T
        turns = (azimuths - azimuths[0]) % 360.0
        distances = cameras.world_to_camera[:, 2, 3]
        fov = 2.0 * np.rad2deg(np.arctan(cameras.resolution / 2.0 / cameras.intrinsics[:, 1, 1]))
        if len(cameras) != VIEWS or np.abs(turns - 90.0 * np.arange(VIEWS)).max() > _ANGLE_TOLERANCE:
            raise _unfit("four views a quarter turn apart, such as azimuths: [0, 90, 180, 270]", f"{turns.round(1)}")
        if np.abs(elevations - elevations[0]).max() > _ANGLE_TOLERANCE:
            raise _unfit("one elevation for all four views", f"elevations {elevations.round(1)}")
        if cameras.projection != "perspective" or np.abs(fov - FOV).max() > _FOV_TOLERANCE:
            raise _unfit(f"projection: perspective, fov: {FOV}", f"{cameras.projection}, fov {fov[0]:.4g}")
        if background != (1.0, 1.0, 1.0):
            raise _unfit("background: white", f"{background}")
        turned = np.diag([1.0, -1.0, -1.0]) @ cameras.world_to_camera[0, :3, :3]
        return cls(turned, RADIUS / float(distances[0]))

    def cameras(self, cameras: Cameras, resolution: int | None = None) -> Cameras:
        """The suite's cameras in LGM's world, at another resolution if one is given."""
        matrices = cameras.world_to_camera.copy()
        matrices[:, :3, :3] = matrices[:, :3, :3] @ self.rotation.T
        matrices[:, :3, 3] *= self.scale
        size = resolution or cameras.resolution
        k = cameras.intrinsics.copy()
        k[:, :2] *= size / cameras.resolution
        return Cameras(matrices, k, cameras.projection, size)


@dataclass(frozen=True)
class LgmLift:
    """What LGM made of four views."""

    gaussians: Gaussians
    world: LgmWorld

    def render(self, cameras: Cameras) -> tuple[Tensor, Tensor]:
        """As `Lift.render`, for cameras of the suite's world. Raises `WeightsMissing` without gsplat."""
        return self.gaussians.render(self.world.cameras(cameras))


def gaussians_of(raw: Tensor) -> Gaussians:
    """LGM's activations: (N, 14) channels are position, opacity, scale, rotation and colour."""
    means, opacities, scales, rotations, colours = torch.split(raw.float(), [3, 1, 3, 4, 3], dim=1)
    return Gaussians(
        means.clamp(-1.0, 1.0),
        opacities[:, 0].sigmoid(),
        0.1 * torch.nn.functional.softplus(scales),
        torch.nn.functional.normalize(rotations, dim=1),
        0.5 * colours.tanh() + 0.5,
    )


def plucker_rays(cameras: Cameras) -> Tensor:
    """For each pixel of each view the ray's moment o x d and direction d, float32 (V, 6, H, W)."""
    size = cameras.resolution
    row, column = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    centres = torch.stack((column, row), dim=-1).reshape(-1, 2) + 0.5
    rays = []
    for view in range(len(cameras)):
        origin, direction = pixel_rays(cameras, view, centres)
        rays.append(torch.cat((torch.linalg.cross(origin, direction), direction), dim=1).T.reshape(6, size, size))
    return torch.stack(rays).float()


@lru_cache(maxsize=2)
def find_lgm(code: Path | None, module: str, device: str, offline: bool) -> LgmLifter | WeightsMissing:
    """LGM on `device`, or why it is not available: no code, no weights, no rasteriser. Asked at most once a process."""
    try:
        unet, source = find_unet(code, module)
        check_rasteriser(device)
        weights = find_weights(WEIGHTS, offline, INSTEAD)
        network = lgm_network(unet, weights).to(device)
    except WeightsMissing as error:
        return error
    return LgmLifter(network, f"lgm code@sha256:{source[:12]} weights@sha256:{weights.sha256[:12]}")


def find_unet(code: Path | None, module: str) -> tuple[type[nn.Module], str]:
    """The class `UNet` of `module` in the folder `code` (or anywhere, when None), and its file's SHA-256 (hex).

    Raises `WeightsMissing` when there is none.
    """
    hint = (
        f"git clone {REPOSITORY}, git checkout {COMMIT[:12]}, and give the folder as `lift: {{code: DIR}}`; {INSTEAD}"
    )
    where = str(code) if code is not None else "the Python path"
    try:
        found = _imported(code, module)
        unet: type[nn.Module] = found.UNet
        return unet, hash_file(Path(str(found.__file__)))
    except Exception as error:  # importing runs the module's own code
        absent = code is None and isinstance(error, ModuleNotFoundError)
        reason = "is not here" if absent else f"cannot be imported: {type(error).__name__}: {error}"
        raise WeightsMissing(
            f"the code of LGM {reason}",
            where=f"{where}: {module}",
            expected="a checkout of LGM, with the class UNet in core/unet.py",
            hint=hint,
        ) from error


def lgm_network(unet: type[nn.Module], weights: FoundWeights) -> LgmNetwork:
    """The network with its weights in float32, frozen, on the CPU. Raises `WeightsMissing` when they do not fit."""
    from bench.lifting.lgm_network import LgmNetwork

    load_file = needed_package("safetensors.torch", "lgm", "LGM").load_file
    config = PUBLISHED_CONFIG if weights.config is None else weights.config
    try:
        unknown = set(config) - set(PUBLISHED_CONFIG)
        if unknown:
            raise ValueError(f"unknown keys in {WEIGHTS.config}: {', '.join(sorted(map(str, unknown)))}")
        network = LgmNetwork(unet(9, 14, **config))
        # copies of the training code's perceptual loss are no part of the model
        tensors = {
            name: tensor.float()
            for name, tensor in load_file(weights.path).items()
            if not name.startswith("lpips_loss.")
        }
        network.load_state_dict(tensors)
    except Exception as error:  # the class is a stranger's, and safetensors has errors of its own
        raise WeightsMissing(
            f"the weights of LGM do not fit its code: {error}",
            where=str(weights.path),
            hint=f"use the checkout {COMMIT[:12]} with {WEIGHTS.url}",
        ) from error
    return network.eval().requires_grad_(False)


def _imported(code: Path | None, module: str) -> Any:
    if code is None:
        return importlib.import_module(module)
    top = module.partition(".")[0]

    def ours(name: str) -> bool:
        return name == top or name.startswith(f"{top}.")

    # `core` is anybody's name: what else is called so must not be found, nor find this one later
    others = {name: sys.modules.pop(name) for name in [*sys.modules] if ours(name)}
    sys.path.insert(0, str(code))
    try:
        importlib.invalidate_caches()
        return importlib.import_module(module)
    finally:
        sys.path.remove(str(code))
        for name in [name for name in sys.modules if ours(name)]:
            del sys.modules[name]
        sys.modules.update(others)


def _unfit(expected: str, found: str) -> UsageError:
    return UsageError(
        "LGM was not made for these views",
        where=found,
        expected=expected,
        hint="score with a suite of such views, or use hull_lift, which takes any cameras",
    )
