"""CLIP: open_clip's transform and numbers through our own door, and an error that helps where there is nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_clip import TINY_CONFIG, save_tiny_clip

from bench.errors import ImageError, UsageError, WeightsMissing
from bench.extractors.catalogue import load_extractor
from bench.extractors.clip import CLIP_WEIGHTS, DEVIATION, MEAN, load_clip, resized_square
from bench.extractors.feature_cache import features_of
from bench.extractors.weights import FOLDER_VARIABLE
from groundwork.hashing import hash_file

open_clip = pytest.importorskip("open_clip")

TEXTS = ("a photo of a teapot.", "a wooden chair", "é" * 300, "")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No weights but those of the test, and no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    load_clip.cache_clear()
    yield
    load_clip.cache_clear()


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "weights"))
    return save_tiny_clip(tmp_path / "weights")


def _pictures() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    shapes = [(64, 48), (28, 28), (31, 77), (300, 299), (12, 29)]
    return [random.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes]


def _their_input(picture: np.ndarray, size: int) -> torch.Tensor:
    transform = open_clip.image_transform(size, is_train=False, mean=MEAN, std=DEVIATION)
    return transform(Image.fromarray(picture))


@pytest.mark.parametrize("size", [28, 224, 336])
def test_preparation_is_open_clips_own(size: int) -> None:
    pytest.importorskip("torchvision")
    for picture in _pictures():
        mine = torch.from_numpy(resized_square(picture, size).copy()).permute(2, 0, 1).float() / 255.0
        mine = (mine - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]
        torch.testing.assert_close(mine, _their_input(picture, size), atol=1e-6, rtol=0)


def test_constants_are_open_clips() -> None:
    for model, file in CLIP_WEIGHTS.items():
        published = open_clip.get_pretrained_cfg(model, "openai")
        assert published["hf_hub"].rstrip("/") == file.repository
        assert published["quick_gelu"] is True
        assert (published["mean"], published["std"]) == (MEAN, DEVIATION)


def test_embeddings_are_those_of_the_network(tiny: Any) -> None:
    model = load_clip("ViT-L-14", offline=True)
    pictures = _pictures()
    with torch.inference_mode():
        images = tiny.encode_image(torch.stack([_their_input(p, 28) for p in pictures]), normalize=True)
        texts = tiny.encode_text(open_clip.SimpleTokenizer(context_length=20)(list(TEXTS)), normalize=True)
    np.testing.assert_allclose(model.encode_images(pictures), images.numpy(), atol=2e-6)
    np.testing.assert_allclose(model.encode_texts(TEXTS), texts.numpy(), atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(model.encode_images(pictures), axis=1), 1, rtol=1e-6)
    assert model.logit_scale == pytest.approx(1 / 0.07, rel=1e-5)
    assert (model.dimension, model.name) == (16, "ViT-L-14@own")
    assert model.encode_texts(()).shape == model.encode_images([]).shape == (0, 16)


def test_features_depend_on_one_picture_alone(tiny: Any) -> None:
    model, pictures = load_clip("ViT-L-14", offline=True), _pictures()
    together = model.images.extract(pictures)
    alone = np.concatenate([model.images.extract([picture]) for picture in reversed(pictures)])[::-1]
    np.testing.assert_array_equal(together, alone)
    alone = np.concatenate([model.encode_texts([text]) for text in reversed(TEXTS)])[::-1]
    np.testing.assert_array_equal(model.encode_texts(TEXTS), alone)


def test_every_user_shares_one_network(tiny: Any) -> None:
    assert load_clip("ViT-L-14", "cpu", True) is load_clip("ViT-L-14", "cpu", True)
    extractor = load_extractor("clip", offline=True)
    assert extractor is load_clip("ViT-L-14", "cpu", True).images
    features = features_of([lambda: _pictures()[0]], [extractor])["clip"]
    np.testing.assert_array_equal(features, extractor.extract(_pictures()[:1]))


def test_signature_follows_the_file_that_was_loaded(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_clip("ViT-L-14", offline=True)
    assert first.weights_sha256 == hash_file(tmp_path / "weights" / "clip-ViT-L-14" / "open_clip_model.safetensors")
    assert first.images.signature().startswith(f"extractor=clip@sha256:{first.fingerprint[:12]} resize=pil-bicubic-28")
    save_tiny_clip(tmp_path / "others", seed=1)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "others"))
    load_clip.cache_clear()
    assert load_clip("ViT-L-14", offline=True).fingerprint != first.fingerprint
    # the same numbers in another architecture are another network
    config = tmp_path / "weights" / "clip-ViT-L-14" / "open_clip_config.json"
    config.write_text(json.dumps({"model_cfg": {**TINY_CONFIG, "quick_gelu": False}}))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "weights"))
    load_clip.cache_clear()
    assert load_clip("ViT-L-14", offline=True).fingerprint != first.fingerprint


def test_missing_weights_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "empty"))
    with pytest.raises(WeightsMissing) as caught:
        load_clip("ViT-L-14-336", offline=True)
    text = str(caught.value)
    for part in ("timm/vit_large_patch14_clip_336.openai", "open_clip_model.safetensors", "efficientnet_lite0",
                 str(tmp_path / "empty"), str(tmp_path / "hub"), FOLDER_VARIABLE, "clip-ViT-L-14-336"):  # fmt: skip
        assert part in text
    with pytest.raises(WeightsMissing, match="could not be fetched"):
        load_clip("ViT-L-14-336", offline=False)


def test_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(WeightsMissing, match=r"realiz3d-bench\[clip\]"):
        load_extractor("clip", offline=True)


def test_unknown_network() -> None:
    with pytest.raises(UsageError, match="did you mean 'ViT-L-14'"):
        load_clip("ViT-L14")


@pytest.mark.parametrize(
    "config",
    [
        {"model_cfg": {**TINY_CONFIG, "vision_cfg": {"timm_model_name": "resnet50", "image_size": 28}}},
        {"model_cfg": {**TINY_CONFIG, "text_cfg": {"hf_model_name": "someone/thing"}}},
        {"model_cfg": {**TINY_CONFIG, "custom_text": True}},
        {"model_cfg": {**TINY_CONFIG, "vision_cfg": {**TINY_CONFIG["vision_cfg"], "width": 48}}},
        {"model_cfg": {**TINY_CONFIG, "vision_cfg": {"surprise": 1}}},
        {},
        [],
    ],
)
def test_configurations_that_do_not_fit(tiny: Any, tmp_path: Path, config: Any) -> None:
    (tmp_path / "weights" / "clip-ViT-L-14" / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsMissing):
        load_clip("ViT-L-14", offline=True)


def test_broken_weights(tiny: Any, tmp_path: Path) -> None:
    path = tmp_path / "weights" / "clip-ViT-L-14" / "open_clip_model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsMissing, match="cannot be read"):
        load_clip("ViT-L-14", offline=True)


def test_a_thread_is_no_picture() -> None:
    with pytest.raises(ImageError, match="too long"):
        resized_square(np.zeros((2, 1000, 3), dtype=np.uint8), 224)
