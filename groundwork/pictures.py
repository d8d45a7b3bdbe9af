"""The only door through which pictures come in and go out: every room reads the same pixels from the same file.

Files come from strangers. Six formats are decoded, whatever the file is called. Size is checked before anything is
allocated. Colours come out as sRGB (`colour.py`: embedded profiles are honoured), EXIF orientation is honoured, and
transparency is composited in sRGB values, as browsers and image editors do.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from groundwork.colour import to_srgb
from groundwork.errors import ImageError, UserError
from groundwork.files import write_atomically
from groundwork.gamut import told_gamut
from groundwork.picture_kinds import kind_of
from groundwork.plain_png import decode_plain_png, few_cores

RGB = tuple[float, float, float]
Picture = npt.NDArray[np.uint8]  # (H, W, 3) sRGB
PictureRGBA = npt.NDArray[np.uint8]  # (H, W, 4) sRGB, alpha not multiplied in

WHITE: RGB = (1.0, 1.0, 1.0)
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".jfif", ".jpe", ".bmp", ".tif", ".tiff", ".gif")
TEXTURE_FORMATS = (*FORMATS, "TGA")  # Pillow reads more, some of it by running other programs
MAX_PIXELS = 8192 * 8192
MAX_BYTES = 256 * 1024 * 1024

ENLARGEMENT = "bicubic"  # the name of what `enlarged` does
ALPHA_SEEN = 16  # of 255: where alpha is less, there is nothing to see; cutting out leaves hazes of a few levels

_TURNED = (5, 6, 7, 8)  # EXIF orientations that swap width and height


def read_picture(path: Path, background: RGB = WHITE) -> Picture:
    """Pixels of a picture file on `background` (sRGB in [0, 1]), uint8 (H, W, 3).

    Raises `ImageError` when the file is missing, empty, truncated, too large, animated, of colours that cannot be
    honoured, or not a picture.
    """
    return decode_picture(_file_bytes(path), str(path), background)


def decode_picture(content: bytes, where: str, background: RGB = WHITE) -> Picture:
    """Pixels of an encoded picture, as `read_picture`. `where` names its origin in error messages."""
    pixels = _decoded(content, where)
    return pixels if pixels.shape[2] == 3 else composite(pixels, background)


def read_rgba(path: Path) -> PictureRGBA:
    """Pixels of a picture file with their alpha (255 where it has none), uint8 (H, W, 4). Errors as `read_picture`."""
    return decode_rgba(_file_bytes(path), where=str(path))


def decode_rgba(content: bytes, where: str) -> PictureRGBA:
    """Pixels of an encoded picture, uint8 (H, W, 4). `where` names its origin in error messages."""
    return _with_alpha(_decoded(content, where))


def decode_texture(content: bytes, where: str) -> PictureRGBA:
    """Pixels of a mesh's texture, uint8 (H, W, 4), as stored: profiles and orientation tags are for photos.

    Raises `ImageError`.
    """
    with opened(content, where, TEXTURE_FORMATS) as image:
        _refuse_animated(image, where)
        image.load()
        return _with_alpha(to_srgb(image, where, as_stored=True))


def texture_size(content: bytes, where: str) -> tuple[int, int]:
    """Width and height that a texture's header promises; no pixel is decoded. Raises `ImageError`."""
    with opened(content, where, TEXTURE_FORMATS) as image:
        return image.size


def _with_alpha(pixels: Picture | PictureRGBA) -> PictureRGBA:
    if pixels.shape[2] == 4:
        return pixels
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, dtype=np.uint8)])


