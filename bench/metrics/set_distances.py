"""The distances to a reference set that a suite can ask for: FID, KID and the same on features of other networks.

`fid`, `kid` and `kid_cluster` always mean Inception features, as in print; `fd`, `kd` and `kd_cluster` take any
extractor, named in the suite and in the result. Two families of statistics stand behind them (`frechet`, `kernel`);
this file gives each its label, its jackknife over objects and its test of a difference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from bench.errors import InputError, ReferenceSetError
from bench.metrics.declaration import FeatureSet, Result, SetMetric, object_order
from bench.metrics.feature_pair import Matrix, feature_pair
from bench.metrics.frechet import frechet_distance, frechet_distance_to
from bench.metrics.frechet_jackknife import leave_rows_out
from bench.metrics.kept import Kept, array_bytes
from bench.metrics.kernel import ObjectGram, PairSums, cubic_kernel, jackknife_excess, pair_values
from bench.metrics.moments import Moments, moments_of
from bench.metrics.pair_means import PairMean, pair_mean
from bench.references.reference_set import ReferenceFeatures
from bench.references.shards import EachItsOwn, FeatureShards
from bench.stats.difference import Difference, difference_of_distances


class ReferenceOptions(BaseModel):
    """Keys of `fid`, `kid`, `kid_cluster`, `cmmd` in a suite: their network is part of their name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reference: str = Field(min_length=1, description="name of a reference set of this suite")


class ExtractorOptions(ReferenceOptions):
    """Keys of `fd`, `kd`, `kd_cluster` in a suite."""

    extractor: str = Field(min_length=1, description="name of the network whose features are compared")


class _SetDistance(SetMetric):
    """What the distances share; a `SetMetric`. `network` is the extractor where the name implies one."""

    symbol: ClassVar[str]
    title: ClassVar[str]
    network: ClassVar[str] = "inception"

    def __init__(self, options: ReferenceOptions) -> None:
        self.reference = options.reference
        if isinstance(options, ExtractorOptions):
            self.extractor, self._name = options.extractor, f"{self.symbol}[{options.extractor}]"
        else:
            self.extractor, self._name = self.network, self.symbol

    def result(self) -> Result:
        """`symbol@reference`, with `[extractor]` where the symbol does not imply it. Lower is better; no unit."""
        title = self.title if self._name == self.symbol else f"{self.title} on {self.extractor} features"
        return Result(name=f"{self._name}@{self.reference}", direction="down", unit="", title=title, axis="realism")

    def difference(self, a: FeatureSet, b: FeatureSet, reference: ReferenceFeatures) -> Difference:
        """See `SetMetric`. Raises `InputError` unless both sets show the same objects."""
        a, b = _paired(a, b, reference)
        ours, theirs = (self.leave_one_object_out(side, reference) for side in (a, b))
        return difference_of_distances(self.distance(a, reference) - self.distance(b, reference), ours, theirs)


class _Frechet(_SetDistance):
    limits = (0.0, math.inf)

    def __init__(self, options: ReferenceOptions) -> None:
        super().__init__(options)
        self._distances, self._left_out = Kept[float](array_bytes), Kept[npt.NDArray[np.float64]](array_bytes)

    def parameters(self) -> str:
        return "covariance=unbiased v1"

    def distance(self, generated: FeatureSet, reference: ReferenceFeatures) -> float:
        _check(generated, reference)
        of = generated.identity, reference.identity
        return self._distances.get(of, lambda: self._measured(generated, reference))

    def _measured(self, generated: FeatureSet, reference: ReferenceFeatures) -> float:
        moments = self._moments_of(reference)
        if moments is not None:
            return frechet_distance_to(_rows(generated, reference), moments)
        return frechet_distance(generated.features, np.asarray(reference.features))

    def _moments_of(self, reference: ReferenceFeatures) -> Moments | None:
        """Of a reference in shards, read once. None for few pictures: a covariance of low rank has no good factor."""
        features = reference.features
        if not isinstance(features, FeatureShards) or len(features) <= 2 * features.shape[1]:
            return None
        return _moments.get(reference.identity, lambda: moments_of(features.blocks()))

    def leave_one_object_out(self, generated: FeatureSet, reference: ReferenceFeatures) -> npt.NDArray[np.float64]:
        _check(generated, reference)
        of = generated.identity, reference.identity
        return self._left_out.get(of, lambda: self._without_each(generated, reference))

    def _without_each(self, generated: FeatureSet, reference: ReferenceFeatures) -> npt.NDArray[np.float64]:
        names = object_order(generated.objects)
        shown = _rows_of(names, generated.objects)
        moments = self._moments_of(reference)
        if moments is not None:
            return leave_rows_out(_rows(generated, reference), shown, moments)
        rows, others = feature_pair(generated.features, reference.features)
        shared = _rows_of(names, reference.clusters) if reference.shares_objects else None
        return leave_rows_out(rows, shown, others, shared)


