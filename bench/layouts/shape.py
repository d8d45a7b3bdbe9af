"""How a folder's pictures are laid out, from names and pixels alone: pattern, grid, borders, ground."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from bench.errors import InputError
from bench.layouts.layout import Layout
from bench.layouts.listing import listing
from bench.layouts.pattern import composed
from groundwork.errors import UserError
from groundwork.pictures import SUFFIXES, picture_size, read_rgba
from groundwork.walk import Walk, walk

Picture = npt.NDArray[np.uint8]

VIEW_WORDS = ("front", "front_right", "right", "back_right", "back", "back_left", "left", "front_left", "top", "bottom")
_SIDES = ("normal", "normals", "nor", "pos", "position", "depth", "mask", "alpha", "reference", "ccm", "metallic")
_MOST_BORDER = 16  # pixels between views
_GROUND = 12  # levels of 255 from the ground's colour
_SEAM = 0.97  # of the pixels along a seam that are ground
_SEED = re.compile(r"^((?:seed|sample|run)?[_ -]?)[0-9]{1,9}$", re.IGNORECASE)
_SEED_WORD = re.compile(r"(?:seed|sample|run)[_ -]?[0-9]{1,9}", re.IGNORECASE)
_KINDS = (
    "images",
    "image",
    "rgb",
    "rgba",
    "color",
    "colors",
    "masked_colors",
    "views",
    "renders",
    "render",
    "train",
    "test",
)
_SHEETS = ("grid", "sample", "output", "out", "result", "image", "views", "strip", "0", "00", "000", "0000")
_PARTS = 24  # rows or columns at most


@dataclass(frozen=True)
class Shape:
    """What was found: the layout, files of each case by view (or one sheet), the ground's colour (None: alpha)."""

    walk: Walk
    layout: Layout
    files: dict[str, tuple[Path, ...]]
    sheet: bool
    ground: tuple[int, int, int] | None

    @property
    def count(self) -> int:
        """Views of a case."""
        if self.sheet:
            return self.layout.grid[0] * self.layout.grid[1]
        return max(len(files) for files in self.files.values())


def find_shape(root: Path, cases: Collection[str]) -> Shape:
    """The likeliest layout of a folder. `cases` are the suite's; without any, folders or file names are cases.

    Raises `InputError` with a listing where there is no picture, or none that belongs to a case.
    """
    found = walk(root, SUFFIXES)
    grouped = _templates(found, cases)
    if not grouped:
        raise InputError(
            "no picture here belongs to a case", where=str(root), expected=f"names of cases; found {listing(found)}"
        )
    template, by_case = max(grouped.items(), key=lambda item: _rank(*item))
    template = _with_seeds(found, template)
    words = sorted({key for views in by_case.values() for key in views if not key.isdigit()}, key=_word_order)
    files = {
        case: tuple(views[key] for key in sorted(views, key=_view_order(words))) for case, views in by_case.items()
    }
    first = next(iter(files.values()))
    sample = read_rgba(first[0])
    sheet = len(first) == 1 or sample.shape[0] != sample.shape[1]
    layout = Layout(files=(template,), names=tuple(words))
    if sheet:
        several = "*" if "{seed}" in template else "{seed}"
        layout = replace(layout, files=(template.replace("{view}", several),), names=())
        files = {case: paths[:1] for case, paths in files.items()}
        rows, columns, padding = find_grid([read_rgba(paths[0]) for paths in list(files.values())[:4]])
        layout = replace(layout, grid=(rows, columns), padding=padding)
    else:
        numbers = [int(key) for views in by_case.values() for key in views if key.isdigit()]
        layout = replace(layout, first=1 if numbers and min(numbers) == 1 else 0)
    return Shape(found, layout, dict(sorted(files.items())), sheet, ground_of(sample))


def _with_seeds(found: Walk, template: str) -> str:
    """The template, with the folder's own name in place of `{seed}` where it is one and the same and not 0."""
    if "{seed}" not in template:
        return template
    folder, _, file = template.rpartition("/")
    wanted = re.escape(f"{folder}/").replace(r"\{case\}", "[^/]+").replace(r"\{seed\}", "([0-9]+)") + "[^/]+"
    seen = [m[1] for path in found.files if (m := re.fullmatch(wanted, path.relative_to(found.root).as_posix()))]
    if len(set(seen)) == 1 and int(seen[0]) != 0:
        return f"{folder.replace('{seed}', seen[0])}/{file}"
    return template


