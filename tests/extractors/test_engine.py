"""Engines: onnxruntime gives torch's features within the stated tolerance, or torch runs the network."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from inception_network import InceptionLayers, random_layers, torchscript
from torch import Tensor, nn
from torch.nn import functional

from bench.extractors.efficientnet_lite0 import backbone, load_network, weights_path
from bench.extractors.engine import TOLERANCE, Network, OnnxEngine, TorchEngine, engine_for
from bench.extractors.inception import InceptionBackbone, load_layers
from bench.extractors.level import LevelExtractor

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")

CPU = torch.device("cpu")
SHAPE = (2, 3, 33, 33)


class Everything(nn.Module):
    """Each operation that can be translated, in the ways that classifiers use it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=(1, 0), bias=False)
        self.plain = nn.BatchNorm2d(8, eps=1e-3, affine=False)
        self.learned = nn.BatchNorm2d(8)
        self.grouped = nn.Conv2d(8, 16, (1, 3), groups=4, dilation=2, padding=(0, 2))
        nn.init.normal_(self.learned.running_mean)
        nn.init.uniform_(self.learned.weight)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = (x - 127.0) / 128.0 * 2.0 + 0.5
        x = functional.relu(self.plain(self.first(x)), inplace=True)
        x = functional.relu6(self.grouped(self.learned(x)), inplace=True)
        x = torch.cat([functional.max_pool2d(x, 3, 2), functional.avg_pool2d(x, 3, 2)], dim=1)
        x = functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False) + functional.max_pool2d(x, 3, 1, 1) * x - x
        deviation, mean = torch.std_mean(x, dim=(2, 3), correction=0)
        pooled = functional.adaptive_avg_pool2d(torch.clamp(x, min=0.1), 1)
        return pooled.view(x.size(0), -1), torch.cat([mean, x.mean(dim=(2, 3)), deviation], dim=1)


def _pictures(shape: Sequence[int], seed: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.float32)


def _assert_alike(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape and found.dtype == np.float32
    scale = np.sqrt(np.square(expected, dtype=np.float64).mean())
    assert np.abs(found - expected).max() <= TOLERANCE * scale


@pytest.mark.parametrize("scripted", [False, True])
def test_operations_mean_the_same(scripted: bool) -> None:
    network: Network = Everything().eval()
    if scripted:
        network = torch.jit.script(network)
    engine = engine_for(network, CPU, SHAPE, np.float32)
    assert engine.name.startswith("onnxruntime")
    for seed in range(3):
        pictures = _pictures(SHAPE, seed)
        for found, expected in zip(engine(pictures), TorchEngine(network, CPU)(pictures), strict=True):
            _assert_alike(found, expected)


def test_pixels_may_come_as_they_are() -> None:
    def network(pixels: Tensor) -> tuple[Tensor]:
        return (pixels.permute(0, 3, 1, 2).float().mean(dim=(2, 3)),)

    engine = engine_for(network, CPU, (1, 5, 4, 3), np.uint8)
    assert engine.name.startswith("onnxruntime")
    pixels = np.arange(60, dtype=np.uint8).reshape(1, 5, 4, 3)
    np.testing.assert_allclose(engine(pixels)[0], pixels.mean(axis=(1, 2)), rtol=1e-6)


def _unknown(x: Tensor) -> tuple[Tensor]:
    return (torch.erf(x).flatten(1),)


def _constant(x: Tensor) -> tuple[Tensor]:
    return (torch.ones(2, 3),)


def _hidden(x: Tensor) -> tuple[Tensor]:
    """Arithmetic behind torch's back, which no recorder sees."""
    return ((x * float(x.numpy().mean())).mean(dim=(2, 3)),)


@pytest.mark.parametrize(
    ("network", "reason"), [(_unknown, "aten.erf"), (_constant, "depend on the input"), (_hidden, "other features")]
)
def test_what_cannot_be_translated_runs_in_torch(network: Network, reason: str) -> None:
    engine = engine_for(network, CPU, SHAPE, np.float32)
    assert engine.name.startswith("torch") and reason in engine.name
    pictures = _pictures(SHAPE)
    np.testing.assert_array_equal(engine(pictures)[0], network(torch.from_numpy(pictures))[0].numpy())


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_an_install_without_the_engine_runs_in_torch(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "bench.extractors.onnx_graph", raising=False)
    engine = engine_for(Everything().eval(), CPU, SHAPE, np.float32)
    assert engine.name.startswith("torch") and f"{package} is not installed" in engine.name


@pytest.fixture(scope="module")
def layers() -> InceptionLayers:
    return random_layers()


@pytest.fixture(scope="module")
def inception(layers: InceptionLayers) -> InceptionBackbone:
    return InceptionBackbone(load_layers(torchscript(layers), "cpu"), "cpu", 1)


def test_inception_equals_torch(layers: InceptionLayers, inception: InceptionBackbone) -> None:
    assert inception.engine.startswith("onnxruntime")
    for seed in range(2):
        prepared = _pictures((3, 299, 299), seed)
        with torch.inference_mode():
            expected = layers((torch.from_numpy(prepared[None]) - 128) / 128).flatten(1).numpy()
        _assert_alike(inception.forward([prepared])["inception"], expected)


def test_inception_does_not_depend_on_order_neighbours_or_threads(inception: InceptionBackbone) -> None:
    extractor = LevelExtractor("inception", 2048, inception, "0" * 64, "clean")
    pictures = [_pictures((60 + i, 80, 3), i).astype(np.uint8) for i in range(5)]
    together = extractor.extract(pictures)
    np.testing.assert_array_equal(extractor.extract(reversed(pictures))[::-1], together)
    threads = torch.get_num_threads()
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            np.testing.assert_array_equal(extractor.extract(pictures[1:3]), together[1:3])
    finally:
        torch.set_num_threads(threads)


def test_efficientnet_equals_torch() -> None:
    assert backbone("cpu").engine.startswith("onnxruntime")
    network = load_network(weights_path())
    prepared = np.random.default_rng(1).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    with torch.inference_mode():
        levels = network(torch.from_numpy(prepared[None]).permute(0, 3, 1, 2).float())
    for found, expected in zip(backbone("cpu").forward([prepared]).values(), levels, strict=True):
        _assert_alike(found, expected.numpy())


def test_one_graph_takes_one_shape(layers: InceptionLayers) -> None:
    network: Network = Everything().eval()
    engine = OnnxEngine(network, _pictures(SHAPE, 0), _pictures(SHAPE, 1))
    with pytest.raises(Exception, match="dimension"):
        engine(_pictures((3, *SHAPE[1:])))
