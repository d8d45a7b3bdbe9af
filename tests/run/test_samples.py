import numpy as np
import pytest

from bench.errors import GeneratorError, ImageError
from bench.results.layout import MARKER
from bench.run.samples import SampleKey, SampleStore, check_views
from groundwork.pictures import write_png

KEY = SampleKey("mine", "cow", 0)


@pytest.fixture
def views() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)


def test_written_sample_is_found_by_its_identity_only(tmp_path, views):
    store = SampleStore(tmp_path)
    digest = store.write(KEY, views, "identity-a")
    assert store.digest(KEY, "identity-a") == digest
    assert store.digest(KEY, "identity-b") is None
    assert np.array_equal(store.read(KEY, digest), views)


def test_layout_is_the_documented_one(tmp_path, views):
    SampleStore(tmp_path).write(KEY, views, "x")
    names = sorted(p.name for p in (tmp_path / "mine" / "cow" / "seed_0").iterdir())
    assert names == [MARKER, "view_0.png", "view_1.png", "view_2.png", "view_3.png"]


def test_sample_without_its_marker_or_a_view_is_incomplete(tmp_path, views):
    store = SampleStore(tmp_path)
    store.write(KEY, views, "x")
    (store.folder(KEY) / "view_2.png").unlink()
    assert store.digest(KEY, "x") is None
    store.write(KEY, views, "x")
    (store.folder(KEY) / MARKER).write_text("{half a fi")
    assert store.digest(KEY, "x") is None


def test_pictures_changed_behind_the_run_are_refused(tmp_path, views):
    store = SampleStore(tmp_path)
    digest = store.write(KEY, views, "x")
    write_png(store.folder(KEY) / "view_1.png", views[0])
    with pytest.raises(ImageError, match="changed since"):
        store.read(KEY, digest)


@pytest.mark.parametrize("content", [b"", b"no picture at all"])
def test_pictures_broken_behind_the_run_say_how_to_go_on(tmp_path, views, content):
    store = SampleStore(tmp_path)
    digest = store.write(KEY, views, "x")
    (store.folder(KEY) / "view_1.png").write_bytes(content)
    assert np.array_equal(store.view(KEY, 0, digest), views[0])
    with pytest.raises(ImageError, match="changed since") as caught:
        store.view(KEY, 1, digest)
    assert MARKER in caught.value.hint


def test_pictures_that_others_left_in_the_folder_are_not_read(tmp_path, views):
    store = SampleStore(tmp_path)
    digest = store.write(KEY, views, "x")
    write_png(store.folder(KEY) / "view_4.png", views[0])
    write_png(store.folder(KEY) / "view_final.png", views[0])
    assert np.array_equal(store.read(KEY, digest), views)


def test_marker_that_was_tampered_with_vouches_for_nothing(tmp_path, views):
    store = SampleStore(tmp_path)
    digest = store.write(KEY, views, "x")
    (store.folder(KEY) / MARKER).write_text("[" * 100_000)
    assert store.digest(KEY, "x") is None
    with pytest.raises(ImageError, match="changed since"):
        store.read(KEY, digest)


def test_more_than_ten_views_keep_their_order(tmp_path):
    views = np.random.default_rng(1).integers(0, 256, (12, 4, 4, 3), dtype=np.uint8)
    store = SampleStore(tmp_path)
    assert np.array_equal(store.read(KEY, store.write(KEY, views, "x")), views)


@pytest.mark.parametrize(
    "answer",
    [np.zeros((4, 8, 8, 3)), np.zeros((3, 8, 8, 3), np.uint8), np.zeros((4, 8, 8, 4), np.uint8), [1, 2], None],
)
def test_protocol_violations_say_what_was_expected(answer):
    with pytest.raises(GeneratorError, match=r"uint8 \(4, 8, 8, 3\)"):
        check_views(answer, 4, 8, KEY)


@pytest.mark.parametrize("kind", ["float32", "float64", "int64", "uint16", "bool"])
def test_pictures_are_eight_bit(kind: str) -> None:
    views = np.random.default_rng(0).integers(0, 2, (4, 8, 8, 3))
    check_views(views.astype(np.uint8), 4, 8, KEY)
    with pytest.raises(GeneratorError, match=kind):
        check_views(views.astype(kind), 4, 8, KEY)
