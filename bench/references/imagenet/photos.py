"""ImageNet's validation photographs by class, in the layouts in which people keep them.

Folders named by synset say the class of what they hold. The flat archive (`ILSVRC2012_val_00000001.JPEG` and on) needs
a table of labels beside it: `val_map.txt` or `val.txt` (a file name and a synset or number per line), Kaggle's
`LOC_val_solution.csv`, or the development kit's ground truth, whose numbers its `meta.mat` explains.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from bench.errors import ReferenceSetError
from bench.references.imagenet.classes import ImagenetClass
from groundwork.notes import tell
from groundwork.pictures import SUFFIXES
from groundwork.walk import folders_in, walk

TABLES = ("val_map.txt", "val.txt", "LOC_val_solution.csv", "ILSVRC2012_validation_ground_truth.txt")

_ARCHIVE_NAME = re.compile(r"ILSVRC2012_val_(\d{8})")
_SYNSET = re.compile(r"n\d{8}")
_FLAT = re.compile(_ARCHIVE_NAME.pattern + r"\.jpe?g", re.IGNORECASE)
_BELOW = (".", "val", "validation", "ILSVRC/Data/CLS-LOC/val", "Data/CLS-LOC/val")
_TABLES_BELOW = (".", "..", "val", "data", "devkit/data", "ILSVRC2012_devkit_t12/data", "../ILSVRC2012_devkit_t12/data")
_MAX_TABLE_BYTES = 64 * 1024 * 1024

Photos = Mapping[str, tuple[Path, ...]]  # by synset, sorted by name


def validation_photos(folder: Path, classes: Sequence[ImagenetClass], labels: Path | None = None) -> Photos:
    """The photographs of each synset that has any. `labels` names the table of a flat archive.

    Raises `ReferenceSetError` when the folder is none of the layouts, or when the table is missing or does not fit.
    """
    for below in _BELOW:
        found = _folders(folder / below)
        if found:
            return found
    for below in _BELOW:
        flat = _flat(folder / below)
        if flat:
            return _labelled(flat, labels or _table(folder), classes)
    raise ReferenceSetError(
        "there are no ImageNet validation photographs",
        where=str(folder),
        expected="folders named by synset (n01440764/...), or ILSVRC2012_val_00000001.JPEG, ... and their labels",
        hint="get the ILSVRC2012 validation archive from image-net.org, after registration",
    )


def _folders(folder: Path) -> dict[str, tuple[Path, ...]]:
    if not folder.is_dir():
        return {}
    found = {path.name: walk(path, SUFFIXES) for path in folders_in(folder) if _SYNSET.fullmatch(path.name)}
    for there in found.values():
        if there.left_out():
            tell(there.left_out())
    return {synset: there.files for synset, there in found.items() if there.files}


def _flat(folder: Path) -> dict[int, Path]:
    """Photographs by their number in the archive, 1 and on."""
    if not folder.is_dir():
        return {}
    named = ((_FLAT.fullmatch(path.name), path) for path in sorted(folder.iterdir()))
    return {int(match[1]): path for match, path in named if match and path.is_file()}


def _table(folder: Path) -> Path:
    places = [folder / below / name for name in TABLES for below in _TABLES_BELOW]
    for path in places:
        if path.is_file():
            return path
    raise ReferenceSetError(
        "the photographs are not in folders by class, and no table says which class they are",
        where=str(folder),
        expected=f"one of {', '.join(TABLES)} in the folder, or beside it",
        hint="name it with --labels, or sort the photographs into folders named by synset",
    )


def _labelled(flat: Mapping[int, Path], table: Path, classes: Sequence[ImagenetClass]) -> Photos:
    synset_of, expected = _labels(table, classes)
    found: dict[str, list[Path]] = {}
    unlabelled = set(flat)
    for line, number, label in _lines(_text(table), table):
        if label not in synset_of:
            raise ReferenceSetError(
                f"'{label[:80]}' is not a class of ImageNet", where=f"{table}:{line}", expected=expected
            )
        if number in unlabelled:
            unlabelled.remove(number)
            found.setdefault(synset_of[label], []).append(flat[number])
    if unlabelled:
        raise ReferenceSetError(
            f"the table has no label for {len(unlabelled)} of {len(flat)} photographs,"
            f" {flat[min(unlabelled)].name} among them",
            where=str(table),
        )
    return {synset: tuple(sorted(found[synset])) for synset in sorted(found)}


def _labels(table: Path, classes: Sequence[ImagenetClass]) -> tuple[dict[str, str], str]:
    """Which synset each label of the table means, and in words what a label looks like."""
    synsets = {entry.synset: entry.synset for entry in classes}
    if table.name == "ILSVRC2012_validation_ground_truth.txt":
        own = {number: synset for number, synset in _kit_synsets(table.with_name("meta.mat")) if synset in synsets}
        return own, "a number 1..1000, as the development kit counts"
    return synsets | {str(entry.number): entry.synset for entry in classes}, "a synset, or a number 0..999"


def _kit_synsets(meta: Path) -> list[tuple[str, str]]:
    """The development kit's own numbers, which follow no order, with their synsets."""
    try:
        table = np.atleast_1d(loadmat(meta, squeeze_me=True, variable_names=["synsets"])["synsets"])
        return [(str(int(row["ILSVRC2012_ID"])), str(row["WNID"])) for row in table]
    except (OSError, ValueError, KeyError, TypeError, IndexError, MatReadError) as error:
        raise ReferenceSetError(
            f"the development kit's meta.mat, which explains its numbers, cannot be read: {error}",
            where=str(meta),
            expected="meta.mat beside ILSVRC2012_validation_ground_truth.txt, as in ILSVRC2012_devkit_t12/data",
        ) from error


def _text(table: Path) -> str:
    try:
        if table.stat().st_size > _MAX_TABLE_BYTES:
            raise ReferenceSetError("the table of labels is too large to be one", where=str(table))
        return table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ReferenceSetError(f"the table of labels cannot be read: {error}", where=str(table)) from error


def _lines(text: str, table: Path) -> Iterator[tuple[int, int, str]]:
    """Line, number of the photograph in the archive, and label."""
    commas = table.suffix.lower() == ".csv"
    for line, row in enumerate(text.splitlines(), 1):
        # Kaggle's second field starts with the synset, boxes follow
        words = row.replace(",", " ", 1).split() if commas else row.split()
        if not words or (commas and line == 1):
            continue
        if len(words) == 1 and words[0].isdigit():  # the development kit: the n-th line is the n-th photograph
            yield line, line, words[0]
            continue
        match = _ARCHIVE_NAME.search(words[0])
        if match is None or len(words) == 1:
            raise ReferenceSetError(
                f"'{row[:80]}' does not label a validation photograph",
                where=f"{table}:{line}",
                expected="ILSVRC2012_val_00000001.JPEG and its class",
            )
        yield line, int(match[1]), words[1]
