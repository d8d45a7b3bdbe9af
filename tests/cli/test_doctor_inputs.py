"""`doctor FOLDER` and `doctor --suite`: what is wrong with inputs, what follows, what to do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.cli import main

Output = pytest.CaptureFixture[str]


def picture(seed: int, size: int = 32) -> Image.Image:
    pixels = np.full((size, size, 3), 255, dtype=np.uint8)
    coarse = np.random.default_rng(seed).integers(0, 200, (4, 4, 3), dtype=np.uint8)
    pixels[8:-8, 8:-8] = np.asarray(Image.fromarray(coarse).resize((size - 16, size - 16)))
    return Image.fromarray(pixels)


def findings(capsys: Output, *words: str, code: int) -> list[dict[str, object]]:
    assert main(["doctor", *words, "--json"]) == code
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)["findings"]
    assert all(finding["follows"] and finding["fix"] for finding in found)
    return found


def test_a_folder_with_everything_wrong(tmp_path: Path, capsys: Output) -> None:
    for index in range(4):
        picture(index).save(tmp_path / f"{index}.png")
    picture(0).save(tmp_path / "again.png")
    picture(5, 48).save(tmp_path / "large.jpg")
    Image.new("RGB", (32, 32), "white").save(tmp_path / "blank.png")
    (tmp_path / "half.png").write_bytes(b"x")
    (tmp_path / "phone.heic").write_bytes(b"x")
    said = " | ".join(str(finding["seen"]) for finding in findings(capsys, str(tmp_path), code=3))
    for words in ("1 unreadable, first half.png", "1 of one colour only, first blank.png", "8 pictures", "2 sizes",
                  "1 copies, such as 0.png and again.png", "1 JPEG beside 7 lossless", "1 .heic"):  # fmt: skip
        assert words in said


def test_a_sound_folder(tmp_path: Path, capsys: Output) -> None:
    for index in range(50):
        picture(index).save(tmp_path / f"{index}.png")
    assert findings(capsys, str(tmp_path), code=0) == []


def test_a_suite_leaks_and_misses_cases(tmp_path: Path, capsys: Output) -> None:
    for folder in ("photos", "made/mug"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    views = [picture(index, 96) for index in range(4)]
    for index, view in enumerate(views):
        view.save(tmp_path / "made" / "mug" / f"view_{index}.png")
    mirror, other = Image.Transpose.FLIP_LEFT_RIGHT, picture(90, 96)
    photos = [views[0], views[1].transpose(mirror), other, other.transpose(mirror)]
    for index, photo in enumerate(photos):
        photo.save(tmp_path / "photos" / f"{index}.jpg", quality=95)
    (tmp_path / "prompts.csv").write_text("case,prompt\nmug,a mug\npot,a pot\n")
    (tmp_path / "suite.yaml").write_text(
        "name: s\nversion: 1\ntask: text_to_multiview\ncases: {source: prompts, path: prompts.csv}\n"
        "views: {resolution: 96}\nreferences: {photos: {folder: photos}}\n"
        "generators: [{name: mine, use: folder, path: made}]\n"
        "metrics: [hull_iou, {kd_cluster: {reference: photos, extractor: efficientnet_lite0_texture}}]\n"
    )
    found = findings(capsys, "--suite", str(tmp_path / "suite.yaml"), code=3)
    said = " | ".join(str(finding["seen"]) for finding in found if finding["where"] == "generator mine")
    assert "1 of 2 samples cannot be read, first pot, seed 0" in said
    assert "2 of 4 views nearly copy pictures of reference photos" in said
    assert "0% JPEG here, 100% in reference photos" in said
    told = [str(finding["seen"]) for finding in found if finding["where"] == "reference photos"]
    assert "1 near copies of others, such as 2.jpg and 3.jpg" in told
