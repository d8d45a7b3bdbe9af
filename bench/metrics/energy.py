"""The energy distance between sets of features: how much farther from real pictures than these are from each other.

E = 2 E|X - Y| - E|X - X'| - E|Y - Y'| (Székely & Rizzo 2013), with |.| the root mean square over features. It is the
squared MMD of the kernel -|x - y|, so it is 0 for equal distributions alone, and the sums of `kernel` serve it. Lengths
enter as they are and not cubed: no outlier and no loud feature decides, and the value has the features' unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from bench.metrics.declaration import FeatureSet, Result
from bench.metrics.feature_pair import Matrix, negative_distance
from bench.metrics.near_copies import copied_objects
from bench.metrics.set_distances import ExtractorOptions, KernelDistance
from bench.references.reference_set import ReferenceFeatures

IN_DEVIATIONS = ("efficientnet_lite0_interior",)
"""Extractors whose features are standard deviations of real photographs."""


class EdCluster(KernelDistance):
    """The energy distance over pairs of different objects, on the features of a named extractor; unbiased.

    An object that nearly copies one of the reference is not held against that one: copies come no nearer than others.
    """

    Options = ExtractorOptions
    symbol = "ed_cluster"
    title = "energy distance between objects"
    clustered: ClassVar[bool] = True

    @staticmethod
    def kernel(x: Matrix, y: Matrix) -> Matrix:
        """Minus the root mean square difference."""
        return negative_distance(x, y)

    def result(self) -> Result:
        """In standard deviations of real photographs where the features are told in them."""
        found = super().result()
        unit = "sd" if self.extractor in IN_DEVIATIONS else ""
        return replace(found, unit=unit)

    def parameters(self) -> str:
        """Kernel, estimator and which pairs are left out."""
        return "kernel=negative-rms-distance estimator=unbiased clusters=object copies=apart v2"

    def originals(self, generated: FeatureSet, reference: ReferenceFeatures) -> Mapping[str, str]:
        """By their features."""
        return {} if reference.shares_objects else copied_objects(generated, reference)
