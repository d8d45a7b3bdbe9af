"""What strangers' data sets may hold: each is refused with the place, and nothing is written, run or allocated."""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from realiz3d.data import MultiviewSamples, RealImages
from realiz3d.data.maps import decode_map, encode_map
from realiz3d.data.shards import index_shard, tar_bytes
from realiz3d.errors import DataError, InputError

SIZE = 8


def png(size: int = SIZE, value: int = 90) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(np.full((size, size, 3), value, np.uint8)).save(encoded, format="PNG")
    return encoded.getvalue()


def normal_map(size: int = SIZE) -> bytes:
    values = torch.zeros(size, size, 3)
    values[2:-2, 2:-2] = torch.tensor([0.5, 0.5, 1.0])
    return encode_map(values)


def sample_files(views: int = 2) -> dict[str, bytes]:
    files = {f"view_{k}.png": png() for k in range(views)}
    files |= {f"normal_{k}.png": normal_map() for k in range(views)}
    files |= {f"position_{k}.png": normal_map() for k in range(views)}
    return {**files, "caption.txt": b"a thing\n"}


def write_folder(root: Path, samples: dict[str, dict[str, bytes]]) -> Path:
    for key, files in samples.items():
        (root / key).mkdir(parents=True)
        for name, content in files.items():
            (root / key / name).write_bytes(content)
    return root


def write_shard(root: Path, samples: dict[str, dict[str, bytes]], name: str = "shard-000000.tar") -> Path:
    root.mkdir(exist_ok=True)
    members = [tar_bytes(f"{key}.{file}", data) for key, files in samples.items() for file, data in files.items()]
    (root / name).write_bytes(b"".join(members) + bytes(1024))
    return root


def bomb() -> bytes:
    """A valid PNG header that promises 4 gigapixels."""
    chunks = [b"IHDR" + struct.pack(">IIBBBBB", 65500, 65500, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(bytes(1000))]
    framed = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


@pytest.mark.parametrize("write", [write_folder, write_shard])
def test_a_sound_data_set_is_read(write: object, tmp_path: Path) -> None:
    root = write(tmp_path / "set", {"a": sample_files(), "b": sample_files()})  # type: ignore[operator]
    samples = MultiviewSamples(root, views=2, resolution=SIZE)
    assert samples.ids == ("a", "b") and len(samples) == 2
    assert samples[1].views.shape == samples[1].normals.shape == samples[1].positions.shape == (2, 3, SIZE, SIZE)
    assert samples.caption(0) == "a thing" and len(samples.fingerprint()) == 64


@pytest.mark.parametrize("write", [write_folder, write_shard])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"normal_1.png": None}, "sample 'b' lacks 1 file"),
        ({"view_2.png": png()}, "more views than the 2 expected"),
        ({"view_1.png": png(16)}, "16 x 16 pixels"),
        ({"view_1.png": bomb()}, "too large"),
        ({"view_1.png": png(64)[:80]}, "truncated or broken"),
        ({"view_1.png": b""}, "empty"),
        ({"view_1.png": b"<svg onload=alert(1)>"}, "an SVG drawing"),
        ({"normal_1.png": png()}, "not a 16-bit grey picture"),
        ({"position_0.png": bomb()}, "too large"),
        ({"caption.txt": b"\xff\xfe"}, "not UTF-8"),
        ({"caption.txt": b" \n"}, "caption is empty"),
        ({"caption.txt": b"x" * 20000}, "caption is too long"),
    ],
)
def test_broken_samples_are_named(write: object, change: dict[str, bytes | None], message: str, tmp_path: Path) -> None:
    files = {name: data for name, data in {**sample_files(), **change}.items() if data is not None}
    root = write(tmp_path / "set", {"a": sample_files(), "b": files})  # type: ignore[operator]
    with pytest.raises(InputError, match=message) as caught:
        MultiviewSamples(root)[1]
    assert str(root) in caught.value.where and "b" in caught.value.where.removeprefix(str(root))


