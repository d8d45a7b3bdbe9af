"""What `doctor` sees in people's inputs: pictures that a metric cannot use, or that change what its numbers mean."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.extractors.picture_pattern import PATTERN, PicturePattern, picture_pattern
from bench.extractors.protocol import Features, Vector
from bench.metrics.near_copies import ALIKE, alike
from bench.references.library import holds_features, load_reference
from bench.references.reference_set import FEW
from groundwork.hashing import hash_array
from groundwork.pictures import RGB, SUFFIXES, WHITE, read_picture
from groundwork.walk import walk

if TYPE_CHECKING:
    from bench.cases.case import Case
    from bench.run.plan import Plan
    from bench.suite.schema import Suite

INCEPTION = 2048  # features of `fid`: with fewer pictures its covariance is not of full rank
_LOOKED_AT = 2000  # pictures of a set: more say the same and take minutes
_CASES = 6  # whose outlines are looked at


@dataclass(frozen=True)
class Finding:
    """One thing about inputs: what was seen, what follows, what to do. `fails`: a run would lose rows by it."""

    where: str
    seen: str
    follows: str
    fix: str
    fails: bool = False


@dataclass(frozen=True)
class PictureSet:
    """Pictures that were looked at: their patterns (`bench.extractors.picture_pattern`), and findings about them."""

    patterns: Features
    findings: tuple[Finding, ...] = ()
    jpeg: float = math.nan  # share of the files; NaN where they are not here


def look_at_folder(folder: Path, name: str = "", background: RGB = WHITE, framed: bool = False) -> PictureSet:
    """Every picture below a folder; `framed` as references are, for comparing them with views."""
    from bench.references.pictures import reference_picture

    name, found = name or folder.name, walk(folder, SUFFIXES)
    broken: list[str] = []
    sizes: Counter[tuple[int, int]] = Counter()
    hashes: dict[str, list[str]] = defaultdict(list)
    blank: list[str] = []
    patterns, looked_at = [], []
    for path in found.files[:_LOOKED_AT]:
        relative = path.relative_to(folder).as_posix()
        try:
            picture = read_picture(path, background)
            shown = reference_picture(path, background) if framed else picture
        except BenchError as error:
            broken.append(f"{relative} ({error.message})")
            continue
        sizes[picture.shape[1], picture.shape[0]] += 1
        hashes[hash_array(picture)].append(relative)
        if int(np.ptp(picture.reshape(-1, 3), axis=0).max()) <= 2:
            blank.append(relative)
        patterns.append(picture_pattern(shown))
        looked_at.append(relative)
    kinds = Counter("JPEG" if p.suffix.lower() in (".jpg", ".jpeg", ".jfif", ".jpe") else "other" for p in found.files)
    findings = [
        *_about_files(name, found.left_out(), broken, blank, len(found.files)),
        *_about_variety(name, sizes, [names for names in hashes.values() if len(names) > 1], kinds),
    ]
    rows = _rows(patterns)
    if framed:
        findings += _near_doubles(name, rows, looked_at, hashes.values())
    return PictureSet(rows, tuple(findings), kinds["JPEG"] / max(1, len(found.files)))


def _near_doubles(
    name: str, patterns: Features, names: Sequence[str], same: Iterable[Sequence[str]]
) -> Iterator[Finding]:
    """Pictures that show the same once more, cropped, mirrored or compressed; the very same are told already."""
    number = {name: index for index, names in enumerate(same) for name in names}
    fit = alike(patterns, patterns)
    pairs = [
        (names[first], names[second])
        for first, second in zip(*np.nonzero(np.triu(np.maximum(fit, fit.T), 1) > ALIKE), strict=True)
        if number[names[first]] != number[names[second]]
    ]
    if pairs:
        seen = f"{len({second for _, second in pairs})} near copies of others, such as {pairs[0][0]} and {pairs[0][1]}"
        yield Finding(name, seen, "the set looks less varied than it is", "keep one of each")


def _about_files(name: str, left_out: str, broken: list[str], blank: list[str], count: int) -> Iterator[Finding]:
    if left_out:
        yield Finding(name, left_out, "they are not part of any number", "convert them to PNG, or repair the links")
    if broken:
        fix = "make or fetch them again, or take them out"
        yield Finding(name, f"{len(broken)} unreadable, first {broken[0]}", "their rows fail", fix, True)
    if blank:
        seen = f"{len(blank)} of one colour only, first {blank[0]}"
        yield Finding(
            name, seen, "a blank picture is refused as a view, and pulls a set's mean", "make them again", True
        )
    if count < 2:
        yield Finding(name, f"{count} pictures", "no set metric can be had", "add pictures, at least 50", True)
    elif count < FEW:
        follows = "distances between sets have intervals as wide as what they measure"
        yield Finding(name, f"{count} pictures", follows, f"add pictures: {FEW} and more")


def _about_variety(
    name: str, sizes: Counter[tuple[int, int]], copies: list[list[str]], kinds: Counter[str]
) -> Iterator[Finding]:
    if len(sizes) > 1:
        (width, height), most = sizes.most_common(1)[0]
        seen = f"{len(sizes)} sizes, {most} pictures of {width} x {height}, {sum(sizes.values()) - most} of others"
        follows = "small pictures are enlarged for the networks: blur then counts as their texture"
        yield Finding(name, seen, follows, "bring them to one size, or leave the small ones out")
    if copies:
        extra = sum(len(names) - 1 for names in copies)
        seen = f"{extra} copies, such as {copies[0][0]} and {copies[0][1]}"
        yield Finding(name, seen, "each counts: the set looks less varied than it is", "keep one of each")
    if kinds["JPEG"] and kinds["other"]:
        seen = f"{kinds['JPEG']} JPEG beside {kinds['other']} lossless pictures"
        yield Finding(name, seen, "JPEG's blocks are texture too: the set is a mixture of two", "keep to one kind")


def look_at_suite(suite: Suite) -> Iterator[Finding]:
    """Meshes, references that are folders, generators that are folders of pictures, and leaks between the two."""
    from bench.run.inputs import open_inputs
    from bench.suite.schema import FolderReference, ShippedReference

    inputs = open_inputs(suite)  # what `validate` says too
    for problem in inputs.problems:
        seen = " ".join(problem.message.split())
        yield Finding(problem.where or "meshes", seen, "its rows fail", problem.hint or problem.expected, True)
    for said in inputs.notes:
        yield Finding("meshes", said, "the run continues without it", "")
    references = {}
    for name, reference in suite.references.items():
        if isinstance(reference, ShippedReference) and holds_features(reference.shipped, PATTERN):
            stored = load_reference(reference.shipped, PicturePattern(), suite.views.rgb)
            if isinstance(stored.features, np.ndarray):  # copies are not looked for in sets too large for memory
                references[name] = PictureSet(stored.features)
        if isinstance(reference, FolderReference):
            folder = suite.folder / reference.folder
            if not folder.is_dir():
                yield Finding(
                    f"reference {name}", f"{folder} is not a folder", "nothing can be scored", "correct its path", True
                )
                continue
            references[name] = look_at_folder(folder, f"reference {name}", suite.views.rgb, framed=True)
            yield from references[name].findings
            if references[name].jpeg < 1 and any(metric.name == "fid" for metric in suite.metrics):
                yield from _rank(name, len(references[name].patterns))
    for entry in suite.generators:
        if entry.use == "folder":
            yield from _look_at_generator(suite, entry.name, references)


def _rank(name: str, count: int) -> Iterator[Finding]:
    if count <= INCEPTION:
        follows = f"fid's covariance of {INCEPTION} features is not of full rank: its bias depends on the count"
        yield Finding(f"reference {name}", f"{count} pictures for fid", follows, "read kid_cluster beside it")


def _look_at_generator(suite: Suite, name: str, references: dict[str, PictureSet]) -> Iterator[Finding]:
    from bench.generators.folder import FolderGenerator
    from bench.generators.protocol import GenerationRequest
    from bench.run.options import RunOptions
    from bench.run.plan import build_generator, make_plan

    where, entry = f"generator {name}", next(entry for entry in suite.generators if entry.name == name)
    try:
        plan = make_plan(suite, RunOptions(generators=(name,), offline=True))
        generator = build_generator(entry, plan.context)
    except BenchError as error:
        yield Finding(where, error.message, "the run is refused", error.hint or error.expected, True)
        return
    assert isinstance(generator, FolderGenerator)
    files = generator.index.walk.files
    lossy = sum(path.suffix.lower() in (".jpg", ".jpeg", ".jfif", ".jpe") for path in files) / max(1, len(files))
    failed, patterns = [], []
    shown: dict[Case, npt.NDArray[np.uint8]] = {}
    readable = [case for case in plan.cases if plan.views_of(case)]  # others are told among the inputs
    for case in readable:
        for seed in plan.seeds:
            cameras, noise = plan.cameras_of(case), plan.noise_seeds(case, seed)
            request = GenerationRequest(case, cameras, seed, suite.views.rgb, noise, _NO_CONTROLS)
            try:
                views = shown[case] = generator.views(request)
                patterns += [picture_pattern(view) for view in views]
            except BenchError as error:
                failed.append(f"{case.id}, seed {seed}: {error.message}")
    if failed:
        total = len(readable) * len(plan.seeds)
        seen = f"{len(failed)} of {total} samples cannot be read, first {failed[0]}"
        yield Finding(
            where, seen, "their rows fail, and means are of fewer objects", "inspect FOLDER --suite SUITE", True
        )
    yield from _outlines(where, plan, shown)
    if len(patterns) < FEW:
        follows = "distances between sets have intervals as wide as what they measure"
        yield Finding(where, f"{len(patterns)} views in all", follows, "more cases or seeds")
    for reference, pictures in references.items():
        yield from _leak(where, reference, _rows(patterns), pictures)
        if abs(lossy - pictures.jpeg) > 0.5:
            seen = f"{lossy:.0%} JPEG here, {pictures.jpeg:.0%} in reference {reference}"
            yield Finding(where, seen, "the distance measures compression too", "save both in one format")


def _outlines(where: str, plan: Plan, shown: Mapping[Case, npt.NDArray[np.uint8]]) -> Iterator[Finding]:
    """Whether objects are where the cameras of each case see the meshes; with one set of views `inspect` says more."""
    if plan.shared is not None or plan.suite.task != "texturing":
        return
    from bench.layouts.conventions import FITS, outline_agreement

    found = []
    for case, views in [*shown.items()][:_CASES]:
        if case.mesh is not None and plan.suite.views.rgb == WHITE:
            try:
                found.append(outline_agreement(views / 255.0, case.mesh.load(), plan.cameras_of(case)))
            except BenchError:
                continue  # told among the inputs
    if missed := [value for value in found if value < FITS]:
        seen = (
            f"of {len(missed)} in {len(found)} cases the outlines meet the meshes' by {min(missed):.2f} to "
            f"{max(missed):.2f} in their cameras"
        )
        follows = "the files are of another convention, unit or folder: metrics look at the wrong places"
        yield Finding(where, seen, follows, "inspect FOLDER --suite SUITE tries the conventions", True)


def _leak(where: str, reference: str, views: Features, pictures: PictureSet) -> Iterator[Finding]:
    if not len(views) or not len(pictures.patterns):
        return
    leaked = int((alike(views, pictures.patterns).max(axis=1) > ALIKE).sum())
    if leaked:
        seen = f"{leaked} of {len(views)} views nearly copy pictures of reference {reference}"
        follows = "the distance falls below what new pictures can reach: it says nothing"
        yield Finding(where, seen, follows, "take them out of the reference", True)


class _NoControls:
    def control(self, *_: object) -> object:
        raise NotImplementedError("pictures that lie on disk need no control")


_NO_CONTROLS: Any = _NoControls()


def _rows(patterns: Sequence[Vector]) -> Features:
    return np.stack(patterns) if patterns else np.zeros((0, PicturePattern.dimension), dtype=np.float32)


def rows(findings: Sequence[Finding]) -> list[tuple[str, str, str, str, str]]:
    """For a table: level, where, seen, what follows, what to do."""
    return [("FAILS" if f.fails else "note", f.where, f.seen, f.follows, f.fix) for f in findings]
