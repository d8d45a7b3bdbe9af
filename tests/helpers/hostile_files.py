"""Files made to do harm, one of each idea: what is small on disk and huge in memory, lies about itself, or runs.

`python tests/helpers/hostile_files.py` reads each in a process of its own and prints how it ended, in how many seconds
and with how much memory.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import pickle
import resource
import struct
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

Make = Callable[[], bytes]


def _png(*chunks: tuple[bytes, bytes], size: tuple[int, int] = (4, 4), data: bytes | None = None) -> bytes:
    width, height = size
    rows = zlib.compress(b"".join(b"\0" + b"\x80" * 3 * width for _ in range(height))) if data is None else data
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", rows), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )
    return b"\x89PNG\r\n\x1a\n" + body


def _zeros(count: int) -> bytes:
    """`count` zero bytes, deflated, without ever holding them."""
    packer, parts = zlib.compressobj(9), []
    block = bytes(1 << 20)
    for _ in range(count >> 20):
        parts.append(packer.compress(block))
    return b"".join([*parts, packer.flush()])


def _gif(frames: int) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.new("P", (1, 1)).save(stream, "GIF")
    one = stream.getvalue()
    body = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return one[:-1] + body * frames + b";"


def _tiff(width: int, height: int, again: bool = False) -> bytes:
    """A header that promises `width` x `height`; `again`: the next directory is the first one."""
    entries = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1),
               (278, 4, height), (279, 4, 1)]  # fmt: skip
    body = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<I", 16) + b"\0" * 8 + struct.pack("<H", len(entries)) + body + struct.pack(
        "<I", 16 if again else 0
    )  # fmt: skip


class _Runs:
    """What would leave a file behind if a pickle were opened."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path(tempfile.gettempdir()) / "a-pickle-was-opened",)


def _npz(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


def _npy(shape: str, kind: str = "<f4", content: bytes = b"") -> bytes:
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    head += b" " * (63 - (len(head) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + content


def _object_npy() -> bytes:
    return _npy("(1,)", "|O", pickle.dumps([_Runs()]))


PICTURES: dict[str, Make] = {
    "iCCP bomb": lambda: _png((b"iCCP", b"p\0\0" + _zeros(1 << 30))),
    "zTXt bomb": lambda: _png((b"zTXt", b"k\0\0" + _zeros(1 << 30))),
    "iTXt bombs": lambda: _png(*[(b"iTXt", b"k\0\1\0\0\0" + _zeros(1 << 26))] * 40),
    "IDAT longer than its size": lambda: _png(data=_zeros(1 << 30)),
    "50,000 chunks": lambda: _png(*[(b"tEXt", b"a\0b")] * 50_000),
    "eXIf of garbage": lambda: _png((b"eXIf", b"MM\0*" + b"\xff" * 60_000)),
    "PNG of 65535 x 65535": lambda: _png(size=(65535, 65535), data=b""),
    "PNG of 8192 x 8192 zeros": lambda: _png(size=(8192, 8192), data=_zeros(8192 * (3 * 8192 + 1) + (1 << 20))),
    "GIF of 100,000 frames": lambda: _gif(100_000),
    "TIFF of 4 billion pixels": lambda: _tiff(65536, 65536),
    "TIFF whose pages go round": lambda: _tiff(4, 4, again=True),
    "SVG": lambda: b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>',
    "EPS that runs": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/tmp/x) (w) file\n",
    "PNG with a zip behind": lambda: _png() + _npz(x=_npy("(1,)", content=b"0000")),
    "HTML called PNG": lambda: b"<html><script>alert(1)</script>",
    "pickle": lambda: pickle.dumps(_Runs()),
    "JPEG 2000": lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 100,
}


def _gltf(**change: Any) -> bytes:
    points = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0]]).tobytes() + np.uint16([0, 1, 2, 0]).tobytes()
    tree: dict[str, Any] = {
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0],
                       "max": [1, 1, 0]}, {"bufferView": 1, "componentType": 5123, "count": 3, "type": "SCALAR"}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}, {"buffer": 0, "byteOffset": 36, "byteLength": 6}],
        "buffers": [{"byteLength": 44, "uri": "data:;base64," + base64.b64encode(points).decode()}],
    }  # fmt: skip
    for path, value in change.items():
        *above, last = path.split("__")
        place: Any = tree
        for step in above:
            place = place[int(step) if step.isdecimal() else step]
        if value is None:
            del place[int(last) if last.isdecimal() else last]
        else:
            place[int(last) if last.isdecimal() else last] = value
    return json.dumps(tree).encode()


