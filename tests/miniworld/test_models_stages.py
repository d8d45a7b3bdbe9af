"""What tells the two domains apart in pictures, and a checkpoint's shifters run all in one mode."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("diffusers")
pytest.importorskip("accelerate")

from diffusers import DDIMScheduler, DiTTransformer2DModel

from baselines.sdedit import sdedit
from realiz3d.multiview import MultiviewModel
from realiz3d.pipeline import Realiz3DPipeline
from realiz3d.shifters import DomainShifters
from suites.miniworld import stages
from suites.miniworld.gate import base_samples
from suites.miniworld.packing import Base
from suites.miniworld.stages import MODES, DomainClassifier, look_of
from suites.miniworld.world import HELD_OUT, HELD_OUT_SYNTHETIC, Renders

SIDE = 16
NAMES = ("red mug", "blue egg")
TOLD = tuple(f"a 3D render of {name}" for name in NAMES)  # a host of labels must know all that it is told
TOLD_RICH = tuple(f"a photo of {name}" for name in NAMES)
SCHEDULER = DDIMScheduler(prediction_type="v_prediction", beta_schedule="squaredcos_cap_v2", clip_sample=False)


def painted(rng: np.random.Generator, count: int, *, detail: float, spread: int) -> np.ndarray:
    """Squares on white, uint8 (count, 2, 16, 16, 3): grey plus `spread` in the red, with noise of strength `detail`."""
    views = np.full((count, 2, SIDE, SIDE, 3), 255.0)
    base = rng.uniform(60, 140, (count, 1, 1, 1, 1)) + np.array([spread, 0, 0])
    inside = base + detail * rng.normal(size=(count, 2, 10, 10, 1))
    views[:, :, 3:13, 3:13] = inside.clip(0, 220)
    return views.astype(np.uint8)


def test_detail_and_saturation_are_those_of_the_surface_alone() -> None:
    rng = np.random.default_rng(0)
    flat, grainy = painted(rng, 4, detail=0, spread=51), painted(rng, 4, detail=20, spread=0)
    neither, both = DomainClassifier(np.zeros(1280), 1.0), DomainClassifier(np.zeros(1280), -1.0)
    plain, textured = look_of(flat, neither, both), look_of(grainy, neither, both)
    assert (plain.synthetic_share, plain.synthetic_share_by_renders) == (0, 1)
    assert plain.detail == 0 and plain.saturation == pytest.approx(51 / 255, abs=1 / 255)
    assert textured.saturation == 0
    # neighbours are independent here: the mean absolute difference of two normals is 2 s / sqrt(pi)
    assert textured.detail == pytest.approx(2 * 20 / np.sqrt(np.pi) / 255, rel=0.1)


def test_the_classifier_tells_unseen_pictures_of_the_two_domains_apart() -> None:
    rng = np.random.default_rng(1)
    rich, flat = painted(rng, 24, detail=25, spread=5), painted(rng, 24, detail=0, spread=70)
    classifier = DomainClassifier.fit(rich[:16], flat[:16])
    assert classifier.synthetic_share(flat[16:]) > 0.9 > 0.1 > classifier.synthetic_share(rich[16:])


def tiny_host() -> DiTTransformer2DModel:
    torch.manual_seed(0)
    return DiTTransformer2DModel(
        num_layers=2, num_attention_heads=2, attention_head_dim=8, in_channels=3, out_channels=3, sample_size=SIDE,
        patch_size=4, num_embeds_ada_norm=2 * len(NAMES), norm_num_groups=1,
    )  # fmt: skip


def base_of(host: DiTTransformer2DModel) -> Base:
    return Base(host, SCHEDULER, {"encoder": "labels", "names": [*NAMES, *TOLD]})


def test_modes_differ_by_the_shifters_alone() -> None:
    host = tiny_host()
    model = MultiviewModel.wrap(host, control_channels=6)
    shifters = DomainShifters.for_model(model, rank=2)
    words = NAMES[:2]
    model.unwrap()

    def pictures(mode: str) -> np.ndarray:
        pipeline = base_of(host).single_pictures(shifters=shifters, control_channels=6)
        made = base_samples(pipeline, words, per_caption=1, shifting=MODES[mode])
        pipeline.multiview.unwrap()
        return made

    assert (pictures("real") == pictures("synthetic")).all()  # their maps start at zero
    with torch.no_grad():
        shifters.left.normal_()
    assert (pictures("real") != pictures("synthetic")).any()


def test_the_sets_that_modes_are_read_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The base's row is the base's own: not of a wrapped, widened or shifted model."""
    host = tiny_host()
    model = MultiviewModel.wrap(tiny_host(), control_channels=6)
    shifters = DomainShifters.for_model(model, rank=2)
    with torch.no_grad():
        shifters.left.normal_()
    model.attach(shifters)
    monkeypatch.setattr(stages, "load_checkpoint", lambda _: SimpleNamespace(model=model))
    flat = np.zeros((1, 4, SIDE, SIDE, 3), np.uint8)
    monkeypatch.setattr(stages, "rendered", lambda folder: flat)
    painters: list[Realiz3DPipeline] = []

    def repainting(base: Realiz3DPipeline, world: Path, some: Renders) -> np.ndarray:
        painters.append(base)
        return flat + [HELD_OUT, HELD_OUT_SYNTHETIC].index(some) + 1

    monkeypatch.setattr(stages, "repainted", repainting)
    monkeypatch.setattr(stages, "held_out_captions", lambda _: NAMES[:1])
    base = base_of(host)
    pictures = stages.mode_pictures(tmp_path, base, tmp_path)
    assert list(pictures) == [
        "held-out rich", "held-out rich, repainted", "base", "base, told synthetic", "real", "synthetic",
        "held-out synthetic, repainted", "held-out synthetic",
    ]  # fmt: skip
    for name, captions in (("base", NAMES[:1]), ("base, told synthetic", TOLD[:1])):
        assert (pictures[name] == base_samples(base_of(tiny_host()).single_pictures(), captions)).all()
    assert (pictures["real"] != pictures["synthetic"]).any() and (pictures["real"] != pictures["base"]).any()
    assert [int(pictures[f"held-out {look}, repainted"].max()) for look in ("rich", "synthetic")] == [1, 2]
    assert all(one.multiview.transformer is host and one.domain_shifters is None for one in painters)
    base.single_pictures()  # which a host that is wrapped still would refuse


