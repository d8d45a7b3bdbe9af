"""Marigold's normals (Ke et al. 2024): Stable Diffusion fine-tuned to paint the normals of a picture, by diffusers.

Its noise is the same for every picture, so that an estimate depends on the picture alone, and a view and its
ground-truth render are looked at with the same noise. The published half-precision weights run in float32.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.errors import WeightsMissing
from bench.estimators.protocol import NormalMap
from bench.extractors.exact import exact_kernels
from bench.extractors.hub import needed_package
from bench.extractors.hub_folder import HubFolder, find_folder, load_network
from groundwork.hashing import hash_strings
from groundwork.pictures import Picture

NAME = "marigold_normals"
MARIGOLD = HubFolder(
    repository="prs-eth/marigold-normals-v1-1",
    revision="09cfdd258cb281fa006cf1afcd2284376d16687d",
    folder="marigold-normals-v1-1",
    weights={
        "text_encoder/model.fp16.safetensors": "bc1827c465450322616f06dea41596eac7d493f4e95904dcb51f0fc745c4e13f",
        "unet/diffusion_pytorch_model.fp16.safetensors": (
            "e90ff52ea6b56275a633cab0138ef8448fb5cffc9c1f283fb13520233b46d947"
        ),
        "vae/diffusion_pytorch_model.fp16.safetensors": (
            "3e4c08995484ee61270175e9e7a072b66a6e4eeb5f0c266667fe1f45b90daf9a"
        ),
    },
    configs=(
        "model_index.json",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "tokenizer/merges.txt",
        "tokenizer/tokenizer_config.json",
        "tokenizer/vocab.json",
        "unet/config.json",
        "vae/config.json",
    ),
)
SEED = 0
VERSION = "1"  # raised whenever the same weights would give other numbers

_INSTEAD = "no normal estimator works offline; silhouette_iou, boundary_f and edge_recall judge adherence without one"
_SETTINGS = ("prediction_type", "use_full_z_range", "default_denoising_steps", "default_processing_resolution")


def marigold_normals(device: str = "cpu", offline: bool = False) -> MarigoldNormals:
    """`marigold_normals`: Marigold Normals v1.1 by diffusers. Raises `WeightsMissing`."""
    diffusers = needed_package("diffusers", "normals", "Marigold")
    transformers = needed_package("transformers", "normals", "Marigold")
    found = find_folder(MARIGOLD, offline, _INSTEAD)
    try:
        with found.alone() as path:
            pipeline = _pipeline(diffusers, transformers, path)
    except Exception as error:  # the libraries' own, for configurations that are broken or those of something else
        raise WeightsMissing(
            f"Marigold cannot be put together: {type(error).__name__}: {error}",
            where=str(found.path),
            expected=f"the files of {MARIGOLD.repository} at revision {MARIGOLD.revision[:12]}",
            hint="fetch the files again, and pip install --upgrade 'realiz3d-bench[normals]'",
        ) from error
    return MarigoldNormals(pipeline, found.sha256, device)


class MarigoldNormals:
    """The pipeline at its own number of steps and working resolution, one estimate a picture."""

    name = NAME

    def __init__(self, pipeline: Any, weights_sha256: str, device: str) -> None:
        self._pipeline = pipeline.to(device)
        self._pipeline.set_progress_bar_config(disable=True)
        self._device, self._weights = torch.device(device), weights_sha256

    def fingerprint(self) -> str:
        """SHA-256 (hex) of all files, the noise's seed and this code's version."""
        return hash_strings([NAME, self._weights, str(SEED), VERSION])

    def estimate(self, picture: Picture) -> NormalMap:
        """Unit normals, float32 (H, W, 3); Marigold's own frame is that of the protocol."""
        # drawn on the CPU, so that all devices see the same noise
        noise = torch.Generator("cpu").manual_seed(SEED)
        values = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255.0
        with torch.inference_mode(), exact_kernels(self._device):
            found = self._pipeline(values, ensemble_size=1, generator=noise, output_type="np").prediction[0]
        lengths = np.linalg.norm(found.astype(np.float64), axis=-1, keepdims=True)
        # resizing can cancel opposite vectors; no direction is then read as facing the camera
        normals = np.where(lengths > 1e-6, found / np.maximum(lengths, 1e-6), np.array([0.0, 0.0, 1.0]))
        return normals.astype(np.float32)


def _pipeline(diffusers: Any, transformers: Any, path: Path) -> Any:
    """The pipeline from its parts: each of the class that is meant, whatever `model_index.json` would have loaded."""
    parts = {
        name: load_network(kind, path / name, variant="fp16")
        for name, kind in (
            ("unet", diffusers.UNet2DConditionModel),
            ("vae", diffusers.AutoencoderKL),
            ("text_encoder", transformers.CLIPTextModel),
        )
    }
    settings = json.loads((path / "model_index.json").read_bytes())
    return diffusers.MarigoldNormalsPipeline(
        **parts,
        scheduler=diffusers.DDIMScheduler.from_pretrained(path / "scheduler", local_files_only=True),
        tokenizer=transformers.CLIPTokenizer.from_pretrained(path / "tokenizer", local_files_only=True),
        **{name: settings[name] for name in _SETTINGS},
    )
