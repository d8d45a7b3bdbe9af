"""VQA score: which question is asked of whom, and what becomes of the answers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from pydantic import ValidationError

from bench.errors import UsageError, WeightsMissing
from bench.extractors.weights import FOLDER_VARIABLE
from bench.metrics.declaration import Sample
from bench.metrics.vqa_score import VqaScore, vqa_question
from bench.vqa.catalogue import find_vqa


class Brightness:
    """Answers 'yes' as surely as the picture is bright, and remembers what it was asked."""

    name = "brightness"
    asked: list[str]

    def __init__(self, device, offline):
        assert (device, offline) == ("cpu", True)
        self.asked = []

    def fingerprint(self):
        return "ab" * 32

    def probability(self, picture, question):
        self.asked.append(question)
        return float(picture.mean() / 255.0)


class Unsure(Brightness):
    answer = math.nan

    def probability(self, picture, question):
        return type(self).answer


def nowhere(device, offline):
    raise WeightsMissing("the weights are on the moon", hint="fetch them")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[None]:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "weights"))
    find_vqa.cache_clear()
    yield
    find_vqa.cache_clear()


def metric(name: str = "Brightness", **options: str) -> VqaScore:
    made = VqaScore(VqaScore.Options(model=f"{__name__}:{name}", **options))
    made.prepare("cpu", True)
    return made


def sample(prompt: str = 'a "big" {cat}', levels: tuple[int, ...] = (0, 51, 255)) -> Sample:
    views = torch.stack([torch.full((8, 8, 3), level / 255.0) for level in levels])
    return Sample(views, None, (1.0, 1.0, 1.0), prompt=prompt)


def test_each_view_is_asked_the_papers_question():
    made = metric()
    found = made.measure(sample())["vqa_score"]
    assert found.per_view == pytest.approx((0.0, 0.2, 1.0)) and found.value == pytest.approx(0.4)
    assert made._model.asked == ['Does this figure show "a "big" {cat}"? Please answer yes or no.'] * 3
    assert vqa_question("a cat") == 'Does this figure show "a cat"? Please answer yes or no.'


def test_suffix_and_signature():
    made = metric(suffix="very real")
    made.measure(sample("a cat"))
    assert made._model.asked[0] == 'Does this figure show "a cat, very real"? Please answer yes or no.'
    assert f"model={__name__}:Brightness@sha256:abababababab question=lin2024 suffix=very%20real " in made.parameters()
    assert " suffix=none " in metric().parameters()


def test_without_a_prompt_nothing_can_be_measured():
    found = metric().measure(sample(" "))["vqa_score"]
    assert found.status == "not_measurable" and math.isnan(found.value)


@pytest.mark.parametrize("answer", [math.nan, -0.1, 1.5])
def test_what_is_no_probability_is_refused(answer):
    Unsure.answer = answer
    with pytest.raises(UsageError, match="the VQA model gave"):
        metric("Unsure").measure(sample())


def test_missing_weights_are_a_reason_not_an_error():
    made = metric("nowhere")
    assert "on the moon" in made.missing()["vqa_score"] and "@missing " in made.parameters()
    with pytest.raises(WeightsMissing):
        made.measure(sample())


def test_blip_without_weights_says_what_to_do(monkeypatch, tmp_path):
    pytest.importorskip("transformers")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    made = VqaScore(VqaScore.Options())
    made.prepare("cpu", True)
    for part in ("Salesforce/blip-vqa-base", "offline", str(tmp_path / "hub"), FOLDER_VARIABLE):
        assert part in made.missing()["vqa_score"]


def test_unknown_names_and_options():
    with pytest.raises(UsageError, match="did you mean 'blip_vqa'"):
        VqaScore(VqaScore.Options(model="blip"))
    with pytest.raises(ValidationError):
        VqaScore.Options(question="is it nice?")
