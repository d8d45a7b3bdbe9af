"""What travels with tasks is what lies on disk, and what comes back is what would have been written."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from bench.cases.case import Case
from bench.cases.mesh_file import MeshFile
from bench.errors import ImageError, MeshError
from bench.run.luggage import CarriedSamples, MapParcel, SampleParcel, carried
from bench.run.samples import SampleKey, SampleStore

KEY = SampleKey("noise", "egg", 0)
VIEWS = np.random.default_rng(0).integers(0, 255, (2, 8, 8, 3), dtype=np.uint8)


def sent(thing):
    return pickle.loads(pickle.dumps(thing))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_sample_that_travelled_is_the_one_that_was_written(tmp_path):
    parcel, here, there = SampleParcel(), SampleStore(tmp_path / "here"), SampleStore(tmp_path / "there")
    assert parcel.write(KEY, VIEWS, "made of") == here.write(KEY, VIEWS, "made of")
    for key, encoded in sent(parcel.samples).items():
        there.put(key, encoded)
    assert files(there.root) == files(here.root) and len(files(here.root)) == 3


def test_samples_are_read_where_they_lie(tmp_path):
    store = SampleStore(tmp_path)
    digest = store.write(KEY, VIEWS, "made of")
    damaged = SampleKey("noise", "disc", 0)
    digests = {KEY: digest, damaged: store.write(damaged, VIEWS[::-1], "made of")}
    next(store.folder(damaged).glob("*.png")).write_bytes(b"")
    read = sent(CarriedSamples(store, digests))
    assert np.array_equal(read.read(KEY, digest), VIEWS)
    with pytest.raises(ImageError, match="have changed since they were written"):
        read.read(damaged, digests[damaged])


def test_a_mesh_travels_as_it_was_read(mesh_folder, tmp_path):
    handle, other = MeshFile(mesh_folder / "egg.glb"), MeshFile(mesh_folder / "disc.glb")
    case = sent(carried(Case("egg", "an egg", handle)))
    assert case.mesh is not None and not isinstance(case.mesh, MeshFile)
    assert (case.mesh.fingerprint, case.mesh.notes) == (handle.fingerprint, handle.notes)
    for wear in (None, other):
        near, far = handle.load(wear), case.mesh.load(wear)
        assert np.array_equal(near.vertices, far.vertices) and np.array_equal(near.faces, far.faces)
        assert np.array_equal(near.materials[0].texture, far.materials[0].texture)
    (tmp_path / "torn.glb").write_bytes(b"glTF, or so it says")
    torn = sent(carried(Case("torn", "", MeshFile(tmp_path / "torn.glb"))))
    with pytest.raises(MeshError) as near_error:
        MeshFile(tmp_path / "torn.glb").load()
    with pytest.raises(MeshError) as far_error:
        torn.mesh.load()
    assert str(near_error.value) == str(far_error.value)
    assert carried(Case("words", "a sentence", None)) == Case("words", "a sentence", None)


def test_error_maps_wait_to_be_sent():
    parcel = MapParcel()
    parcel.put(KEY, "emr", b"strip")
    assert parcel.strips == {(KEY, "emr"): b"strip"} and not parcel.has(KEY, "emr", "anything")
