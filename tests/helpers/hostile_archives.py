"""Arrays, zips and tars made to do harm: members that call, climb, link, lie about their size or never end."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
import zipfile

from hostile_pickle import Make, Runs


def npz(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


def npy(shape: str, kind: str = "<f4", content: bytes = b"") -> bytes:
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    head += b" " * (63 - (len(head) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + content


def _object_npy() -> bytes:
    return npy("(1,)", "|O", pickle.dumps([Runs()]))


def _zip_of_zeros(name: str, count: int, head: bytes = b"") -> bytes:
    stream, block = io.BytesIO(), bytes(1 << 22)
    deflate = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(stream, "w", deflate) as archive, archive.open(name, "w", force_zip64=True) as file:
        file.write(head)
        for _ in range(count >> 22):
            file.write(block)
    return stream.getvalue()


def _lying_zip() -> bytes:
    content = bytearray(_zip_of_zeros("pixels.npy", 1 << 28, npy("(4194304,)", "<U16")))
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 1000)
    return bytes(content)


ARRAYS: dict[str, Make] = {
    "pickled objects": lambda: npz(pixels=_object_npy(), features__x=_object_npy()),
    "pixels that are a pickle": lambda: npz(pixels=pickle.dumps(Runs())),
    "bare pickle": lambda: pickle.dumps(Runs()),
    "shape of 10^12": lambda: npz(pixels=npy("(1000000000000,)"), features__x=npy("(1,)")),
    "negative shape": lambda: npz(pixels=npy("(-1,)")),
    "header that calls": lambda: npz(pixels=npy("__import__('os').system('touch /tmp/a-pickle-was-opened')")),
    "1 GB of zeros": lambda: _zip_of_zeros("pixels.npy", 1 << 30, npy("(16777216,)", "<U16")),
    "a member that lies about its size": _lying_zip,
    "100,000 members": lambda: npz(**{f"m{i}": b"" for i in range(100_000)}),
}


def _tar(*members: tuple[str, bytes, bytes, int]) -> bytes:
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
    "zip of a link": _zip_link,
    "zip of 1 GB": lambda: _zip_of_zeros("cow/view_0.png", 1 << 30),
    "zip with a drive": lambda: _zip_named("C:/cow/view_0.png"),
    "zip with a backslash": lambda: _zip_named("..\\..\\cow\\view_0.png"),
}
