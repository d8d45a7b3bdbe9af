"""ImageNet's 1000 classes: numbers, synsets and names as open_clip and timm publish them, and how people write them."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError, nearest
from bench.extractors.hub import needed_package

_MAX_MAP_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class ImagenetClass:
    """One class: its number 0..999 in the order of synsets, its WordNet id such as 'n01440764', and its name."""

    number: int
    synset: str
    name: str


def imagenet_classes() -> tuple[ImagenetClass, ...]:
    """All 1000 classes in order: names that CLIP reads well from open_clip, synsets from timm.

    Raises `WeightsMissing` without these packages.
    """
    names = needed_package("open_clip", "imagenet", "the ImageNet recipe").IMAGENET_CLASSNAMES
    info = needed_package("timm.data", "imagenet", "the ImageNet recipe").ImageNetInfo("imagenet-1k")
    return tuple(
        ImagenetClass(number, synset, name)
        for number, (synset, name) in enumerate(zip(info.label_names(), names, strict=True))
    )


def read_classes_map(
    table: Path, cases: Sequence[str], classes: Sequence[ImagenetClass]
) -> dict[str, tuple[ImagenetClass, ...]]:
    """Classes of each case, from a CSV with the columns `case` and `class`; a case may have several lines.

    A class is a synset, a number 0..999 or a name. Raises `InputError` (`where` is `file:line`) for a file that cannot
    be read, an unknown case or class, and a case without a line.
    """
    known = _spellings(classes)
    found: dict[str, list[ImagenetClass]] = {}
    for line, row in _rows(table):
        case, word = row["case"].strip(), row["class"].strip()
        where = f"{table}:{line}"
        if case not in cases:
            raise InputError(f"no prompt for case '{case}'", where=where, hint=nearest(case, cases))
        if word.lower() not in known:
            close = nearest(word.lower(), [name for name in known if not name.isdigit()]).partition("? Valid")[0]
            raise InputError(
                f"'{word}' is not a class of ImageNet, or names several",
                where=where,
                expected="a synset such as n01440764, a number 0..999, or a name such as tench",
                hint=close if "did you mean" in close else "",
            )
        chosen = found.setdefault(case, [])
        if known[word.lower()] not in chosen:
            chosen.append(known[word.lower()])
    if missing := [case for case in cases if case not in found]:
        raise InputError(
            f"no class for {len(missing)} case(s): {', '.join(missing[:5])}",
            where=str(table),
            expected="a line for each case of the prompts",
            hint=f"add: {missing[0]},<class>",
        )
    return {case: tuple(found[case]) for case in cases}


def _spellings(classes: Sequence[ImagenetClass]) -> Mapping[str, ImagenetClass]:
    names = Counter(entry.name.lower() for entry in classes)
    by_name = {entry.name.lower(): entry for entry in classes if names[entry.name.lower()] == 1}
    return {
        **by_name,
        **{entry.synset: entry for entry in classes},
        **{str(entry.number): entry for entry in classes},
    }


def _rows(table: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        if table.stat().st_size > _MAX_MAP_BYTES:
            raise InputError("the table of classes is too large to be one", where=str(table))
        reader = csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines())
        rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the table of classes cannot be read: {error}", where=str(table)) from error
    if not {"case", "class"} <= set(reader.fieldnames or ()) or not rows:
        raise InputError(
            "the table of classes has no lines with a case and a class",
            where=str(table),
            expected="a CSV with the columns case and class",
        )
    return [(line, {"case": row["case"] or "", "class": row["class"] or ""}) for line, row in rows]
