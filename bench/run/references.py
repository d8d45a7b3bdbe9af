"""Reference sets and extractors of a suite, read before anything is generated, so that their errors come first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np

from bench import __version__
from bench.cases.case import Case
from bench.errors import ExtractorError, ImageError, InputError, PluginError, WeightsMissing
from bench.extractors.feature_cache import features_of
from bench.extractors.feature_store import FeatureStore, stored_under
from bench.extractors.picture_pattern import PATTERN, PicturePattern
from bench.extractors.protocol import Extractor, Features, Picture
from bench.generators.ground_truth import SUPERSAMPLE, small_views
from bench.geometry.cameras import Cameras
from bench.metrics.declaration import FeatureSet
from bench.references.build import folder_reference
from bench.references.library import holds_features, load_reference
from bench.references.measured import measured_features
from bench.references.pictures import picture_paths
from bench.references.reference_set import ReferenceFeatures
from bench.run.apart import extractor as extractor_of
from bench.run.options import RunOptions
from bench.run.places import Places
from bench.run.plan import Plan
from bench.suite.schema import FolderReference, GeneratorReference, MiniworldReference, ShippedReference
from groundwork.hashing import hash_strings
from groundwork.pictures import ENLARGEMENT, RGB
from groundwork.progress import Reporter

Measured = TypeVar("Measured")


@dataclass
class Library:
    """What set metrics need: extractors by name, features by (reference, extractor), and what is not available.

    `generators` maps references that are a generator of the suite to its name: their features come with its samples.
    `missing` maps extractors without weights to the reason, `broken` those that failed to what they said, `unreadable`
    references with a picture that cannot be read to what is wrong with it.
    """

    extractors: dict[str, Extractor] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    features: dict[tuple[str, str], ReferenceFeatures] = field(default_factory=dict)
    generators: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)

    def extract(self, measure: Callable[[list[Extractor]], Measured], names: Iterable[str]) -> Measured | None:
        """`measure` with those of the named extractors that work; one that fails is set aside, the others go on.

        None when none is left. Raises what `measure` raises for other reasons.
        """
        while wanted := [self.extractors[name] for name in names if name in self.extractors]:
            try:
                return measure(wanted)
            except ExtractorError as error:
                for name in error.names:
                    self.broken[name] = str(error)
                    del self.extractors[name]
        return None


def find_library(
    plan: Plan, options: RunOptions, cache: Path, reporter: Reporter, places: Places | None = None
) -> Library:
    """Load the extractors and references that the suite's set metrics name.

    Missing weights, extractors that fail and references with a broken picture are kept for explicit rows; a reference
    that cannot be used at all raises `InputError`.
    """
    library = Library()
    for name in dict.fromkeys(metric.extractor for metric in plan.set_metrics):
        try:
            library.extractors[name] = extractor_of(name, options.device, options.offline, places)
        except WeightsMissing as error:
            library.missing[name] = str(error)
            reporter.say(f"without {name}: {error.message}")
        except (ExtractorError, PluginError) as error:
            library.broken[name] = str(error)
            reporter.say(error.message)
    for name, reference in plan.suite.references.items():
        wanted = dict.fromkeys(metric.extractor for metric in plan.set_metrics if metric.reference == name)
        if wanted and _has_patterns(reference):
            library.extractors.setdefault(PATTERN, PicturePattern())
            wanted[PATTERN] = None
        if isinstance(reference, GeneratorReference):
            library.generators[name] = reference.generator
            continue
        try:
            measured = library.extract(partial(_measure, plan, name, reference, cache, reporter), wanted)
        except ImageError as error:  # costs the rows that look at this reference, and no others
            library.unreadable[name] = str(error.about(f"reference '{name}'"))
            reporter.say(library.unreadable[name])
            continue
        except InputError as error:
            raise error.about(f"reference '{name}'") from error
        library.features |= {(name, extractor): found for extractor, found in (measured or {}).items()}
    return library


def _has_patterns(reference: object) -> bool:
    """Whether copies of its pictures can be looked for by pixels: renders would have to be made first."""
    if isinstance(reference, ShippedReference):
        return holds_features(reference.shipped, PATTERN)
    return isinstance(reference, FolderReference)


def _measure(
    plan: Plan,
    name: str,
    reference: FolderReference | ShippedReference | MiniworldReference,
    cache: Path,
    reporter: Reporter,
    extractors: list[Extractor],
) -> dict[str, ReferenceFeatures]:
    """Features of one reference set, by extractor."""
    if isinstance(reference, ShippedReference):
        return {e.name: load_reference(reference.shipped, e, plan.suite.views.rgb) for e in extractors}
    if isinstance(reference, FolderReference):
        folder = plan.suite.folder / reference.folder
        with reporter.stage(f"read reference {name}", len(picture_paths(folder))) as stage:
            return folder_reference(name, folder, extractors, plan.suite.views.rgb, cache, stage.advance)
    return _miniworld(name, reference, extractors, plan, cache, reporter)


def prepare_metrics(plan: Plan, options: RunOptions, reporter: Reporter) -> dict[str, str]:
    """Load the weights of the suite's object metrics; returns the results that lack them, with the reason."""
    missing: dict[str, str] = {}
    for metric in plan.object_metrics:
        metric.prepare(options.device, options.offline)
        found = metric.missing()
        missing |= found
        for reason in dict.fromkeys(found.values()):
            names = ", ".join(name for name in found if found[name] == reason)
            reporter.say(f"without {names}: {reason.splitlines()[0]}")
    return missing