def _templates(found: Walk, cases: Collection[str]) -> dict[str, dict[str, dict[str, Path]]]:
    """pattern -> case -> view -> file, for every way to read the names."""
    grouped: dict[str, dict[str, dict[str, Path]]] = defaultdict(lambda: defaultdict(dict))
    stems: dict[Path, set[str]] = defaultdict(set)
    for path in found.files:
        stems[path.parent].add(path.stem)
    strips: dict[Path, bool] = {}  # by folder: its first picture tells
    for path in found.files:
        relative = PurePosixPath(path.relative_to(found.root).as_posix())
        parts = [*relative.parent.parts, relative.stem]
        if not cases and path.parent not in strips:
            strips[path.parent] = _is_strip(path)
        guessed = [] if cases else _guessed_case(parts, strips[path.parent], stems[path.parent])
        for place, case, part in _cases_in(parts, cases) if cases else guessed:
            for view, stem in _views_in(part if place == len(parts) - 1 else parts[-1]):
                names = [*parts]
                names[place] = part
                for k in range(place + 1, len(parts) - 1):
                    names[k] = _SEED.sub(lambda found: f"{found[1]}{{seed}}", names[k], count=1)
                names[-1] = stem
                grouped["/".join(names)][case].setdefault(view, path)
    return grouped


def _cases_in(parts: Sequence[str], cases: Collection[str]) -> list[tuple[int, str, str]]:
    """(place, case, the part with `{case}` in place of it)."""
    known = sorted(cases, key=len, reverse=True)
    for place in range(len(parts) - 1, -1, -1):
        for case in known:
            part = composed(parts[place])
            bounded = re.search(rf"(?<![A-Za-z0-9]){re.escape(composed(case))}(?![A-Za-z0-9])", part)
            if bounded:
                return [(place, case, part[: bounded.start()] + "{case}" + part[bounded.end() :])]
    return []


def _guessed_case(parts: Sequence[str], strip: bool, beside: Collection[str]) -> list[tuple[int, str, str]]:
    """As `_cases_in` without a suite: the folder that is not of a seed or of a kind of picture; of strips the file.

    `beside` are the stems in the same folder: `mug_pos` beside `mug` is a map and no case.
    """
    place = max(0, len(parts) - 2)
    while place and (parts[place].lower() in _KINDS or _SEED_WORD.fullmatch(parts[place])):
        place -= 1
    if strip and parts[-1].lower() not in _SHEETS:
        thing, _, kind = parts[-1].rpartition("_")
        if kind in _SIDES and thing in beside:
            return []
        place = len(parts) - 1
    return [(place, parts[place], "{case}")]


def _is_strip(path: Path) -> bool:
    try:
        width, height = picture_size(path)
    except UserError:
        return False
    return width != height


def _views_in(stem: str) -> list[tuple[str, str]]:
    """(view, the stem with `{view}` in place of it): a known word, or the last number."""
    readings = [("", stem)]
    for word in sorted(VIEW_WORDS, key=len, reverse=True):
        found = re.search(rf"(?<![A-Za-z]){word}(?![A-Za-z])", stem)
        if found:
            return [*readings, (word, stem[: found.start()] + "{view}" + stem[found.end() :])]
    numbers = [n for n in re.finditer(r"[0-9]+", stem) if "{" not in stem[max(0, n.start() - 1) : n.start()]]
    if numbers:
        last = numbers[-1]
        readings.append((last[0], stem[: last.start()] + "{view}" + stem[last.end() :]))
    return readings


def _rank(template: str, by_case: dict[str, dict[str, Path]]) -> tuple[float, ...]:
    """More cases, then names that are no maps, then as many views of each case, then single views."""
    counts = [len(views) for views in by_case.values()]
    words = re.split(r"[^a-z]+", template.lower().replace("{view}", "").replace("{case}", ""))
    even = min(counts) == max(counts)
    singles = "{view}" in template and min(counts) > 1
    sheet = "{view}" not in template
    no_map = not any(word in _SIDES for word in words)
    return len(by_case), no_map, singles or sheet, even, singles, max(counts), -len(template)