def _refuse_animated(image: Image.Image, where: str) -> None:
    # a JPEG may carry a depth or gain map behind the photo (MPO); its first frame is the photo
    if image.format not in ("JPEG", "MPO") and getattr(image, "n_frames", 1) > 1:
        what = "holds several pages" if image.format == "TIFF" else "is animated"
        raise ImageError(f"the picture {what}", where=where, expected="one still picture per file")


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture file as it will be read, from its header: no pixel is decoded. `ImageError`s."""
    with opened(_file_bytes(path), str(path)) as image:
        width, height = image.size
        turned = image.getexif().get(0x0112) in _TURNED
    return (height, width) if turned else (width, height)


@contextmanager
def opened(content: bytes, where: str, formats: tuple[str, ...] = FORMATS) -> Iterator[Image.Image]:
    """An encoded picture of one of `formats` whose size was checked and whose pixels are not decoded yet.

    Raises `ImageError`, with `where` as its origin, also for whatever goes wrong in the `with` block: decode there.
    """
    if not content:
        raise ImageError("the picture file is empty (zero bytes)", where=where, hint="make the picture again")
    try:
        with Image.open(io.BytesIO(content), formats=formats) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise _too_large(f"{width} x {height} pixels", where)
            yield image
    except UserError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(str(error), where) from error
    except UnidentifiedImageError as error:
        kind = kind_of(content)
        raise ImageError(
            f"the file is {kind}, which is not read" if kind else "the file is not a picture that can be read",
            where=where,
            expected=f"{', '.join(formats)} contents",
            hint="convert it to PNG" if "picture" in kind or "photograph" in kind else "",
        ) from error
    except Exception as error:
        # decoders meet broken files with OSError, SyntaxError, ValueError, struct.error, zlib.error, ...
        raise ImageError(
            f"the picture is truncated or broken: {error}", where=where, hint="make or fetch the picture again"
        ) from error


def _decoded(content: bytes, where: str) -> Picture | PictureRGBA:
    """Pixels with an alpha channel only where the file has one: most have none, and carrying it costs time."""
    plain = decode_plain_png(content, MAX_PIXELS) if few_cores() else None
    if plain is not None:
        return plain
    with opened(content, where) as image:
        _refuse_animated(image, where)
        gamut = told_gamut(image, content, where)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return to_srgb(image, where, gamut=gamut)


def composite(rgba: PictureRGBA, background: RGB) -> Picture:
    """Lay (H, W, 4) pixels over `background` (sRGB in [0, 1], rounded to 8 bits first), to the nearest sRGB value."""
    if (rgba[..., 3] == 255).all():  # most pictures: the same values without the arithmetic
        return np.ascontiguousarray(rgba[..., :3])
    alpha = rgba[..., 3:].astype(np.uint32)
    behind = np.rint(255.0 * np.asarray(background)).astype(np.uint32)
    mixed = (rgba[..., :3] * alpha + behind * (255 - alpha) + 127) // 255
    return mixed.astype(np.uint8)


def enlarged(pictures: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """Square pictures, uint8 (N, H, H, 3), at `side` pixels: Pillow's bicubic filter, clipped to 8 bits."""
    size = (side, side)
    return np.stack([np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BICUBIC)) for one in pictures])


def write_png(path: Path, picture: Picture) -> None:
    """Write `encode_png`'s bytes, atomically, creating folders."""
    write_atomically(path, encode_png(picture, str(path)))


def encode_png(picture: Picture, where: str = "") -> bytes:
    """uint8 (H, W, 3) as PNG. Same pixels, same bytes (for one zlib version). Raises `ImageError` for other arrays."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise ImageError(
            f"not a picture: {picture.dtype} array of shape {picture.shape}",
            where=where,
            expected="uint8 (H, W, 3), neither side zero",
        )
    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, format="PNG", compress_level=3)
    return encoded.getvalue()


def _file_bytes(path: Path) -> bytes:
    if not path.is_file():  # also keeps named pipes and devices, which would block, from being opened
        missing = not path.exists()
        raise ImageError("the picture does not exist" if missing else "not a regular file", where=str(path))
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise _too_large(f"{size} bytes", str(path))
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"the picture cannot be read: {error.strerror}", where=str(path)) from error


def _too_large(size: str, where: str) -> ImageError:
    return ImageError(
        f"the picture is too large: {size}",
        where=where,
        expected=f"at most {MAX_PIXELS} pixels and {MAX_BYTES >> 20} MiB",
        hint="make it smaller, or check that the file is what it should be",
    )
