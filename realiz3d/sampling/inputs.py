"""What a caller hands in, as tensors: control maps in the forms that people have them, and noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from realiz3d.errors import UsageError, nearest
from realiz3d.latents import encode_control

Generators = torch.Generator | Sequence[torch.Generator] | None
CONTROL_KINDS = ("normal", "position")


def control_latents(
    vae: Any, control: Mapping[str, Any] | Tensor, batch: int, views: int, device: torch.device | str
) -> Tensor:
    """Control latents (B, V, 2c, h, w) on a device; without `vae`, pictures are the latents.

    control: such latents, or the maps 'normal' and 'position', each float (B, V, 3, H, W) in [0, 1], an array
    (B, V, H, W, 3), uint8 or float in [0, 1], or lists (B)(V) of PIL pictures; one sample may leave out the axis B.
    Normals are (n + 1) / 2, positions lie in the unit box, and both are 0 on the background.
    """
    if isinstance(control, Tensor):
        return control.to(device)
    unknown = [kind for kind in control if kind not in CONTROL_KINDS]
    if unknown or len(control) != len(CONTROL_KINDS):
        raise UsageError(
            f"control with {', '.join(map(repr, control)) or 'nothing'}",
            where="control",
            expected="the maps 'normal' and 'position', or control latents",
            hint=nearest(unknown[0], CONTROL_KINDS) if unknown else "",
        )
    normals, positions = (_maps(control[kind], kind, batch, views) for kind in CONTROL_KINDS)
    if normals.shape != positions.shape:
        raise UsageError(
            f"normal maps of shape {tuple(normals.shape)}, position maps of shape {tuple(positions.shape)}",
            where="control",
            expected="the same size for both",
        )
    normals, positions = normals.to(device), positions.to(device)
    return torch.cat([normals, positions], dim=2) if vae is None else encode_control(vae, normals, positions)


def _maps(values: Any, kind: str, batch: int, views: int) -> Tensor:
    """(B, V, 3, H, W) float32 in [-1, 1]."""
    if isinstance(values, Tensor):
        maps = values.float()
    else:
        array = values if isinstance(values, np.ndarray) else _stacked(values, kind)
        scale = 255.0 if array.dtype == np.uint8 else 1.0
        planes = np.ascontiguousarray(np.moveaxis(array, -1, -3), dtype=np.float32)
        maps = torch.from_numpy(planes) / scale
    maps = maps[None] if maps.ndim == 4 and batch == 1 else maps
    if maps.ndim != 5 or maps.shape[:3] != (batch, views, 3):
        raise UsageError(
            f"{kind} maps of shape {tuple(maps.shape)}", where="control", expected=f"({batch}, {views}, 3, H, W)"
        )
    low, high = maps.aminmax()
    if float(low) < -1e-4 or float(high) > 1 + 1e-4:
        raise UsageError(
            f"{kind} maps with values from {float(low):.3g} to {float(high):.3g}",
            where="control",
            expected="values in [0, 1]; normals as (n + 1) / 2, positions as place + 0.5",
        )
    return maps * 2.0 - 1.0


def _stacked(values: Any, kind: str) -> np.ndarray[Any, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, Image.Image):
            return np.asarray(value.convert("RGB"))
        return [plain(entry) for entry in value]

    try:
        return np.array(plain(values))
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"these are not {kind} maps: {error}",
            where="control",
            expected="a tensor, an array, or lists of PIL pictures of one size",
        ) from error


def draw_noise(shape: tuple[int, ...], generator: Generators, device: torch.device | str) -> Tensor:
    """Standard normal noise (B, V, C, h, w), float32.

    generator: one per sample, or one for all, from which the views are drawn one after the other; so a sample of a list
    has the same noise in every batch. CPU generators give the same noise on every device.
    """
    from diffusers.utils.torch_utils import randn_tensor

    batch, views = shape[:2]
    if isinstance(generator, Sequence) and len(generator) != batch:
        raise UsageError(f"{len(generator)} generators for {batch} samples", where="generator")
    of_samples = generator if isinstance(generator, Sequence) else [generator] * batch
    device = torch.device(device)
    drawn = [
        randn_tensor(shape[2:], generator=rng, device=device, dtype=torch.float32)
        for rng in of_samples
        for _ in range(views)
    ]
    return torch.stack(drawn).reshape(shape)


def given_noise(latents: Tensor, shape: tuple[int, ...], device: torch.device | str) -> Tensor:
    """A caller's own noise in place of drawn noise, float32."""
    if tuple(latents.shape) != shape:
        raise UsageError(f"latents of shape {tuple(latents.shape)}", where="latents", expected=str(shape))
    return latents.to(device, torch.float32)


def latent_size(
    height: int | None, width: int | None, maps: Tensor | None, *, usual: int, scale: int, patch: int
) -> tuple[int, int]:
    """Height and width of a view in latent pixels: as asked for, else the maps', else `usual` pixels.

    scale: pixels per latent pixel. patch: latent pixels per token. Raises `UsageError` where they do not fit.
    """
    high, wide = (usual, usual) if maps is None else (int(side) * scale for side in maps.shape[-2:])
    sides = (height or high, width or wide)
    step = scale * patch
    if any(side < 1 or side % step for side in sides):
        raise UsageError(
            f"views of {sides[1]} x {sides[0]} pixels",
            where="height, width",
            expected=f"multiples of {step}, so that no patch straddles two views",
        )
    if maps is not None and sides != (high, wide):
        raise UsageError(
            f"control maps of {wide} x {high} pixels",
            where="control",
            expected=f"{sides[1]} x {sides[0]}, as height and width say",
        )
    return sides[0] // scale, sides[1] // scale


def view_angles(viewpoints: Tensor, batch: int, views: int, device: torch.device | str) -> Tensor:
    """Azimuth and elevation in radians, (B, V, 2) float32, from (V, 2) or (B, V, 2)."""
    angles = torch.as_tensor(viewpoints, dtype=torch.float32, device=device)
    if tuple(angles.shape) not in ((views, 2), (batch, views, 2)):
        expected = f"({views}, 2) or ({batch}, {views}, 2)"
        raise UsageError(f"viewpoints of shape {tuple(angles.shape)}", where="viewpoints", expected=expected)
    return angles.expand(batch, views, 2)
