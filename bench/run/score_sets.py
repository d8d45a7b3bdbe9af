"""The scoring stage for sets: one feature pass over every generator's pictures, then the distances to references."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bench.cases.case import Case
from bench.errors import BenchError, ImageError, InputError
from bench.extractors.feature_cache import features_of
from bench.extractors.picture_pattern import PATTERN
from bench.extractors.protocol import Extractor, Features, Picture
from bench.geometry.ground import other_ground
from bench.metrics.declaration import FeatureSet, SetMetric, object_order
from bench.metrics.reference_floor import reference_floor
from bench.plugins.guard import frames_of
from bench.references.reference_set import ReferenceFeatures
from bench.results.scores import ScoreRow
from bench.run.failures import Failure
from bench.run.plan import Plan, broken_cases, case_digest
from bench.run.references import Library, generator_reference
from bench.run.samples import SampleKey, SampleStore
from bench.run.set_gaps import Asked, empty_picture, with_gaps
from bench.run.set_notes import CUT_OUT, copied, is_constant, on_another_ground, sizes
from bench.stats.gaps import counted
from bench.stats.intervals import jackknife_interval
from groundwork.hashing import hash_strings
from groundwork.progress import Reporter

FEW_PICTURES = 1000
MOST_PAIRED = 200  # objects whose pairs are stored: beyond, they take more room than all else together


NO_PICTURES = "no pictures"


@dataclass(frozen=True)
class SetScore:
    """A distance of one generator to one reference with what stands beside it. `signature` is complete.

    `value` counts each of the `missing` samples as the floor, `measured` is of the pictures that are there, NaN where
    none is missing. `images` counts the pictures that were made.
    `reference_floor` is the same metric between two samples of the reference, of `reference_floor_n` pictures each
    (NaN and 0 where the reference is too small). `leave_one_out`: by object of the suite, the value without it.
    `pairs`: by object, what it adds with each of them (`bench.stats.pairs`), where no sample is missing.
    """

    generator: str
    metric: SetMetric
    value: float
    low: float
    high: float
    status: str
    note: str
    objects: int
    images: int
    signature: str
    traceback: str = field(default="", repr=False)
    measured: float = math.nan
    missing: int = 0
    reference_floor: float = math.nan
    reference_floor_n: int = 0
    leave_one_out: Mapping[str, float] = field(default_factory=dict)
    pairs: Mapping[str, tuple[float, ...]] = field(default_factory=dict, repr=False)

    def row(self) -> ScoreRow:
        """As a row of the long table."""
        result = self.metric.result()
        return ScoreRow(
            self.generator, None, None, None, result.name, self.value, result.unit, self.signature, None, self.status
        )


@dataclass
class SetScores:
    """All distances, with the features that they came from.

    `empty` are features (1, D) of a picture of nothing but the suite's background, by extractor, where some generator
    has gaps; None where the extractor refuses it.
    """

    scores: list[SetScore] = field(default_factory=list)
    features: dict[tuple[str, str], FeatureSet] = field(default_factory=dict)  # (generator, extractor)
    shown: dict[str, tuple[tuple[SampleKey, int], ...]] = field(default_factory=dict)  # by generator: sample and view
    empty: dict[str, Features | None] = field(default_factory=dict)
    references: dict[tuple[str, str], ReferenceFeatures] = field(default_factory=dict)  # (reference, extractor)
    cases: tuple[Case, ...] = ()  # those that generators owe pictures of: all but the broken ones
    elsewhere: dict[str, set[SampleKey]] = field(default_factory=dict)  # by generator: samples on another plain ground
    untested: list[Failure] = field(default_factory=list)  # pairs of generators whose test failed
    unreadable: list[Failure] = field(default_factory=list)  # samples whose stored pictures are damaged

    def pairs(self) -> dict[tuple[str, str], Mapping[str, tuple[float, ...]]]:
        """(generator, result) -> case -> what it adds with each case, where that is known."""
        return {(s.generator, s.metric.result().name): s.pairs for s in self.scores if s.pairs}

    def leave_one_out(self) -> dict[tuple[str, str], Mapping[str, float]]:
        """(generator, result) -> case -> the distance without it, of every distance that has an interval."""
        return {
            (s.generator, s.metric.result().name): s.leave_one_out
            for s in self.scores
            if s.leave_one_out and all(map(math.isfinite, s.leave_one_out.values()))
        }


def score_sets(
    plan: Plan, digests: Mapping[SampleKey, str], store: SampleStore, library: Library, cache: Path, reporter: Reporter
) -> SetScores:
    """Distances of every generator to every reference that the metrics name.

    A metric whose weights are missing, or a generator with fewer than two pictures, becomes an explicit row. A sample
    whose stored pictures are damaged is left out and told; the others are measured.
    """
    found = SetScores(references=dict(library.features))
    keys = {
        entry.name: [
            key
            for case in plan.cases
            for seed in plan.seeds
            if (key := SampleKey(entry.name, case.id, seed)) in digests
        ]
        for entry in plan.generators
    }
    views = {case.id: plan.views_of(case) for case in plan.cases}
    total = sum(views[key.case] for samples in keys.values() for key in samples) if library.extractors else 0
    with reporter.stage("extract features", total) as stage:
        for name, samples in keys.items():
            measured, samples = _features(plan, samples, digests, store, library, cache, stage.advance, found)
            found.shown[name] = tuple((key, view) for key in samples for view in range(views[key.case]))
            objects = tuple(key.case for key, _ in found.shown[name])
            keys[name] = samples
            for extractor, features in measured.items():
                found.features[name, extractor] = FeatureSet(features, objects)
        broken = broken_cases(plan, {key.case for samples in keys.values() for key in samples})
        found.cases = tuple(case for case in plan.cases if case.id not in broken)
        if any(0 < len(samples) < len(found.cases) * len(plan.seeds) for samples in keys.values()):
            found.empty = {
                name: empty_picture(extractor, plan.suite.views.resolution, plan.suite.views.rgb, cache)
                for name, extractor in library.extractors.items()
            }
    for reference, generator in library.generators.items():
        for extractor in library.extractors:
            if (generator, extractor) in found.features:
                digest = [digests[key] for key in keys[generator]]
                found.references[reference, extractor] = generator_reference(
                    reference, extractor, found.features[generator, extractor], digest
                )
    with reporter.stage("measure sets", len(plan.set_metrics) * len(plan.generators)) as stage:
        for metric in plan.set_metrics:
            floor: tuple[float, int] | None = None
            for entry in plan.generators:
                score = _score(plan, entry.name, metric, found, library)
                against = found.references.get((metric.reference, metric.extractor))
                if score.status == "ok" and against is not None:
                    asked = sum(views[case.id] for case in found.cases) * len(plan.seeds)
                    floor = floor or _floor(metric, against, asked)
                    score = replace(score, reference_floor=floor[0], reference_floor_n=floor[1])
                found.scores.append(score)
                stage.advance()
    return found


def _features(
    plan: Plan,
    samples: list[SampleKey],
    digests: Mapping[SampleKey, str],
    store: SampleStore,
    library: Library,
    cache: Path,
    advance: Callable[[int], None],
    found: SetScores,
) -> tuple[dict[str, Features], list[SampleKey]]:
    """Features of one generator's pictures by extractor, and the samples that they are of: those that can be read."""
    if not samples:
        return {}, samples

    views = {case.id: plan.views_of(case) for case in plan.cases}
    background = plan.suite.views.rgb
    elsewhere = found.elsewhere[samples[0].generator] = set[SampleKey]()

    def shown(key: SampleKey, view: int) -> Picture:
        picture = store.view(key, view, digests[key])
        if other_ground(picture / 255.0, background) is not None:
            elsewhere.add(key)
        return picture

    def measure(extractors: list[Extractor]) -> dict[str, Features]:
        pictures = [partial(shown, key, view) for key in samples for view in range(views[key.case])]
        return features_of(pictures, extractors, cache, advance, background)

    try:
        return library.extract(measure, list(library.extractors)) or {}, samples
    except ImageError:
        sound = []
        for key in samples:
            try:
                store.read(key, digests[key])
                sound.append(key)
            except ImageError as error:
                found.unreadable.append(Failure.of(key.generator, key.case, key.seed, error))
        if len(sound) == len(samples):  # not for want of a sound picture
            raise
        return _features(plan, sound, digests, store, library, cache, advance, found)


