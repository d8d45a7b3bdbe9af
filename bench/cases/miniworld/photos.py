"""Photographs for the mini-world's rich look: pinned files of installed packages, apart for training and evaluation.

scikit-image carries a few real photographs as package files, and two more lie in `photographs/`. They are read by path,
each checked against its SHA-256; nothing is downloaded, whatever is missing. Every material has one region for training
and one for evaluation, and no two regions of different splits overlap, so that no evaluated pixel was ever seen in
training.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from bench.errors import ImageError
from groundwork.hashing import hash_bytes
from groundwork.pictures import decode_rgba

Split = Literal["train", "eval"]
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels
FloatTile = npt.NDArray[np.float32]

CROP = 224  # longest side of a crop, pixels
_SEAM = 0.22  # part of a tile that fades into its own other end


@dataclass(frozen=True)
class Photo:
    """A photograph inside an installed package."""

    package: str
    path: str
    sha256: str


def _skimage(name: str, sha256: str) -> Photo:
    return Photo("skimage", f"data/{name}", sha256)


def _own(name: str, sha256: str) -> Photo:
    return Photo("bench.cases.miniworld", f"photographs/{name}", sha256)


PHOTOS = {
    "astronaut": _skimage("astronaut.png", "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"),
    "brick": _skimage("brick.png", "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf"),
    "chelsea": _skimage("chelsea.png", "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb"),
    "china": _own("china.jpg", "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29"),
    "coffee": _skimage("coffee.png", "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"),
    "flower": _own("flower.jpg", "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638"),
    "grass": _skimage("grass.png", "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89"),
    "gravel": _skimage("gravel.png", "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12"),
    "ihc": _skimage("ihc.png", "f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef"),
    "moon": _skimage("moon.png", "78739619d11f7eb9c165bb5d2efd4772cee557812ec847532dbb1d92ef71f577"),
    "motorcycle": _skimage("motorcycle_left.png", "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179"),
    "retina": _skimage("retina.jpg", "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6"),
}


@dataclass(frozen=True)
class Material:
    """A photographed surface: where it is seen, how large it is in the world, and how it shines.

    `density` is photo pixels a world unit (objects are 1 unit long), `turned` rotates the photo by 90 degrees,
    `relief` scales the bumps that its brightness suggests, `gloss` is the strength and `sharpness` the exponent of
    its highlights.
    """

    photo: str
    train: Box
    eval: Box
    density: float
    relief: float
    gloss: float
    sharpness: float
    turned: bool = False

    def region(self, split: Split) -> Box:
        """The part of the photo that a split may use."""
        return self.train if split == "train" else self.eval


MATERIALS = {
    "brick": Material("brick", (262, 0, 512, 512), (0, 0, 250, 512), 330, 0.6, 0.04, 12, turned=True),
    "concrete": Material("motorcycle", (66, 402, 130, 500), (0, 402, 64, 500), 190, 0.3, 0.10, 24),
    "fabric": Material("astronaut", (50, 300, 120, 390), (40, 400, 120, 480), 210, 0.5, 0.05, 10),
    "foliage": Material("china", (400, 365, 540, 427), (10, 345, 98, 425), 240, 0.7, 0.05, 14),
    "fur": Material("chelsea", (262, 0, 332, 92), (190, 0, 260, 92), 230, 0.5, 0.04, 10),
    "glaze": Material("retina", (760, 700, 1110, 1050), (350, 350, 700, 700), 330, 0.15, 0.85, 80),
    "gravel": Material("gravel", (262, 0, 512, 512), (0, 0, 250, 512), 380, 0.9, 0.05, 14),
    "hay": Material("grass", (262, 0, 512, 512), (0, 0, 250, 512), 360, 0.8, 0.06, 14),
    "marble": Material("ihc", (262, 0, 512, 512), (0, 0, 250, 512), 330, 0.2, 0.5, 60),
    "petals": Material("flower", (345, 130, 410, 250), (240, 95, 335, 195), 210, 0.4, 0.12, 20),
    "plaster": Material("moon", (258, 0, 512, 512), (0, 0, 254, 512), 330, 0.5, 0.12, 22),
    "wood": Material("coffee", (490, 290, 600, 400), (0, 290, 80, 400), 230, 0.3, 0.22, 36),
}


@dataclass(frozen=True)
class Crop:
    """A rectangle of a material's photo."""

    material: str
    box: Box


