"""Is the base good enough to tune? Its samples must be much nearer to held-out rich pictures than flat renders are.

The distance is the bench's kernel distance between objects (`kd_cluster`) on EfficientNet-Lite0, which enlarges
pictures as every metric does, to 96 held-out objects in photographs. Beside the base's samples for the same 96 captions
stand the same objects in flat colours (what a base must stay well below) and training objects in photographs (what a
perfect base would reach: its photographs are not those of the held-out objects). A base passes when its distance is
below `PASSING_SHARE` of the flat renders' at the pooled level. The texture level is shown beside it: it sees speckles
on the white ground before anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from bench.extractors.efficientnet_lite0 import pooled_extractor, texture_extractor
from bench.extractors.level import LevelExtractor
from bench.metrics.kernel import cluster_kernel_distance
from groundwork.hashing import seed_from
from realiz3d.data import MultiviewSamples
from realiz3d.pipeline import Realiz3DPipeline
from realiz3d.sampling.shifting import Shifting
from suites.miniworld.packing import Base
from suites.miniworld.world import HELD_OUT, HELD_OUT_SYNTHETIC, RICH

PASSING_SHARE = 0.25
STEPS = 20
PER_OBJECT = 4
_BATCH = 48
_TRAINING_OBJECTS = 144  # of the rich oracle: twelve of each family, one of each colour
_LEVELS = {"pooled_x1000": (pooled_extractor, 1000.0), "texture": (texture_extractor, 1.0)}

Pictures = npt.NDArray[np.uint8]  # (N, V, H, W, 3)


@dataclass(frozen=True)
class Gate:
    """Kernel distances to held-out rich pictures, by level: 'pooled_x1000' (a thousand times it) and 'texture'."""

    oracle_rich: dict[str, float]
    oracle_synthetic: dict[str, float]
    base: dict[str, float]

    @property
    def passed(self) -> bool:
        """At the pooled level."""
        return self.base["pooled_x1000"] < PASSING_SHARE * self.oracle_synthetic["pooled_x1000"]


def base_samples(
    pipeline: Realiz3DPipeline,
    captions: Sequence[str],
    *,
    per_caption: int = PER_OBJECT,
    guidance: float = 1.0,
    shifting: Shifting | None = None,
) -> Pictures:
    """`per_caption` pictures for each caption, uint8 (N, per_caption, H, W, 3); noise depends on the place alone."""
    pipeline.set_progress_bar_config(disable=True)
    places = [(number, k) for number in range(len(captions)) for k in range(per_caption)]
    made = []
    for start in range(0, len(places), _BATCH):
        some = places[start : start + _BATCH]
        images, _ = pipeline(
            [captions[number] for number, _ in some],
            num_inference_steps=STEPS,
            guidance_scale=guidance,
            domain_plan=shifting,
            generator=[torch.Generator().manual_seed(seed_from("base", number, k)) for number, k in some],
            output_type="np",
            return_dict=False,
        )
        made.append(images)
    pictures: Pictures = np.rint(np.concatenate(made).clip(0, 1) * 255).astype(np.uint8)
    return pictures.reshape(len(captions), per_caption, *pictures.shape[2:])


def rendered(folder: Path, objects: int | None = None) -> Pictures:
    """The views of the first `objects` (all when None) of a rendered data set, uint8 (N, V, H, W, 3)."""
    samples = MultiviewSamples(folder)
    views = torch.stack([samples[index].views for index in range(objects or len(samples))])
    return pixels_of(views)


def pixels_of(views: Tensor) -> Pictures:
    """Views (N, V, 3, H, W) in [-1, 1] as bytes; what lies outside is cut off."""
    pixels: Pictures = ((views.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 1, 3, 4, 2).numpy()
    return pixels


def distances(pictures: Pictures, reference: Pictures, *, shared: bool) -> dict[str, float]:
    """Kernel distance between objects of two sets by level; `shared`: the same objects in the same order."""
    found = {}
    for level, (make, scale) in _LEVELS.items():
        extractor = make()
        mine, others = _features(extractor, pictures), _features(extractor, reference)
        found[level] = scale * cluster_kernel_distance(*mine, *others, shared=shared)
    return found


def measure(base: Base, world: Path) -> Gate:
    """The gate's values for a base, from the data sets that `make_world` rendered below `world`."""
    reference = rendered(world / HELD_OUT.folder)
    samples = base_samples(base.single_pictures(), held_out_captions(world))
    return Gate(
        oracle_rich=distances(rendered(world / RICH.folder, _TRAINING_OBJECTS), reference, shared=False),
        oracle_synthetic=distances(rendered(world / HELD_OUT_SYNTHETIC.folder), reference, shared=True),
        base=distances(samples, reference, shared=False),
    )


def write_sheet(path: Path, base: Base, world: Path) -> None:
    """A contact sheet (PNG): the same twelve objects in photographs, as the base paints them, and in flat colours."""
    painted = base_samples(base.single_pictures(), held_out_captions(world)[:12])
    sets = (rendered(world / HELD_OUT.folder, 12), painted, rendered(world / HELD_OUT_SYNTHETIC.folder, 12))
    contact_sheet(sets).save(path)


def contact_sheet(rows: Sequence[Pictures], *, objects: int = 12, views: int = 2, zoom: int = 2) -> Image.Image:
    """A row a set (N, V, H, W, 3): the first views of its first objects, enlarged without smoothing."""
    shown = [pictures[:objects, :views].transpose(2, 0, 1, 3, 4) for pictures in rows]
    lines = [line.reshape(len(line), -1, 3) for line in shown]
    return Image.fromarray(np.concatenate(lines).repeat(zoom, axis=0).repeat(zoom, axis=1))


def held_out_captions(world: Path) -> list[str]:
    """Of the held-out objects, in order."""
    samples = MultiviewSamples(world / HELD_OUT.folder)
    return [samples.caption(index) for index in range(len(samples))]


def _features(extractor: LevelExtractor, pictures: Pictures) -> tuple[npt.NDArray[np.float32], list[int]]:
    """Features of all pictures, and which object each shows."""
    flat = pictures.reshape(-1, *pictures.shape[2:])
    return extractor.extract(flat), [number for number in range(len(pictures)) for _ in range(pictures.shape[1])]
