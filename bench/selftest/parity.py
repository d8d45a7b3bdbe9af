"""Our FID, KID, PSNR, SSIM and LPIPS beside those of the packages that people know, on this machine.

The same pictures and the same features go into both, drawn at random with a fixed seed: what is compared is the
arithmetic. Where LPIPS' weights are not here, both sides get one network with random ones, and the row says so.
"""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.metrics.frechet import frechet_distance
from bench.metrics.kernel import kernel_distance
from bench.metrics.lpips_distance import Lpips, find_lpips, lpips_network
from bench.metrics.reprojection import psnr_per_view
from bench.metrics.ssim import SSIM_BORDER, ssim_per_view

PICTURES, SIZE = 4, 96
SAMPLES, DIMENSIONS = 200, 64


@dataclass(frozen=True)
class Parity:
    """A number of ours beside a package's, on the same `what`. `theirs` is None where the package is not installed."""

    metric: str
    package: str
    what: str
    tolerance: float  # of the larger value
    ours: float
    theirs: float | None

    @property
    def difference(self) -> float:
        """Relative to the larger of the two; NaN without the package."""
        if self.theirs is None:
            return math.nan
        return abs(self.ours - self.theirs) / max(abs(self.ours), abs(self.theirs), 1e-12)

    @property
    def holds(self) -> bool:
        """Whether the two agree; also where there is nothing to compare with."""
        return self.theirs is None or self.difference <= self.tolerance


def compare_with_packages() -> tuple[Parity, ...]:
    """Every comparison, in print order."""
    return tuple(_rows())


def _rows() -> Iterator[Parity]:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((SAMPLES, DIMENSIONS))
    b = 0.8 * rng.standard_normal((SAMPLES, DIMENSIONS)) + 0.3
    features = f"{SAMPLES} random features of {DIMENSIONS} values"
    fid, kid = frechet_distance(a, b), kernel_distance(a, b)
    yield _row("FID", "clean-fid", "cleanfid", features, 1e-6, fid, lambda: _cleanfid_frechet(a, b))
    yield _row("FID", "torchmetrics", "torchmetrics", features, 1e-6, fid, lambda: _torchmetrics_frechet(a, b))
    yield _row("KID", "clean-fid", "cleanfid", features, 1e-6, kid, lambda: _cleanfid_kernel(a, b))
    yield _row("KID", "torchmetrics", "torchmetrics", features, 1e-6, kid, lambda: _torchmetrics_kernel(a, b))

    views = torch.from_numpy(rng.random((PICTURES, SIZE, SIZE, 3))).float()
    others = (views + 0.1 * torch.from_numpy(rng.standard_normal(views.shape)).float()).clamp(0.0, 1.0)
    everywhere = torch.ones(views.shape[:3], dtype=torch.bool)
    pictures = f"{PICTURES} random pictures of {SIZE} px"
    psnr, ssim = (float(np.mean(f(views, others, everywhere))) for f in (psnr_per_view, ssim_per_view))
    for metric, ours, torchs, skimages in (
        ("PSNR", psnr, _torchmetrics_psnr, _skimage_psnr),
        ("SSIM", ssim, _torchmetrics_ssim, _skimage_ssim),
    ):
        where = f"{pictures}, its map less the border" if metric == "SSIM" else pictures
        yield _row(metric, "torchmetrics", "torchmetrics", where, 1e-5, ours, _of(torchs, views, others))
        yield _row(metric, "scikit-image", "skimage", pictures, 1e-4, ours, _of(skimages, views, others))

    if importlib.util.find_spec("lpips") is None:
        yield Parity("LPIPS", "lpips", "not compared", 1e-5, math.nan, None)
        return
    known = find_lpips("alex", "cpu", offline=True)
    network, lpips, words = (
        _random_lpips() if not isinstance(known, Lpips) else (_published(), known, "published weights")
    )
    ours = float(np.mean(lpips.distances(views, others)))
    yield _row("LPIPS", "lpips", "lpips", f"{pictures}, {words}", 1e-5, ours, lambda: _lpips(network, views, others))