def set_failures(found: SetScores) -> list[Failure]:
    """What kept a distance from being measured, beside samples that could not be made: those are told already."""
    told = {(s.generator, s.note): s for s in found.scores if s.status == "failed" and s.note != NO_PICTURES}
    lost = (Failure(generator, "", None, note, score.traceback) for (generator, note), score in told.items())
    return [*found.unreadable, *lost]


def set_signature(
    metric: SetMetric,
    plan: Plan,
    cases: Sequence[Case],
    extractor: Extractor | None,
    reference: ReferenceFeatures | None,
) -> str:
    """As contracts ask: name, extractor, resize, views, n, reference with its digest, the metric's own parameters.

    `n` and the digest of the cases are those that the suite asks for: what a generator failed on is its own affair.
    """
    digest = hash_strings([case_digest(case) for case in cases])
    images = sum(plan.views_of(case) for case in cases) * len(plan.seeds)
    which = extractor.signature() if extractor is not None else f"extractor={metric.extractor}@missing"
    against = (
        f"{metric.reference}@sha256:{reference.digest[:12]} n_reference={len(reference)}"
        if reference
        else metric.reference
    )
    return (
        f"{metric.result().name} {which} {plan.views_signature(among=[case.id for case in cases])} n={images} "
        f"cases=sha256:{digest[:12]} reference={against} {metric.parameters()}"
    )