def _word_order(word: str) -> int:
    return VIEW_WORDS.index(word) if word in VIEW_WORDS else len(VIEW_WORDS)


def _view_order(words: Sequence[str]) -> Callable[[str], tuple[int, int]]:
    return lambda key: (int(key) if key.isdigit() else 0, words.index(key) if key in words else 0)


def ground_of(picture: Picture) -> tuple[int, int, int] | None:
    """The usual colour along the edge of a picture (H, W, 4); None where it is transparent."""
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    if np.median(edge[:, 3]) < 16:
        return None
    red, green, blue = (int(v) for v in np.median(edge[:, :3], axis=0))
    return red, green, blue


# --- grids


def find_grid(pictures: Sequence[Picture]) -> tuple[int, int, int]:
    """Rows, columns and border of pictures uint8 (H, W, 4) that hold several square views each.

    The finest cut into squares along which nothing but ground lies; a border is a stripe of one colour that stands off
    from its neighbours.
    """
    height, width = pictures[0].shape[:2]
    alike = [p for p in pictures if p.shape[:2] == (height, width)]
    bordered = [
        (rows, columns, padding)
        for padding in range(1, _MOST_BORDER + 1)
        for around in (0, 1)
        for rows, columns, _ in _squares(height, width, padding, around)
        if rows * columns > 1 and all(_is_border(p, rows, columns, padding, around) for p in alike)
    ]
    if bordered:
        return max(bordered, key=lambda found: (found[0] * found[1], found[2]))
    plain = [
        (rows, columns, 0)
        for rows, columns, side in _squares(height, width, 0, 0)
        if side >= 8 and all(_is_seamless(p, rows, columns) for p in alike)
    ]
    return max(plain, key=lambda found: found[0] * found[1], default=(1, max(1, width // height), 0))


def _squares(height: int, width: int, padding: int, around: int) -> list[tuple[int, int, int]]:
    found = []
    for rows in range(1, _PARTS + 1):
        used = padding * (rows + 1 if around else rows - 1)
        if (height - used) % rows or height - used < 8 * rows:
            continue
        side = (height - used) // rows
        for columns in range(1, _PARTS + 1):
            if columns * side + padding * (columns + 1 if around else columns - 1) == width:
                found.append((rows, columns, side))
    return found


def _is_border(picture: Picture, rows: int, columns: int, padding: int, around: int) -> bool:
    rgb = picture[..., :3].astype(int)
    sides = []
    for flat, count in ((rgb, rows), (rgb.swapaxes(0, 1), columns)):
        length = flat.shape[0]
        side = (length - padding * (count + 1 if around else count - 1)) // count
        first = side + padding * around
        starts = [first + i * (side + padding) for i in range(count - 1)]
        starts += [0, length - padding] if around else []
        for start in starts:
            band = flat[start : start + padding]
            sides.append(band.reshape(-1, 3))
            for beside in (start - 1, start + padding):
                if 0 <= beside < length and np.mean(np.abs(flat[beside] - band[0]).max(axis=-1) > _GROUND) < 0.5:
                    return False
    colours = np.concatenate(sides)
    return bool(np.abs(colours - np.median(colours, axis=0)).max() <= _GROUND)


def _is_seamless(picture: Picture, rows: int, columns: int) -> bool:
    """Ground along every seam, and something to see in every view."""
    apart = _apart(picture)
    height, width = apart.shape
    down, right = height // rows, width // columns
    for y in range(down, height, down):
        if 1 - apart[y - 1 : y + 1].mean() < _SEAM:
            return False
    for x in range(right, width, right):
        if 1 - apart[:, x - 1 : x + 1].mean() < _SEAM:
            return False
    tiles = apart[: rows * down, : columns * right].reshape(rows, down, columns, right)
    return bool((tiles.mean(axis=(1, 3)) > 0.005).all())


def _apart(picture: Picture) -> npt.NDArray[np.bool_]:
    ground = ground_of(picture)
    if ground is None:
        seen: npt.NDArray[np.bool_] = picture[..., 3] >= 16
        return seen
    distance: npt.NDArray[np.bool_] = np.abs(picture[..., :3].astype(int) - ground).max(axis=-1) > _GROUND
    return distance
