"""CLIP score and prompt retrieval through a real, tiny CLIP: torchmetrics' number, and ranks that are known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_clip import save_tiny_clip

from bench.errors import UsageError, WeightsMissing
from bench.extractors.clip import DEVIATION, MEAN, ClipModel, load_clip
from bench.extractors.weights import FOLDER_VARIABLE
from bench.geometry.cameras import view_cameras
from bench.metrics.clip_score import ClipScore, clip_scores
from bench.metrics.clip_views import _embedded, find_clip, text_embeddings
from bench.metrics.declaration import Sample
from bench.metrics.pictures import as_pictures
from bench.metrics.prompt_retrieval import PromptRetrieval, pooled_similarity, retrieval
from bench.metrics.prompts import distinct_prompts, prompt_with, suffix_signature

open_clip = pytest.importorskip("open_clip")

PROMPTS = ("a wooden chair", "a red teapot", "A  red teapot ", "", "a fork, three prongs", "a vase")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "weights"))
    kept = (load_clip, find_clip, text_embeddings, _embedded)
    for function in kept:
        function.cache_clear()
    yield
    for function in kept:
        function.cache_clear()


@pytest.fixture
def tiny(tmp_path: Path) -> Any:
    return save_tiny_clip(tmp_path / "weights")


def views(seed: int = 0, count: int = 4) -> torch.Tensor:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 6, 5, 3), dtype=np.uint8)
    blocks = pixels.repeat(10, axis=1).repeat(12, axis=2)  # what 28 px still show
    return torch.from_numpy(blocks).float() / 255.0


def sample(prompt: str = PROMPTS[0], seed: int = 0, prompts: tuple[str, ...] = PROMPTS) -> Sample:
    return Sample(views(seed), None, (1.0, 1.0, 1.0), view_cameras(resolution=60), prompt, prompts)


def prepared(kind: type, **options: Any) -> Any:
    metric = kind(kind.Options(**options))
    metric.see_prompts(PROMPTS)
    metric.prepare("cpu", True)
    assert metric.missing() == {}
    return metric


def cosines(network: Any, prompts: tuple[str, ...], seed: int = 0) -> torch.Tensor:
    """(P, V) by open_clip's own forward pass on its own transform."""
    pytest.importorskip("torchvision")
    transform = open_clip.image_transform(28, is_train=False, mean=MEAN, std=DEVIATION)
    pictures = torch.stack([transform(Image.fromarray(picture)) for picture in as_pictures(views(seed))])
    tokens = open_clip.SimpleTokenizer(context_length=20)(list(prompts))
    with torch.no_grad():
        seen, said, _ = network(pictures, tokens)
    return said @ seen.T


def test_pictures_come_back_exactly():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    assert np.array_equal(np.stack(as_pictures(torch.from_numpy(pixels).float() / 255.0)), pixels)


def test_score_is_that_of_open_clips_forward_pass(tiny):
    wanted = 100.0 * cosines(tiny, (PROMPTS[0],))[0].clamp(min=0.0).double()
    found = prepared(ClipScore).measure(sample())["clip_score"]
    assert found.per_view == pytest.approx(wanted.tolist(), abs=1e-4)
    assert found.value == pytest.approx(wanted.mean().item(), abs=1e-4)
    best = prepared(ClipScore, pooling="max").measure(sample())["clip_score"]
    assert best.value == pytest.approx(wanted.max().item(), abs=1e-4) and best.per_view == ()


def test_score_is_torchmetrics_own(tiny):
    clip_score = pytest.importorskip("torchmetrics.functional.multimodal").clip_score
    pytest.importorskip("torchvision")
    transform = open_clip.image_transform(28, is_train=False, mean=MEAN, std=DEVIATION)
    tokenizer = open_clip.SimpleTokenizer(context_length=20)

    class Network(torch.nn.Module):
        config = SimpleNamespace()

        def get_image_features(self, pixels):
            return tiny.encode_image(pixels)

        def get_text_features(self, tokens, mask):
            return tiny.encode_text(tokens)

    def processor(images=None, text=None, **_):
        if images is not None:
            pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
            return {"pixel_values": torch.stack([transform(picture) for picture in pictures])}
        tokens = tokenizer(text)
        return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}

    metric = prepared(ClipScore)
    for seed, prompt in enumerate(("a wooden chair", "a vase", "Something else, entirely")):
        found = metric.measure(sample(prompt, seed))["clip_score"]
        for picture, value in zip(as_pictures(views(seed)), found.per_view, strict=True):
            image = torch.from_numpy(picture).permute(2, 0, 1)
            with torch.no_grad():
                theirs = clip_score(image, prompt, lambda: (Network(), processor))
            assert value == pytest.approx(theirs.item(), abs=1e-4)


def test_opposite_directions_count_as_nothing():
    assert clip_scores(np.array([[1, 0], [-1, 0], [0.6, 0.8]], np.float32), np.array([1, 0], np.float32)).tolist() == (
        pytest.approx([100.0, 0.0, 60.0], abs=1e-5)
    )


def test_suffix_is_part_of_text_and_signature(tiny):
    words = "highly photorealistic and detailed"
    plain, with_suffix = prepared(ClipScore), prepared(ClipScore, suffix=words)
    assert " suffix=none " in plain.parameters()
    assert " suffix=highly%20photorealistic%20and%20detailed " in with_suffix.parameters()
    assert all("=" in part or part == "v1" for part in with_suffix.parameters().split())
    wanted = plain.measure(sample(f"a vase, {words}"))["clip_score"].value
    assert with_suffix.measure(sample("a vase"))["clip_score"].value == wanted
    assert plain.measure(sample("a vase"))["clip_score"].value != wanted


