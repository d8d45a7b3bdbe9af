"""The mini-world's objects as cases: forty to evaluate on, a few hundred to train on, each made from its number.

An object is a pure function of (seed, split, index). What differs between the splits on purpose: proportions come from
interleaved bands that do not touch, and photographs from regions that do not overlap (`photos`).

The looks of one object share their geometry bit for bit. `dataclasses.replace(handle, look="synthetic")` switches.
Pictures are decoded by Pillow: the same bytes come out wherever its JPEG decoder rounds alike.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from bench.cases.case import Case, MeshHandle
from bench.cases.mesh_file import wearing
from bench.cases.miniworld.atlas import unwrap
from bench.cases.miniworld.baking import Staging, Surface, bake_flat, bake_rich, surface_of
from bench.cases.miniworld.families import FAMILIES
from bench.cases.miniworld.looks import COLOURS, MUTED, PATTERNS, VIVID, Look, Pattern
from bench.cases.miniworld.photos import MATERIALS, PHOTOS, draw_crop
from bench.cases.miniworld.prompts import prompt
from bench.errors import UsageError, nearest
from bench.geometry.mesh import Mesh
from groundwork.hashing import hash_json

Split = Literal["eval", "train"]
LookName = Literal["rich", "synthetic", "muted", "vivid", "daylight"]

LOOKS: tuple[LookName, ...] = get_args(LookName)
PHOTOGRAPHIC: tuple[LookName, ...] = ("rich", "muted", "daylight")  # the others are flat
_PALETTES = {"rich": COLOURS, "synthetic": COLOURS, "muted": MUTED, "vivid": VIVID, "daylight": COLOURS}
# for pictures of few pixels: photographs twice as large, and less light from everywhere, so that shade models the shape
_STAGINGS = {"daylight": Staging(density=0.5, ambient=0.5, lamps=1.25, gloss=1.75)}
VERSION = 1  # raise when any object's geometry, texture or prompt changes
ATLAS = 512
DEFAULT_COUNT: dict[str, int] = {"eval": 40, "train": 480}
MAX_COUNT = 100_000
_BANDS = 16  # of the proportion: even ones for training, odd ones for evaluation


@dataclass(frozen=True)
class ObjectSpec:
    """An object before any array is made. `detail_seed` draws the details of its shape."""

    family: str
    proportion: float
    detail_seed: int
    look: Look


@dataclass(frozen=True)
class MiniworldObject:
    """Handle of object number `index` of a split, in one of its looks."""

    split: Split
    index: int
    look: LookName = "rich"
    seed: int = 0

    @property
    def spec(self) -> ObjectSpec:
        """What the object is."""
        return object_spec(self.split, self.index, self.seed)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over the version, the specification, the look and the photographs behind it."""
        photos: list[str] = []
        if self.look in PHOTOGRAPHIC:
            crops = (self.spec.look.main_crop, self.spec.look.accent_crop)
            photos = [PHOTOS[MATERIALS[crop.material].photo].sha256 for crop in crops]
        return hash_json(["miniworld", VERSION, ATLAS, self.look, asdict(self.spec), photos])

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing is left out of what is made here."""
        return ()

    def load(self, texture_of: MeshHandle | None = None) -> Mesh:
        """The normalised, textured mesh; with `texture_of`, this shape painted as the other object is.

        Another object of the mini-world lends its colours, pattern and photographs, which are laid on this shape; any
        other mesh lends its texture. Raises `MeshError` when that has none, `ImageError` without the photographs.
        """
        if texture_of is None:
            return _load(self, self)
        if isinstance(texture_of, MiniworldObject):
            return _load(self, texture_of)
        return wearing(_load(self, self), texture_of.load().materials, where=f"mini-world object {self.index}")


def miniworld_cases(
    split: Split = "eval", count: int | None = None, look: LookName = "rich", seed: int = 0
) -> tuple[Case, ...]:
    """The first `count` objects of a split (all 40 or 480 when None). The first k do not depend on `count`.

    Raises `UsageError` for an unknown split or look, or a count below 1 or above 100,000.
    """
    if split not in DEFAULT_COUNT:
        raise UsageError(f"the mini-world has no split '{split}'", hint=nearest(split, DEFAULT_COUNT))
    if look not in LOOKS:
        raise UsageError(f"the mini-world has no look '{look}'", hint=nearest(look, LOOKS))
    count = DEFAULT_COUNT[split] if count is None else count
    if not 1 <= count <= MAX_COUNT:
        raise UsageError(f"the mini-world cannot have {count} objects", expected=f"1 to {MAX_COUNT}")
    cases = []
    for index in range(count):
        handle = MiniworldObject(split, index, look, seed)
        spec = handle.spec
        sentence = prompt(FAMILIES[spec.family], spec.proportion, spec.look)
        cases.append(Case(f"{split}_{index:03d}_{spec.family}", sentence, handle))
    return tuple(cases)


@lru_cache(maxsize=1024)
def object_spec(split: Split, index: int, seed: int) -> ObjectSpec:
    """Draw object number `index` of a split. Families take turns; colours do too, so that prompts seldom repeat."""
    rng = np.random.Generator(np.random.PCG64([seed, 0 if split == "train" else 1, index]))
    names, colours = list(FAMILIES), list(COLOURS)
    family = names[index % len(names)]
    parity = 0 if split == "train" else 1
    # the 0.8 keeps a gap between the bands of the two splits
    proportion = (2 * int(rng.integers(_BANDS // 2)) + parity + 0.1 + 0.8 * float(rng.random())) / _BANDS
    step = (index // len(names)) * 5 + index * 7 + seed
    main = colours[step % len(colours)]
    accent = colours[(step + int(rng.integers(1, len(colours)))) % len(colours)]
    pattern: Pattern
    if FAMILIES[family].accent:
        pattern = "parts"
    elif family == "animal":
        pattern = "patches"
    else:
        pattern = PATTERNS[int(rng.integers(len(PATTERNS)))]
    suitable = FAMILIES[family].materials
    main_material = suitable[int(rng.integers(len(suitable)))]
    others = [name for name in MATERIALS if name != main_material]
    # paint changes the colour, not the stuff; a part of its own may be of another stuff
    accent_material = others[int(rng.integers(len(others)))] if pattern == "parts" else main_material
    main_crop, accent_crop = draw_crop(main_material, split, rng), draw_crop(accent_material, split, rng)
    if pattern != "parts":
        accent_crop = main_crop
    phase = (float(rng.random()), float(rng.random()), float(rng.random()))
    look = Look(main, accent, pattern, main_crop, accent_crop, phase)
    return ObjectSpec(family, proportion, int(rng.integers(2**31)), look)


@lru_cache(maxsize=8)
def _shape(family: str, proportion: float, detail_seed: int) -> tuple[Mesh, npt.NDArray[np.int32]]:
    rng = np.random.Generator(np.random.PCG64(detail_seed))
    return unwrap(FAMILIES[family].build(proportion, rng), ATLAS)


@lru_cache(maxsize=2)  # ten megabytes each: the floor paints one shape as several objects in a row
def _surface(family: str, proportion: float, detail_seed: int, lit: bool) -> Surface:
    return surface_of(*_shape(family, proportion, detail_seed), ATLAS, lit=lit)


@lru_cache(maxsize=64)  # the objects of a suite, a megabyte each: generators and metrics ask for them in turn
def _load(shape: MiniworldObject, painted_as: MiniworldObject) -> Mesh:
    spec, rich = shape.spec, painted_as.look in PHOTOGRAPHIC
    shaped = (spec.family, spec.proportion, spec.detail_seed)
    parts = _shape(*shaped)[0], _surface(*shaped, rich), painted_as.spec.look, _PALETTES[painted_as.look]
    return bake_rich(*parts, _STAGINGS.get(painted_as.look, Staging())) if rich else bake_flat(*parts)