def test_normals_that_are_none_are_noticed(tmp_path: Path) -> None:
    camera_space = sample_files()
    camera_space["normal_0.png"] = encode_map(torch.full((SIZE, SIZE, 3), 0.9))
    with pytest.raises(DataError, match="hold no unit normal"):
        MultiviewSamples(write_folder(tmp_path / "set", {"a": camera_space}))
    empty = {
        name: encode_map(torch.zeros(SIZE, SIZE, 3)) if "normal" in name else d for name, d in sample_files().items()
    }
    with pytest.raises(DataError, match="show no object"):
        MultiviewSamples(write_folder(tmp_path / "empty", {"a": empty}))


def hostile_member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, 0
    return info.tobuf(format=tarfile.USTAR_FORMAT)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (hostile_member("../../etc/cron.d/x.txt"), "leads out"),
        (hostile_member("/etc/passwd.txt"), "leads out"),
        (hostile_member("a\\..\\b.txt"), "leads out"),
        (hostile_member("a.caption.txt", tarfile.SYMTYPE, "/etc/passwd"), "not a plain file"),
        (hostile_member("a.caption.txt", tarfile.LNKTYPE, "b"), "not a plain file"),
        (hostile_member("a.caption.txt", tarfile.CHRTYPE), "not a plain file"),
        (hostile_member("a.caption.txt", tarfile.FIFOTYPE), "not a plain file"),
        (tar_bytes("a.txt", b"1") + tar_bytes("a.txt", b"2"), "a file twice"),
        (tar_bytes("nokey", b"1"), "no key and extension"),
        (tar_bytes("a.txt", b"12345")[:514], "truncated|cannot be read"),
        (b"\x1f\x8b" + bytes(2000), "cannot be read as a tar"),
    ],
)
def test_hostile_shards_are_refused(members: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(members + (b"" if len(members) % 512 else bytes(1024)))
    with pytest.raises(DataError, match=message) as caught:
        index_shard(path)
    assert str(path) in caught.value.where
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.tar"]


def test_a_member_that_promises_more_than_the_shard_has(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a.png")
    info.size = 2**40
    (tmp_path / "x.tar").write_bytes(info.tobuf(format=tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(DataError, match=r"bytes|truncated"):
        index_shard(tmp_path / "x.tar")


def test_shards_that_contradict_each_other(tmp_path: Path) -> None:
    root = write_shard(tmp_path / "set", {"a": sample_files()})
    write_shard(root, {"a": sample_files()}, "shard-000001.tar")
    with pytest.raises(DataError, match="two shards have the sample 'a'"):
        MultiviewSamples(root)
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed/shard-0.tar.gz").write_bytes(b"x")
    with pytest.raises(DataError, match="compressed shards"):
        MultiviewSamples(tmp_path / "packed")


def test_shards_that_change_while_open(tmp_path: Path) -> None:
    root = write_shard(tmp_path / "set", {"a": sample_files(), "b": sample_files()})
    samples = MultiviewSamples(root)
    shard = root / "shard-000000.tar"
    shard.write_bytes(shard.read_bytes()[:3000])
    with pytest.raises(DataError, match="truncated, or changed"):
        samples[1]


def test_links_out_of_a_folder_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("password")
    root = write_folder(tmp_path / "set", {"a": sample_files()})
    (root / "a/caption.txt").unlink()
    (root / "a/caption.txt").symlink_to(secret)
    with pytest.raises(DataError, match="link leads out"):
        MultiviewSamples(root)


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    files = {**sample_files(), "extra.pyd": b"cos\nsystem\n(S'touch /tmp/owned'\ntR.", "notes.pickle": b"\x80\x04."}
    samples = MultiviewSamples(write_shard(tmp_path / "set", {"a": files}))
    assert samples[0].caption == "a thing"
    with pytest.raises(DataError, match="has 0 pictures"):
        RealImages(write_shard(tmp_path / "real", {"a": {"pkl": b"\x80\x04."}}), resolution=SIZE)


def test_names_from_shards_cannot_leave_the_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot name a sample"):
        MultiviewSamples(write_shard(tmp_path / "set", {"deep/a": sample_files()}))


def test_maps_are_lossless() -> None:
    values = torch.rand(7, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    read = decode_map(encode_map(values), "memory")
    assert (
        read.shape == (3, 7, 5) and float((read.double() - values.permute(2, 0, 1)).abs().max()) <= 0.5 / 65535 + 1e-8
    )
    # written and read again nothing is lost at all
    assert torch.equal(decode_map(encode_map(read.permute(1, 2, 0)), "memory"), read)
