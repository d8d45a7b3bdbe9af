"""Where each view of each case lies below a folder: one walk, read by patterns; the rest is named."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.layouts.pattern import VIDEOS, Pattern
from groundwork.pictures import SUFFIXES
from groundwork.walk import Walk, walk

DEFAULT_FILES = (
    "{case}/view_{view}",
    "{case}/seed_{seed}/view_{view}",
    "{case}/grid",
    "{case}/seed_{seed}/grid",
    "{case}/{view}",
    "{case}/seed_{seed}/{view}",
    "{case}",
)


@dataclass(frozen=True)
class Layout:
    """How views lie in files: patterns in order of preference, and how pictures that hold several views are cut."""

    files: tuple[str, ...] = DEFAULT_FILES
    names: tuple[str, ...] = ()
    first: int = 0
    grid: tuple[int, int] = (2, 2)
    padding: int = 0
    rows: Literal["views", "seeds"] = "views"
    ignore: tuple[str, ...] = ()

    def patterns(self) -> tuple[Pattern, ...]:
        """Raises `UsageError` for an invalid pattern."""
        return tuple(Pattern(text, self.names, self.first) for text in self.files)


@dataclass
class Pictures:
    """Files of one case and seed: `views` by number, from 0, or `sheets` that hold several; more than one is a twin."""

    views: dict[int, list[Path]] = field(default_factory=dict)
    sheets: list[Path] = field(default_factory=list)
    pattern: str = ""


@dataclass(frozen=True)
class Index:
    """What a layout finds: pictures by case and seed (None: all seeds, a row each), and what it does not explain."""

    walk: Walk
    pictures: dict[tuple[str, int | None], list[Pictures]]
    strangers: dict[str, Path]
    unmatched: tuple[Path, ...]

    def seeds(self, case: str) -> list[int | None]:
        """Seeds of which there are pictures of the case."""
        return [seed for found, seed in self.pictures if found == case]


def find_pictures(root: Path, layout: Layout, cases: Collection[str]) -> Index:
    """Every picture below `root` by the first pattern that it fits. Raises `OSError` for folders that are closed."""
    found = walk(root, (*SUFFIXES, *VIDEOS))
    patterns = layout.patterns()
    by_pattern: dict[tuple[str, int | None], dict[int, Pictures]] = {}
    strangers: dict[str, Path] = {}
    unmatched = []
    for path in found.files:
        relative = path.relative_to(root).as_posix()
        if any(fnmatch.fnmatchcase(path.name, ignored) for ignored in layout.ignore):
            continue
        for order, pattern in enumerate(patterns):
            place = pattern.place(relative, cases)
            if place is None:
                continue
            seed = None if layout.rows == "seeds" and not pattern.single else place.seed or 0
            pictures = by_pattern.setdefault((place.case, seed), {}).setdefault(order, Pictures(pattern=pattern.text))
            if place.view is None:
                pictures.sheets.append(path)
            else:
                pictures.views.setdefault(place.view, []).append(path)
            break
        else:
            stranger = next((s for p in patterns if p.text != "{case}" and (s := p.stranger(relative))), None)
            if stranger is None:
                unmatched.append(path)
            else:
                strangers.setdefault(stranger, path)
    ordered = {key: [orders[order] for order in sorted(orders)] for key, orders in by_pattern.items()}
    return Index(found, ordered, strangers, tuple(unmatched))