def test_prompts_and_their_suffix():
    assert prompt_with(" a cat ", "") == "a cat" and prompt_with("a cat", " on a mat ") == "a cat, on a mat"
    assert suffix_signature("a b=c") == "suffix=a%20b%3Dc"
    assert distinct_prompts(PROMPTS) == ("a wooden chair", "a red teapot", "a fork, three prongs", "a vase")


@pytest.mark.parametrize("prompt", ["", "  \n"])
def test_without_a_prompt_nothing_can_be_measured(tiny, prompt):
    for kind in (ClipScore, PromptRetrieval):
        metric = prepared(kind)
        for result in metric.results():
            found = metric.measure(sample(prompt))[result.name]
            assert found.status == "not_measurable" and math.isnan(found.value)


def test_signature_names_the_weights(tiny):
    clip = load_clip("ViT-L-14", "cpu", True)
    for kind in (ClipScore, PromptRetrieval):
        assert f"model=ViT-L-14@own@sha256:{clip.fingerprint[:12]}" in prepared(kind).parameters()
        with pytest.raises(UsageError, match="did you mean 'ViT-L-14'"):
            kind(kind.Options(model="ViT-L-41"))


def test_without_weights_all_rows_are_missing(tmp_path):
    for kind in (ClipScore, PromptRetrieval):
        metric = kind(kind.Options())
        metric.prepare("cpu", True)
        assert set(metric.missing()) == {result.name for result in metric.results()}
        reason = next(iter(metric.missing().values()))
        assert "clip-ViT-L-14" in reason and str(tmp_path / "hub") in reason and "offline" in reason
        assert "model=ViT-L-14@missing" in metric.parameters()
        with pytest.raises(WeightsMissing):
            metric.measure(sample())


def test_views_and_texts_are_embedded_once(tiny, monkeypatch):
    calls = []
    images, texts = ClipModel.encode_images, ClipModel.encode_texts
    monkeypatch.setattr(ClipModel, "encode_images", lambda clip, x: calls.append("images") or images(clip, x))
    monkeypatch.setattr(ClipModel, "encode_texts", lambda clip, x: calls.append(len(x)) or texts(clip, x))
    metrics = [prepared(ClipScore), prepared(PromptRetrieval)]
    for seed in (0, 1):
        for metric in metrics:
            metric.measure(sample(seed=seed))
    assert calls == [1, "images", 4, "images"]


def test_retrieval_is_the_argmax_of_open_clips_similarities(tiny):
    prompts = tuple(f"a {thing}" for thing in ("cat", "vase", "chair", "lamp", "fork", "boat", "hat", "tree"))
    metric = PromptRetrieval(PromptRetrieval.Options())
    metric.prepare("cpu", True)
    hits = []
    for seed in range(3):
        order = cosines(tiny, prompts, seed).mean(dim=1).argsort(descending=True).tolist()
        for own, prompt in enumerate(prompts):
            found = metric.measure(sample(prompt, seed, prompts))
            rank = order.index(own) + 1
            assert found["prompt_retrieval"].value == float(rank == 1)
            assert found["prompt_reciprocal_rank"].value == pytest.approx(1 / rank)
            assert found["prompt_retrieval"].per_view == ()
            hits.append(found["prompt_retrieval"].value)
    assert sum(hits) == 3.0


def test_chance_is_in_title_and_signature(tiny):
    metric = prepared(PromptRetrieval)
    assert " chance=0.25 " in metric.parameters() and "prompts=4@sha256:" in metric.parameters()
    assert metric.results()[0].title.endswith("chance 0.25")
    other = PromptRetrieval(PromptRetrieval.Options())
    other.see_prompts(tuple(f"object {i}" for i in range(40)))
    assert " chance=0.025 " in other.parameters()
    # the average over all prompts is the chance, whatever the similarities
    similarity = np.random.default_rng(0).standard_normal(40)
    assert np.mean([retrieval(similarity, own)[0] for own in range(40)]) == pytest.approx(0.025)


def test_prompts_that_say_the_same_count_once(tiny):
    metric = prepared(PromptRetrieval)
    alone = ("a wooden chair", "a red teapot", "a fork, three prongs", "a vase")
    for own in ("a red teapot", "A  red teapot "):
        assert metric.measure(sample(own)) == metric.measure(sample("a red teapot", prompts=alone))
    for only in (("a vase",), ("a vase", " A vase", "")):
        found = metric.measure(sample("a vase", prompts=only))
        assert {measurement.status for measurement in found.values()} == {"not_measurable"}


def test_ties_share_what_a_guess_would_get():
    assert retrieval(np.array([0.3, 0.1, 0.2]), 0) == (1.0, 1.0)
    assert retrieval(np.array([0.3, 0.1, 0.2]), 1) == (0.0, pytest.approx(1 / 3))
    assert retrieval(np.array([0.3, 0.3 + 1e-8, 0.2]), 0) == (0.5, 0.75)
    assert retrieval(np.array([0.3, 0.2, 0.2]), 2) == (0.0, pytest.approx((1 / 2 + 1 / 3) / 2))
    flat = [retrieval(np.zeros(5), own) for own in range(5)]
    assert flat == [(pytest.approx(0.2), pytest.approx(sum(1 / r for r in range(1, 6)) / 5))] * 5


def test_views_are_pooled_by_their_mean_cosine():
    rng = np.random.default_rng(0)
    pictures, texts = rng.standard_normal((3, 8)).astype(np.float32), rng.standard_normal((5, 8)).astype(np.float32)
    wanted = [[float(text @ picture) for picture in pictures] for text in texts]
    assert pooled_similarity(pictures, texts) == pytest.approx(np.mean(wanted, axis=1), abs=1e-5)
