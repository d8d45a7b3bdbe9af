"""Folders as other programs write them: names, numbers, strips, rows, borders, videos, presets; and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from written_folders import suite_views, write_as

from bench.cases.case import Case
from bench.cli import main
from bench.errors import ImageError, InputError, UsageError
from bench.generators.folder import FolderGenerator, FolderOptions
from bench.generators.protocol import GenerationRequest, GeneratorContext
from bench.layouts.presets import PRESETS
from bench.suite.cameras import cameras_of
from bench.suite.load import load_suite
from bench.suite.views import Views
from groundwork.notes import Note

SIZE = 16
WHITE = (1.0, 1.0, 1.0)


def noise(count: int, size: int = SIZE, seed: int = 0) -> np.ndarray:
    """Views that differ, each on white, so that the ground is the suite's."""
    views = np.full((count, size, size, 3), 255, dtype=np.uint8)
    inner = size // 4
    shape = (count, size - 2 * inner, size - 2 * inner, 3)
    views[:, inner:-inner, inner:-inner] = np.random.default_rng(seed).integers(0, 200, shape)
    return views


def save(picture: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def read(root: Path, views: Views | None = None, seed: int = 0, cases=("mug", "pot"), **options) -> np.ndarray:
    cameras = cameras_of(views or Views(resolution=SIZE))
    listed = tuple(Case(name, name, None) for name in cases)
    context = GeneratorContext(listed, cameras, WHITE, "cpu", Path("/"))
    generator = FolderGenerator("theirs", FolderOptions(path=root, **options), context)
    generator.fingerprint()
    request = GenerationRequest(listed[0], cameras, seed, WHITE, (0,) * len(cameras), None)
    return next(iter(generator.generate([request]))).views


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mug/{:03d}.png", {}),
        ("mug/view_{:02d}.png", {}),
        ("mug/{}.webp", {}),
        ("mug/seed_0/{:04d}.png", {}),
        ("deep/er/mug/color_{:04d}.png", {"files": "**/{case}/color_{view}"}),
        ("all/mug-{}-x.png", {"files": "all/{case}-{view}-*"}),
    ],
)
def test_numbers_by_any_name(tmp_path, name, options):
    views = noise(4)
    for index, view in enumerate(views):
        path = tmp_path / name.format(index)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(view).save(path, **({"lossless": True} if path.suffix == ".webp" else {}))
    np.testing.assert_array_equal(read(tmp_path, **options), views)


def test_names_in_their_order_and_numbers_from_one(tmp_path):
    views, words = noise(4), ("front", "right", "back", "left")
    for index, word in enumerate(words):
        save(views[index], tmp_path / "names" / "mug" / f"rgb_000_{word}.png")
        save(views[index], tmp_path / "ones" / "mug" / f"view_{index + 1}.png")
    named = {"files": "{case}/rgb_000_{view}", "names": words}
    np.testing.assert_array_equal(read(tmp_path / "names", **named), views)
    np.testing.assert_array_equal(read(tmp_path / "names", **named, take=(2, 3, 0, 1)), views[[2, 3, 0, 1]])
    np.testing.assert_array_equal(read(tmp_path / "ones", first=1), views)
    with pytest.raises(ImageError, match="view 0 of case 'mug' is missing") as caught:
        read(tmp_path / "ones")
    assert "view_1.png, view_2.png" in caught.value.expected


@pytest.mark.parametrize("around", [False, True])
def test_borders_between_views_and_round_them(tmp_path, around):
    views, padding = noise(4), 3
    side = 2 * SIZE + padding * (3 if around else 1)
    sheet = np.zeros((side, side, 3), dtype=np.uint8)
    for index, view in enumerate(views):
        y, x = (padding * around + (SIZE + padding) * place for place in divmod(index, 2))
        sheet[y : y + SIZE, x : x + SIZE] = view
    save(sheet, tmp_path / "mug" / "grid.png")
    np.testing.assert_array_equal(read(tmp_path, padding=padding), views)
    with pytest.raises(ImageError, match=f"{side} x {side} pixels") as caught:
        read(tmp_path)
    assert "padding: PIXELS" in caught.value.hint