def test_one_classifier_learns_from_renders_and_one_from_renders_as_rough_as_what_the_base_paints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renders are clean here, what the base paints is grainy in both domains: only one classifier tells these apart."""
    rng = np.random.default_rng(2)
    clean = {"rich": painted(rng, 24, detail=40, spread=5), "synthetic": painted(rng, 24, detail=0, spread=5)}
    rough = {"rich": painted(rng, 32, detail=40, spread=5), "synthetic": painted(rng, 32, detail=40, spread=70)}
    monkeypatch.setattr(stages, "rendered", lambda folder, objects: clean[folder.name])
    asked = []

    def repainting(base: Realiz3DPipeline, world: Path, some: Renders, objects: int) -> np.ndarray:
        asked.append(objects)
        return rough[some.folder][:24]

    monkeypatch.setattr(stages, "repainted", repainting)
    base = base_of(tiny_host())
    found = stages.measure_modes({name: some[24:] for name, some in rough.items()}, base, tmp_path)
    base.single_pictures()  # which a host that is wrapped still would refuse
    assert asked == [96, 96]
    assert found["synthetic"].synthetic_share > 0.9 > 0.1 > found["rich"].synthetic_share
    assert found["synthetic"].synthetic_share_by_renders < 0.1


@pytest.mark.parametrize("renders", [HELD_OUT, HELD_OUT_SYNTHETIC])
def test_renders_are_repainted_by_a_base_that_is_told_their_domain(
    renders: Renders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From half way, as many at once as there is room for, and no other caption is asked."""
    views = torch.linspace(-0.9, 0.9, 4).view(4, 1, 1, 1).expand(4, 3, SIDE, SIDE)
    samples = [SimpleNamespace(views=views), SimpleNamespace(views=-views)]
    folders: list[str] = []

    class Samples(list[SimpleNamespace]):
        def __init__(self, folder: Path) -> None:
            super().__init__(samples)
            folders.append(folder.name)

        def caption(self, place: int) -> str:
            return NAMES[place]

    monkeypatch.setattr(stages, "MultiviewSamples", Samples)
    told = TOLD if renders is HELD_OUT_SYNTHETIC else TOLD_RICH
    base = Base(tiny_host(), SCHEDULER, {"encoder": "labels", "names": [*told, "nothing", "else"]}).single_pictures()
    made = stages.repainted(base, tmp_path, renders)
    assert folders == [renders.folder] and made.shape == (2, 4, SIDE, SIDE, 3) and made.dtype == np.uint8
    asked = []

    def recorded(*args: Any, **options: Any) -> torch.Tensor:
        asked.append((args[2], options["t"], options["num_inference_steps"], options["guidance_scale"]))
        return sdedit(*args, **options)

    monkeypatch.setattr(stages, "sdedit", recorded)
    monkeypatch.setattr(stages, "_TOGETHER", 1)
    assert (stages.repainted(base, tmp_path, renders) == made).all()
    assert asked == [([caption], 500.0, 20, 1.0) for caption in told]
    assert (stages.repainted(base, tmp_path, renders, 1) == made[:1]).all()
    # at t = 500 half of what is left is the picture's own, so a base of random weights cannot hide which is which
    original = np.stack([((s.views + 1) * 127.5).permute(0, 2, 3, 1).numpy() for s in samples])
    likeness = np.corrcoef(made.mean(axis=(2, 3, 4)).ravel(), original.mean(axis=(2, 3, 4)).ravel())[0, 1]
    assert likeness > 0.9
