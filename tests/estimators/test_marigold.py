"""Marigold's real pipeline class, tiny and untrained: loaded from disk, repeatable, never random by accident."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_marigold import save_tiny_marigold

from bench.errors import UsageError, WeightsMissing
from bench.estimators.catalogue import find_estimator
from bench.estimators.marigold import MARIGOLD, marigold_normals
from bench.extractors.weights import FOLDER_VARIABLE
from groundwork.hashing import hash_file

diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("marigold")
    save_tiny_marigold(root / MARIGOLD.folder)
    return root


@pytest.fixture(autouse=True)
def own_weights_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, saved: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv(FOLDER_VARIABLE, str(saved))


@pytest.fixture
def copy(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the files that a test may change."""
    folder = tmp_path / "weights" / MARIGOLD.folder
    for file in (file for file in (saved / MARIGOLD.folder).rglob("*") if file.is_file()):
        target = folder / file.relative_to(saved / MARIGOLD.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "weights"))
    return folder


def picture(seed: int = 0, height: int = 40, width: int = 56) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_unit_normals_at_the_pictures_size_and_the_same_again():
    estimator = marigold_normals(offline=True)
    assert (estimator.name, len(estimator.fingerprint())) == ("marigold_normals", 64)
    found = estimator.estimate(picture())
    assert (found.shape, found.dtype) == ((40, 56, 3), np.float32)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1.0, atol=1e-6)
    estimator.estimate(picture(1))
    np.testing.assert_array_equal(estimator.estimate(picture()), found)
    np.testing.assert_array_equal(marigold_normals(offline=True).estimate(picture()), found)
    assert np.abs(estimator.estimate(picture(1)) - found).max() > 0.01


def test_the_numbers_are_the_published_pipelines(saved):
    """What a user of diffusers gets who gives a PIL picture."""
    folder = saved / MARIGOLD.folder
    parts = {
        "unet": diffusers.UNet2DConditionModel.from_pretrained(folder / "unet", variant="fp16"),
        "vae": diffusers.AutoencoderKL.from_pretrained(folder / "vae", variant="fp16"),
        "text_encoder": transformers.CLIPTextModel.from_pretrained(folder / "text_encoder", variant="fp16"),
    }
    pipeline = diffusers.MarigoldNormalsPipeline(
        **{name: part.float() for name, part in parts.items()},
        scheduler=diffusers.DDIMScheduler.from_pretrained(folder / "scheduler"),
        tokenizer=transformers.CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        prediction_type="normals",
    )
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        Image.fromarray(picture()),
        num_inference_steps=2,
        processing_resolution=32,
        generator=torch.Generator().manual_seed(0),
    ).prediction[0]
    np.testing.assert_allclose(marigold_normals(offline=True).estimate(picture()), theirs, atol=1e-4)


def test_other_weights_have_another_fingerprint(copy):
    before = marigold_normals(offline=True).fingerprint()
    index = copy / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"default_denoising_steps": 1}))
    assert marigold_normals(offline=True).fingerprint() != before


def test_an_incomplete_copy_says_what_is_absent(copy):
    (copy / "unet" / "config.json").unlink()
    with pytest.raises(WeightsMissing, match=r"not complete: unet/config\.json"):
        marigold_normals(offline=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("unet/diffusion_pytorch_model.fp16.safetensors", b"not tensors"),
        ("vae/config.json", b"{}"),
        ("unet/config.json", b"{"),
        ("model_index.json", b"[]"),
        ("tokenizer/vocab.json", b"{"),
    ],
)
def test_broken_files_are_weights_that_are_missing(copy, name, content):
    (copy / name).write_bytes(content)
    with pytest.raises(WeightsMissing) as raised:
        marigold_normals(offline=True)
    assert str(copy) in str(raised.value)


def test_absent_tensors_are_never_left_random(copy):
    from safetensors.torch import load_file, save_file

    path = copy / "unet" / "diffusion_pytorch_model.fp16.safetensors"
    tensors = load_file(path)
    tensors.pop("conv_out.weight")
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(WeightsMissing, match=r"conv_out\.weight among them"):
        marigold_normals(offline=True)


def test_the_hubs_files_must_be_the_pinned_ones(saved, tmp_path, monkeypatch):
    """A cache that looks like the published repository, with other weights in it."""
    monkeypatch.delenv(FOLDER_VARIABLE)
    cache = tmp_path / "hub" / "models--prs-eth--marigold-normals-v1-1"
    snapshot = cache / "snapshots" / MARIGOLD.revision
    for name in MARIGOLD.files:
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).write_bytes((saved / MARIGOLD.folder / name).read_bytes())
    with pytest.raises(WeightsMissing, match="this is another file than the published") as raised:
        marigold_normals(offline=True)
    assert "SHA-256 bc1827c46545" in str(raised.value)
    monkeypatch.setattr(
        "bench.estimators.marigold.MARIGOLD",
        type(MARIGOLD)(
            MARIGOLD.repository,
            MARIGOLD.revision,
            MARIGOLD.folder,
            {name: hash_file(snapshot / name) for name in MARIGOLD.weights},
            MARIGOLD.configs,
        ),
    )
    assert marigold_normals(offline=True).estimate(picture()).shape == (40, 56, 3)


def test_without_weights_the_error_says_which_where_and_how(monkeypatch, tmp_path):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "empty"))
    with pytest.raises(WeightsMissing) as raised:
        marigold_normals(offline=True)
    for part in (MARIGOLD.repository, MARIGOLD.revision, str(tmp_path / "empty"), str(tmp_path / "hub"), "unet/config"):
        assert part in str(raised.value)


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(WeightsMissing, match=r"pip install 'realiz3d-bench\[normals\]'"):
        marigold_normals(offline=True)


def lacks_weights(device, offline):
    raise WeightsMissing("no such file")


def fails(device, offline):
    raise ZeroDivisionError("oh")


def test_plug_ins_are_asked_once_and_their_failures_told_apart():
    find_estimator.cache_clear()
    assert isinstance(find_estimator(f"{__name__}:lacks_weights", "cpu", True), WeightsMissing)
    with pytest.raises(UsageError, match="could not be set up: ZeroDivisionError: oh"):
        find_estimator(f"{__name__}:fails", "cpu", True)
    with pytest.raises(UsageError, match="unknown normal estimator"):
        find_estimator("marigold", "cpu", True)
    first = find_estimator("marigold_normals", "cpu", True)
    assert find_estimator("marigold_normals", "cpu", True) is first
    find_estimator.cache_clear()
