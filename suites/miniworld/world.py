"""The mini-world as models see it: small views, captions, and data sets that are rendered once.

    synthetic     vivid flat colours; views, normals, positions, captions   what methods learn the control from
    rich          photographs under light, others of the same world         what methods learn realism from
    pictures      single ones of both, 70 % rich, renders always named      what the base model is pre-trained on
    held-out      rich pictures that no model was trained on                what the base's gate compares with

Training objects come from the 'train' split, held-out ones from the 'eval' split behind the evaluation objects: their
proportions and photographs are disjoint (see `bench.cases.miniworld`), and no evaluation object is looked at.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

from bench.cases.case import Case
from bench.cases.miniworld.world import DEFAULT_COUNT, LookName, Split, miniworld_cases
from bench.dataset.make import make_dataset
from bench.errors import InputError
from bench.suite.load import load_suite
from bench.suite.views import Views
from groundwork.hashing import hash_strings
from groundwork.progress import Reporter
from realiz3d.data import MultiviewSamples
from realiz3d.data.layout import MANIFEST, file_name, shard_name
from suites.miniworld.captions import PLAIN, captions_of, synthetic_objects

RESOLUTION = 32
SHARD_OBJECTS = 500
_VERSION = 4  # raise when the same objects would give other pictures


@dataclass(frozen=True)
class Renders:
    """Objects `first` to `stop` of a split in one look, a data set in a folder of this name."""

    folder: str
    split: Split
    look: LookName
    first: int
    stop: int

    def cases(self) -> tuple[Case, ...]:
        """Its objects."""
        return miniworld_cases(self.split, self.stop, self.look)[self.first :]


SYNTHETIC = Renders("synthetic", "train", "vivid", 0, 480)
RICH = Renders("rich", "train", "daylight", 0, 960)
# eight of each family, behind the evaluation objects; the same ones in both looks
HELD_OUT = Renders("held-out", "eval", "daylight", DEFAULT_COUNT["eval"], 136)
HELD_OUT_SYNTHETIC = Renders("held-out-synthetic", "eval", "vivid", DEFAULT_COUNT["eval"], 136)
ALL = (SYNTHETIC, RICH, HELD_OUT, HELD_OUT_SYNTHETIC)
PICTURES = "pictures"


def model_views(resolution: int = RESOLUTION) -> Views:
    """The cameras of the `miniworld` suite, with pictures of the models' size."""
    views: Views = load_suite("miniworld").views
    return views.model_copy(update={"resolution": resolution})


def make_world(root: Path, *, resolution: int = RESOLUTION, workers: int = 1, look: LookName = RICH.look) -> None:
    """Render every data set below `root`, or what is missing of them, then the base's pictures.

    look: of the photographs.
    """
    for renders in ALL:
        dressed = replace(renders, look=look) if renders.look == RICH.look else renders
        make_renders(dressed, root, resolution=resolution, workers=workers)
    write_pictures(root)


def make_renders(
    renders: Renders, root: Path, *, resolution: int = RESOLUTION, workers: int = 1, reporter: Reporter | None = None
) -> Path:
    """Render one data set, or what is missing of it, into its folder below `root`."""
    out = root / renders.folder
    about = {"source": {"miniworld": renders.split, "look": renders.look}}
    views = model_views(resolution)
    made = make_dataset(
        renders.cases(), views, out, about=about, shard_size=SHARD_OBJECTS, workers=workers, reporter=reporter
    )
    if made.failed:
        name, why = next(iter(made.failed.items()))
        raise InputError(f"{len(made.failed)} objects of the mini-world failed; '{name}': {why}", where=str(out))
    return out


def write_pictures(root: Path) -> Path:
    """Single pictures of both domains with their captions as one shard, the same bytes every time.

    All rich views, and as many synthetic ones, object by object, as make up `SYNTHETIC_SHARE`.
    """
    rich, synthetic = (MultiviewSamples(root / renders.folder) for renders in (RICH, SYNTHETIC))
    wanted = synthetic_objects(len(rich))
    if wanted > len(synthetic):
        raise InputError(f"{len(synthetic)} synthetic objects", where=str(root), expected=f"at least {wanted}")
    out = root / PICTURES
    out.mkdir(parents=True, exist_ok=True)
    manifest = out / MANIFEST
    manifest.unlink(missing_ok=True)
    with tarfile.open(out / shard_name(0), "w") as shard:
        for source, look, count in ((rich, "rich", len(rich)), (synthetic, "synthetic", wanted)):
            for name, content in _pictures(source, look, count):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                shard.addfile(entry, BytesIO(content))
    digest = hash_strings([f"pictures v{_VERSION}", rich.fingerprint(), synthetic.fingerprint(), str(wanted)])
    entries = PLAIN + 1
    counts = {"rich": entries * len(rich) * rich.views, "synthetic": entries * wanted * synthetic.views}
    about = {"kind": "pictures", **counts, "sha256": digest}
    manifest.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return out


def _pictures(source: MultiviewSamples, look: str, count: int) -> Iterator[tuple[str, bytes]]:
    """Files of the first `count` objects, view by view; names say the look for people, no model reads them.

    Which captions name the domain: `captions`.
    """
    for index in range(count):
        pictures = source.store.read(index, [file_name("view", view) for view in range(source.views)])
        captions = captions_of(source.caption(index), look)
        for view, picture in enumerate(pictures):
            for entry, text in enumerate(captions):
                key = f"{source.ids[index]}_{look}_{view}_{entry}"
                yield f"{key}.png", picture
                yield f"{key}.txt", text.encode()
