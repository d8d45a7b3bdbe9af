"""The ImageNet recipe end to end: a real but tiny CLIP, an archive of noise, and a segmenter that knows the frame."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_clip import save_tiny_clip

from bench.cli import main
from bench.commands import imagenet as command
from bench.extractors.catalogue import load_extractor
from bench.extractors.clip import load_clip
from bench.extractors.weights import FOLDER_VARIABLE
from bench.references.imagenet.choice import class_embeddings
from bench.references.imagenet.classes import imagenet_classes
from bench.references.library import load_reference
from bench.references.provenance import Provenance, read_provenance
from groundwork.hashing import hash_file
from groundwork.pictures import read_picture, read_rgba

pytest.importorskip("open_clip")
pytest.importorskip("timm")

SYNSETS = {"teapot": "n04398044", "rocking chair": "n04099969", "tench": "n01440764"}
Output = pytest.CaptureFixture[str]


class FrameSegmenter:
    """The object is what lies 8 pixels inside the frame; nothing at all in pictures that begin with a black pixel."""

    name, sha256 = "frame", "f" * 64

    def __init__(self) -> None:
        self.calls = 0

    def alpha(self, picture: np.ndarray) -> np.ndarray:
        self.calls += 1
        alpha = np.full(picture.shape[:2], 9, dtype=np.uint8)  # a haze that must not count as an outline
        if picture[0, 0].any():
            alpha[8:-8, 8:-8] = 255
        return alpha


@pytest.fixture
def segmenter(monkeypatch: pytest.MonkeyPatch) -> FrameSegmenter:
    found = FrameSegmenter()
    monkeypatch.setattr(command, "rembg_segmenter", lambda network, offline: found)
    return found


@pytest.fixture(autouse=True)
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """CLIP's weights where they are looked for. Only a few classes have names, so that few texts are read."""
    some = [entry for entry in imagenet_classes() if entry.synset in SYNSETS.values() or entry.number < 3]
    monkeypatch.setattr(command, "imagenet_classes", lambda: tuple(some))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "weights"))
    load_clip.cache_clear()
    yield save_tiny_clip(tmp_path / "weights")
    load_clip.cache_clear()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Six photographs of each of three classes."""
    random = np.random.default_rng(0)
    for number, synset in enumerate(SYNSETS.values()):
        folder = tmp_path / "imagenet" / "val" / synset
        folder.mkdir(parents=True)
        for index in range(6):
            tint = random.integers(1, 255, 3)
            picture = np.clip(tint + random.normal(0, 20, (40 + index, 50, 3)), 1, 255).astype(np.uint8)
            Image.fromarray(picture).save(folder / f"ILSVRC2012_val_{10 * number + index + 1:08d}.JPEG", quality=95)
    return tmp_path / "imagenet"


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    (tmp_path / "prompts.csv").write_text("case,prompt\npot,a teapot of blue porcelain\nseat,an old rocking chair\n")
    (tmp_path / "map.csv").write_text("case,class\npot,teapot\nseat,n04099969\nseat,0\n")
    return tmp_path


@pytest.fixture
def build(archive: Path, tables: Path, segmenter: FrameSegmenter) -> Callable[..., int]:
    def go(*more: str, name: str = "imagenet", out: str = "out") -> int:
        words = ["--offline", "reference", "build", name, str(archive), "--prompts", str(tables / "prompts.csv")]
        extractors = ["--extractors", "efficientnet_lite0_texture"]
        return main([*words, "--out", str(tables / out), *extractors, *more])

    return go


def provenance(tables: Path, out: str = "out", name: str = "imagenet") -> Provenance:
    return read_provenance(tables / out / f"{name}.json")


def test_a_mapped_set_holds_the_best_photographs(
    build: Callable[..., int], archive: Path, tables: Path, tiny: Any, segmenter: FrameSegmenter
) -> None:
    assert build("--classes-map", str(tables / "map.csv"), "--per-class", "2") == 0
    made = provenance(tables)
    assert made.count == 6
    recipe: Any = made.recipe
    assert [entry["name"] for entry in recipe["classes"]] == ["teapot", "rocking chair", "tench"]
    assert [[c["case"] for c in entry["cases"]] for entry in recipe["classes"]] == [["pot"], ["seat"], ["seat"]]
    weights = tables / "weights" / "clip-ViT-L-14" / "open_clip_model.safetensors"
    assert recipe["clip"]["weights_sha256"] == hash_file(weights)
    assert recipe["segmenter"] == {"name": "frame", "weights_sha256": "f" * 64}
    assert (recipe["chosen_by"], recipe["unreadable"]) == ("a table", {})

    clip = load_clip("ViT-L-14", "cpu", True)
    by_synset = {entry.synset: entry for entry in imagenet_classes()}
    for entry in recipe["classes"]:
        folder = archive / "val" / entry["synset"]
        files = sorted(folder.iterdir())
        vector = class_embeddings(clip, [by_synset[entry["synset"]]], tables / "scratch", lambda _: None)[0]
        scores = clip.encode_images([read_picture(path) for path in files]) @ vector
        best = np.argsort(-scores)[:2]
        assert [photo["file"] for photo in entry["photos"]] == [files[i].name for i in best]
        assert [photo["score"] for photo in entry["photos"]] == pytest.approx(scores[best], abs=2e-6)
        assert [photo["sha256"] for photo in entry["photos"]] == [hash_file(files[i]) for i in best]
        for rank, photo in enumerate(entry["photos"], 1):
            stem = Path(photo["file"]).stem
            cutout = read_rgba(tables / "out" / "imagenet.work" / "chosen" / entry["synset"] / f"{rank}-{stem}.png")
            original = read_picture(folder / photo["file"])
            np.testing.assert_array_equal(cutout[..., :3], original)
            assert set(np.unique(cutout[..., 3])) == {0, 255}
            assert np.count_nonzero(cutout[..., 3]) == (original.shape[0] - 16) * (original.shape[1] - 16)


def test_class_vectors_average_the_templates(tiny: Any, tmp_path: Path) -> None:
    import open_clip

    entries = imagenet_classes()[:3]
    done: list[int] = []
    found = class_embeddings(load_clip("ViT-L-14", "cpu", True), entries, tmp_path, done.append)
    tokenizer = open_clip.SimpleTokenizer(context_length=20)
    for entry, vector in zip(entries, found, strict=True):
        texts = tokenizer([template(entry.name) for template in open_clip.SIMPLE_IMAGENET_TEMPLATES])
        with torch.inference_mode():
            mean = tiny.encode_text(texts, normalize=True).mean(dim=0)
        np.testing.assert_allclose(vector, (mean / mean.norm()).numpy(), atol=2e-6)
    assert sum(done) == 3


def test_clip_chooses_the_class_nearest_to_the_prompt(
    build: Callable[..., int], archive: Path, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    have = tuple(entry for entry in command.imagenet_classes() if entry.synset in SYNSETS.values())
    monkeypatch.setattr(command, "imagenet_classes", lambda: have)
    assert build("--per-class", "2") == 0
    clip = load_clip("ViT-L-14", "cpu", True)
    vectors = class_embeddings(clip, have, tables / "scratch", lambda _: None)
    prompts = {"pot": "a teapot of blue porcelain", "seat": "an old rocking chair"}
    cosines = clip.encode_texts(list(prompts.values())) @ vectors.T
    recipe: Any = provenance(tables).recipe
    chosen = {case["case"]: entry["synset"] for entry in recipe["classes"] for case in entry["cases"]}
    assert chosen == {case: have[i].synset for case, i in zip(prompts, cosines.argmax(axis=1), strict=True)}
    assert recipe["chosen_by"] == "CLIP"


def test_an_interrupted_run_goes_on_to_the_same_set(
    build: Callable[..., int], tables: Path, segmenter: FrameSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped = ("--classes-map", str(tables / "map.csv"), "--per-class", "2")
    assert build(*mapped, out="whole") == 0
    alpha, calls = segmenter.alpha, segmenter.calls

    def stumble(picture: np.ndarray) -> np.ndarray:
        if segmenter.calls == calls + 3:
            raise KeyboardInterrupt
        return alpha(picture)

    monkeypatch.setattr(segmenter, "alpha", stumble)
    assert build(*mapped) == 130
    assert not (tables / "out" / "imagenet.json").exists()
    monkeypatch.setattr(segmenter, "alpha", alpha)
    load_clip("ViT-L-14", "cpu", True)._network.visual = None  # neither texts nor photographs are looked at again
    assert build(*mapped) == 0
    assert segmenter.calls == calls + 6
    assert provenance(tables) == provenance(tables, "whole")


def test_a_smaller_choice_leaves_nothing_of_the_larger_one(build: Callable[..., int], tables: Path) -> None:
    mapped = ("--classes-map", str(tables / "map.csv"))
    assert build(*mapped, "--per-class", "3") == 0
    assert provenance(tables).count == 9
    assert build(*mapped, "--per-class", "1") == 0
    assert provenance(tables).count == 3


def test_photographs_that_cannot_be_used_are_passed_over_and_named(
    build: Callable[..., int], archive: Path, tables: Path
) -> None:
    files = sorted((archive / "val" / SYNSETS["teapot"]).iterdir())
    files[0].write_bytes(b"not a picture")
    Image.new("CMYK", (40, 40)).save(files[1], format="JPEG")
    Image.new("RGB", (40, 40)).save(files[2], format="JPEG")  # all black: the segmenter finds nothing
    assert build("--classes-map", str(tables / "map.csv"), "--per-class", "3") == 0
    recipe: Any = provenance(tables).recipe
    teapot = recipe["classes"][0]
    assert sorted(photo["file"] for photo in teapot["photos"]) == [path.name for path in files[3:]]
    assert set(recipe["unreadable"]) == {files[0].name, files[1].name}
    assert set(teapot["without_object"]) <= {files[2].name}


def test_the_set_can_be_used(build: Callable[..., int], tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert build("--classes-map", str(tables / "map.csv"), out="sets", name="photos") == 2  # no recipe was asked
    words = ("--classes-map", str(tables / "map.csv"), "--recipe", "imagenet", "--per-class", "2")
    assert build(*words, out="sets", name="photos") == 0
    monkeypatch.setenv("REALIZ3D_BENCH_REFERENCES", str(tables / "sets"))
    extractor = load_extractor("efficientnet_lite0_texture")
    found = load_reference("photos", extractor, (1.0, 1.0, 1.0))
    assert found.features.shape == (6, 80)
    assert len(set(found.clusters)) == 6


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--per-class", "7"), "of n04398044 (teapot) 6 are there"),
        (("--labels", "x.txt", "--recipe", "imagnet"), "did you mean 'imagenet'"),
        (("--source", "me"), "--source"),
        (("--classes-map", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_mistakes_are_explained(
    build: Callable[..., int], tables: Path, capsys: Output, words: tuple[str, ...], complaint: str
) -> None:
    more = () if "--classes-map" in words else ("--classes-map", str(tables / "map.csv"))
    assert build(*more, *words) == 2
    assert complaint in capsys.readouterr().err


def test_prompts_are_needed_and_other_sets_need_none(archive: Path, tmp_path: Path, capsys: Output) -> None:
    assert main(["reference", "build", "imagenet", str(archive), "--out", str(tmp_path)]) == 2
    assert "--prompts" in capsys.readouterr().err
    assert main(["reference", "build", "mine", str(archive), "--per-class", "3", "--out", str(tmp_path)]) == 2
    assert "--per-class belongs to a recipe" in capsys.readouterr().err


def test_missing_weights_are_said_before_anything_is_done(
    build: Callable[..., int], tables: Path, segmenter: FrameSegmenter, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tables / "empty"))
    load_clip.cache_clear()
    assert build() == 2
    assert "vit_large_patch14_clip_224.openai" in capsys.readouterr().err
    assert segmenter.calls == 0
    assert not (tables / "out").exists()


def test_json_answer_carries_the_recipe(build: Callable[..., int], tables: Path, capsys: Output) -> None:
    assert build("--classes-map", str(tables / "map.csv"), "--per-class", "1", "--json") == 0
    answered = json.loads(capsys.readouterr().out)
    assert answered["recipe"]["per_class"] == 1
    assert "files" not in answered
