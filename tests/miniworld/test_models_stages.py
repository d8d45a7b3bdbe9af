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
TOLD = tuple(f"a 3D render of {name}" for name in NAMES)  # a host of labels must know all that it is told
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
    assert (plain.synthetic_share, plain.synthetic_share_by_base) == (0, 1)
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
    monkeypatch.setattr(stages, "held_out_captions", lambda _: NAMES[:1])
    pictures = stages.mode_pictures(tmp_path, base_of(host), tmp_path)
    assert list(pictures) == [
        "held-out rich", "base", "base, told synthetic", "real", "synthetic", "held-out synthetic",
    ]  # fmt: skip
    for name, captions in (("base", NAMES[:1]), ("base, told synthetic", TOLD[:1])):
        assert (pictures[name] == base_samples(base_of(tiny_host()).single_pictures(), captions)).all()
    assert (pictures["real"] != pictures["synthetic"]).any() and (pictures["real"] != pictures["base"]).any()


def test_one_classifier_learns_from_renders_and_one_from_what_the_base_paints_when_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renders are clean here, the base's pictures grainy in both domains: only one classifier tells these apart."""
    rng = np.random.default_rng(2)
    renders = {"rich": painted(rng, 24, detail=40, spread=5), "synthetic": painted(rng, 24, detail=0, spread=5)}
    own = {"a photo": painted(rng, 32, detail=40, spread=5), "a 3D r": painted(rng, 32, detail=40, spread=70)}
    monkeypatch.setattr(stages, "rendered", lambda folder, objects: renders[folder.name])
    monkeypatch.setattr(stages, "MultiviewSamples", lambda _: SimpleNamespace(caption="a {}".format))
    asked = []

    def painting(base: Base, wanted: list[list[str]], per_caption: int) -> list[np.ndarray]:
        asked.extend(wanted)
        return [own[next(name for name in own if captions[0].startswith(name))][:24] for captions in wanted]

    monkeypatch.setattr(stages, "_painted", painting)
    held = {name: pictures[24:] for name, pictures in own.items()}
    found = stages.measure_modes(held, base_of(tiny_host()), tmp_path)
    assert [len(captions) for captions in asked] == [96, 96] and asked[0][3] == "a photo of a 3"
    assert found["a 3D r"].synthetic_share_by_base > 0.9 > 0.1 > found["a photo"].synthetic_share_by_base
    assert found["a 3D r"].synthetic_share < 0.1
