"""Kernel distances of each seed's pictures, from the features that a run stored: what its summary has only in sum.

A run folder holds pictures and their features; distances of one seed and swaps between methods need nothing else, and
no network is run for what the cache holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from pydantic import ValidationError

from bench.errors import InputError
from bench.extractors.feature_cache import features_of
from bench.metrics.declaration import FeatureSet
from bench.metrics.kernel import ObjectGram
from bench.metrics.set_distances import KernelDistance
from bench.plugins.held import HeldSetMetric
from bench.references.reference_set import ReferenceFeatures
from bench.results.read import RunResults
from bench.run.folder import RunFolder
from bench.run.options import RunOptions
from bench.run.plan import Plan, make_plan
from bench.run.references import Library, find_library, generator_reference
from bench.run.samples import SampleKey, SampleStore
from bench.suite.schema import Suite
from groundwork.progress import Reporter
from suites.miniworld.claims.crossed import DistanceGain, DistanceOf, rows_of


@dataclass(frozen=True)
class SetResult:
    """A kernel distance between objects: the Gram sums of each seed, whose rows are (generator, object)."""

    grams: tuple[ObjectGram, ...]
    objects: Mapping[str, tuple[str, ...]]  # by generator: those that it has pictures of in every seed

    def distance(self, generator: str) -> DistanceOf:
        """Of one generator."""
        return DistanceOf(tuple(self._rows(gram, (generator,), self.objects[generator]) for gram in self.grams))

    def gain(self, a: str, b: str) -> DistanceGain:
        """By how much `a` is nearer to the reference than `b`, on the objects that both have."""
        both = tuple(name for name in self.objects[a] if name in self.objects[b])
        return DistanceGain(tuple(self._rows(gram, (a, b), both) for gram in self.grams))

    @staticmethod
    def _rows(gram: ObjectGram, generators: tuple[str, ...], objects: tuple[str, ...]) -> ObjectGram:
        place = {name: number for number, name in enumerate(gram.objects)}
        shown = [(generator, name) for generator in generators for name in objects]
        return rows_of(gram, [place[pair] for pair in shown], [name for _, name in shown])


def set_results(run: RunResults) -> dict[str, SetResult]:
    """By result name, every kernel distance between objects that the run measured.

    Raises `InputError` when pictures are gone; what `find_library` raises for references that are not available.
    """
    digests = _digests(run)
    if not digests:
        return {}
    plan = _plan(run)
    metrics = [
        metric.plugin
        for metric in plan.set_metrics
        if isinstance(metric, HeldSetMetric) and isinstance(metric.plugin, KernelDistance) and metric.plugin.clustered
    ]
    plan = replace(plan, set_metrics=tuple(metrics))
    folder = RunFolder(run.path)
    library = find_library(plan, RunOptions(offline=True), folder.features, Reporter())
    features = _features(plan, folder, library, digests)
    found = {}
    for metric in metrics:
        reference = _reference(metric, library, features, digests)
        if reference is None or metric.extractor not in library.extractors:
            continue
        own = library.generators.get(metric.reference)  # a generator is no distance from itself
        shown = {name: sets for (name, extractor), sets in features.items() if extractor == metric.extractor}
        found[metric.result().name] = _fold(
            metric, {name: sets for name, sets in shown.items() if name != own}, reference, plan
        )
    return found


def _plan(run: RunResults) -> Plan:
    try:
        suite = Suite.model_validate_json(json.dumps(run.manifest.get("suite")))
    except ValidationError as error:
        raise InputError(
            "the run folder's manifest does not say what was run",
            where=str(run.path / "manifest.json"),
            hint="it is another version's, or was edited: give the run command again to rewrite it",
        ) from error
    # folders of references are relative to the suite file, which a run folder does not know
    return make_plan(suite.in_folder(run.path), RunOptions(seeds=run.summary.seeds or None, offline=True))


def _digests(run: RunResults) -> dict[SampleKey, str]:
    """Of every sample that was scored, from the score table."""
    return {
        SampleKey(row.generator, row.case, row.seed): row.sample
        for row in run.score_rows
        if row.case is not None and row.seed is not None and row.sample
    }


def _features(
    plan: Plan, folder: RunFolder, library: Library, digests: Mapping[SampleKey, str]
) -> dict[tuple[str, str], dict[int, FeatureSet]]:
    """By generator and extractor, of each seed."""
    store, views = SampleStore(folder.samples), range(len(plan.cameras))
    found: dict[tuple[str, str], dict[int, FeatureSet]] = {}
    for entry in plan.generators:
        for seed in plan.seeds:
            keys = [key for case in plan.cases if (key := SampleKey(entry.name, case.id, seed)) in digests]
            if not keys:
                continue
            pictures = [partial(store.view, key, view, digests[key]) for key in keys for view in views]
            objects = tuple(key.case for key in keys for _ in views)
            measured = library.extract(
                lambda extractors, pictures=pictures: features_of(  # type: ignore[misc]
                    pictures, extractors, folder.features, background=plan.suite.views.rgb
                ),
                list(library.extractors),
            )
            for extractor, values in (measured or {}).items():
                found.setdefault((entry.name, extractor), {})[seed] = FeatureSet(values, objects)
    return found


def _reference(
    metric: KernelDistance,
    library: Library,
    features: Mapping[tuple[str, str], Mapping[int, FeatureSet]],
    digests: Mapping[SampleKey, str],
) -> ReferenceFeatures | None:
    """A generator in the role of the reference shows all its seeds, as in the run's own summary."""
    generator = library.generators.get(metric.reference)
    if generator is None:
        return library.features.get((metric.reference, metric.extractor))
    sets = features.get((generator, metric.extractor))
    if not sets:
        return None
    together = FeatureSet(
        np.concatenate([found.features for found in sets.values()]),
        tuple(name for found in sets.values() for name in found.objects),
    )
    own = [digest for key, digest in digests.items() if key.generator == generator]
    return generator_reference(metric.reference, metric.extractor, together, own)


