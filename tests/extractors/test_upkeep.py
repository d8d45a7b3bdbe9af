"""A cache that runs share: who may use it at once, what it says of itself, what goes first when it is made small."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bench.cli import main
from bench.commands.cache import size_of
from bench.errors import InputError, UsageError
from bench.extractors.efficientnet_lite0 import EfficientNetLite0Backbone
from bench.extractors.feature_store import DAY, FILE_NAME, FeatureStore, stored_under
from bench.extractors.upkeep import contents, prune

TODAY = int(time.time() // DAY)


def vector(seed: int, dimension: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(dimension).astype(np.float32)


def filled(folder: Path, count: int, extractor: str = "a" * 64) -> Path:
    store = FeatureStore(folder)
    store.put((extractor, f"{i:064x}", vector(i)) for i in range(count))
    store.call(extractor, f"network {extractor[0]}")
    store.close()
    return folder


def used(folder: Path, days_ago: int, where: str = "1") -> None:
    with sqlite3.connect(folder / FILE_NAME) as connection:
        connection.execute(f"UPDATE features SET used = ? WHERE {where}", (TODAY - days_ago,))


def test_what_was_asked_for_stays(tmp_path: Path) -> None:
    filled(tmp_path, 30)
    used(tmp_path, 40)
    store = FeatureStore(tmp_path)
    for i in range(10):
        assert store.get("a" * 64, f"{i:064x}", 64) is not None
    store.close()
    pruned = prune(tmp_path, max_days=30)
    assert (pruned.gone, pruned.stayed) == (20, 10)
    store = FeatureStore(tmp_path)
    assert [store.get("a" * 64, f"{i:064x}", 64) is not None for i in (0, 9, 10, 29)] == [True, True, False, False]
    store.close()


def test_a_cache_is_made_as_small_as_it_should_be(tmp_path: Path) -> None:
    filled(filled(tmp_path, 500), 500, "b" * 64)
    used(tmp_path, 3, "extractor LIKE 'a%'")
    pruned = prune(tmp_path, max_size=200_000)
    assert pruned.after == (tmp_path / FILE_NAME).stat().st_size <= 200_000 < pruned.before
    assert pruned.stayed > 200 and pruned.gone == 1000 - pruned.stayed
    kept = {k.name: k.vectors for k in contents(tmp_path)}
    assert kept["network b"] == min(500, pruned.stayed)  # the older ones went first
    assert prune(tmp_path, max_size=10**9).gone == 0
    assert prune(tmp_path, max_size=0).stayed == 0 and contents(tmp_path) == ()


def test_a_file_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        connection.execute(
            "CREATE TABLE features (extractor TEXT, pixels TEXT, vector BLOB, checksum INTEGER,"
            " PRIMARY KEY (extractor, pixels)) WITHOUT ROWID"
        )
        blob = vector(1).tobytes()
        import zlib

        connection.execute("INSERT INTO features VALUES ('x', 'p', ?, ?)", (blob, zlib.crc32(blob)))
    store = FeatureStore(tmp_path)
    np.testing.assert_array_equal(store.get("x", "p", 64), vector(1))
    store.close()
    (kept,) = contents(tmp_path)
    assert (kept.name, kept.vectors, kept.used) == ("", 1, (0, 0))


WRITER = """
import sys
from pathlib import Path
import numpy as np
from bench.extractors.feature_store import FeatureStore
from bench.extractors.upkeep import prune
folder, me = Path(sys.argv[1]), int(sys.argv[2])
for turn in range(15):
    store = FeatureStore(folder)
    for i in range(20):
        wanted = np.random.default_rng(i).standard_normal(64).astype(np.float32)
        found = store.get("a" * 64, f"{i:064x}", 64)
        assert found is None or np.array_equal(found, wanted), "another one's vector"
        store.put([("a" * 64, f"{i:064x}", wanted)])
    store.close()
    if me == 0:
        prune(folder, max_size=4096 * (turn % 4))
print("fine")
"""


def test_processes_share_a_cache_while_it_is_pruned(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen([*command, str(i)], stdout=subprocess.PIPE, text=True) for i in range(3)]
    assert [writer.communicate()[0] for writer in writers] == ["fine\n"] * 3
    store = FeatureStore(tmp_path)
    found = [store.get("a" * 64, f"{i:064x}", 64) for i in range(20)]
    store.close()
    assert all(np.array_equal(row, vector(i)) for i, row in enumerate(found) if row is not None)


def test_a_gpu_has_vectors_of_its_own() -> None:
    class Network:
        def __init__(self, device: str) -> None:
            self.device = device

        def fingerprint(self) -> str:
            return "f" * 64

    cpu, first, second = (stored_under(Network(device)) for device in ("cpu", "cuda:0", "cuda:1"))  # type: ignore[arg-type]
    assert cpu == "f" * 64 and first == second != cpu


def test_a_second_run_looks_at_no_picture_twice(
    tmp_path: Path, mesh_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not even in another run folder, where both are given one cache; and its numbers are the same."""
    seen: list[int] = []
    forward = EfficientNetLite0Backbone.forward
    monkeypatch.setattr(
        EfficientNetLite0Backbone, "forward", lambda self, inputs: seen.append(len(inputs)) or forward(self, inputs)
    )
    suite = tmp_path / "suite.yaml"
    suite.write_text(f"""
name: cached
version: 1
task: texturing
cases: {{source: meshes, path: "{mesh_folder}"}}
views: {{resolution: 32}}
references: {{photos: {{shipped: photo_cutouts}}}}
generators: [{{name: noise, use: noise}}]
metrics: [{{kd: {{reference: photos, extractor: efficientnet_lite0_texture}}}}]
""")
    cache, rows = tmp_path / "cache", []
    for name in ("first", "second", "first"):
        arguments = ["run", str(suite), "--out", str(tmp_path / name), "--cache", str(cache), "--offline", "--json"]
        assert main(arguments) == 0
        rows.append(json.loads(capsys.readouterr().out)["rows"])
    assert sum(seen) == 12 and rows[0] == rows[1] == rows[2]
    assert not (tmp_path / "first/features").exists()
    assert main(["cache", "ls", str(cache), "--json"]) == 0
    listed = {entry["extractor"]: entry["vectors"] for entry in json.loads(capsys.readouterr().out)}
    assert listed["efficientnet_lite0_texture"] == 12
    assert main(["cache", "prune", str(cache), "--max-size", "0"]) == 0
    assert "0 kept" in capsys.readouterr().out


def test_commands_say_what_they_want(tmp_path: Path) -> None:
    assert [size_of(text) for text in ("2GB", "1.5 MiB", "500mb", "7")] == [2 * 10**9, 1572864, 5 * 10**8, 7]
    for text in ("", "GB", "-1", "2 parsecs", "1e9"):
        with pytest.raises(UsageError, match="not a size"):
            size_of(text)
    with pytest.raises(InputError, match="no feature cache"):
        contents(tmp_path)
    assert main(["cache", "prune", str(filled(tmp_path, 1))]) == 2
    assert main(["cache", "ls"]) == 2
