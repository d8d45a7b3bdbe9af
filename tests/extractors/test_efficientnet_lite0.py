"""EfficientNet-Lite0: the arithmetic against an independent forward pass, the weights against photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.errors import UsageError, WeightsMissing
from bench.extractors.catalogue import EXTRACTORS, load_extractor
from bench.extractors.efficientnet_lite0 import (
    POOLED,
    TEXTURE,
    EfficientNetLite0Backbone,
    backbone,
    load_network,
    weights_path,
)
from bench.extractors.efficientnet_lite0_network import EfficientNetLite0, network_from
from groundwork.pictures import read_picture


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    return load_network(weights_path())


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = torch.load(weights_path(), weights_only=True)
    return loaded


def _pictures(count: int, size: int = 96) -> list[np.ndarray]:
    random = np.random.default_rng(5)
    return [random.integers(0, 256, (size + 3 * i, size, 3), dtype=np.uint8) for i in range(count)]


def _convolve(x: np.ndarray, kernel: np.ndarray, stride: int, depthwise: bool) -> np.ndarray:
    """TensorFlow's definition of 'same': the output has ceil(n / stride) rows, the odd row of zeros comes last."""
    size, side = kernel.shape[-1], x.shape[-1]
    out = -(-side // stride)
    total = max((out - 1) * stride + size - side, 0)
    x = np.pad(x, [(0, 0)] + [(total // 2, total - total // 2)] * 2)
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    return (
        np.einsum("chwij,cij->chw", windows, kernel[:, 0])
        if depthwise
        else np.einsum("chwij,ocij->ohw", windows, kernel, optimize=True)
    )


def test_three_stages_equal_an_independent_float64_forward(
    network: EfficientNetLite0, tensors: dict[str, torch.Tensor]
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (3, 224, 224)).astype(np.float64)
    values = {name: tensor.double().numpy() for name, tensor in tensors.items()}

    def layer(x: np.ndarray, conv: str, norm: str, stride: int = 1, depthwise: bool = False, relu: bool = True):
        x = _convolve(x, values[f"{conv}.weight"], stride, depthwise)
        scale = values[f"{norm}.weight"] / np.sqrt(values[f"{norm}.running_var"] + 1e-3)
        x = (x - values[f"{norm}.running_mean"][:, None, None]) * scale[:, None, None]
        x = x + values[f"{norm}.bias"][:, None, None]
        return np.clip(x, 0, 6) if relu else x

    x = layer((picture - 127) / 128, "_conv_stem", "_bn0", 2)
    for block, stride in enumerate((1, 2, 1, 2, 1)):
        start, name = x, f"_blocks.{block}."
        if block:
            x = layer(x, name + "_expand_conv", name + "_bn0")
        x = layer(x, name + "_depthwise_conv", name + "_bn1", stride, depthwise=True)
        x = layer(x, name + "_project_conv", name + "_bn2", relu=False)
        x = x + start if start.shape == x.shape else x
    assert x.shape == (40, 28, 28)
    with torch.inference_mode():
        _, texture = network(torch.from_numpy(picture).float()[None])
    expected = np.concatenate([x.mean(axis=(1, 2)), x.std(axis=(1, 2))])
    np.testing.assert_allclose(texture[0].numpy(), expected, atol=2e-5)


def test_equals_timm(network: EfficientNetLite0, tensors: dict[str, torch.Tensor]) -> None:
    timm = pytest.importorskip("timm")
    oracle = timm.create_model("tf_efficientnet_lite0").eval()
    oracle.load_state_dict(dict(zip(oracle.state_dict(), tensors.values(), strict=True)))
    for module in oracle.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 1e-3
    pictures = torch.randint(0, 256, (2, 3, 224, 224), generator=torch.Generator().manual_seed(0)).float()
    with torch.inference_mode():
        inputs = (pictures - 127) / 128
        pooled, texture = network(pictures)
        third = oracle.blocks[:3](oracle.bn1(oracle.conv_stem(inputs)))
        expected = torch.cat([third.mean((2, 3)), third.std((2, 3), correction=0)], dim=1)
        torch.testing.assert_close(texture, expected, atol=3e-5, rtol=0)
        expected = oracle.forward_head(oracle.forward_features(inputs), pre_logits=True)
        torch.testing.assert_close(pooled, expected, atol=5e-5, rtol=0)
        torch.testing.assert_close(network.classify(pooled), oracle(inputs), atol=1e-4, rtol=0)


def test_names_most_photographs(network: EfficientNetLite0, shared_data: Path) -> None:
    timm_data = pytest.importorskip("timm.data")
    wordnet_ids = timm_data.ImageNetInfo().label_names()
    paths = sorted((shared_data / "photos_jpeg").glob("*.JPEG"))[::3]
    labels = torch.tensor([wordnet_ids.index(path.name.split("_")[0]) for path in paths])
    features = load_extractor(POOLED).extract(read_picture(path) for path in paths)
    with torch.inference_mode():
        logits = network.classify(torch.from_numpy(features))
    right = (logits.argmax(dim=1) == labels).float().mean()
    among_five = (logits.topk(5).indices == labels[:, None]).any(dim=1).float().mean()
    assert right > 0.75  # 131 of all 160, whole picture squeezed; with symmetric padding the likelihood is far worse
    assert among_five > 0.92


def test_features_do_not_depend_on_order_neighbours_or_threads() -> None:
    pictures = _pictures(7)
    extractor = load_extractor(POOLED)
    together = extractor.extract(pictures)
    assert together.shape == (7, extractor.dimension) and together.dtype == np.float32
    threads = torch.get_num_threads()
    np.testing.assert_array_equal(extractor.extract(reversed(pictures))[::-1], together)
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            np.testing.assert_array_equal(extractor.extract(pictures[2:4]), together[2:4])
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)


def test_constant_batches_hide_the_number_of_pictures(network: EfficientNetLite0) -> None:
    """What a GPU gets: every pass has the same shape, so the last, half empty one gives the same bits."""
    batched = EfficientNetLite0Backbone(network, "cpu", 4)
    inputs = [batched.prepare(picture) for picture in _pictures(4)]
    full, part = batched.forward(inputs), batched.forward(inputs[:2])
    single = backbone("cpu").forward(inputs[1:2])
    for level in (POOLED, TEXTURE):
        np.testing.assert_array_equal(full[level][:2], part[level])
        np.testing.assert_allclose(full[level][1:2], single[level], atol=3e-5)


def test_levels_share_one_backbone_and_say_what_they_are() -> None:
    pooled, texture = load_extractor(POOLED), load_extractor(TEXTURE, offline=True)
    assert pooled.backbone is texture.backbone
    assert (pooled.dimension, texture.dimension) == (1280, 80)
    assert pooled.fingerprint() != texture.fingerprint()
    assert pooled.signature() == f"extractor={POOLED}@sha256:{pooled.fingerprint()[:12]} resize=pil-bicubic-224"
    assert texture.extract([]).shape == (0, 80)


def test_texture_reads_grain_and_the_whole_frame() -> None:
    flat = np.full((224, 224, 3), 128, dtype=np.uint8)
    corner = flat.copy()
    corner[-40:, -40:] = np.random.default_rng(1).integers(0, 256, (40, 40, 3))
    first, second = load_extractor(TEXTURE).extract([flat, corner])
    assert (second[40:] > first[40:]).mean() > 0.9  # deviations grow in nearly every channel


def test_resizing_is_pillows_antialiased_bicubic() -> None:
    picture = _pictures(1, 300)[0]
    expected = np.asarray(Image.fromarray(picture).resize((224, 224), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(backbone("cpu").prepare(picture), expected)


def test_other_weights_are_refused(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    content = bytearray(weights_path().read_bytes())
    content[-1] ^= 1
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(WeightsMissing, match="other weights"):
        load_network(tmp_path / "weights.pth")
    with pytest.raises(WeightsMissing, match="cannot be read"):
        load_network(tmp_path / "absent.pth")
    with pytest.raises(ValueError, match="more tensors"):
        network_from({**tensors, "extra": torch.zeros(1)})
    with pytest.raises(ValueError, match="shape"):
        network_from({**tensors, "_conv_stem.weight": torch.zeros(1)})


def test_unknown_names_get_the_nearest() -> None:
    assert {POOLED, TEXTURE, "inception"} <= set(EXTRACTORS.built_in)
    with pytest.raises(UsageError, match="did you mean 'efficientnet_lite0'"):
        load_extractor("efficientnet_lite")