def _sparse(count: int, **more: Any) -> dict[str, Any]:
    return {
        "count": count,
        "indices": {"bufferView": 1, "componentType": 5123} | more,
        "values": {"bufferView": 0},
    }


_MANY = 60_000
MESHES: dict[str, Make] = {
    "count of 10^12": lambda: _gltf(accessors__0__count=10**12),
    "count of 10^12 without a view": lambda: _gltf(accessors__0__count=10**12, accessors__0__bufferView=None),
    "count 1e400": lambda: _gltf().replace(b'"count": 3', b'"count": 1e400', 1),
    "count NaN": lambda: _gltf().replace(b'"count": 3', b'"count": NaN', 1),
    "count true": lambda: _gltf(accessors__0__count=True),
    "count of 200 million that a sparse accessor allows": lambda: _gltf(
        accessors__0__count=200_000_000, accessors__0__bufferView=None, accessors__0__sparse=_sparse(1)
    ),
    "sparse of more values than there are": lambda: _gltf(accessors__0__sparse=_sparse(4)),
    "sparse index outside": lambda: _gltf(accessors__0__sparse=_sparse(1, byteOffset=4)),
    "sparse offset overflow": lambda: _gltf(accessors__0__sparse=_sparse(1, byteOffset=2**63)),
    "sparse count negative": lambda: _gltf(accessors__0__sparse=_sparse(-1)),
    "indices outside": lambda: _gltf(accessors__0__count=2),
    "byteOffset 2^64": lambda: _gltf(bufferViews__0__byteOffset=2**64),
    "byteStride 0": lambda: _gltf(bufferViews__0__byteStride=0),
    "byteStride 10^9": lambda: _gltf(bufferViews__0__byteStride=10**9),
    "a node below itself": lambda: _gltf(nodes=[{"mesh": 0, "children": [0]}]),
    "two nodes below each other": lambda: _gltf(nodes=[{"mesh": 0, "children": [1]}, {"children": [0]}]),
    "a diamond of 2^40 paths": lambda: _gltf(
        nodes=[{"children": [i + 1, i + 1]} for i in range(40)] + [{"mesh": 0}], scenes=[{"nodes": [0]}]
    ),
    "a chain of 60,000 nodes": lambda: _gltf(nodes=[{"children": [i + 1]} for i in range(_MANY)] + [{"mesh": 0}]),
    "60,000 nodes with the mesh": lambda: _gltf(
        nodes=[{"mesh": 0}] * _MANY, scenes=[{"nodes": list(range(_MANY))}]
    ),
    "one mesh of 60,000 equal parts": lambda: _gltf(
        meshes=[{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}] * _MANY}]
    ),
    "matrix of NaN": lambda: _gltf(nodes=[{"mesh": 0, "matrix": [float("nan")] * 16}]),
    "scale 1e308": lambda: _gltf(nodes=[{"mesh": 0, "scale": [1e308] * 3}]),
    "scale 0": lambda: _gltf(nodes=[{"mesh": 0, "scale": [0, 0, 0]}]),
    "buffer outside": lambda: _gltf(buffers__0__uri="../../../../etc/passwd"),
    "buffer absolute": lambda: _gltf(buffers__0__uri="/etc/passwd"),
    "buffer by file:": lambda: _gltf(buffers__0__uri="file:///etc/passwd"),
    "buffer by http:": lambda: _gltf(buffers__0__uri="http://169.254.1.1/x.bin"),
    "buffer by percent signs": lambda: _gltf(buffers__0__uri="%2e%2e/%2e%2e/etc/passwd"),
    "buffer by backslashes": lambda: _gltf(buffers__0__uri="..\\..\\etc\\passwd"),
    "buffer /dev/zero": lambda: _gltf(buffers__0__uri="../../../../../../dev/zero"),
    "image outside": lambda: _gltf(
        images=[{"uri": "../../etc/passwd"}], textures=[{"source": 0}],
        materials=[{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        meshes__0__primitives__0__material=0,
    ),
    "Draco of garbage": lambda: _gltf(
        extensionsRequired=["KHR_draco_mesh_compression"], extensionsUsed=["KHR_draco_mesh_compression"],
        meshes__0__primitives__0__extensions={
            "KHR_draco_mesh_compression": {"bufferView": 0, "attributes": {"POSITION": 0}}
        },
    ),
    "meshopt of garbage": lambda: _gltf(
        extensionsRequired=["EXT_meshopt_compression"], extensionsUsed=["EXT_meshopt_compression"],
        bufferViews__0__extensions={"EXT_meshopt_compression": {
            "buffer": 0, "byteLength": 36, "byteStride": 12, "count": 2**31, "mode": "ATTRIBUTES"}},
    ),
    "deep nesting": lambda: b'{"asset":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "extras of a million keys": lambda: _gltf(extras={str(i): i for i in range(300_000)}),
}  # fmt: skip

JSONS: dict[str, Make] = {
    "deep lists": lambda: b"[" * 200_000 + b"]" * 200_000,
    "deep objects": lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a number of a million digits": lambda: b'{"format": ' + b"9" * 1_000_000 + b"}",
    "NaN": lambda: b'{"format": NaN}',
    "1e999": lambda: b'{"format": 1e999}',
    "UTF-16": lambda: '{"format": 1}'.encode("utf-16"),
    "NUL": lambda: b'{"format": "\\u0000"}',
    "a lone surrogate": lambda: b'{"suite": {"name": "\\ud800", "version": 1}}',
    "a key twice": lambda: b'{"format": 1, "format": 2}',
    "a million keys": lambda: json.dumps({str(i): 0 for i in range(1_000_000)}).encode(),
    "pickle": lambda: pickle.dumps(_Runs()),
}

