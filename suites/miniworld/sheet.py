"""A contact sheet of a run: a row a generator, the same objects in every row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from bench.errors import InputError
from groundwork.pictures import read_picture

_SIDE, _LABEL, _GAP = 64, 130, 6  # pixels: of a view, of the names' column, between objects


def run_sheet(run: Path, generators: Sequence[str], *, objects: int = 8, views: Sequence[int] = (0, 1)) -> Image.Image:
    """The views `views` of the first sample of the first `objects` that all `generators` of a run folder have painted.

    Raises `InputError` when they have none in common.
    """
    cases = [{path.name for path in (run / "samples" / name).glob("*") if path.is_dir()} for name in generators]
    common = sorted(set.intersection(*cases))[:objects] if cases else []
    if not common:
        raise InputError("the generators have no samples in common", where=str(run / "samples"))
    width = _LABEL + len(common) * (len(views) * _SIDE + _GAP)
    sheet = Image.new("RGB", (width, len(generators) * _SIDE), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    for row, name in enumerate(generators):
        draw.text((4, row * _SIDE + _SIDE // 2 - 8), name, fill="black", font=font)
        for column, case in enumerate(common):
            folder = min((run / "samples" / name / case).glob("seed_*"))
            for place, view in enumerate(views):
                picture = Image.fromarray(read_picture(folder / f"view_{view}.png"))
                left = _LABEL + column * (len(views) * _SIDE + _GAP) + place * _SIDE
                sheet.paste(picture.resize((_SIDE, _SIDE), Image.Resampling.BOX), (left, row * _SIDE))
    return sheet