class KernelDistance(_SetDistance):
    """MMD^2 on Gram sums per pair of objects, its jackknife and its test; unbiased with the cubic kernel.

    A subclass may be `clustered`, or `biased`, with a `kernel` of its own on features that it has `prepared`.
    """

    clustered: ClassVar[bool] = False
    biased: ClassVar[bool] = False

    def __init__(self, options: ReferenceOptions) -> None:
        super().__init__(options)
        self._grams, self._references = Kept[ObjectGram](array_bytes), Kept[PairSums](_pair_bytes)

    @staticmethod
    def kernel(x: Matrix, y: Matrix) -> Matrix:
        """Kernel values (n, m) of all rows of x (n, d) and y (m, d)."""
        return cubic_kernel(x, y)

    @staticmethod
    def prepared(features: Matrix) -> Matrix:
        """Features (n, d) as the kernel takes them."""
        return features

    def parameters(self) -> str:
        """Kernel, estimator and which pairs are left out."""
        return f"kernel=cubic estimator=unbiased clusters={'object' if self.clustered else 'none'} v1"

    def distance(self, generated: FeatureSet, reference: ReferenceFeatures) -> float:
        """The distance of all pictures. Raises `InputError` when either side is too small."""
        return self._fold(generated, reference).distance()

    def leave_one_object_out(self, generated: FeatureSet, reference: ReferenceFeatures) -> npt.NDArray[np.float64]:
        """The distance without each object in turn, (objects,)."""
        return self._fold(generated, reference).leave_one_object_out()

    def pair_values(self, generated: FeatureSet, reference: ReferenceFeatures) -> npt.NDArray[np.float64]:
        """Kernel values of pairs of objects, and where the reference shows the same ones, of theirs."""
        return pair_values(self._fold(generated, reference))

    def difference(self, a: FeatureSet, b: FeatureSet, reference: ReferenceFeatures) -> Difference:
        """As declared; the variance that pairs of objects bring is counted once."""
        a, b = _paired(a, b, reference, clustered=self.clustered)
        ours, theirs = self._fold(a, reference), self._fold(b, reference)
        return difference_of_distances(
            ours.distance() - theirs.distance(),
            ours.leave_one_object_out(),
            theirs.leave_one_object_out(),
            jackknife_excess(ours, theirs),
        )

    def originals(self, generated: FeatureSet, reference: ReferenceFeatures) -> Mapping[str, str]:
        """Objects that copy one of the reference, and which: they are not held against each other."""
        return {}

    def _fold(self, generated: FeatureSet, reference: ReferenceFeatures) -> ObjectGram:
        """The sums of a generator and a reference, and those of a reference alone, are made once."""
        _check(generated, reference, clustered=self.clustered)
        gram = self._grams.get((generated.identity, reference.identity), lambda: self._folded(generated, reference))
        self._references.get(reference.identity, lambda: gram.reference)
        return gram

    def notes(self, reference: ReferenceFeatures) -> tuple[str, ...]:
        """How well the reference's own term is known, where not all of its pairs were taken."""
        if not isinstance(reference.features, FeatureShards) or not (error := self._pair_mean(reference).error):
            return ()
        return (
            f"the reference's own pairs were sampled: all generators' values may be off by {error:.2g} or less, alike",
        )

    def _pair_mean(self, reference: ReferenceFeatures) -> PairMean:
        features = reference.features
        assert isinstance(features, FeatureShards)
        of = reference.identity, self.kernel, self.prepared
        return _pair_means.get(of, lambda: pair_mean(features, self.kernel, self.prepared))

    def _folded(self, generated: FeatureSet, reference: ReferenceFeatures) -> ObjectGram:
        if isinstance(reference.features, FeatureShards):
            return ObjectGram.of_blocks(
                self.prepared(_rows(generated, reference)),
                generated.objects,
                map(self.prepared, reference.features.blocks()),
                self._pair_mean(reference).mean(self.biased),
                clustered=self.clustered,
                kernel=self.kernel,
                biased=self.biased,
                originals={ours: int(theirs) for ours, theirs in self.originals(generated, reference).items()},
            )
        rows, others = feature_pair(generated.features, reference.features)
        return ObjectGram.fold(
            self.prepared(rows),
            generated.objects,
            self.prepared(others),
            reference.clusters,
            clustered=self.clustered,
            shared=reference.shares_objects,
            kernel=self.kernel,
            biased=self.biased,
            originals=self.originals(generated, reference),
            reference=self._references.there(reference.identity),
        )


