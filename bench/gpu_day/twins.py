"""Everything that computes, on the device and on the CPU, with the same inputs: how far the answers lie apart.

Each twin answers with arrays by name; on a GPU they are held against the CPU's within a stated tolerance. On a CPU both
sides are the same code, run twice: so the twins themselves are known to work before a GPU is at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.gpu_day.findings import Notes, Planned, absent_package
from bench.gpu_day.inputs import inception_extractor, object_metrics, scene_of
from bench.gpu_day.settings import Settings

if TYPE_CHECKING:
    import numpy.typing as npt

Answers = Mapping[str, "npt.NDArray[Any]"]


@dataclass(frozen=True)
class Twin:
    """`compute(settings, device)` answers with arrays; `tolerance` is the largest difference that rounding explains."""

    name: str
    tolerance: float
    compute: Callable[[Settings, str], Answers]


def plan_twins(settings: Settings) -> Sequence[Planned]:
    """Names of what `twins` finds."""
    return (*(Planned(f"{twin.name}: largest difference") for twin in TWINS), Planned("memory runs out and comes back"))


def twins(settings: Settings, notes: Notes) -> None:
    """Every twin; one that fails does not keep the next from its turn."""
    for twin in TWINS:
        name = f"{twin.name}: largest difference"
        try:
            wanted, found = twin.compute(settings, "cpu"), twin.compute(settings, settings.device)
            apart = largest_difference(wanted, found)
        except Exception as error:
            package = absent_package(error)
            if package:
                notes.skipped(name, f"the package {package} is absent")
            else:
                notes.failed(name, f"{type(error).__name__}: {str(error)[:300]}")
            continue
        words = f"{apart:.2g}, {twin.tolerance:g} tolerated, {len(wanted)} arrays"
        notes.fact(name, f"agrees: {words}") if apart <= twin.tolerance else notes.failed(name, words)
    notes.fact("memory runs out and comes back", _runs_out(settings))


def largest_difference(wanted: Answers, found: Answers) -> float:
    """Over all arrays. Raises `ValueError` for other names or shapes, or numbers that only one side has."""
    import numpy as np

    if set(wanted) != set(found):
        raise ValueError(f"one side answers with {sorted(set(wanted) ^ set(found))}")
    worst = 0.0
    for name, expected in wanted.items():
        got = found[name]
        if expected.shape != got.shape or not np.array_equal(np.isfinite(expected), np.isfinite(got)):
            raise ValueError(f"{name}: shapes {expected.shape} and {got.shape}, or other numbers are not finite")
        sound = np.isfinite(expected)
        if sound.any():
            worst = max(worst, float(np.abs(expected[sound].astype(np.float64) - got[sound]).max()))
    return worst


def _rasteriser(settings: Settings, device: str) -> Answers:
    sample = scene_of(settings, device)
    gbuffer = sample.scene.gbuffer
    return {name: getattr(gbuffer, name).cpu().numpy() for name in ("mask", "depth", "position", "normal")}


def _correspondence(settings: Settings, device: str) -> Answers:
    found = scene_of(settings, device).scene.correspondence
    return {"scoring mask": found.scoring_mask.cpu().numpy(), "weight": found.weight.cpu().numpy()}


def _render(settings: Settings, device: str) -> Answers:
    from bench.cases.miniworld.world import miniworld_cases
    from bench.geometry.cameras import view_cameras
    from bench.geometry.rendering import render_albedo

    case = miniworld_cases("eval", 1, "rich", 0)[0]
    assert case.mesh is not None
    return {"views": render_albedo(case.mesh.load(), view_cameras(resolution=64), (1.0, 1.0, 1.0), device).astype(int)}


def _metrics(settings: Settings, device: str) -> Answers:
    import numpy as np

    found = object_metrics(scene_of(settings, device))
    return {name: np.array(np.nan if value is None else value) for name, value in found.items()}


def _small_extractor(settings: Settings, device: str) -> Answers:
    import numpy as np

    from bench.extractors.catalogue import EXTRACTORS

    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    features = EXTRACTORS.load("efficientnet_lite0")(device=device, offline=True).extract([picture] * 3)
    return {"features": features / np.sqrt(np.square(features).mean())}


def _inception(settings: Settings, device: str) -> Answers:
    import numpy as np
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        extractor = inception_extractor(device)
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    features = extractor.extract([picture] * 2)
    return {"features": features / max(float(np.sqrt(np.square(features).mean())), 1e-12)}


def _sampling(model: str) -> Callable[[Settings, str], Answers]:
    def compute(settings: Settings, device: str) -> Answers:
        import torch

        from baselines.sdedit import SDEdit
        from bench.generators.random_weights import base_pipeline, realiz3d_pipeline

        views, channels, side = (1 if model == "base" else 4), 4, 8
        made = base_pipeline("tiny") if model == "base" else realiz3d_pipeline("tiny")
        pipeline: Any = made.to(device)
        made.set_progress_bar_config(disable=True)
        if model == "sdedit":
            second = base_pipeline("tiny").to(device)
            second.set_progress_bar_config(disable=True)
            pipeline = SDEdit(made, second)
        latents = torch.randn(2, views, channels, side, side, generator=torch.Generator().manual_seed(0))
        control = None if model == "base" else torch.zeros(2, views, 8, side, side)
        answer = pipeline(
            ["a red mug", "a blue chair"], control, latents=latents, num_inference_steps=4, output_type="np",
            height=32, width=32, generator=[torch.Generator().manual_seed(seed) for seed in (1, 2)],
        )  # fmt: skip
        return {"views": answer.images}

    return compute


def _int8(settings: Settings, device: str) -> Answers:
    import torch

    from bench.generators.int8 import Int8Linear

    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer, x = Int8Linear(torch.nn.Linear(64, 48)).to(device), torch.randn(5, 64)
    return {"products": layer(x.to(device)).detach().cpu().numpy()}


def _training(stage: str) -> Callable[[Settings, str], Answers]:
    def compute(settings: Settings, device: str) -> Answers:
        from tempfile import TemporaryDirectory

        import numpy as np

        from bench.gpu_day.training import run_stage

        with TemporaryDirectory() as out:
            watch = run_stage(Settings(device, tiny=True), stage, Path(out), steps=2)
        weights = {f"weights {index}": tensor.numpy() for index, tensor in enumerate(watch.weights)}
        return {"losses": np.array(watch.losses), **weights}

    return compute


def _stopwatch(settings: Settings, device: str) -> Answers:
    """Clocks that wait for the device: twenty products take no less than any device needs for them."""
    import numpy as np
    import torch

    from bench.throughput.stopwatch import Moments, make_stopwatch

    side = 256 if settings.tiny else 4096
    clock, moments = make_stopwatch(device), Moments(device)
    a = torch.rand(side, side, device=device)
    clock.mark()
    first = moments.now()
    for _ in range(20):
        a = a @ a / side
    second = moments.now()
    clock.mark()
    (seconds,) = clock.seconds()
    moments.wait()
    least = 20 * 2 * side**3 / 2e15
    return {"waited": np.array([seconds >= least, moments.between(first, second) >= least])}


def _runs_out(settings: Settings) -> str:
    """The end of real memory, as a sweep meets it."""
    import torch

    from bench.throughput.sweep import sweep

    # a CPU's memory may be promised beyond what there is: what no machine has is refused at once
    part = torch.cuda.mem_get_info(settings.device)[0] // 3 if settings.cuda else 2**60

    def fill(size: int, number: int) -> float:
        held = torch.empty(size * part, dtype=torch.uint8, device=settings.device)
        return float(held[:1].float().numel())

    found = sweep(fill, 64, settings.device, passes=1)
    after = torch.ones(8, device=settings.device).sum().item() == 8
    return f"at {found.too_large} parts; {'what came next ran' if after else 'nothing ran afterwards'}"


TWINS = (
    # torch alone, and diffusers
    Twin("clocks", 0.0, _stopwatch),
    Twin("weights in 8 bits", 1e-4, _int8),
    *(Twin(f"sampling, {model}", 2e-3, _sampling(model)) for model in ("base", "realiz3d", "sdedit")),
    *(Twin(f"training, {stage}", 1e-3, _training(stage)) for stage in ("stage1", "stage2")),
    Twin("Inception-sized network", 1e-3, _inception),
    Twin("efficientnet_lite0", 1e-3, _small_extractor),
    # these need Warp
    Twin("rasteriser", 1e-9, _rasteriser),
    Twin("correspondence", 1e-9, _correspondence),
    Twin("supersampled render", 1.0, _render),
    Twin("object metrics", 1e-4, _metrics),
)