def _fold(
    metric: KernelDistance, sets: Mapping[str, Mapping[int, FeatureSet]], reference: ReferenceFeatures, plan: Plan
) -> SetResult:
    whole = {name: of_seeds for name, of_seeds in sets.items() if len(of_seeds) == len(plan.seeds)}
    objects = {
        name: tuple(case.id for case in plan.cases if all(case.id in found.objects for found in of_seeds.values()))
        for name, of_seeds in whole.items()
    }
    grams = []
    for seed in plan.seeds:
        rows = np.concatenate([of_seeds[seed].features for of_seeds in whole.values()]).astype(np.float64)
        grams.append(
            ObjectGram.fold(
                metric.prepared(rows),
                [name for of_seeds in whole.values() for name in of_seeds[seed].objects],
                metric.prepared(np.asarray(reference.features, np.float64)),
                reference.clusters,
                clustered=True,
                shared=reference.shares_objects,
                methods=[name for name, of_seeds in whole.items() for _ in of_seeds[seed].objects],
                kernel=metric.kernel,
                biased=metric.biased,
            )
        )
    return SetResult(tuple(grams), {name: names for name, names in objects.items() if len(names) > 1})


def reference_kinds(run: RunResults) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Distances between objects by what they are distances to: real pictures; pictures of a generator (base)."""
    suite = run.manifest.get("suite")
    references = suite.get("references") if isinstance(suite, dict) else None
    generators = {name for name, found in (references or {}).items() if "generator" in found}
    names = [
        metric.name for metric in run.metrics if metric.name.startswith(("ed_cluster[", "kd_cluster[", "kid_cluster@"))
    ]
    real = tuple(name for name in names if name.rpartition("@")[2] not in generators)
    return real, tuple(name for name in names if name.rpartition("@")[2] in generators)
