"""Which optional packages and published weights are on this machine. Files are hashed; no network is loaded."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from bench.extractors.hub import FoundWeights, HubFile, check_package, find_weights
from bench.extractors.hub_folder import FoundFolder, HubFolder, find_folder
from bench.extractors.weights import WeightsFile, weights_path

# what each extra of the install brings: the modules that show that it is there, and what it is for
EXTRAS: dict[str, tuple[tuple[str, ...], str]] = {
    "perceptual": (("lpips", "torchvision"), "LPIPS"),
    "clip": (("open_clip", "huggingface_hub", "safetensors"), "clip, clip_336, cmmd, clip_score, prompt_retrieval"),
    "dinov2": (("transformers", "huggingface_hub", "safetensors"), "dinov2"),
    "vqa": (("transformers", "huggingface_hub", "safetensors"), "vqa_score"),
    "normals": (("diffusers", "transformers", "accelerate"), "normal_error"),
    "lgm": (("gsplat", "huggingface_hub", "safetensors"), "lift, on a CUDA GPU"),
    "imagenet": (("rembg", "open_clip"), "reference build imagenet"),
    "draco": (("DracoPy",), "glTF meshes compressed with Draco"),
    "meshopt": (("meshopt",), "glTF meshes compressed with meshoptimizer"),
    "video": (("av",), "views that are frames of a video"),
    "bake": (("xatlas",), "bake on meshes without UVs"),
    "realiz3d": (("diffusers", "transformers", "accelerate", "peft"), "diffusion models as generators, and Realiz3D"),
    "train": (("diffusers", "transformers", "accelerate", "peft", "tensorboard"), "training Realiz3D"),
    "figures": (("matplotlib",), "report --format pdf,png"),
    "ray": (("ray",), "--executor ray"),
    "energy": (("pynvml",), "power and energy of NVIDIA GPUs"),
}


@dataclass(frozen=True)
class Network:
    """A network whose weights are published elsewhere: `name` for people, the module and extra that run it."""

    name: str
    module: str
    extra: str
    find: Callable[[], str]

    def found(self) -> str:
        """What is here, in words. Raises `WeightsMissing` with how to get what is not."""
        if self.module:
            check_package(self.module, self.extra, self.name)
        return self.find()


def networks() -> Iterator[Network]:
    """Every network that ships with the project without its weights."""
    from bench.estimators.marigold import MARIGOLD
    from bench.extractors import clip, dinov2, inception
    from bench.lifting import lgm
    from bench.metrics.lpips_distance import PINS
    from bench.references.segmenter import REMBG_NETWORKS
    from bench.vqa.blip import BLIP

    for model, name in clip.EXTRACTORS.items():
        yield Network(f"extractor {name}", "open_clip", "clip", _finder(clip.CLIP_WEIGHTS[model]))
    yield Network("extractor dinov2", "transformers", "dinov2", _finder(dinov2.WEIGHTS))
    yield Network("extractor inception", "", "", _finder(inception.WEIGHTS))
    for net, pins in PINS.items():
        yield Network(f"LPIPS {net}", "lpips", "perceptual", _finder(pins.backbone))
    yield Network("normal estimator marigold_normals", "diffusers", "normals", _finder(MARIGOLD))
    yield Network("VQA model blip_vqa", "transformers", "vqa", _finder(BLIP))
    yield Network("lifter LGM", "gsplat", "lgm", _finder(lgm.WEIGHTS))
    for name, (_, file) in REMBG_NETWORKS.items():
        yield Network(f"segmenter {name}", "rembg", "imagenet", _finder(file))


def absent(modules: Sequence[str]) -> list[str]:
    """Those that are not installed; none is imported."""
    return [module for module in modules if importlib.util.find_spec(module) is None]


def _finder(weights: WeightsFile | HubFile | HubFolder) -> Callable[[], str]:
    return partial(_found, weights)


def _found(weights: WeightsFile | HubFile | HubFolder) -> str:
    instead = "the rest works without"
    if isinstance(weights, WeightsFile):
        return f"published weights, {weights_path(weights, offline=True)}"
    here: FoundWeights | FoundFolder
    if isinstance(weights, HubFolder):
        here = find_folder(weights, True, instead)
    else:
        here = find_weights(weights, True, instead)
        if here.config is not None:
            return f"weights of your own, sha256:{here.sha256[:12]}, {here.path}"
    return f"weights sha256:{here.sha256[:12]}, {here.path}"