def draw_crop(material: str, split: Split, rng: np.random.Generator) -> Crop:
    """A random crop of at most `CROP` pixels a side, inside the split's own region."""
    left, top, right, bottom = MATERIALS[material].region(split)
    width, height = min(CROP, right - left), min(CROP, bottom - top)
    x = left + int(rng.integers(right - left - width + 1))
    y = top + int(rng.integers(bottom - top - height + 1))
    return Crop(material, (x, y, x + width, y + height))


@lru_cache(maxsize=64)
def tile(crop: Crop) -> FloatTile:
    """A seamless tile, float32 (H, W, 5): linear RGB relative to its mean, then the slope to the right and downwards.

    Slow changes of the photo's own light are flattened, because the mini-world lights its objects itself. Slopes are
    those of the logarithm of brightness: a plausible relief, as photographers know it from raking light.
    """
    from scipy import ndimage

    material = MATERIALS[crop.material]
    left, top, right, bottom = crop.box
    picture = photograph(material.photo)[top:bottom, left:right].astype(np.float32) / 255.0
    linear = np.where(picture <= 0.04045, picture / 12.92, ((picture + 0.055) / 1.055) ** 2.4) + 0.004
    if material.turned:
        linear = np.rot90(linear)
    slow = ndimage.gaussian_filter(linear.mean(axis=2), 0.22 * min(linear.shape[:2]), mode="nearest")
    ratio = linear / (slow[..., None] / slow.mean()) ** 0.8
    ratio = ratio / ratio.mean(axis=(0, 1))
    # most of a photo's own colour would fight the colour that the prompt names
    brightness = ratio.mean(axis=2, keepdims=True)
    ratio = brightness * (ratio / brightness) ** 0.35
    ratio = _seamless(_seamless(ratio).swapaxes(0, 1)).swapaxes(0, 1)
    ratio = np.clip(ratio, 0.12, 3.5)
    height = ndimage.gaussian_filter(np.log(ratio.mean(axis=2)), 0.8, mode="wrap")
    slopes = [(np.roll(height, -1, axis) - np.roll(height, 1, axis)) / 2 for axis in (1, 0)]
    return np.dstack([ratio, *slopes]).astype(np.float32)


def _seamless(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Fade the last rows into the first ones, at constant contrast, so that the picture repeats without a seam."""
    seam = max(2, int(_SEAM * len(rows)))
    kept = len(rows) - seam
    t = (0.5 - 0.5 * np.cos(np.pi * (np.arange(seam) + 0.5) / seam))[:, None, None]
    mean = rows.mean(axis=(0, 1))
    mixed = (t * (rows[:seam] - mean) + (1 - t) * (rows[kept:] - mean)) / np.sqrt(t**2 + (1 - t) ** 2) + mean
    return np.concatenate([mixed, rows[seam:kept]])


@lru_cache(maxsize=len(PHOTOS))
def photograph(name: str) -> npt.NDArray[np.uint8]:
    """Pixels of a pinned photograph, uint8 (H, W, 3). Raises `ImageError` when the file is missing or another one."""
    photo = PHOTOS[name]
    spec = find_spec(photo.package)
    folders = list(spec.submodule_search_locations or []) if spec is not None else []
    path = next((p for p in (Path(folder) / photo.path for folder in folders) if p.is_file()), None)
    if path is None:
        raise ImageError(
            f"the mini-world's photograph '{name}' is not installed",
            where=f"package {photo.package}: {photo.path}",
            hint=f"reinstall {'scikit-image' if photo.package == 'skimage' else 'realiz3d-bench'} from its wheel",
        )
    data = path.read_bytes()
    found = hash_bytes(data)
    if found != photo.sha256:
        raise ImageError(
            f"the mini-world's photograph '{name}' is not the pinned one",
            where=f"{path}: sha256 {found}",
            expected=f"sha256 {photo.sha256}",
            hint="reinstall the package from its wheel; scores on other photographs could not be compared",
        )
    return decode_rgba(data, str(path))[..., :3]
