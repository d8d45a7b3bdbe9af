"""How training data lie on disk: names of files, in folders and in tar shards, said once for writers and readers.

    <root>/<id>/view_0.png ... normal_0.png ... position_0.png ... caption.txt cameras.json      a folder a sample
    <root>/shard-000000.tar: <id>.view_0.png ... <id>.caption.txt <id>.cameras.json              WebDataset shards

    <root>/<any>/<name>.png + <name>.txt          real pictures with their captions, in folders
    <root>/shard-000000.tar: <name>.png, <name>.txt

Ids have no dots, because WebDataset ends a sample's key at the first one.
"""

from __future__ import annotations

import re

KINDS = ("view", "normal", "position")
CAPTION = "caption.txt"
CAMERAS = "cameras.json"
MANIFEST = "manifest.json"
MAX_CAPTION_BYTES = 16 * 1024
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


def is_id(text: str) -> bool:
    """Whether `text` can name a sample: letters, digits, `_`, `-`; at most 128, starting with a letter or digit."""
    return _ID.fullmatch(text) is not None


def file_name(kind: str, view: int) -> str:
    """`view_0.png`, `normal_3.png`, `position_1.png`."""
    return f"{kind}_{view}.png"


def shard_name(index: int) -> str:
    """`shard-000000.tar`."""
    return f"shard-{index:06d}.tar"