def generator_reference(name: str, extractor: str, generated: FeatureSet, digests: list[str]) -> ReferenceFeatures:
    """A generator's own pictures in the role of the reference (FID_B)."""
    return ReferenceFeatures(
        name, generated.features, generated.objects, hash_strings(digests), extractor, shares_objects=True
    )


def _miniworld(
    name: str, reference: MiniworldReference, extractors: list[Extractor], plan: Plan, cache: Path, reporter: Reporter
) -> dict[str, ReferenceFeatures]:
    rendered = rendered_pictures(reference, plan)
    features = _once(f"render reference {name}", rendered.pictures, extractors, cache, reporter, plan.suite.views.rgb)
    own = {case.id for case in plan.all_cases}
    shares = not own.isdisjoint(rendered.objects)
    return {
        e: ReferenceFeatures(name, f, rendered.objects, rendered.digest, e, shares_objects=shares, names=rendered.names)
        for e, f in features.items()
    }


@dataclass(frozen=True)
class RenderedPictures:
    """Pictures of a reference by a key that says all that decides them, the object that each shows, and a digest.

    `names` are what people call the pictures.
    """

    pictures: Mapping[str, Callable[[], Picture]]
    objects: tuple[str, ...]
    digest: str
    names: tuple[str, ...]


def rendered_pictures(reference: MiniworldReference, plan: Plan) -> RenderedPictures:
    """The pictures of a mini-world reference, none of them rendered yet."""
    from bench.cases.miniworld.world import miniworld_cases

    which = reference.miniworld
    count = None if which.count is None else which.first + which.count
    cases = miniworld_cases(which.split, count, which.look, 0)[which.first :]
    size = f" rendered at {which.size_px}, {ENLARGEMENT}" if which.size_px else ""
    digest = hash_strings([case.mesh.fingerprint for case in cases if case.mesh] + [_looks(plan) + size])
    seen = _seen_by(plan)
    pairs = [(case, seen[place % len(seen)]) for place, case in enumerate(cases)]
    shown = [(case, cameras, view) for case, cameras in pairs for view in range(len(cameras))]
    pictures = {
        hash_strings([digest, __version__, plan.context.device, str(SUPERSAMPLE), case.id, str(view)]): partial(
            _render, case, plan, cameras, view, which.size_px
        )
        for case, cameras, view in shown
    }
    names = tuple(f"{case.id}, view {view + 1}" for case, _, view in shown)
    return RenderedPictures(pictures, tuple(case.id for case, _, _ in shown), digest, names)


def _seen_by(plan: Plan) -> list[Cameras]:
    """The cameras that a reference's objects are seen by, in turn: those of the suite's cases, so that both sets show
    objects from the same sides.
    """
    if plan.shared is not None:
        return [plan.shared]
    own = [case.cameras for case in plan.all_cases if case.cameras is not None]
    if found := [one.found for one in own if one.found is not None]:
        return found
    raise InputError("no case of the suite has cameras that can be read", hint=str(own[0].problem))


def _looks(plan: Plan) -> str:
    """What decides how a reference's objects are seen: with `--limit` as without."""
    return replace(plan, cases=plan.all_cases).views_signature()


def _once(
    stage_name: str,
    pictures: Mapping[str, Callable[[], Picture]],
    extractors: list[Extractor],
    cache: Path,
    reporter: Reporter,
    background: RGB,
) -> dict[str, Features]:
    """Features of pictures by extractor. Their keys say what they show: none is rendered that was measured before."""
    prints = {extractor.name: stored_under(extractor) for extractor in extractors}
    with closing(FeatureStore(cache)) as store:
        kept = {e.name: [store.get(prints[e.name], key, e.dimension) for key in pictures] for e in extractors}
        whole = {name: [row for row in rows if row is not None] for name, rows in kept.items()}
        found = {name: np.stack(rows) for name, rows in whole.items() if len(rows) == len(pictures)}
        for name in prints.keys() - found.keys():
            if (ahead := measured_features(prints[name], tuple(pictures))) is not None:
                found[name] = ahead
        wanted = [extractor for extractor in extractors if extractor.name not in found]
        if wanted:
            with reporter.stage(stage_name, len(pictures)) as stage:
                made = features_of(list(pictures.values()), wanted, cache, stage.advance, background)
            for name, rows in made.items():
                store.put((prints[name], key, row) for key, row in zip(pictures, rows, strict=True))
            found |= made
    return found


_rendering = Lock()


def _render(case: Case, plan: Plan, cameras: Cameras, view: int, size: int | None) -> Picture:
    with _rendering:  # or the threads that read pictures would each bake the same object, for a view of it
        picture: Picture = small_views(case, cameras, plan.suite.views.rgb, plan.context.device, size)[view]
    return picture