def test_rows_as_seeds_and_strips_named_by_case(tmp_path):
    views = noise(12).reshape(3, 4, SIZE, SIZE, 3)
    save(np.concatenate([np.concatenate(list(row), axis=1) for row in views]), tmp_path / "mug.png")
    options = {"files": "{case}", "grid": (1, 4), "rows": "seeds"}
    np.testing.assert_array_equal(read(tmp_path, seed=2, **options), views[2])
    with pytest.raises(ImageError, match="no row for seed 3"):
        read(tmp_path, seed=3, **options)


def test_a_strip_a_seed(tmp_path):
    strips = noise(8).reshape(2, 4, SIZE, SIZE, 3)
    for seed, views in enumerate(strips):
        save(np.concatenate(list(views), axis=1), tmp_path / "mug" / f"{seed}.png")
    found = read(tmp_path, seed=1, files="{case}/{seed}", grid=(1, 4))
    np.testing.assert_array_equal(found, strips[1])


def test_frames_of_a_video(tmp_path):
    av = pytest.importorskip("av")
    shades = (40, 90, 140, 190)
    frames = np.full((4, 32, 32, 3), 255, dtype=np.uint8)
    for frame, shade in zip(frames, shades, strict=True):
        frame[8:24, 8:24] = shade
    (tmp_path / "mug").mkdir()
    with av.open(str(tmp_path / "mug" / "000000.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=4, width=32, height=32)
        stream.pix_fmt, stream.bit_rate = "yuv420p", 8_000_000
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    found = read(tmp_path, Views(resolution=32), files="{case}/*.mp4")
    assert np.abs(found[:, 16, 16].astype(int) - np.array(shades)[:, None]).max() < 12


def test_refusals_list_what_is_there(tmp_path):
    for index in range(4):
        save(noise(1)[0], tmp_path / "mug" / f"rgb_000_{('front', 'right', 'back', 'left')[index]}.png")
    with pytest.raises(ImageError, match="no images of case 'mug'") as caught:
        read(tmp_path)
    assert "mug/: 4 pictures, rgb_000_back.png, rgb_000_front.png, rgb_000_left.png, ... (16 x 16)" in str(caught.value)
    assert "inspect" in caught.value.hint


def test_junk_is_ignored_with_a_note(tmp_path):
    views = noise(4)
    for index, view in enumerate(views):
        save(view, tmp_path / "mug" / f"view_{index}.png")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "._view_0.png").write_bytes(b"x")
    (tmp_path / "mug" / "Thumbs.db").write_bytes(b"x")
    with pytest.warns(Note, match=r"systems leave behind \(Thumbs\.db, __MACOSX\)"):
        np.testing.assert_array_equal(read(tmp_path), views)


def test_linked_case_folders_are_fingerprinted(tmp_path):
    views, disk, root = noise(4), tmp_path / "disk", tmp_path / "root"
    for index, view in enumerate(views):
        save(view, disk / f"view_{index}.png")
    root.mkdir()
    (root / "mug").symlink_to(disk)
    context = GeneratorContext((Case("mug", "mug", None),), cameras_of(Views(resolution=SIZE)), WHITE, "cpu", Path("/"))

    def fingerprint() -> str:
        return FolderGenerator("theirs", FolderOptions(path=root), context).fingerprint()

    before = fingerprint()
    save(views[1], disk / "view_0.png")
    assert fingerprint() != before


def test_patterns_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match="is not a pattern"):
        read(tmp_path, files="view_{view}")
    with pytest.raises(UsageError, match="is not a pattern") as caught:
        read(tmp_path, files="{case}/{azimuth}")
    assert "{azimuth}" in caught.value.hint
    with pytest.raises(UsageError, match="no layout 'wonder'") as caught:
        read(tmp_path, layout="wonder")
    assert "wonder3d" in caught.value.hint


def test_grey_ground_is_told_and_cut_out_on_request(tmp_path):
    views = noise(4)
    painted = np.where((views == 255).all(-1, keepdims=True), 127, views).astype(np.uint8)
    for index, view in enumerate(painted):
        save(view, tmp_path / "mug" / f"view_{index}.png")
    with pytest.warns(Note, match="a ground of #7f7f7f"):
        np.testing.assert_array_equal(read(tmp_path), painted)
    found = read(tmp_path, cut_out=True)
    assert (found[:, 0] == 255).all() and np.mean(np.abs(found.astype(int) - views) > 0) < 0.1


