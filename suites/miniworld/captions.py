"""What the base's pictures are captioned with: mostly what they show, now and then of which domain they are as well."""

from __future__ import annotations

SYNTHETIC_SHARE = 0.15  # of the pictures that the base learns from
PLAIN = 2  # entries of each picture whose caption does not name the domain, beside one whose caption does
NAMED = {"rich": "a photo of {}", "synthetic": "a 3D render of {}"}


def captions_of(caption: str, look: str) -> tuple[str, ...]:
    """The captions of a picture's entries, as pictures of the web name their kind now and then."""
    return (*[caption] * PLAIN, NAMED[look].format(caption))


def synthetic_objects(rich: int) -> int:
    """How many synthetic objects go with `rich` photographed ones, by `SYNTHETIC_SHARE`."""
    return round(rich * SYNTHETIC_SHARE / (1 - SYNTHETIC_SHARE))
