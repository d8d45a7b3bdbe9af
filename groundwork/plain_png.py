"""PNG files that hold sRGB and nothing else, decoded by kornia-rs: in less than half of the time that Pillow takes.

Most renders are such files. All others are left to Pillow: palettes, grey, 16 bits, profiles, gamma, tags, animation,
and whatever is broken, so that there is one voice about what is wrong with a file. (But for one sum: pixels are checked
by the checksums of their chunks, and not by the one that zlib appends.)
"""

from __future__ import annotations

import os
import struct
import zlib

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

# kornia-rs holds Python's lock while it decodes (2 ms for 512 x 512, on an AMD EPYC), Pillow does not (4.4 ms): on more
# cores than these, Pillow's threads together read more pictures a second than kornia-rs could
MOST_CORES = 2

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MODES = {2: "rgb", 6: "rgba"}  # by PNG's colour type
# chunks without effect on pixels, and how many bytes they hold; texts are none of them, as they may hold EXIF
_SAY_NOTHING = {b"sRGB": 1, b"pHYs": 9, b"tIME": 7}


def decode_plain_png(content: bytes, most_pixels: int) -> Pixels | None:
    """Pixels of an encoded picture, uint8 (H, W, 3) or (H, W, 4); None where it is not a plain PNG, or not sound.

    Plain: RGB or RGBA of 8 bits, not interlaced, at most `most_pixels`, with no chunk that could change a pixel.
    Nothing is allocated before that is known.
    """
    header = _plain_header(content)
    if header is None:
        return None
    mode, height, width = header
    if width * height > most_pixels:
        return None
    from kornia_rs import io

    try:
        return np.asarray(io.decode_image_png_u8(content, (height, width), mode))
    except Exception:  # it raises nothing more definite; Pillow will say what is wrong
        return None


def few_cores() -> bool:
    """Whether this process has so few cores that `decode_plain_png` beats Pillow's threads."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return own <= MOST_CORES


def _plain_header(content: bytes) -> tuple[str, int, int] | None:
    """kornia-rs's mode, height and width, if all chunks are there and none says what Pillow must hear."""
    if not content.startswith(_SIGNATURE + b"\0\0\0\rIHDR") or len(content) < 33:
        return None
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", content[16:29])
    if colour not in _MODES or bits != 8 or interlaced:
        return None
    at, name = len(_SIGNATURE), b""
    while name != b"IEND":
        if at + 12 > len(content):
            return None
        length, name = struct.unpack_from(">I4s", content, at)
        if name not in (b"IHDR", b"IDAT", b"IEND") and not _says_nothing(content[at + 4 : at + 12 + length]):
            return None
        at += 12 + length
    return (_MODES[colour], height, width) if at <= len(content) else None


def _says_nothing(chunk: bytes) -> bool:
    """Whether a chunk, from its name to its checksum, may be passed over: without effect, and sound, as Pillow asks."""
    return len(chunk) - 8 == _SAY_NOTHING.get(chunk[:4]) and zlib.crc32(chunk[:-4]) == int.from_bytes(chunk[-4:], "big")
