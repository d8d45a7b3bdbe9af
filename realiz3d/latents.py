"""Pictures to latents and back, view by view, through the host's own autoencoder.

diffusers' autoencoders differ in how they are called and how their latents are scaled: AutoencoderKL (PixArt, SD3,
Flux) scales and may shift, AutoencoderDC (Sana) scales and is deterministic, AutoencoderKLQwenImage works on videos and
normalises by channel. Here they look alike.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from realiz3d.errors import UsageError


def encode_views(vae: Any, pictures: Tensor, *, rng: torch.Generator | None = None, chunk: int = 16) -> Tensor:
    """(B, V, 3, H, W) pictures in [-1, 1] to (B, V, c, h, w) latents at the scale that the transformer was trained on.

    The mean of the posterior; with `rng`, a sample from it. `chunk` pictures are encoded at a time. No gradient.
    """
    if pictures.ndim != 5 or pictures.shape[2] != 3:
        raise UsageError(f"pictures of shape {tuple(pictures.shape)}", expected="(batch, views, 3, height, width)")
    with torch.no_grad():
        flat = pictures.flatten(0, 1).to(dtype=vae.dtype)
        latents = torch.cat([_encode(vae, part, rng) for part in torch.split(flat, chunk)])
    return latents.reshape(*pictures.shape[:2], *latents.shape[1:])


def decode_views(vae: Any, latents: Tensor, *, chunk: int = 16) -> Tensor:
    """(B, V, c, h, w) latents to (B, V, 3, H, W) pictures, nominally in [-1, 1]; not clamped. No gradient."""
    with torch.no_grad():
        flat = latents.flatten(0, 1).to(dtype=vae.dtype)
        pictures = torch.cat([_decode(vae, part) for part in torch.split(flat, chunk)])
    return pictures.reshape(*latents.shape[:2], *pictures.shape[1:])


def encode_control(vae: Any, normals: Tensor, positions: Tensor, *, chunk: int = 16) -> Tensor:
    """Normal and position maps, both (B, V, 3, H, W) in [-1, 1], to control latents (B, V, 2c, h, w)."""
    maps = [encode_views(vae, normals, chunk=chunk), encode_views(vae, positions, chunk=chunk)]
    return torch.cat(maps, dim=2)


def downscaling(vae: Any) -> int:
    """Pixels per latent pixel along a side; 1 without an autoencoder, when pictures are the latents."""
    if vae is None:
        return 1
    config = vae.config
    if _is_video(vae):
        return int(2 ** len(config.temperal_downsample))
    levels = config.get("encoder_block_out_channels") or config.block_out_channels
    return int(2 ** (len(levels) - 1))


def _encode(vae: Any, pictures: Tensor, rng: torch.Generator | None) -> Tensor:
    mean, std = _scale(vae, pictures)
    encoded = vae.encode(pictures[:, :, None] if _is_video(vae) else pictures)
    if hasattr(encoded, "latent_dist"):
        latents = encoded.latent_dist.mode() if rng is None else encoded.latent_dist.sample(generator=rng)
    else:
        latents = encoded.latent
    scaled: Tensor = ((latents[:, :, 0] if _is_video(vae) else latents) - mean) / std
    return scaled


def _decode(vae: Any, latents: Tensor) -> Tensor:
    mean, std = _scale(vae, latents)
    raw = latents * std + mean
    pictures: Tensor = vae.decode(raw[:, :, None] if _is_video(vae) else raw).sample
    return pictures[:, :, 0] if _is_video(vae) else pictures


def _is_video(vae: Any) -> bool:
    return "temperal_downsample" in vae.config  # diffusers' spelling


def _scale(vae: Any, like: Tensor) -> tuple[Tensor, Tensor]:
    config = vae.config
    if _is_video(vae):
        mean = torch.tensor(config.latents_mean, dtype=like.dtype, device=like.device)
        std = torch.tensor(config.latents_std, dtype=like.dtype, device=like.device)
        return mean[:, None, None], std[:, None, None]
    shift = config.get("shift_factor") or 0.0
    return like.new_tensor(shift), like.new_tensor(1.0 / config.scaling_factor)
