"""What a file that is no readable picture is instead, by its first bytes: refusals name it."""

from __future__ import annotations

_BRANDS = {
    "an AVIF picture": (b"avif", b"avis"),
    "a HEIC picture, as phones write them": (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"),
    "a raw photograph (CR3)": (b"crx ",),
    "a video": (b"isom", b"iso2", b"mp41", b"mp42", b"qt  ", b"M4V "),
}
_STARTS = {
    b"\x76\x2f\x31\x01": "an OpenEXR picture",
    b"#?RADIANCE": "a Radiance HDR picture",
    b"#?RGBE": "a Radiance HDR picture",
    b"\xff\x0a": "a JPEG XL picture",
    b"\0\0\0\x0cJXL ": "a JPEG XL picture",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 picture",
    b"\xff\x4f\xff\x51": "a JPEG 2000 picture",
    b"8BPS": "a Photoshop file",
    b"DDS ": "a DDS texture",
    b"\xabKTX": "a KTX texture",
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript document",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"\x93NUMPY": "a NumPy array",
    b"glTF": "a mesh (GLB)",
    b"\x1aE\xdf\xa3": "a video (Matroska or WebM)",
    b"version https://git-lfs": "a pointer of Git LFS, not the picture itself",
}
_TEXTS = {b"<svg": "an SVG drawing", b"<html": "a web page", b"<!doctype html": "a web page"}


def kind_of(content: bytes) -> str:
    """`an AVIF picture`, ...; empty where the first bytes tell nothing."""
    if content[4:8] == b"ftyp":
        brands = (content[8:12], *(content[k : k + 4] for k in range(16, min(64, len(content)), 4)))
        for brand in brands:
            for kind, known in _BRANDS.items():
                if brand in known:
                    return kind
    for start, kind in _STARTS.items():
        if content.startswith(start):
            return kind
    head = content[:1024].lower()
    return next((kind for text, kind in _TEXTS.items() if text in head), "")