def test_a_view_of_another_size_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    def decoded(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("bench.generators.folder.read_picture", decoded)
    (tmp_path / "mug").mkdir()
    for index in range(4):
        Image.new("1", (4096, 4096)).save(tmp_path / "mug" / f"{index}.png")
    with pytest.raises(ImageError, match="the picture is 4096 x 4096 pixels"):
        read(tmp_path)
    (tmp_path / "mug" / "0.png").rename(tmp_path / "mug" / "grid.png")
    for index in range(1, 4):
        (tmp_path / "mug" / f"{index}.png").unlink()
    with pytest.raises(ImageError, match="the picture is 4096 x 4096 pixels"):
        read(tmp_path)


# --- presets: a folder as each program writes it, read into the views of its own suite


def written(root: Path, name: str, case: str, size: int) -> np.ndarray:
    """A synthetic folder of the preset's layout; returns its views."""
    views = noise(len(PRESETS[name].azimuths), size)
    write_as(name, root, case, views)
    return views


@pytest.mark.parametrize("name", [name for name in PRESETS if PRESETS[name].azimuths and name != "sv3d"])
def test_presets_read_what_their_program_writes(tmp_path, name):
    views = written(tmp_path, name, "mug", 24)
    np.testing.assert_array_equal(read(tmp_path, suite_views(name, 24), layout=name), views)
    back = slice(None, None, -1)
    np.testing.assert_array_equal(read(tmp_path, suite_views(name, 24, back), layout=name), views[::-1])


@pytest.mark.parametrize("name", [name for name in PRESETS if PRESETS[name].azimuths])
def test_presets_give_views_to_paste(tmp_path, name):
    file = tmp_path / "suite.yaml"
    head = "name: a\nversion: 1\ntask: text_to_multiview\ncases: {source: miniworld}\nmetrics: [hull_iou]\n"
    file.write_text(head + PRESETS[name].views() + "\n")
    assert len(load_suite(file).views.azimuths) == len(PRESETS[name].azimuths)


def test_a_preset_refuses_cameras_that_are_not_its_own(tmp_path):
    written(tmp_path, "wonder3d", "mug", SIZE)
    with pytest.raises(UsageError, match="Wonder3D has projection orthographic, the suite perspective") as caught:
        read(tmp_path, layout="wonder3d")
    assert "views: {azimuths: [0, 45, 90, 180, 270, 315]" in caught.value.expected
    with pytest.raises(UsageError, match="makes no view of azimuth 30"):
        read(tmp_path, Views(azimuths=(30.0,), projection="orthographic", resolution=SIZE), layout="wonder3d")
    with pytest.raises(UsageError, match=r"has fov 49\.1, the suite 40"):
        read(tmp_path, layout="syncdreamer")


def test_strangers_are_named(tmp_path):
    save(noise(1)[0], tmp_path / "mugg" / "rgb_0.png")
    with pytest.raises(InputError, match="folder 'mugg' is not a case of the suite") as caught:
        read(tmp_path, files="{case}/rgb_{view}")
    assert "did you mean 'mug'" in caught.value.hint


def test_score_takes_a_layout(tmp_path, capsys):
    words = ("front", "right", "back", "left")
    for index, view in enumerate(noise(4)):
        save(view, tmp_path / "made" / "mug" / f"rgb_000_{words[index]}.png")
    (tmp_path / "prompts.txt").write_text("a red mug\n")
    (tmp_path / "made" / "mug").rename(tmp_path / "made" / "000")
    (tmp_path / "suite.yaml").write_text(
        "name: s\nversion: 1\ntask: text_to_multiview\ncases: {source: prompts, path: prompts.txt}\n"
        f"views: {{resolution: {SIZE}}}\nmetrics: [hull_iou]\n"
    )
    given = ["score", str(tmp_path / "made"), "--suite", str(tmp_path / "suite.yaml"), "--out", str(tmp_path / "out")]
    reading = '{files: "{case}/rgb_000_{view}", names: [front, right, back, left]}'
    assert main(["--offline", *given, "--layout", reading]) == 0
    assert (tmp_path / "out" / "samples" / "made" / "000" / "seed_0" / "view_3.png").is_file()
    capsys.readouterr()
    assert main(["--offline", *given, "--layout", "{file: x}"]) == 2
    assert "unknown option of generator 'folder': 'file'" in capsys.readouterr().err
    assert main(["--offline", *given, "--layout", "wonder"]) == 2
    assert "wonder3d" in capsys.readouterr().err
