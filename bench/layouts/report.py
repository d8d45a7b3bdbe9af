"""What the detective says: the suite's entry to paste, and a picture of the evidence."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from bench.layouts.tiles import straightened
from bench.layouts.yaml_flow import flow, quoted
from groundwork.files import write_atomically

if TYPE_CHECKING:
    from bench.layouts.order import Reading
    from bench.layouts.shape import Shape

_CELL, _GAP, _LEFT, _LABEL = 168, 10, 150, 34
_INK, _FAINT, _OUTLINE, _BAR = (30, 34, 40), (120, 126, 134), (220, 0, 130), (60, 120, 200)


def entry(
    shape: Shape, name: str, path: str, reading: Reading | None, cut_out: bool, program: tuple[str, bool] | None = None
) -> str:
    """The generator's entry of a suite, as YAML. `program`: a preset's name, and whether its patterns read the folder.

    Without a program the pattern and the grid are told, and the `reading`'s order.
    """
    own, read = ("", False) if program is None else program
    options: dict[str, Any] = {"name": name, "use": "folder", "path": path}
    options |= {"layout": own} if own else {}
    options |= {} if read else {"files": shape.layout.files[0]}
    if not own:
        options |= {"names": list(shape.layout.names)} if shape.layout.names else {}
        options |= {"grid": list(shape.layout.grid)} if shape.sheet else {}
        options |= {"first": shape.layout.first} if shape.layout.first else {}
    options |= {"padding": shape.layout.padding} if shape.layout.padding else {}
    if reading is not None:
        options |= {"take": list(reading.take)} if reading.take != tuple(range(shape.count)) else {}
        options |= {"mirror": True} if reading.mirror else {}
        options |= {"turn": reading.turn} if reading.turn else {}
    options |= {"cut_out": True} if cut_out else {}
    texts = {key: quoted(value) for key, value in options.items() if key in ("path", "files")}
    return "- {" + ", ".join(f"{key}: {texts.get(key) or flow(value)}" for key, value in options.items()) + "}"


def evidence(
    views: dict[str, npt.NDArray[np.float64]],
    masks: dict[str, npt.NDArray[np.bool_]],
    found: Sequence[Reading],
    directions: Sequence[tuple[float, float]],
    title: str,
) -> Image.Image:
    """The pictures of up to four cases in the order found, the mesh's outline over each, and how the readings score.

    `views` (N, S, S, 3) in [0, 1] and `masks` (V, S, S), the mesh in the suite's views, by case.
    """
    cases, best = list(views)[:4], found[0]
    width = _LEFT + len(directions) * (_CELL + _GAP) + _GAP
    height = 84 + len(cases) * (_CELL + _LABEL) + 30 + 26 * min(5, len(found))
    sheet = Image.new("RGB", (max(width, 760), height), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, 12), title, _INK, _font(20))
    thing = "the mesh's outline" if best.by == "mesh" else "the outline of the shape that all views leave"
    draw.text((_GAP, 42), f"each column is a view of the suite; the pink line is {thing} there", _FAINT, _font(14))
    for row, case in enumerate(cases):
        top = 76 + row * (_CELL + _LABEL)
        draw.text((_GAP, top + _CELL // 2 - 8), case[:18], _INK, _font(15))
        for column, (azimuth, elevation) in enumerate(directions):
            left = _LEFT + column * (_CELL + _GAP)
            picture = straightened(views[case][best.take[column]], best.mirror, best.turn)
            sheet.paste(_drawn(picture, masks[case][column]), (left, top))
            draw.rectangle((left - 1, top - 1, left + _CELL, top + _CELL), outline=(222, 226, 230))
            label = f"{azimuth:g}°" + (f", {elevation:g}° up" if elevation else "") + f", picture {best.take[column]}"
            draw.text((left, top + _CELL + 5), label, _FAINT, _font(13))
    top = 76 + len(cases) * (_CELL + _LABEL) + 8
    by_hull = "share of the outlines that their hull covers + agreement of colours"
    scores = "outline + agreement + look" if best.by == "mesh" else by_hull
    draw.text((_GAP, top), f"readings: {scores}", _INK, _font(15))
    for place, reading in enumerate(found[:5]):
        y = top + 26 + 26 * place
        draw.text((_GAP, y), _short(reading), _INK, _font(13))
        length = int(360 * max(0.0, reading.total) / max(1e-9, best.total))
        draw.rectangle((360, y + 2, 360 + length, y + 16), fill=_BAR if place == 0 else (176, 200, 230))
        draw.text((366, y + 1), f"{reading.total:.3f}", "white" if place == 0 else _INK, _font(12))
    return sheet


def _short(reading: Reading) -> str:
    order = " ".join(map(str, reading.take))
    turned = f", turned {90 * reading.turn}°" if reading.turn else ""
    return f"{order[:26]}{', mirrored' if reading.mirror else ''}{turned}"


def _drawn(picture: npt.NDArray[np.float64], mask: npt.NDArray[np.bool_]) -> Image.Image:
    from scipy import ndimage

    size = (_CELL, _CELL)
    shown = Image.fromarray(np.rint(255 * picture).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    soft = np.asarray(Image.fromarray(np.uint8(255 * mask)).resize(size, Image.Resampling.BICUBIC)) > 127
    line = soft & ~ndimage.binary_erosion(soft, iterations=2)
    pixels = np.array(shown)
    pixels[line] = _OUTLINE
    return Image.fromarray(pixels)


def save(picture: Image.Image, path: Path) -> None:
    """As PNG, atomically."""
    encoded = io.BytesIO()
    picture.save(encoded, format="PNG")
    write_atomically(path, encoded.getvalue())


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
