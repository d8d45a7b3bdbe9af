"""The `maps/` folder of a run: where on the object each view went wrong, one small picture strip a sample and metric.

A strip carries the hash of what it was drawn from, so that it is drawn again when the sample or the metric changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from PIL import Image
from torch import Tensor

from bench.heat import strip_png
from bench.metrics.declaration import ErrorScale, ObjectMetric, Sample
from bench.results.layout import map_file, seed_of
from bench.run.failures import Failure
from bench.run.samples import SampleKey, SampleStore
from groundwork.files import write_atomically
from groundwork.hashing import hash_json

VERSION = 1  # raise it when the drawing changes
_MADE_FROM = "made_from"


class MapStore:
    """Error maps on disk, beside the samples that they are of."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: SampleKey, result: str) -> Path:
        """Where a map lies."""
        return map_file(self.root, key.generator, key.case, key.seed, result)

    def write(
        self, key: SampleKey, scale: ErrorScale, identity: str, errors: Tensor, foreground: Tensor | None
    ) -> None:
        """Draw `errors` (V, H, W), NaN where nothing is scored, on the metric's fixed scale."""
        mask = foreground.cpu().numpy() if foreground is not None else None
        texts = {_MADE_FROM: identity, "scale": f"square root, 0 to {scale.top:g} {scale.unit}"}
        self.put(key, scale.result, strip_png(errors.detach().double().cpu().numpy(), mask, scale.top, texts))

    def put(self, key: SampleKey, result: str, strip: bytes) -> None:
        """Store a strip that was drawn."""
        write_atomically(self.path(key, result), strip)

    def has(self, key: SampleKey, result: str, identity: str) -> bool:
        """Whether a map drawn from this is there."""
        return _made_from(self.path(key, result)) == identity

    def discard(
        self, identities: Mapping[tuple[SampleKey, str], str], planned: set[SampleKey], store: SampleStore
    ) -> None:
        """Remove maps of samples that are gone, and maps in the plan that were drawn from something else.

        `identities`: what each map that the plan can have is drawn from; `planned`: all samples of the plan, stored or
        not. Samples that this plan left out keep their maps.
        """
        wanted = {self.path(key, result): identity for (key, result), identity in identities.items()}
        for folder in self.root.glob("*/*/seed_*"):
            seed = seed_of(folder)
            if seed is None:
                continue
            key = SampleKey(folder.parent.parent.name, folder.parent.name, seed)
            if key not in planned and store.holds(key):
                continue
            for path in folder.glob("*.png"):
                if path not in wanted or _made_from(path) != wanted[path]:
                    path.unlink()
            with suppress(OSError):  # not empty
                folder.rmdir()


def map_identity(digest: str, signature: str, scale: ErrorScale) -> str:
    """What a map is drawn from: the sample's pictures, the metric's signature, the scale."""
    return hash_json([digest, signature, scale.result, scale.unit, scale.top, VERSION])


def mapped_metrics(metrics: Sequence[ObjectMetric], mesh: bool) -> list[tuple[ObjectMetric, ErrorScale]]:
    """Metrics that can draw their errors for a case (with a mesh or not), with their scales."""
    return [
        (metric, scale)
        for metric in metrics
        if (scale := metric.error_scale) is not None
        and (mesh or not metric.needs_mesh)
        and scale.result not in metric.missing()
    ]


def draw(
    maps: MapStore, metric: ObjectMetric, scale: ErrorScale, sample: Sample, key: SampleKey, identity: str
) -> Failure | None:
    """Store the map of one sample; what goes wrong is told, and stops nothing else."""
    try:
        errors = metric.error_map(sample)
        maps.write(key, scale, identity, errors, sample.scene.gbuffer.mask if sample.scene is not None else None)
    except Exception as error:
        return Failure.of(key.generator, key.case, key.seed, error, f"error map of {scale.result}")
    return None


def _made_from(path: Path) -> str | None:
    try:
        with Image.open(path, formats=("PNG",)) as image:
            found = image.info.get(_MADE_FROM)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return found if isinstance(found, str) else None
