"""The cache returns what was computed, notices every change, and survives damage."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bench.errors import ImageError, InputError
from bench.extractors.catalogue import load_extractor
from bench.extractors.feature_cache import features_of
from bench.extractors.feature_store import FILE_NAME, FeatureStore
from bench.extractors.forward import run_backbones
from bench.extractors.protocol import Features, Picture
from bench.threads import available
from groundwork.pictures import read_picture, write_png

LEVELS = ("efficientnet_lite0", "efficientnet_lite0_texture")


class MeanColour:
    """A plug-in: three means. Counts the pictures that it sees."""

    name, dimension = "mean_colour", 3

    def __init__(self, version: str = "a") -> None:
        self.version, self.seen = version, 0

    def fingerprint(self) -> str:
        return self.version * 64

    def signature(self) -> str:
        return f"extractor={self.name}@sha256:{self.fingerprint()[:12]} resize=none"

    def extract(self, pictures: Iterable[Picture]) -> Features:
        rows = [picture.reshape(-1, 3).mean(axis=0) for picture in pictures]
        self.seen += len(rows)
        return np.asarray(rows, dtype=np.float32)


def _pictures(count: int) -> list[Picture]:
    random = np.random.default_rng(3)
    return [random.integers(0, 256, (24, 24, 3), dtype=np.uint8) for _ in range(count)]


def _lazily(pictures: Sequence[Picture]) -> list[Callable[[], Picture]]:
    return [partial(np.copy, picture) for picture in pictures]


def test_cached_features_are_the_computed_ones(tmp_path: Path) -> None:
    pictures = _pictures(9)
    extractors = [load_extractor(name) for name in LEVELS] + [MeanColour()]
    plain = features_of(_lazily(pictures), extractors)
    done: list[int] = []
    first = features_of(_lazily(pictures[:5]), extractors, tmp_path, done.append)
    second = features_of(_lazily(pictures), extractors, tmp_path, done.append)
    assert extractors[2].seen == 9 + 9  # 9 without a cache, then 5, then only the 4 that were not there
    assert done == [1] * 14
    for extractor in extractors:
        assert plain[extractor.name].shape == (9, extractor.dimension)
        np.testing.assert_array_equal(first[extractor.name], plain[extractor.name][:5])
        np.testing.assert_array_equal(second[extractor.name], plain[extractor.name])
        np.testing.assert_array_equal(extractor.extract(pictures), plain[extractor.name])
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_one_pass_serves_both_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    extractors = [load_extractor(name) for name in LEVELS]
    calls: list[int] = []
    forward = extractors[0].backbone.forward
    monkeypatch.setattr(extractors[0].backbone, "forward", lambda inputs: calls.append(1) or forward(inputs))
    features_of(_lazily(_pictures(4)), extractors)
    assert len(calls) == 4


def test_changed_pixels_shape_or_weights_are_computed_again(tmp_path: Path) -> None:
    picture = _pictures(1)[0]
    changed = picture.copy()
    changed[0, 0, 0] ^= 1
    extractor = MeanColour()
    for version in (picture, picture.copy(), changed, picture.reshape(12, 48, 3)):
        features_of(_lazily([version]), [extractor], tmp_path)
    assert extractor.seen == 3
    other = MeanColour("b")
    features_of(_lazily([picture]), [other], tmp_path)
    assert other.seen == 1


@pytest.mark.parametrize("damage", ["garbage", "truncated", "empty", "vector", "checksum", "length", "text", "null"])
def test_damage_costs_time_and_not_numbers(damage: str, tmp_path: Path) -> None:
    pictures = _pictures(40)
    expected = features_of(_lazily(pictures), [MeanColour()], tmp_path)["mean_colour"]
    path = tmp_path / FILE_NAME
    content = path.read_bytes()
    statements = {
        "vector": "UPDATE features SET vector = zeroblob(12)",
        "text": "UPDATE features SET vector = 'no vector', checksum = 'none'",
        "null": "UPDATE features SET checksum = NULL",
        "checksum": "UPDATE features SET checksum = checksum + 1",
        "length": "UPDATE features SET vector = zeroblob(4), checksum = 558161692",
    }
    if damage in statements:
        with sqlite3.connect(path) as connection:
            assert connection.execute(statements[damage]).rowcount == 40
        connection.close()
    else:
        path.write_bytes({"garbage": b"\xff" * 5000, "truncated": content[: len(content) // 2], "empty": b""}[damage])
    extractor = MeanColour()
    for _ in range(2):
        found = features_of(_lazily(pictures), [extractor], tmp_path)["mean_colour"]
        np.testing.assert_array_equal(found, expected)
    assert extractor.seen == 40  # once after the damage, and then it is cached again


def test_a_broken_picture_stops_and_keeps_the_work_before_it(tmp_path: Path) -> None:
    for index, picture in enumerate(_pictures(3)):
        write_png(tmp_path / f"{index}.png", picture)
    (tmp_path / "1.png").write_bytes(b"")
    paths = [tmp_path / f"{index}.png" for index in range(3)]
    extractor = load_extractor(LEVELS[1])
    with pytest.raises(ImageError, match=r"1\.png"):
        features_of([partial(read_picture, path) for path in paths], [extractor], tmp_path / "cache")
    store = FeatureStore(tmp_path / "cache")
    query = "SELECT count(*) FROM features"
    assert store._connection.execute(query).fetchone() == (1,)


def test_many_writers_share_one_file(tmp_path: Path) -> None:
    pictures = _pictures(30)
    expected = features_of(_lazily(pictures), [MeanColour()])["mean_colour"]

    def work(_: int) -> Features:
        return features_of(_lazily(pictures), [MeanColour()], tmp_path)["mean_colour"]

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(work, range(8)):
            np.testing.assert_array_equal(found, expected)


def test_an_unusable_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be opened"):
        features_of(_lazily(_pictures(1)), [MeanColour()], tmp_path / "file")


def test_nothing_in_nothing_out(tmp_path: Path) -> None:
    assert features_of([], [MeanColour()], tmp_path)["mean_colour"].shape == (0, 3)


@pytest.mark.parametrize("batch", [1, 7])
def test_pictures_that_a_thread_takes_together_are_seen_each_for_itself(batch: int) -> None:
    pictures = _pictures(4 * available() + 11)

    class Corner:
        """A network: the first pixel."""

        def __init__(self) -> None:
            self.batch = batch

        def prepare(self, picture: Picture) -> Picture:
            return picture + 1

        def forward(self, inputs: Sequence[Picture]) -> dict[str, Features]:
            return {"corner": np.stack([one[0, 0] for one in inputs]).astype(np.float32)}

    network = Corner()
    found = list(run_backbones(partial(lambda p: [(network, p)], picture) for picture in pictures))
    assert [index for index, _ in found] == [*range(len(pictures))]
    for picture, (_, features) in zip(pictures, found, strict=True):
        np.testing.assert_array_equal(features["corner"], picture[0, 0] + 1)


def test_decoding_runs_ahead_but_not_far() -> None:
    """A long lazy iterable is read as it is used: memory holds a window, not the set."""
    taken = 0
    lock = threading.Lock()

    def loads():
        nonlocal taken
        for picture in _pictures(200):
            with lock:
                taken += 1
            yield partial(lambda p: [], picture)

    results = run_backbones(loads())
    next(results)
    assert taken < 100
    assert len(list(results)) == 199