YAMLS: dict[str, Make] = {
    "billion laughs": lambda: b"a: &a [x,x]\n" + b"".join(b"b%d: &b%d [*a,*a]\n" % (i, i) for i in range(30)),
    "merge keys": lambda: b"base: &b {a: 1}\nname:\n  <<: *b\n",
    "merge key without alias": lambda: b"name: x\n<<: {version: 1}\n",
    "python tag": lambda: b"name: !!python/object/apply:os.system ['touch /tmp/a-pickle-was-opened']\n",
    "own tag": lambda: b"name: !evil x\n",
    "binary tag": lambda: b"name: !!binary aGFsbG8=\n",
    "deep flow": lambda: b"name: " + b"[" * 50_000 + b"]" * 50_000,
    "deep blocks": lambda: b"".join(b" " * i + b"a:\n" for i in range(3000)),
    "100,000 keys": lambda: b"".join(b"k%d: 1\n" % i for i in range(100_000)),
    "two documents": lambda: b"name: a\n---\nname: b\n",
    "sexagesimal, octal, timestamps": lambda: b"name: 1:2:3\nversion: 0o7\ntask: 2001-01-01\ncases: 0x10\n",
    "bidi and NUL": lambda: 'name: "a\\0b\u202etxt.exe"\nversion: 1\n'.encode(),
    "a directive": lambda: b"%YAML 9.9\n%TAG ! tag:evil,2000:\n---\nname: a\n",
}


