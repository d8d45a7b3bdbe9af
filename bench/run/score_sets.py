"""The scoring stage for sets: one feature pass over every generator's pictures, then the distances to references."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bench.errors import BenchError, ImageError, InputError
from bench.extractors.feature_cache import features_of
from bench.extractors.protocol import Extractor, Features
from bench.metrics.declaration import FeatureSet, SetMetric, object_order
from bench.metrics.near_copies import near_copies
from bench.metrics.reference_floor import reference_floor
from bench.plugins.guard import frames_of
from bench.references.reference_set import ReferenceFeatures
from bench.results.scores import ScoreRow
from bench.run.failures import Failure
from bench.run.plan import Plan, case_digest
from bench.run.references import Library, generator_reference
from bench.run.samples import SampleKey, SampleStore
from bench.stats.intervals import jackknife_interval
from groundwork.hashing import hash_strings
from groundwork.progress import Reporter

FEW_PICTURES = 1000


NO_PICTURES = "no pictures"


@dataclass(frozen=True)
class SetScore:
    """A distance of one generator to one reference with what stands beside it. `signature` is complete.

    `reference_floor` is the same metric between two samples of the reference, of `reference_floor_n` pictures each
    (NaN and 0 where the reference is too small). `leave_one_out`: by object, the distance without it.
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
    reference_floor: float = math.nan
    reference_floor_n: int = 0
    leave_one_out: Mapping[str, float] = field(default_factory=dict)

    def row(self) -> ScoreRow:
        """As a row of the long table."""
        result = self.metric.result()
        return ScoreRow(
            self.generator, None, None, None, result.name, self.value, result.unit, self.signature, None, self.status
        )


@dataclass
class SetScores:
    """All distances, with the features that they came from (comparisons permute labels on them)."""

    scores: list[SetScore] = field(default_factory=list)
    features: dict[tuple[str, str], FeatureSet] = field(default_factory=dict)  # (generator, extractor)
    references: dict[tuple[str, str], ReferenceFeatures] = field(default_factory=dict)  # (reference, extractor)
    untested: list[Failure] = field(default_factory=list)  # pairs of generators whose test failed
    unreadable: list[Failure] = field(default_factory=list)  # samples whose stored pictures are damaged

    def leave_one_out(self) -> dict[tuple[str, str], Mapping[str, float]]:
        """(generator, result) -> case -> the distance without it, of every distance that has an interval."""
        return {(s.generator, s.metric.result().name): s.leave_one_out for s in self.scores if s.leave_one_out}


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
    views = len(plan.cameras)
    total = sum(map(len, keys.values())) * views if library.extractors else 0
    with reporter.stage("extract features", total) as stage:
        for name, samples in keys.items():
            measured, samples = _features(plan, samples, digests, store, library, cache, stage.advance, found)
            objects = tuple(key.case for key in samples for _ in range(views))
            keys[name] = samples
            for extractor, features in measured.items():
                found.features[name, extractor] = FeatureSet(features, objects)
    for reference, generator in library.generators.items():
        for extractor in library.extractors:
            if (generator, extractor) in found.features:
                digest = [digests[key] for key in keys[generator]]
                found.references[reference, extractor] = generator_reference(
                    reference, extractor, found.features[generator, extractor], digest
                )
    with reporter.stage("measure sets", len(plan.set_metrics) * len(plan.generators)) as stage:
        for metric in plan.set_metrics:
            floors: dict[int, tuple[float, int]] = {}  # generators that made equally many pictures share one
            for entry in plan.generators:
                score = _score(plan, entry.name, metric, found, library)
                against = found.references.get((metric.reference, metric.extractor))
                if score.status == "ok" and against is not None:
                    if score.images not in floors:
                        floors[score.images] = _floor(metric, against, score.images)
                    floor, size = floors[score.images]
                    score = replace(score, reference_floor=floor, reference_floor_n=size)
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

    def measure(extractors: list[Extractor]) -> dict[str, Features]:
        views = range(len(plan.cameras))
        pictures = [partial(store.view, key, view, digests[key]) for key in samples for view in views]
        return features_of(pictures, extractors, cache, advance, plan.suite.views.rgb)

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
    extractor: Extractor | None,
    generated: FeatureSet | None,
    reference: ReferenceFeatures | None,
) -> str:
    """As contracts ask: name, extractor, resize, views, n, reference with its digest, the metric's own parameters.

    The digest of the cases is that of the objects that the pictures show: two generators that failed on different cases
    were measured on different things, even where they made equally many pictures.
    """
    shown = set(generated.objects) if generated else set()
    cases = hash_strings([case_digest(case) for case in plan.cases if case.id in shown])
    images = len(generated.objects) if generated else 0
    which = extractor.signature() if extractor is not None else f"extractor={metric.extractor}@missing"
    against = (
        f"{metric.reference}@sha256:{reference.digest[:12]} n_reference={len(reference)}"
        if reference
        else metric.reference
    )
    return (
        f"{metric.result().name} {which} {plan.views_signature()} n={images} cases=sha256:{cases[:12]} "
        f"reference={against} {metric.parameters()}"
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
    objects = len(set(generated.objects)) if generated else 0
    images = len(generated.objects) if generated else 0
    signature = set_signature(metric, plan, library.extractors.get(metric.extractor), generated, reference)

    def unavailable(status: str, note: str) -> SetScore:
        return SetScore(generator, metric, math.nan, math.nan, math.nan, status, note, objects, images, signature)

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
    try:
        value = metric.distance(generated, reference)
        without: Mapping[str, float] = {}
        low, high = math.nan, math.nan
        if objects > 2:
            distances = metric.leave_one_object_out(generated, reference)
            without = dict(zip(object_order(generated.objects), distances.tolist(), strict=True))
            low, high = jackknife_interval(value, distances, limits=metric.limits)
    except InputError as error:
        return unavailable("not_measurable", error.message)
    except BenchError as error:
        return replace(unavailable("failed", error.message), traceback=frames_of(error))
    expected = len(plan.cases) * len(plan.seeds)
    lacking = expected - images // len(plan.cameras)
    notes = [f"{lacking} of {expected} samples failed"] if lacking else []
    notes += _copied(generated, reference)
    note = "; ".join(notes)
    return SetScore(generator, metric, value, low, high, "ok", note, objects, images, signature, leave_one_out=without)


def _copied(generated: FeatureSet, reference: ReferenceFeatures) -> list[str]:
    """What a reader should know of a distance to a reference that the generator may have handed in.

    A generator's own pictures of the same objects resemble each other for good reasons, so that one is not asked.
    """
    if reference.shares_objects:
        return []
    copied = int(near_copies(generated, reference).sum())
    return [f"{copied} of {len(generated.features)} pictures nearly copy the reference"] if copied else []