def _floor(metric: SetMetric, reference: ReferenceFeatures, n: int) -> tuple[float, int]:
    """See `reference_floor`. A plug-in's distance may fail on it in its own way; its rows do not depend on it."""
    try:
        # draws of many pictures hardly differ, and each costs as much as the distance itself
        return reference_floor(metric, reference, n, repeats=8 if n <= FEW_PICTURES else 2)
    except Exception:
        return math.nan, 0


def _score(plan: Plan, generator: str, metric: SetMetric, found: SetScores, library: Library) -> SetScore:
    generated = found.features.get((generator, metric.extractor))
    reference = found.references.get((metric.reference, metric.extractor))
    images = len(generated.objects) if generated else 0
    signature = set_signature(metric, plan, found.cases, library.extractors.get(metric.extractor), reference)

    def unavailable(status: str, note: str) -> SetScore:
        return SetScore(generator, metric, math.nan, math.nan, math.nan, status, note, 0, images, signature)

    if metric.extractor in library.missing:
        return unavailable("weights_missing", library.missing[metric.extractor])
    if metric.extractor in library.broken:
        return unavailable("failed", library.broken[metric.extractor])
    if metric.reference in library.unreadable:
        return unavailable("failed", library.unreadable[metric.reference])
    if generated is None:
        return unavailable("failed", NO_PICTURES)
    if library.generators.get(metric.reference) == generator:
        return unavailable("not_measurable", "this generator is the reference itself")
    if reference is None:
        return unavailable("not_measurable", f"the reference generator '{metric.reference}' made no pictures")
    for name in filter(None, (generator, library.generators.get(metric.reference))):
        shown = found.features.get((name, metric.extractor))
        if shown is not None and 2 * len(found.elsewhere.get(name, ())) > _samples(plan, shown):
            return unavailable("not_measurable", _elsewhere(plan, found, name, shown) + CUT_OUT)
    if is_constant(reference.features):
        why = f"all {len(reference)} pictures of the reference look the same to {metric.extractor}"
        return unavailable("not_measurable", why)
    try:
        asked = Asked({case.id: plan.views_of(case) for case in found.cases}, len(plan.seeds))
        counted_in = with_gaps(metric, generated, reference, asked, found.empty.get(metric.extractor))
        distances = list(counted_in.without.values())
        low, high = jackknife_interval(counted_in.value, distances, limits=metric.limits)
    except InputError as error:
        return unavailable("not_measurable", error.message)
    except BenchError as error:
        return replace(unavailable("failed", error.message), traceback=frames_of(error))
    missing = counted_in.missing
    pairs = {} if missing or len(found.cases) > MOST_PAIRED else _pairs(metric, generated, reference)
    notes = [f"{missing} of {asked.samples} samples failed; {counted(missing, counted_in.measured)}"] if missing else []
    if found.elsewhere.get(generator):
        notes.append(_elsewhere(plan, found, generator, generated))
    notes += [*sizes(generated, reference), *metric.notes(reference)]
    patterns = found.features.get((generator, PATTERN)), found.references.get((metric.reference, PATTERN))
    notes += copied(generated, reference, *patterns)
    return SetScore(
        generator, metric, counted_in.value, low, high, "ok", "; ".join(notes), len(found.cases), images, signature,
        measured=counted_in.measured if missing else math.nan, missing=missing, leave_one_out=counted_in.without,
        pairs=pairs,
    )  # fmt: skip


def _pairs(metric: SetMetric, generated: FeatureSet, reference: ReferenceFeatures) -> dict[str, tuple[float, ...]]:
    """A plug-in may fail on it in its own way; its rows do not depend on it."""
    try:
        values = metric.pair_values(generated, reference)
    except BenchError:
        return {}
    return (
        {} if values is None else dict(zip(object_order(generated.objects), map(tuple, values.tolist()), strict=True))
    )


def _elsewhere(plan: Plan, found: SetScores, generator: str, shown: FeatureSet) -> str:
    return on_another_ground(generator, _samples(plan, shown), len(found.elsewhere[generator]))


def _samples(plan: Plan, shown: FeatureSet) -> int:
    """How many samples the pictures are of."""
    pictures = Counter(shown.objects)
    return sum(pictures[case.id] // plan.views_of(case) for case in plan.cases if case.id in pictures)
