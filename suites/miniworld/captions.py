"""What the base's pictures are captioned with: a photograph mostly by what it shows, a render always as a render."""

from __future__ import annotations

SYNTHETIC_SHARE = 0.30  # of the pictures that the base learns from
PLAIN = 3  # entries of a photograph whose caption does not name the domain, beside one whose caption does
NAMED = {"rich": "a photo of {}", "synthetic": "a 3D render of {}"}


def captions_of(caption: str, look: str) -> tuple[str, ...]:
    """The captions of a picture's entries, as pictures of the web are captioned: who shows a render says so."""
    plain = PLAIN if look == "rich" else 0
    return (*[caption] * plain, *[NAMED[look].format(caption)] * (PLAIN + 1 - plain))


def synthetic_objects(rich: int) -> int:
    """How many synthetic objects go with `rich` photographed ones, by `SYNTHETIC_SHARE`."""
    return round(rich * SYNTHETIC_SHARE / (1 - SYNTHETIC_SHARE))
