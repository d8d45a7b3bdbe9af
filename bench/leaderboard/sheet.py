"""The contact sheet of an entry: a few objects in small, so that a page can show what was scored.

One line for each object, its views from left to right. It is small enough for git, and no substitute for the pictures
themselves, which lie where the entry says.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.leaderboard.entry import Preview
from bench.results.layout import RunLayout, sample_folder, stored_views
from groundwork.errors import InputError
from groundwork.hashing import hash_bytes
from groundwork.pictures import read_picture

SIZE = 64  # px
MOST_BYTES = 400_000


@dataclass(frozen=True)
class Sheet:
    """The picture as WebP, and what it shows."""

    content: bytes
    preview: Preview


def make_sheet(
    run: Path, generator: str, cases: Sequence[str], seed: int, count: int, size: int = SIZE
) -> Sheet | None:
    """A sheet of at most `count` objects that lie evenly among `cases`; None where the run has no pictures of them."""
    from PIL import Image

    samples = RunLayout(run).samples
    there = [
        (case, views)
        for case in cases
        if (views := stored_views(sample_folder(samples, generator, case, seed)))
    ]  # fmt: skip
    if not there or count < 1:
        return None
    chosen = [there[i * len(there) // min(count, len(there))] for i in range(min(count, len(there)))]
    across = max(len(views) for _, views in chosen)
    sheet = Image.new("RGB", (across * size, len(chosen) * size), "white")
    for line, (_, views) in enumerate(chosen):
        for column, view in enumerate(views):
            small = Image.fromarray(read_picture(view)).resize((size, size), Image.Resampling.LANCZOS)
            sheet.paste(small, (column * size, line * size))
    buffer = io.BytesIO()
    sheet.save(buffer, format="WEBP", quality=80, method=6)
    content = buffer.getvalue()
    shown = Preview(sha256=hash_bytes(content), cases=tuple(case for case, _ in chosen), views=across, size=size)
    return Sheet(content, shown)


def check_sheet(content: bytes, preview: Preview, where: str) -> None:
    """Hold a stranger's sheet to what it says. Raises `InputError`."""
    from groundwork.pictures import opened

    if len(content) > MOST_BYTES:
        raise InputError(f"the contact sheet has {len(content)} bytes", where=where, expected=f"at most {MOST_BYTES}")
    if hash_bytes(content) != preview.sha256:
        raise InputError("the contact sheet is not the one that the entry was made with", where=where)
    with opened(content, where, ("WEBP",)) as image:
        wanted = (preview.views * preview.size, len(preview.cases) * preview.size)
        if image.size != wanted or getattr(image, "n_frames", 1) != 1:
            raise InputError(
                f"the contact sheet is {image.size} px", where=where, expected=f"one picture of {wanted} px"
            )
        image.load()
