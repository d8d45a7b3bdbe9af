"""Plug-ins tried before a run needs them: made ready, asked for what they say of themselves, shown two pictures.

What ships is held to its protocol by tests and not tried here; what a suite brings along is, so that `validate` finds
what a run would otherwise stumble over after hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from bench.cases.case import Case
from bench.errors import BenchError, WeightsMissing
from bench.extractors.catalogue import EXTRACTORS, load_extractor
from bench.extractors.feature_cache import features_of
from bench.generators.catalogue import GENERATORS
from bench.generators.protocol import GeneratorContext
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import SetMetric
from bench.plugins.held import HeldObjectMetric
from bench.plugins.origin import ships
from bench.run.plan import generator_fingerprint, shared_cameras, suite_cases, training_of
from bench.suite.check import make_metric
from bench.suite.schema import Suite

SIDE = 32  # px of the pictures that an extractor is tried on


def rehearse(suite: Suite) -> Iterator[BenchError]:
    """What is wrong with the plug-ins of a suite, one error each. Fetches nothing; what lacks weights is left out."""
    extractors: dict[str, None] = {}
    for entry in suite.metrics:
        metric = make_metric(entry, METRICS)
        if isinstance(metric, SetMetric):
            extractors[metric.extractor] = None
        if isinstance(metric, HeldObjectMetric) and not ships(METRICS, entry.name):
            yield from _metric(metric, tuple(case.prompt for case in _cases(suite)))
    for name in extractors:
        if not ships(EXTRACTORS, name):
            yield from _extractor(name)
    brought = [generator for generator in suite.generators if not ships(GENERATORS, generator.use)]
    if brought:
        context = GeneratorContext(_cases(suite), shared_cameras(suite), suite.views.rgb, "cpu", suite.folder)
        for generator in brought:
            try:
                generator_fingerprint(generator, context)
                training_of(generator, context)
            except BenchError as error:
                yield error


def _cases(suite: Suite) -> tuple[Case, ...]:
    """The suite's objects; none where they are not there yet."""
    try:
        return suite_cases(suite)
    except BenchError:
        return ()


def _metric(metric: HeldObjectMetric, prompts: tuple[str, ...]) -> Iterator[BenchError]:
    metric.see_prompts(prompts)
    metric.prepare("cpu", offline=True)
    if metric.broken is not None:
        yield metric.broken


def _extractor(name: str) -> Iterator[BenchError]:
    noise = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
    try:
        extractor = load_extractor(name, "cpu", offline=True)
        features_of([partial(np.asarray, picture) for picture in noise], [extractor])
    except WeightsMissing:
        return  # as a run will say in its rows
    except BenchError as error:
        yield error