def _row(
    metric: str, package: str, module: str, what: str, tolerance: float, ours: float, theirs: Callable[[], float]
) -> Parity:
    there = importlib.util.find_spec(module) is not None
    return Parity(metric, package, what, tolerance, ours, theirs() if there else None)


def _of(measure: Callable[[Tensor, Tensor], float], views: Tensor, others: Tensor) -> Callable[[], float]:
    return lambda: float(np.mean([measure(*pair) for pair in zip(views, others, strict=True)]))


def _moments(features: Any) -> tuple[Any, Any]:
    return features.mean(axis=0), np.cov(features, rowvar=False)


def _cleanfid_frechet(a: Any, b: Any) -> float:
    from cleanfid.fid import frechet_distance as theirs

    return float(theirs(*_moments(a), *_moments(b)))


def _cleanfid_kernel(a: Any, b: Any) -> float:
    from cleanfid.fid import kernel_distance as theirs

    return float(theirs(a, b, num_subsets=1, max_subset_size=len(a)))  # one subset that is the whole set


def _torchmetrics_frechet(a: Any, b: Any) -> float:
    from torchmetrics.image.fid import _compute_fid

    return float(_compute_fid(*(torch.from_numpy(part) for part in (*_moments(a), *_moments(b)))))


def _torchmetrics_kernel(a: Any, b: Any) -> float:
    from torchmetrics.image.kid import poly_mmd

    return float(poly_mmd(torch.from_numpy(a), torch.from_numpy(b)))


def _torchmetrics_psnr(view: Tensor, other: Tensor) -> float:
    from torchmetrics.functional.image import peak_signal_noise_ratio

    return float(peak_signal_noise_ratio(other, view, data_range=1.0))


def _skimage_psnr(view: Tensor, other: Tensor) -> float:
    from skimage.metrics import peak_signal_noise_ratio

    theirs: Any = peak_signal_noise_ratio  # not annotated
    return float(theirs(view.numpy(), other.numpy(), data_range=1.0))


def _torchmetrics_ssim(view: Tensor, other: Tensor) -> float:
    from torchmetrics.functional.image import structural_similarity_index_measure

    planes = (picture.permute(2, 0, 1)[None] for picture in (view, other))
    _, full = structural_similarity_index_measure(*planes, data_range=1.0, return_full_image=True)  # type: ignore[misc, arg-type]
    # its plain answer counts mirrored windows along the border, which Wang et al. and scikit-image leave out
    return float(full[..., SSIM_BORDER:-SSIM_BORDER, SSIM_BORDER:-SSIM_BORDER].mean())


def _skimage_ssim(view: Tensor, other: Tensor) -> float:
    from skimage.metrics import structural_similarity

    theirs: Any = structural_similarity  # not annotated
    return float(
        theirs(
            view.double().numpy(),
            other.double().numpy(),
            data_range=1.0,
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def _published() -> Any:
    import lpips

    return lpips.LPIPS(net="alex", verbose=False).eval()


def _random_lpips() -> tuple[Any, Lpips, str]:
    """The package's network with a random trunk, and ours with the same tensors."""
    import lpips

    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False).eval()
    tensors = network.state_dict()
    trunk = {f"features.{name.split('.', 2)[2]}": t for name, t in tensors.items() if name.startswith("net.")}
    heads = {name: t for name, t in tensors.items() if name.startswith("lin") and not name.startswith("lins.")}
    return network, Lpips(lpips_network("alex", trunk, heads)), "random weights: the published ones are not here"


def _lpips(network: Any, views: Tensor, others: Tensor) -> float:
    with torch.inference_mode():
        return float(network(2 * views.permute(0, 3, 1, 2) - 1, 2 * others.permute(0, 3, 1, 2) - 1).mean())
