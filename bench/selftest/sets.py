"""Measures the self-test's pictures as sets: what distances to a reference say of them.

The reference is the ceiling itself, pictures of the same objects, so that a copy of the reference is among what is
measured and every change has one known cause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import FeatureSet, SetMetric
from bench.plugins.contract import plugin_class
from bench.references.reference_set import ReferenceFeatures
from bench.selftest.checks import COLLAPSED, HALVES, REFERENCE, SET_METRICS
from bench.selftest.objects import ObjectAnswer
from bench.selftest.pictures import CEILING
from bench.suite.check import read_options


def set_metrics() -> tuple[SetMetric, ...]:
    """The metrics as a suite makes them, against the reference 'ceiling'."""
    factories = [(plugin_class(METRICS, name), extractor) for name, extractor in SET_METRICS]
    return tuple(f(read_options(f, {"reference": REFERENCE, "extractor": extractor})) for f, extractor in factories)


def measure_sets(answers: Sequence[ObjectAnswer], metrics: Sequence[SetMetric]) -> dict[str, dict[str, float]]:
    """`values[pictures][metric]` of all objects' pictures together.

    Two sets more than the pictures: 'collapsed' shows the first object in every object's place, and 'halves' compares
    the ceiling of every second object with that of the others.
    """
    values: dict[str, dict[str, float]] = {}
    for metric in metrics:
        truth = _features(answers, CEILING, metric.extractor)
        reference = _reference(truth, metric.extractor)
        sets = {name: _features(answers, name, metric.extractor) for name in answers[0].features}
        first = truth.features[: len(truth.features) // len(answers)]
        sets[COLLAPSED] = FeatureSet(np.tile(first, (len(answers), 1)), truth.objects)
        for name, generated in sets.items():
            values.setdefault(name, {})[metric.result().name] = metric.distance(generated, reference)
        odd, even = (_features(answers[start::2], CEILING, metric.extractor) for start in (0, 1))
        found = metric.distance(odd, _reference(even, metric.extractor))
        values.setdefault(HALVES, {})[metric.result().name] = found
    return values


def _features(answers: Sequence[ObjectAnswer], pictures: str, extractor: str) -> FeatureSet:
    found: list[Mapping[str, np.ndarray]] = [answer.features[pictures] for answer in answers]
    rows = np.concatenate([features[extractor] for features in found])
    objects = tuple(a.case for a, features in zip(answers, found, strict=True) for _ in features[extractor])
    return FeatureSet(rows, objects)


def _reference(shown: FeatureSet, extractor: str) -> ReferenceFeatures:
    return ReferenceFeatures(REFERENCE, shown.features, shown.objects, "", extractor, shares_objects=True)
