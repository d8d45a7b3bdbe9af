"""Where everything in a run folder lies. Whoever writes or reads one asks here.

manifest.json                                           what was run, with which versions, on what
samples/<generator>/<case>/seed_<s>/view_<i>.png        the pictures
samples/<generator>/<case>/seed_<s>/sample.json         written last: what they were made from, and their digest
scores.parquet                                          one row per number
summary.json                                            one row per generator and metric
throughput.json                                         timings, where the suite asks for them
nearest.parquet                                         the reference pictures nearest to each picture, by name
nearest/                                                small copies of those that the page shows; safe to delete
maps/<generator>/<case>/seed_<s>/<result>.png           where each view went wrong; safe to delete
features/                                               cached features of pictures; safe to delete
failures.log                                            what failed in the last command, with tracebacks
report/                                                 pages and tables
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

MARKER = "sample.json"
_VIEW = "view_"


class RunLayout:
    """Paths of a run folder; none of them needs to exist."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.manifest = root / "manifest.json"
        self.samples = root / "samples"
        self.scores = root / "scores.parquet"
        self.summary = root / "summary.json"
        self.leave_one_out = root / "leave_one_out.parquet"
        self.nearest = root / "nearest.parquet"
        self.thumbnails = root / "nearest"
        self.features = root / "features"
        self.maps = root / "maps"
        self.throughput = root / "throughput.json"
        self.report = root / "report"
        self.failures = root / "failures.log"


def sample_folder(samples: Path, generator: str, case: str, seed: int) -> Path:
    """Where the pictures of a sample lie below `samples/` (and its maps below `maps/`)."""
    return samples / generator / case / f"seed_{seed}"


def seed_of(folder: Path) -> int | None:
    """The seed of a sample's folder; None for a folder of another name."""
    number = folder.name.removeprefix("seed_")
    return int(number) if number.isdecimal() and folder.name.startswith("seed_") else None


def view_file(sample: Path, view: int) -> Path:
    """One picture of a sample."""
    return sample / f"{_VIEW}{view}.png"


def stored_views(sample: Path) -> list[Path]:
    """The pictures of a sample that are there, in view order."""
    numbers = {path.stem.removeprefix(_VIEW): path for path in sample.glob(f"{_VIEW}*.png")}
    return [numbers[number] for number in sorted((n for n in numbers if n.isdecimal()), key=int)]


def map_file(maps: Path, generator: str, case: str, seed: int, result: str) -> Path:
    """An error map; names of results are strangers' and are quoted."""
    return sample_folder(maps, generator, case, seed) / f"{quote(result, safe='@[]')}.png"


def is_name(text: str) -> bool:
    """Whether a generator's or case's name, read from a stranger's file, is the name of one folder and no path."""
    return text not in ("", ".", "..") and Path(text).name == text and "\\" not in text
