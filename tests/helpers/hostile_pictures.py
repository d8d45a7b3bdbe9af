"""Pictures made to do harm: bombs in their parts, sizes that lie, files of other kinds."""

from __future__ import annotations

import io
import pickle
import struct
import zlib

from hostile_archives import npy, npz
from hostile_pickle import Make, Runs


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
    "PNG with a zip behind": lambda: _png() + npz(x=npy("(1,)", content=b"0000")),
    "HTML called PNG": lambda: b"<html><script>alert(1)</script>",
    "pickle": lambda: pickle.dumps(Runs()),
    "JPEG 2000": lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 100,
}