class Fid(_Frechet):
    """FID (Heusel et al. 2017) with n - 1 covariances. Biased upwards at small n: print FID(ref, ref) beside it."""

    Options = ReferenceOptions
    symbol = "fid"
    title = "Fréchet Inception distance"


class Kid(KernelDistance):
    """KID (Bińkowski et al. 2018) on the full sets, with no subset sampling and no scaling."""

    Options = ReferenceOptions
    symbol = "kid"
    title = "kernel Inception distance"


class KidCluster(KernelDistance):
    """KID over pairs of different objects only: views of one object add no bias."""

    Options = ReferenceOptions
    symbol = "kid_cluster"
    title = "kernel Inception distance between objects"
    clustered = True


class Fd(_Frechet):
    """The Fréchet distance on the features of a named extractor."""

    Options = ExtractorOptions
    symbol = "fd"
    title = "Fréchet distance"


class Kd(KernelDistance):
    """The kernel distance of `Kid` on the features of a named extractor."""

    Options = ExtractorOptions
    symbol = "kd"
    title = "kernel distance"


class KdCluster(KernelDistance):
    """The kernel distance of `KidCluster` on the features of a named extractor."""

    Options = ExtractorOptions
    symbol = "kd_cluster"
    title = "kernel distance between objects"
    clustered = True


# fid and fd, and metrics of several runs in one process, look at the same references
_moments = Kept[Moments](lambda moments: array_bytes(moments.mean, moments.scatter))
_pair_means = Kept[PairMean](array_bytes)


def _rows(generated: FeatureSet, reference: ReferenceFeatures) -> Matrix:
    """The generator's features as float64. Raises `InputError` as `feature_pair` does."""
    return feature_pair(generated.features, reference.features[:2])[0]


def _pair_bytes(sums: PairSums) -> int:
    return array_bytes(sums.sums, sums.counts)


def _check(generated: FeatureSet, reference: ReferenceFeatures, clustered: bool = False) -> None:
    """Enough on both sides, and one id a picture. Says which side is at fault and what it needs."""
    for ids, features, kind, where in (
        (generated.objects, generated.features, InputError, "generated pictures"),
        (reference.clusters, reference.features, ReferenceSetError, f"reference set '{reference.name}'"),
    ):
        if len(ids) != len(features):
            raise kind(f"{len(features)} features but {len(ids)} object ids", where=where, expected="one id a picture")
        if len(ids) < 2:
            raise kind(f"a distance between sets needs at least 2 pictures, got {len(ids)}", where=where)
        if clustered and not isinstance(ids, EachItsOwn) and len(set(ids)) < 2:
            raise kind(
                f"a kernel distance between objects needs pictures of at least 2 objects, got {len(set(ids))}",
                where=where,
                hint="add objects, or ask for the distance without clusters (kid, kd)",
            )


def _paired(
    a: FeatureSet, b: FeatureSet, reference: ReferenceFeatures, clustered: bool = False
) -> tuple[FeatureSet, FeatureSet]:
    """Both sets, checked, with their pictures grouped by object in the order of `a`. `InputError` unless they agree."""
    _check(a, reference, clustered)
    _check(b, reference, clustered)
    feature_pair(a.features, b.features)
    order = {name: number for number, name in enumerate(object_order(a.objects))}
    if lonely := sorted(set(a.objects) ^ set(b.objects)):
        listed = ", ".join(lonely[:5]) + (", ..." if len(lonely) > 5 else "")
        raise InputError(
            f"the two cannot be compared: {len(lonely)} objects are in one set only ({listed})",
            expected="two generators scored on the same objects",
            hint="finish the incomplete generator, or compare on the objects that both have",
        )

    def grouped(feature_set: FeatureSet) -> FeatureSet:
        rows = np.argsort([order[name] for name in feature_set.objects], kind="stable")
        if (rows == np.arange(len(rows))).all():
            return feature_set
        return FeatureSet(feature_set.features[rows], tuple(feature_set.objects[row] for row in rows))

    return grouped(a), grouped(b)


def _rows_of(names: Sequence[str], owners: Sequence[str]) -> list[npt.NDArray[np.intp]]:
    """The rows of each name, none for a name that owns none."""
    rows: dict[str, list[int]] = {name: [] for name in names}
    for row, owner in enumerate(owners):
        rows.get(owner, []).append(row)
    return [np.array(rows[name], dtype=np.intp) for name in names]
