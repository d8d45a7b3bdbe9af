"""What is timed, one job a process: `jobs.py JOB FOLDER COUNT` answers with a line of JSON.

FOLDER holds `renders/`, `photos/` and the same Inception network twice: as the TorchScript file that this project and
clean-fid read (`inception-2015-12-05.pt`, its hash in `sha256`), and as the tensors that the others load (`state.pth`).
Nothing is fetched.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from made_pictures import write_photos, write_renders

Answer = dict[str, float]

# fewer than the machine has under `taskset`
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
NOT_INSTALLED = 3  # exit status
PHOTOS = 168


def prepare(folder: Path, count: int) -> Answer:
    """Make FOLDER: `count` renders, their photos, and the network in both of its forms."""
    import hashlib

    import torch
    from inception_network import published_state, random_layers, torchscript

    write_renders(folder / "renders", count)
    write_photos(folder / "photos", photos_for(count))
    layers = random_layers()
    program = torchscript(layers)
    (folder / "inception-2015-12-05.pt").write_bytes(program)
    (folder / "sha256").write_text(hashlib.sha256(program).hexdigest())
    torch.save(published_state(layers), folder / "state.pth")
    return {}


def ours(folder: Path, count: int) -> Answer:
    """FID and KID of this project: decoding, resizing and the network side by side, one pass for both."""
    from bench.extractors.feature_cache import features_of
    from bench.metrics.frechet import frechet_distance
    from bench.metrics.kernel import kernel_distance
    from groundwork.pictures import read_picture

    extractor = our_extractor(folder)
    renders, photos = (
        features_of([partial(read_picture, path) for path in sorted((folder / kind).iterdir())], [extractor])[
            extractor.name
        ]
        for kind in ("renders", "photos")
    )
    return {"fid": frechet_distance(renders, photos), "kid": kernel_distance(renders, photos)}


def bare_forward(folder: Path, count: int) -> Answer:
    """Our forward pass and nothing else, on pictures that are ready: the least that a job can take."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    backbone = our_extractor(folder).backbone
    pictures = [np.random.default_rng(i).uniform(0, 255, (3, 299, 299)).astype(np.float32) for i in range(8)]
    total = sum(len(list((folder / kind).iterdir())) for kind in ("renders", "photos"))
    start = time.perf_counter()
    with ThreadPoolExecutor(CORES) as pool:
        for _ in pool.map(lambda i: backbone.forward([pictures[i % len(pictures)]]), range(total)):
            pass
    return {"forward": time.perf_counter() - start}


def torch_forward(folder: Path, count: int) -> Answer:
    """The same in eager torch on all cores, in batches of 32: the least that a tool on eager torch can take."""
    import torch
    from inception_network import loaded

    layers = loaded(folder / "inception-2015-12-05.pt").layers
    batch = torch.rand(32, 3, 299, 299) * 2 - 1
    total = sum(len(list((folder / kind).iterdir())) for kind in ("renders", "photos"))
    start = time.perf_counter()
    with torch.inference_mode():
        for first in range(0, total, len(batch)):
            layers(batch[: total - first])
    return {"forward": time.perf_counter() - start}


def clean_fid(folder: Path, count: int) -> Answer:
    """FID and KID of clean-fid, on features that are computed once. Its own resize and its own distances."""
    import numpy as np
    import torch
    from cleanfid import features, fid

    features.InceptionV3W = partial(_at, features.InceptionV3W, folder)
    model = fid.build_feature_extractor("clean", torch.device("cpu"), use_dataparallel=False)
    renders, photos = (
        fid.get_folder_features(str(folder / kind), model, num_workers=CORES, device=torch.device("cpu"), verbose=False)
        for kind in ("renders", "photos")
    )
    moments = [(rows.mean(axis=0), np.cov(rows, rowvar=False)) for rows in (renders, photos)]
    with _square_root_with_error(fid.linalg):
        distance = fid.frechet_distance(*moments[0], *moments[1])
    return {"fid": float(np.real(distance)), "kid": fid.kernel_distance(renders, photos)}


def torch_fidelity(folder: Path, count: int) -> Answer:
    """FID and KID of torch-fidelity. Its own resize; KID from subsets as large as the smaller set."""
    from torch_fidelity import calculate_metrics

    found = calculate_metrics(
        input1=str(folder / "renders"),
        input2=str(folder / "photos"),
        cuda=False,
        fid=True,
        kid=True,
        kid_subset_size=min(1000, count, photos_for(count)),
        feature_extractor_weights_path=str(folder / "state.pth"),
        cache=False,
        verbose=False,
    )
    return {"fid": found["frechet_inception_distance"], "kid": found["kernel_inception_distance_mean"]}


def pytorch_fid(folder: Path, count: int) -> Answer:
    """FID of pytorch-fid, which has no KID."""
    import torch
    from pytorch_fid import fid_score, inception

    inception.load_state_dict_from_url = lambda *_, **__: torch.load(folder / "state.pth")
    paths = [str(folder / kind) for kind in ("renders", "photos")]
    with _square_root_with_error(fid_score.linalg):
        return {"fid": float(fid_score.calculate_fid_given_paths(paths, 50, "cpu", 2048, num_workers=CORES))}


