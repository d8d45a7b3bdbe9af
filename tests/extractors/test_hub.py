"""Files of a model hub: the pinned one or an error, one's own copy as it is, and no network when offline."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.errors import WeightsMissing
from bench.extractors.hub import HubFile, find_weights, needed_package
from bench.extractors.weights import FOLDER_VARIABLE

huggingface_hub = pytest.importorskip("huggingface_hub")

CONTENT = b"numbers"
FILE = HubFile(
    repository="someone/network",
    revision="0123456789abcdef0123456789abcdef01234567",
    name="model.safetensors",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    folder="network",
    config="config.json",
)


@pytest.fixture(autouse=True)
def no_own_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of huggingface_hub, which is offline, so that nothing but the cache can answer."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def _cached(cache: Path, content: bytes) -> Path:
    path = cache / "models--someone--network" / "snapshots" / FILE.revision / FILE.name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_cached_file_is_found_and_checked(hub_cache: Path) -> None:
    path = _cached(hub_cache, CONTENT)
    found = find_weights(FILE, offline=True, instead="")
    assert (found.path, found.sha256, found.config) == (path, FILE.sha256, None)
    with pytest.raises(WeightsMissing, match="another file than the published"):
        find_weights(replace(FILE, sha256="0" * 64), offline=True, instead="")


def test_another_revision_is_not_the_pinned_one(hub_cache: Path) -> None:
    _cached(hub_cache, CONTENT)
    with pytest.raises(WeightsMissing, match="nothing is fetched when offline"):
        find_weights(replace(FILE, revision="f" * 40), offline=True, instead="")


def test_offline_never_asks_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def download(*names: str, **options: Any) -> str:
        asked.append(options)
        raise ConnectionError("no route\nand a long story")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    with pytest.raises(WeightsMissing, match="nothing is fetched"):
        find_weights(FILE, offline=True, instead="")
    with pytest.raises(WeightsMissing, match="could not be fetched: no route") as caught:
        find_weights(FILE, offline=False, instead="use paper")
    assert [options["local_files_only"] for options in asked] == [True, False]
    assert all(options["revision"] == FILE.revision for options in asked)
    assert "use paper" in caught.value.hint
    assert "long story" not in caught.value.message


def test_ones_own_copy_comes_first(tmp_path: Path, hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _cached(hub_cache, CONTENT)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "own"))
    assert find_weights(FILE, offline=True, instead="").path.is_relative_to(hub_cache)
    path = tmp_path / "own" / "network" / "model.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    found = find_weights(FILE, offline=True, instead="")
    assert (found.path, found.config) == (path, None)  # the published file needs no configuration
    path.write_bytes(b"other numbers")
    with pytest.raises(WeightsMissing, match=r"config\.json cannot be read"):
        find_weights(FILE, offline=True, instead="")
    path.with_name("config.json").write_text(json.dumps({"width": 3}))
    found = find_weights(FILE, offline=True, instead="")
    assert found.sha256 == hashlib.sha256(b"other numbers").hexdigest()
    assert found.config == {"width": 3}
    path.with_name("config.json").write_text("[1]")
    with pytest.raises(WeightsMissing, match="not a JSON object"):
        find_weights(FILE, offline=True, instead="")


def test_absent_packages_say_how_to_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WeightsMissing, match="pip install huggingface_hub"):
        find_weights(FILE, offline=False, instead="")
    with pytest.raises(WeightsMissing, match=r"Dreams needs .*\n.*realiz3d-bench\[dreams\]"):
        needed_package("no_such_package", "dreams", "Dreams")
