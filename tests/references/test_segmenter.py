"""rembg behind the segmenter's interface: pinned networks at places of ours, and what to do without them."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.errors import UsageError, WeightsMissing
from bench.extractors.weights import FOLDER_VARIABLE
from bench.references import segmenter as module
from bench.references.segmenter import REMBG_NETWORKS, RembgSegmenter, rembg_segmenter


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("torch.hub._hub_dir", None)
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "rembg"))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "weights"))


@pytest.mark.parametrize("package", ["rembg", "onnxruntime"])
def test_missing_packages_say_how_to_install_them(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(WeightsMissing, match=r"realiz3d-bench\[imagenet\]"):
        rembg_segmenter(offline=True)


def test_unknown_network() -> None:
    with pytest.raises(UsageError, match="did you mean 'u2net'"):
        rembg_segmenter("u2ner")


@pytest.mark.parametrize("network", REMBG_NETWORKS)
def test_missing_weights_say_what_to_do(tmp_path: Path, network: str) -> None:
    pytest.importorskip("rembg")
    with pytest.raises(WeightsMissing) as caught:
        rembg_segmenter(network, offline=True)
    for part in (f"{network}.onnx", REMBG_NETWORKS[network][1].sha256, str(tmp_path / "weights"), "releases/download"):
        assert part in str(caught.value)
    assert "efficientnet" not in str(caught.value)


def test_the_mask_is_the_sessions() -> None:
    rembg = pytest.importorskip("rembg")
    picture = np.random.default_rng(0).integers(0, 256, (30, 20, 3), dtype=np.uint8)

    class Session:
        def predict(self, image: Image.Image, *args: object, **kwargs: object) -> list[Image.Image]:
            assert image.mode == "RGB"
            return [Image.fromarray(np.asarray(image)[..., 1])]

    found = RembgSegmenter("fake", "0" * 64, rembg, Session()).alpha(picture)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, picture[..., 1])


@pytest.mark.parametrize(("network", "side"), [("u2net", 320), ("isnet-general-use", 1024)])
def test_a_real_session_runs_on_weights_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: str, side: int
) -> None:
    """A tiny ONNX network that answers with the red channel, in the place of the published one."""
    pytest.importorskip("rembg")
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [helper.make_node("Slice", ["picture", "from", "to", "axis"], ["mask"])],
        "red",
        [helper.make_tensor_value_info("picture", kind.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info("mask", kind.FLOAT, [1, 1, side, side])],
        [helper.make_tensor(name, kind.INT64, [1], [value]) for name, value in (("from", 0), ("to", 1), ("axis", 1))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    content = model.SerializeToString()
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / f"{network}.onnx").write_bytes(content)
    with pytest.raises(WeightsMissing, match="another file than the published"):
        rembg_segmenter(network, offline=True)

    target, file = REMBG_NETWORKS[network]
    pinned = replace(file, sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(module, "REMBG_NETWORKS", {network: (target, pinned)})
    found = rembg_segmenter(network, offline=True)
    assert (found.name, found.sha256) == (f"rembg:{network}", pinned.sha256)
    picture = np.zeros((64, 48, 3), dtype=np.uint8)
    picture[:, 24:] = (255, 100, 100)
    alpha = found.alpha(picture)
    assert alpha.shape == (64, 48)
    assert alpha[:, :20].max() < 5
    assert alpha[:, 28:].min() > 250
    assert not (tmp_path / "rembg").exists()  # nothing was fetched by rembg itself