@cache
def _parquet(rows: int, text: str = "x", groups: int = 1) -> bytes:
    """A table that every reader of ours knows, of `groups` equal parts of `rows` equal rows each: a few bytes each."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = ("generator", "case", "metric", "unit", "signature", "status", "sample", "reference", "extractor")
    same = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))
    numbers = pa.array(np.zeros(rows))
    table = pa.table(
        dict.fromkeys(texts, same)
        | {"seed": numbers.cast(pa.int64()), "view": numbers.cast(pa.int64()), "value": numbers, "coverage": numbers}
    )
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, table.schema, compression="zstd") as writer:
        for _ in range(groups):
            writer.write_table(table)
    return buffer.getvalue()


TABLES: dict[str, Make] = {
    "20 million equal rows": lambda: _parquet(1_000_000, groups=20),
    "a text of 1 MB in 100,000 rows": lambda: _parquet(100_000, "x" * 1_000_000),
    "11,000 parts of one row": lambda: _parquet(1, groups=11_000),
    "cut in the middle": lambda: _parquet(100)[:-40],
    "only its magic": lambda: b"PAR1PAR1",
    "footer of 4 GB": lambda: b"PAR1" + b"\xff\xff\xff\xff" + b"PAR1",
    "pickle": lambda: pickle.dumps(_Runs()),
}

ARRAYS: dict[str, Make] = {
    "pickled objects": lambda: _npz(pixels=_object_npy(), features__x=_object_npy()),
    "pixels that are a pickle": lambda: _npz(pixels=pickle.dumps(_Runs())),
    "bare pickle": lambda: pickle.dumps(_Runs()),
    "shape of 10^12": lambda: _npz(pixels=_npy("(1000000000000,)"), features__x=_npy("(1,)")),
    "negative shape": lambda: _npz(pixels=_npy("(-1,)")),
    "header that calls": lambda: _npz(pixels=_npy("__import__('os').system('touch /tmp/a-pickle-was-opened')")),
    "1 GB of zeros": lambda: _zip_of_zeros("pixels.npy", 1 << 30, _npy("(16777216,)", "<U16")),
    "a member that lies about its size": lambda: _lying_zip(),
    "100,000 members": lambda: _npz(**{f"m{i}": b"" for i in range(100_000)}),
}


def _zip_of_zeros(name: str, count: int, head: bytes = b"") -> bytes:
    stream, block = io.BytesIO(), bytes(1 << 22)
    deflate = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(stream, "w", deflate) as archive, archive.open(name, "w", force_zip64=True) as file:
        file.write(head)
        for _ in range(count >> 22):
            file.write(block)
    return stream.getvalue()


def _lying_zip() -> bytes:
    content = bytearray(_zip_of_zeros("pixels.npy", 1 << 28, _npy("(4194304,)", "<U16")))
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 1000)
    return bytes(content)


def _tar(*members: tuple[str, bytes, bytes, int], pack: bool = False) -> bytes:
    """Members by name, type, link name or content, and the size that the header says."""
    stream = io.BytesIO()
    for name, kind, content, size in members:
        info = tarfile.TarInfo(name)
        info.type, info.size = kind, size
        info.linkname = content.decode() if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
        stream.write(info.tobuf(format=tarfile.GNU_FORMAT))
        if kind == tarfile.REGTYPE:
            stream.write(content + b"\0" * (-len(content) % 512))
    return stream.getvalue() + b"\0" * 1024


def _long_name(kind: bytes, size: int) -> bytes:
    """A header whose *name* has `size` bytes, gzipped to a thousandth."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = kind, size
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=9) as packed:
        packed.write(info.tobuf(format=tarfile.GNU_FORMAT))
        for _ in range(size >> 20):
            packed.write(b"a" * (1 << 20))
        packed.write(_tar(("cow/view_0.png", tarfile.REGTYPE, b"x", 1)))
    return stream.getvalue()


ARCHIVES: dict[str, Make] = {
    "absolute path": lambda: _tar(("/tmp/a-pickle-was-opened", tarfile.REGTYPE, b"x", 1)),
    "path that climbs": lambda: _tar(("cow/../../view_0.png", tarfile.REGTYPE, b"x", 1)),
    "symbolic link": lambda: _tar(("cow/view_0.png", tarfile.SYMTYPE, b"/etc/passwd", 0)),
    "hard link": lambda: _tar(("cow/view_0.png", tarfile.LNKTYPE, b"/etc/passwd", 0)),
    "device": lambda: _tar(("cow/view_0.png", tarfile.CHRTYPE, b"", 0)),
    "pipe": lambda: _tar(("cow/view_0.png", tarfile.FIFOTYPE, b"", 0)),
    "size of 8 GB, nothing there": lambda: _tar(("cow/view_0.png", tarfile.REGTYPE, b"x", 8 << 30)),
    "a name of 512 MB": lambda: _long_name(tarfile.GNUTYPE_LONGNAME, 1 << 29),
    "a pax header of 512 MB": lambda: _long_name(tarfile.XHDTYPE, 1 << 29),
    "2 GB of zeros": lambda: gzip.compress(bytes(1 << 28), 9) * 8,
    "zip of a link": lambda: _zip_link(),
    "zip of 1 GB": lambda: _zip_of_zeros("cow/view_0.png", 1 << 30),
    "zip with a drive": lambda: _zip_named("C:/cow/view_0.png"),
    "zip with a backslash": lambda: _zip_named("..\\..\\cow\\view_0.png"),
}


def _zip_link() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("cow/view_0.png")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return stream.getvalue()


