"""Inception: clean-fid's resize and normalisation, and weights that are the published ones or an error."""

from __future__ import annotations

import hashlib
import io
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.errors import WeightsMissing
from bench.extractors import inception
from bench.extractors.catalogue import load_extractor
from bench.extractors.inception import WEIGHTS, InceptionBackbone, load_layers
from bench.extractors.level import LevelExtractor
from bench.extractors.weights import FOLDER_VARIABLE, weights_bytes


class Layers(nn.Module):
    """As many features as the real network, from a handful of convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 2048, 8, 37)

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(x).mean([2, 3], keepdim=True)


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = Layers()

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")


@pytest.fixture(scope="module")
def program() -> bytes:
    torch.manual_seed(0)
    stream = io.BytesIO()
    torch.jit.save(torch.jit.script(Tiny().eval()), stream)
    return stream.getvalue()


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No weights on disk, and a network that would tell on us."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setattr(torch.hub, "_hub_dir", None)

    def refuse(url: str, timeout: float) -> None:
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    inception.backbone.cache_clear()
    return tmp_path


def _pictures() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    shapes = [(64, 48), (512, 512), (299, 299), (700, 310)]
    return [random.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes]


def test_resize_is_clean_fids(program: bytes) -> None:
    resize = pytest.importorskip("cleanfid.resize").make_resizer("PIL", False, "bicubic", (299, 299))
    backbone = InceptionBackbone(load_layers(program, "cpu"), "cpu", 1)
    for picture in _pictures():
        np.testing.assert_allclose(backbone.prepare(picture).transpose(1, 2, 0), resize(picture), atol=1e-4)


def test_features_are_clean_fids(program: bytes, tmp_path: Path) -> None:
    module = pytest.importorskip("cleanfid.inception_torchscript")
    (tmp_path / WEIGHTS.name).write_bytes(program)
    oracle = module.InceptionV3W(str(tmp_path), download=False)
    backbone = InceptionBackbone(load_layers(program, "cpu"), "cpu", 1)
    inputs = [backbone.prepare(picture) for picture in _pictures()]
    with torch.inference_mode():
        expected = oracle(torch.from_numpy(np.stack(inputs))).numpy()
    found = LevelExtractor("inception", 2048, backbone, "0" * 64, "clean").extract(_pictures())
    assert found.shape == (4, 2048)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_constant_batches_hide_the_number_of_pictures(program: bytes) -> None:
    backbone = InceptionBackbone(load_layers(program, "cpu"), "cpu", 3)
    inputs = [backbone.prepare(picture) for picture in _pictures()[:3]]
    full, part = backbone.forward(inputs)["inception"], backbone.forward(inputs[:1])["inception"]
    np.testing.assert_array_equal(full[:1], part)


def test_missing_weights_say_where_and_how(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(nowhere / "mine"))
    for offline, reason in ((True, "offline"), (False, "no route")):
        with pytest.raises(WeightsMissing, match=reason) as caught:
            load_extractor("inception", offline=offline)
        message = str(caught.value)
        for part in (WEIGHTS.name, str(nowhere / "mine"), str(nowhere / "torch"), WEIGHTS.url, "efficientnet_lite0"):
            assert part in message


def test_weights_are_found_in_the_folder_then_in_the_cache(
    nowhere: Path, program: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = replace(WEIGHTS, sha256=hashlib.sha256(program).hexdigest())
    monkeypatch.setattr(inception, "WEIGHTS", pinned)
    cache = nowhere / "torch" / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    (cache / WEIGHTS.name).write_bytes(program)
    extractor = load_extractor("inception", offline=True)
    assert extractor.signature() == f"extractor=inception@sha256:{extractor.fingerprint()[:12]} resize=clean"
    assert extractor.extract(_pictures()[:1]).shape == (1, extractor.dimension)
    monkeypatch.setenv(FOLDER_VARIABLE, str(nowhere))
    (nowhere / WEIGHTS.name).write_bytes(program[:-1])  # the folder comes first, even when its file is wrong
    with pytest.raises(WeightsMissing, match="another file"):
        weights_bytes(pinned, offline=True)


def test_another_program_is_never_loaded(nowhere: Path, program: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(nowhere))
    (nowhere / WEIGHTS.name).write_bytes(program)
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("ran a stranger's program"))
    with pytest.raises(WeightsMissing, match="another file"):
        load_extractor("inception")


def test_what_is_fetched_is_checked_and_kept(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"published weights"
    file = replace(WEIGHTS, sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: io.BytesIO(content + b"and more"))
    with pytest.raises(WeightsMissing, match="another file"):
        weights_bytes(file, offline=False)
    assert not (nowhere / "torch").exists()
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: io.BytesIO(content))
    assert weights_bytes(file, offline=False) == content
    assert weights_bytes(file, offline=True) == content


def test_a_file_that_is_no_network_is_an_error() -> None:
    with pytest.raises(WeightsMissing, match="cannot be loaded"):
        load_layers(b"not a program", "cpu")
