"""What tells the two domains apart in pictures, and a checkpoint's shifters run all in one mode."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip("diffusers")
pytest.importorskip("accelerate")

from diffusers import DDIMScheduler, DiTTransformer2DModel

from realiz3d.multiview import MultiviewModel
from realiz3d.shifters import DomainShifters
from suites.miniworld import stages
from suites.miniworld.gate import base_samples
from suites.miniworld.packing import Base
from suites.miniworld.stages import MODES, DomainClassifier, look_of

SIDE = 16
NAMES = ("red mug", "blue egg")
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
    either = DomainClassifier(np.zeros(1280), 1.0)
    plain, textured = look_of(flat, either), look_of(grainy, either)
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
        patch_size=4, num_embeds_ada_norm=len(NAMES), norm_num_groups=1,
    )  # fmt: skip


def base_of(host: DiTTransformer2DModel) -> Base:
    return Base(host, SCHEDULER, {"encoder": "labels", "names": NAMES})


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
    monkeypatch.setattr(stages, "held_out_captions", lambda _: NAMES[:1])
    pictures = stages.mode_pictures(tmp_path, base_of(host), tmp_path)
    assert list(pictures) == ["held-out rich", "base", "real", "synthetic", "held-out synthetic"]
    assert (pictures["base"] == base_samples(base_of(tiny_host()).single_pictures(), NAMES[:1])).all()
    assert (pictures["real"] != pictures["synthetic"]).any() and (pictures["real"] != pictures["base"]).any()