def torchmetrics(folder: Path, count: int) -> Answer:
    """FID and KID of torchmetrics, sharing one network. It takes tensors: pictures are read as its users would."""
    import numpy as np
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader
    from torchmetrics.image import FrechetInceptionDistance, KernelInceptionDistance
    from torchmetrics.image.fid import NoTrainInceptionV3
    from torchmetrics.wrappers import FeatureShare

    network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(folder / "state.pth"))
    subset = min(1000, count, photos_for(count))
    metrics = FeatureShare([FrechetInceptionDistance(network), KernelInceptionDistance(network, subset_size=subset)])

    def read(paths: list[Path]) -> torch.Tensor:
        pictures = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
        return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)

    with torch.inference_mode():
        for kind in ("renders", "photos"):
            paths = sorted((folder / kind).iterdir())
            for batch in DataLoader(paths, batch_size=32, num_workers=CORES, collate_fn=read):
                metrics.update(batch, real=kind == "photos")
        found = metrics.compute()
    mean, _ = found["KernelInceptionDistance"]
    return {"fid": float(found["FrechetInceptionDistance"]), "kid": float(mean)}


def frechet_ours(folder: Path, count: int) -> Answer:
    """The distance alone, on features."""
    from bench.metrics.frechet import frechet_distance

    return _timed(frechet_distance, *_features(count))


def frechet_sqrtm(folder: Path, count: int) -> Answer:
    """Covariances and scipy's square root of their product, as Heusel et al. published it."""
    import numpy as np
    import scipy.linalg

    def distance(x: Any, y: Any) -> float:
        s1, s2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
        root = scipy.linalg.sqrtm(s1 @ s2)
        gap = x.mean(axis=0) - y.mean(axis=0)
        return float(gap @ gap + np.trace(s1) + np.trace(s2) - 2 * np.trace(root).real)

    return _timed(distance, *_features(count))


def frechet_eigenvalues(folder: Path, count: int) -> Answer:
    """Covariances and the eigenvalues of their product, as torchmetrics and newer tools have it."""
    import numpy as np
    import torch

    def distance(x: Any, y: Any) -> float:
        s1, s2 = (torch.from_numpy(np.cov(rows, rowvar=False)) for rows in (x, y))
        root = torch.linalg.eigvals(s1 @ s2).sqrt().real.sum()
        gap = x.mean(axis=0) - y.mean(axis=0)
        return float(gap @ gap + s1.trace() + s2.trace() - 2 * root)

    return _timed(distance, *_features(count))


def frechet_jackknife(folder: Path, count: int) -> Answer:
    """The distance without each of `count` pictures in turn."""
    import numpy as np

    from bench.metrics.frechet_jackknife import leave_rows_out

    x, y = _features(count)
    return _timed(lambda: float(np.std(leave_rows_out(x, list(np.arange(count)[:, None]), y))))


JOBS: dict[str, Callable[[Path, int], Answer]] = {
    job.__name__: job
    for job in (
        prepare, ours, bare_forward, torch_forward, clean_fid, torch_fidelity, pytorch_fid, torchmetrics, frechet_ours,
        frechet_sqrtm, frechet_eigenvalues, frechet_jackknife,
    )
}  # fmt: skip


def our_extractor(folder: Path) -> Any:
    from dataclasses import replace

    from bench.extractors import inception
    from bench.extractors.catalogue import load_extractor
    from bench.extractors.weights import FOLDER_VARIABLE

    # the random network in the published one's place
    inception.WEIGHTS = replace(inception.WEIGHTS, sha256=(folder / "sha256").read_text())
    os.environ[FOLDER_VARIABLE] = str(folder)
    return load_extractor("inception", offline=True)


def _at(network: Callable[..., Any], folder: Path, path: str, download: bool, resize_inside: bool) -> Any:
    return network(str(folder), download=False, resize_inside=resize_inside)


@contextlib.contextmanager
def _square_root_with_error(module: Any) -> Iterator[None]:
    """`sqrtm(x, disp=False)` as older scipy answers it, with an error estimate that nobody reads."""
    root_of = module.sqrtm
    module.sqrtm = lambda x, disp=True: root_of(x) if disp else (root_of(x), 0.0)
    try:
        yield
    finally:
        module.sqrtm = root_of


def _features(count: int, width: int = 2048) -> tuple[Any, Any]:
    """Features (count, width) and (count, width) that fall off like those of networks."""
    import numpy as np

    rng = np.random.default_rng(0)
    scale = np.geomspace(1.0, 0.01, width)
    return rng.standard_normal((count, width)) * scale, rng.standard_normal((count, width)) * scale + 0.01


def photos_for(renders: int) -> int:
    """How many photos stand against so many renders: a little more, up to the size of a small set of photographs."""
    return min(renders * 21 // 20, PHOTOS)


def _timed(function: Callable[..., Any], *arguments: Any) -> Answer:
    start = time.perf_counter()
    value = function(*arguments)
    return {"seconds": time.perf_counter() - start, "value": float(value)}


if __name__ == "__main__":
    name, where, number = sys.argv[1:]
    try:
        with contextlib.redirect_stdout(sys.stderr):
            result = JOBS[name](Path(where), int(number))
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(NOT_INSTALLED)
    print(json.dumps(result))
