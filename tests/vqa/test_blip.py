"""BLIP's real class, tiny and untrained: the probability is that of the network's own answer."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_blip import WORDS, save_tiny_blip

from bench.errors import UsageError, WeightsMissing
from bench.extractors.weights import FOLDER_VARIABLE
from bench.vqa.blip import BLIP, blip_vqa
from bench.vqa.catalogue import find_vqa
from groundwork.hashing import hash_file

transformers = pytest.importorskip("transformers")

QUESTIONS = ('Does this figure show "a red box"? Please answer yes or no.', "a ball?", "")


@pytest.fixture(autouse=True)
def own_weights_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return tmp_path / BLIP.folder


@pytest.fixture
def saved(own_weights_only: Path) -> Path:
    save_tiny_blip(own_weights_only)
    return own_weights_only


def picture(seed: int = 0, height: int = 40, width: int = 56) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_probabilities_are_those_of_the_networks_own_losses(saved):
    """As users of transformers score an answer: the loss of 'yes' and that of 'no' under `forward`."""
    model = blip_vqa(offline=True)
    network = transformers.BlipForQuestionAnswering.from_pretrained(saved).eval()
    tokenizer = transformers.BertTokenizer.from_pretrained(saved)
    for question in QUESTIONS[:2]:
        asked = tokenizer(question, return_tensors="pt")
        losses = []
        for answer in ("yes", "no"):
            # the loss looks one word ahead: after the start comes the answer
            words = [network.decoder_start_token_id, tokenizer.convert_tokens_to_ids(answer)]
            with torch.no_grad():
                decoded = network(
                    input_ids=asked.input_ids,
                    attention_mask=asked.attention_mask,
                    pixel_values=model.prepare(picture()),
                    decoder_input_ids=torch.tensor([words]),
                    labels=torch.tensor([words]),
                )
            losses.append(decoded.loss.double().item())
        # a part of the loss is the mean over the vocabulary, the same for both answers
        difference = (losses[1] - losses[0]) / (1 - network.text_decoder.label_smoothing)
        assert model.probability(picture(), question) == pytest.approx(1 / (1 + np.exp(-difference)), abs=1e-5)


def test_the_first_word_is_the_one_that_generate_would_say(saved):
    model = blip_vqa(offline=True)
    network = transformers.BlipForQuestionAnswering.from_pretrained(saved).eval()
    tokenizer = transformers.BertTokenizer.from_pretrained(saved)
    for question in QUESTIONS:
        asked = tokenizer(question, return_tensors="pt")
        said = network.generate(
            input_ids=asked.input_ids,
            attention_mask=asked.attention_mask,
            pixel_values=model.prepare(picture()),
            max_new_tokens=1,
            output_logits=True,
            return_dict_in_generate=True,
        )
        yes, no = said.logits[0][0, [tokenizer.convert_tokens_to_ids(word) for word in ("yes", "no")]].double()
        assert model.probability(picture(), question) == pytest.approx(float(torch.sigmoid(yes - no)), abs=1e-6)


def test_preparation_is_that_of_blips_processor(saved):
    processor = pytest.importorskip("transformers.models.blip.image_processing_pil_blip").BlipImageProcessorPil
    theirs = processor(size={"height": 32, "width": 32})(picture(), return_tensors="pt").pixel_values
    torch.testing.assert_close(blip_vqa(offline=True).prepare(picture()), theirs, atol=1e-5, rtol=0)


def test_answers_depend_on_picture_and_question_alone(saved):
    model = blip_vqa(offline=True)
    first = model.probability(picture(), QUESTIONS[0])
    assert 0.0 <= first <= 1.0
    assert abs(model.probability(picture(1), QUESTIONS[0]) - first) > 1e-4
    assert abs(model.probability(picture(), QUESTIONS[1]) - first) > 1e-4
    assert model.probability(picture(), QUESTIONS[0]) == first
    assert blip_vqa(offline=True).probability(picture(), QUESTIONS[0]) == first
    assert 0.0 <= model.probability(picture(), "a ball? " * 100) <= 1.0  # longer than the network can read


def test_fingerprint_follows_the_files(saved):
    before = blip_vqa(offline=True).fingerprint()
    assert len(before) == 64
    with (saved / "vocab.txt").open("a") as vocabulary:
        vocabulary.write("extra\n")
    assert blip_vqa(offline=True).fingerprint() != before


def test_what_lies_beside_the_named_files_changes_nothing(saved):
    """Another tokenizer, or an adapter, would change the numbers and not the fingerprint."""
    before = blip_vqa(offline=True)
    (saved / "special_tokens_map.json").write_text('{"cls_token": "please", "sep_token": "answer"}')
    (saved / "tokenizer.json").write_text("{}")
    (saved / "adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "elsewhere"}')
    after = blip_vqa(offline=True)
    assert after.fingerprint() == before.fingerprint()
    assert after.probability(picture(), QUESTIONS[0]) == before.probability(picture(), QUESTIONS[0])


def test_a_vocabulary_without_the_answers_is_refused(own_weights_only):
    save_tiny_blip(own_weights_only, words=WORDS.replace("yes", "oui"))
    with pytest.raises(WeightsMissing, match="vocabulary lacks 'yes' or 'no'"):
        blip_vqa(offline=True)


@pytest.mark.parametrize(("name", "content"), [("model.safetensors", b"?"), ("config.json", b"[]")])
def test_broken_files_are_weights_that_are_missing(saved, name, content):
    (saved / name).write_bytes(content)
    with pytest.raises(WeightsMissing) as raised:
        blip_vqa(offline=True)
    assert str(saved) in str(raised.value)


def test_absent_tensors_are_never_left_random(saved):
    from safetensors.torch import load_file, save_file

    tensors = load_file(saved / "model.safetensors")
    removed = next(name for name in tensors if name.startswith("text_encoder") and "attention" in name)
    tensors.pop(removed)
    save_file(tensors, saved / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsMissing, match="not all weights of BlipForQuestionAnswering: 1 are missing"):
        blip_vqa(offline=True)


def test_published_layout_in_the_hubs_cache(saved, tmp_path, monkeypatch):
    snapshot = tmp_path / "hub" / "models--Salesforce--blip-vqa-base" / "snapshots" / BLIP.revision
    snapshot.parent.mkdir(parents=True)
    saved.rename(snapshot)
    with pytest.raises(WeightsMissing, match="another file than the published"):
        blip_vqa(offline=True)
    weights = {"model.safetensors": hash_file(snapshot / "model.safetensors")}
    monkeypatch.setattr(
        "bench.vqa.blip.BLIP", type(BLIP)(BLIP.repository, BLIP.revision, BLIP.folder, weights, BLIP.configs)
    )
    assert 0.0 <= blip_vqa(offline=True).probability(picture(), QUESTIONS[0]) <= 1.0


def test_without_weights_the_error_says_which_where_and_how(own_weights_only, tmp_path):
    with pytest.raises(WeightsMissing) as raised:
        blip_vqa(offline=True)
    for part in (BLIP.repository, BLIP.revision, str(own_weights_only), str(tmp_path / "hub"), "model.safetensors"):
        assert part in str(raised.value)


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(WeightsMissing, match=r"pip install 'realiz3d-bench\[vqa\]'"):
        blip_vqa(offline=True)


def test_unknown_models_name_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'blip_vqa'"):
        find_vqa("blip-vqa", "cpu", True)
