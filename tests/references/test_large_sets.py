"""Sets from tar shards and parquet tables: the features of the same pictures in a folder, pinned, read by suites."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bench.cli import main
from bench.errors import ReferenceSetError
from bench.extractors.catalogue import load_extractor
from bench.references import large
from bench.references.library import list_references, load_reference
from bench.references.shards import FeatureShards
from bench.references.sources import find_archives

NAME = "efficientnet_lite0_texture"
WHITE = (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def pictures() -> dict[str, bytes]:
    random, found = np.random.default_rng(0), {}
    for number in range(7):
        encoded = io.BytesIO()
        colours = random.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(colours).resize((64, 64)).save(encoded, format="PNG")
        found[f"{number:03d}.png"] = encoded.getvalue()
    return found


def in_folder(folder: Path, pictures: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
    return folder


def in_tars(folder: Path, pictures: dict[str, bytes]) -> Path:
    """Two shards with captions between the pictures, a link, and names that lead outside."""
    folder.mkdir()
    items = [item for name, content in pictures.items() for item in ((f"../../{name}", content), (f"{name}.txt", b"a"))]
    for number, part in enumerate((items[:6], items[6:])):
        with tarfile.open(folder / f"shard-{number:03d}.tar", "w") as archive:
            for name, content in part:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            link = tarfile.TarInfo("link.png")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)
    return folder


def in_tables(folder: Path, pictures: dict[str, bytes]) -> Path:
    folder.mkdir()
    rows = [{"bytes": content, "path": None} for content in pictures.values()]
    pq.write_table(pa.table({"label": [1, 2, 3], "image": rows[:3]}), folder / "0.parquet")
    pq.write_table(pa.table({"jpg": list(pictures.values())[3:]}), folder / "1.parquet")
    return folder


def test_archives_give_the_features_of_a_folder(tmp_path, pictures, monkeypatch, capsys) -> None:
    monkeypatch.setenv("REALIZ3D_BENCH_REFERENCES", str(tmp_path / "sets"))
    monkeypatch.setattr(large, "TOGETHER", 3)
    extractor = load_extractor(NAME, "cpu", True)
    for make in (in_folder, in_tars, in_tables):
        source = make(tmp_path / make.__name__, pictures)
        assert main(["reference", "build", make.__name__, str(source), "--extractors", NAME]) == 0
        assert Path(capsys.readouterr().out.strip()).exists()
    whole = load_reference("in_folder", extractor, WHITE)
    for name in ("in_tars", "in_tables"):
        found = load_reference(name, extractor, WHITE)
        assert isinstance(found.features, FeatureShards) and len(found) == len(found.clusters) == 7
        assert np.array_equal(np.asarray(found.features), whole.features)
    assert load_reference("in_tars", extractor, WHITE).digest == load_reference("in_tables", extractor, WHITE).digest
    assert {entry.name: entry.provenance.count for entry in list_references() if not entry.shipped} == {
        "in_folder": 7, "in_tars": 7, "in_tables": 7,
    }  # fmt: skip

    shards = tmp_path / "sets/in_tars.shards" / NAME
    shutil.copy(shards / "00000.npy", tmp_path / "kept.npy")
    np.save(shards / "00000.npy", np.asarray(whole.features)[::-1])
    with pytest.raises(ReferenceSetError, match="a shard of a reference was changed"):
        load_reference("in_tars", extractor, WHITE)
    index = json.loads((shards / "index.json").read_text())
    (shards / "index.json").write_text(json.dumps(index | {"sha256": ["0" * 64]}))
    with pytest.raises(ReferenceSetError, match="not those that were pinned"):
        load_reference("in_tars", extractor, WHITE)


def test_what_is_no_archive_of_pictures_is_refused_by_name(tmp_path, pictures) -> None:
    assert find_archives(in_folder(tmp_path / "folder", pictures)) is None
    mixed = in_tars(tmp_path / "mixed", pictures)
    (mixed / "a.png").write_bytes(b"")
    with pytest.raises(ReferenceSetError, match="the folder holds tar files and pictures"):
        find_archives(mixed)
    (mixed / "a.png").unlink()
    torn = mixed / "shard-001.tar"
    torn.write_bytes(torn.read_bytes()[:700])
    with pytest.raises(ReferenceSetError, match="the archive cannot be read"):
        list(find_archives(mixed).pictures())
    pq.write_table(pa.table({"label": [1]}), tmp_path / "bare.parquet")
    with pytest.raises(ReferenceSetError, match="no column of pictures: label"):
        list(find_archives(tmp_path / "bare.parquet").pictures())
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")
    with pytest.raises(ReferenceSetError, match="the table cannot be read"):
        list(find_archives(tmp_path / "torn.parquet").pictures())


def test_one_picture_again_and_again_is_no_reference(tmp_path, pictures, monkeypatch) -> None:
    monkeypatch.setenv("REALIZ3D_BENCH_REFERENCES", str(tmp_path / "sets"))
    same = dict.fromkeys(("a.png", "b.png", "c.png"), next(iter(pictures.values())))
    source = in_tars(tmp_path / "same", same)
    assert main(["reference", "build", "same", str(source), "--extractors", NAME]) == 2
    assert not (tmp_path / "sets/same.json").exists()
