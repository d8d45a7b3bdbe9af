"""DINOv2: dgm-eval's preparation, Meta's position embeddings, and features that depend on one picture alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_dinov2 import save_tiny_dinov2

from bench.errors import WeightsMissing
from bench.extractors.catalogue import load_extractor
from bench.extractors.dinov2 import (
    DEVIATION,
    MEAN,
    PUBLISHED_CONFIG,
    WEIGHTS,
    Dinov2Tower,
    dinov2_extractor,
    resampled_positions,
)
from bench.extractors.level import LevelExtractor
from bench.extractors.weights import FOLDER_VARIABLE

transformers = pytest.importorskip("transformers")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No weights but those of the test, and no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    dinov2_extractor.cache_clear()
    yield
    dinov2_extractor.cache_clear()


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "weights"))
    return save_tiny_dinov2(tmp_path / "weights")


def _pictures() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in ((64, 48), (224, 224), (300, 299))]


def _cubic(t: float, a: float = -0.75) -> float:
    """Keys' convolution kernel with the parameter that torch uses."""
    t = abs(t)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * (t**3 - 5 * t**2 + 8 * t - 4) if t < 2 else 0.0


def _resampling_matrix(n: int, side: int) -> np.ndarray:
    """How Meta's code takes `side` samples of `n`: at (i + 1/2) n / (side + 0.1) - 1/2, with the edges repeated."""
    matrix = np.zeros((side, n))
    for i in range(side):
        at = (i + 0.5) * n / (side + 0.1) - 0.5
        for tap in range(int(np.floor(at)) - 1, int(np.floor(at)) + 3):
            matrix[i, min(max(tap, 0), n - 1)] += _cubic(at - tap)
    return matrix


def test_position_embeddings_are_resampled_as_by_meta() -> None:
    positions = torch.randn(1, 1 + 37 * 37, 5, generator=torch.Generator().manual_seed(0))
    found = resampled_positions(positions, 16)
    along = _resampling_matrix(37, 16)
    grid = positions[0, 1:].reshape(37, 37, 5).numpy().astype(np.float64)
    wanted = np.einsum("yj,xk,jkd->yxd", along, along, grid)
    np.testing.assert_allclose(found[0, 1:].reshape(16, 16, 5).numpy(), wanted, atol=1e-5)
    torch.testing.assert_close(found[:, 0], positions[:, 0], rtol=0, atol=0)
    torch.testing.assert_close(resampled_positions(found, 16), found, rtol=0, atol=0)


def test_preparation_is_the_clean_resize(tiny: Any) -> None:
    resize = pytest.importorskip("cleanfid.resize").make_resizer("PIL", False, "bicubic", (224, 224))
    tower = Dinov2Tower(tiny, "cpu", 1)
    for picture in _pictures():
        wanted = np.asarray(resize(picture)).transpose(2, 0, 1).clip(0, 255) / 255
        np.testing.assert_allclose(tower.prepare(picture), wanted, atol=1e-6)


def test_features_are_the_networks_class_token(tiny: Any) -> None:
    extractor = load_extractor("dinov2", offline=True)
    with torch.inference_mode():
        tiny.embeddings.position_embeddings = torch.nn.Parameter(
            resampled_positions(tiny.embeddings.position_embeddings, 16)
        )
        tower = Dinov2Tower(tiny, "cpu", 1)
        pictures = torch.from_numpy(np.stack([tower.prepare(picture) for picture in _pictures()]))
        normalised = (pictures - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]
        wanted = tiny(normalised).last_hidden_state[:, 0]
    found = extractor.extract(_pictures())
    assert found.shape == (3, extractor.dimension) == (3, 24)
    np.testing.assert_allclose(found, wanted.numpy(), atol=2e-5)


def test_features_do_not_depend_on_the_batch(tiny: Any) -> None:
    one = load_extractor("dinov2", offline=True)
    together = one.extract(_pictures())
    alone = np.concatenate([one.extract([picture]) for picture in _pictures()])
    np.testing.assert_array_equal(together, alone)
    four = LevelExtractor("dinov2", 24, Dinov2Tower(tiny, "cpu", 4), "", "")
    together = four.extract(_pictures() * 3)
    np.testing.assert_array_equal(together[:3], together[6:9])
    np.testing.assert_allclose(together[:3], alone, atol=2e-5)


def test_signature_follows_the_weights(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_extractor("dinov2", offline=True)
    assert first.signature() == f"extractor=dinov2@sha256:{first.fingerprint()[:12]} resize=clean-224"
    save_tiny_dinov2(tmp_path / "others", seed=1)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "others"))
    dinov2_extractor.cache_clear()
    assert load_extractor("dinov2", offline=True).fingerprint() != first.fingerprint()


def test_published_architecture_is_the_large_one() -> None:
    network = transformers.Dinov2Config(**PUBLISHED_CONFIG)
    assert (network.hidden_size, network.num_hidden_layers, network.patch_size) == (1024, 24, 14)
    assert {key: getattr(network, key) for key in PUBLISHED_CONFIG} == PUBLISHED_CONFIG


def test_missing_weights_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "empty"))
    with pytest.raises(WeightsMissing) as caught:
        load_extractor("dinov2", offline=True)
    for part in (WEIGHTS.repository, WEIGHTS.name, WEIGHTS.sha256, str(tmp_path / "hub"), "efficientnet_lite0",
                 str(tmp_path / "empty" / "dinov2-large" / "model.safetensors")):  # fmt: skip
        assert part in str(caught.value)
    with pytest.raises(WeightsMissing, match="could not be fetched"):
        load_extractor("dinov2", offline=False)


def test_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(WeightsMissing, match=r"realiz3d-bench\[dinov2\]"):
        load_extractor("dinov2", offline=True)


@pytest.mark.parametrize(
    "change", [{"model_type": "vit"}, {"num_hidden_layers": 3}, {"hidden_size": 32}, {"hidden_act": "surprise"}]
)
def test_configurations_that_do_not_fit(tiny: Any, tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "weights" / "dinov2-large" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(WeightsMissing):
        load_extractor("dinov2", offline=True)


def test_broken_weights(tiny: Any, tmp_path: Path) -> None:
    path = tmp_path / "weights" / "dinov2-large" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsMissing, match="not weights of DINOv2"):
        load_extractor("dinov2", offline=True)
    path.with_name("config.json").unlink()
    with pytest.raises(WeightsMissing, match=r"config\.json cannot be read"):
        load_extractor("dinov2", offline=True)