def _zip_named(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x" * len(name), b"x")
    return stream.getvalue().replace(b"x" * len(name), name.encode())


def _read_picture(path: Path) -> object:
    from groundwork.pictures import read_picture

    return read_picture(path)


def _read_mesh(path: Path) -> object:
    from bench.mesh_files.reader import read_mesh

    return read_mesh(path)


def _read_json(path: Path) -> object:
    from bench.leaderboard.files import read_document

    return read_document(path)


def _read_summary(path: Path) -> object:
    from bench.results.read import read_run

    return read_run(path.parent)


def _read_baseline(path: Path) -> object:
    from bench.gate.baseline import read_document

    return read_document(path.parent)


def _read_cameras(path: Path) -> object:
    from bench.geometry.camera_file import read_cameras

    return read_cameras(path)


def _read_suite(path: Path) -> object:
    from bench.suite.load import load_suite

    return load_suite(path)


def _read_scores(path: Path) -> object:
    from bench.results.scores import read_scores

    return read_scores(path)


def _read_leave_one_out(path: Path) -> object:
    from bench.results.leave_one_out import read_leave_one_out

    return read_leave_one_out(path)


def _read_nearest(path: Path) -> object:
    from bench.results.nearest import read_nearest

    return read_nearest(path)


def _read_arrays(path: Path) -> object:
    from bench.references.library import _read_arrays

    return _read_arrays(path, "x")


def _read_archive(path: Path) -> object:
    from bench.leaderboard.rescoring.opening import Wanted, open_pictures

    return open_pictures(path, path.parent / "samples", "mine", Wanted(frozenset({"cow"}), (0,), 4))


KINDS: dict[str, tuple[str, Callable[[Path], object], dict[str, Make]]] = {
    "picture": ("view.png", _read_picture, PICTURES),
    "mesh": ("mesh.gltf", _read_mesh, MESHES),
    "entry": ("entry.json", _read_json, JSONS),
    "summary": ("summary.json", _read_summary, JSONS),
    "baseline": ("baseline.json", _read_baseline, JSONS),
    "cameras": ("cameras.json", _read_cameras, JSONS),
    "suite": ("suite.yaml", _read_suite, YAMLS),
    "scores": ("scores.parquet", _read_scores, TABLES),
    "leave one out": ("leave_one_out.parquet", _read_leave_one_out, TABLES),
    "nearest": ("nearest.parquet", _read_nearest, TABLES),
    "reference": ("set.npz", _read_arrays, ARRAYS),
    "archive": ("pictures.bin", _read_archive, ARCHIVES),
}


def outcome(kind: str, idea: str, folder: Path) -> tuple[str, str, float, int]:
    """How reading it in a process of its own ended ('read', 'refused', or the defect), with which words, in how many
    seconds, and the most bytes that it held beyond what importing takes.
    """
    name, read, makes = KINDS[kind]
    (folder / name).write_bytes(makes[idea]())
    inner, outer = os.pipe()
    child = os.fork()
    if child == 0:
        end = _end(read, folder / name)
        os.write(outer, json.dumps(end).encode())
        os._exit(0)
    os.close(outer)
    with os.fdopen(inner, "rb") as stream:
        said = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not said:
        return f"ended with {status}", "", 0.0, 0
    end, words, seconds, used = json.loads(said)
    return end, words, seconds, used


def _end(read: Callable[[Path], object], path: Path) -> tuple[str, str, float, int]:
    import warnings

    from bench.errors import BenchError

    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    words = ""
    try:
        read(path)
        end = "read"
    except BenchError as error:
        end, words = "refused", str(error)
    except BaseException as error:
        end, words = type(error).__name__, str(error)[:200]
    seconds = time.monotonic() - started
    return end, words, seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10


def warm_up() -> None:
    """Import what readers need, so that only reading is measured."""
    import PIL.Image
    import pyarrow.parquet  # noqa: F401

    import bench.gate.baseline
    import bench.geometry.camera_file
    import bench.leaderboard.files
    import bench.leaderboard.rescoring.opening
    import bench.mesh_files.reader
    import bench.references.library
    import bench.results.leave_one_out
    import bench.results.nearest
    import bench.results.read
    import bench.suite.check
    import bench.suite.load  # noqa: F401
    from bench.suite.check import Plugins

    PIL.Image.init()
    Plugins.installed()


def main() -> int:
    warm_up()
    bad = 0
    for kind in sys.argv[1:] or KINDS:
        for idea in KINDS[kind][2]:
            with tempfile.TemporaryDirectory() as folder:
                end, words, seconds, used = outcome(kind, idea, Path(folder))
            fine = end in ("read", "refused") and seconds < 10 and used < 2 << 30
            bad += not fine
            said = words.splitlines()[0][:110] if words else ""
            mark = "  " if fine else "! "
            print(f"{mark}{kind}: {idea}: {end}, {seconds:.1f} s, {used >> 20} MiB: {said}", flush=True)
    opened = (Path(tempfile.gettempdir()) / "a-pickle-was-opened").exists()
    print(f"{bad} not handled; {'a pickle was opened' if opened else 'nothing ran'}")
    return 1 if bad or opened else 0


if __name__ == "__main__":
    sys.exit(main())
