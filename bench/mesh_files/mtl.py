"""MTL, the material files of OBJ: what decides the base colour is `Kd`, `map_Kd` and its options, `d`, `Tr`, `map_d`.

`Kd` and pictures are taken as sRGB, as most tools write them. A `map_Kd` replaces `Kd`: exporters write any `Kd` beside
a texture.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.errors import BenchError, MeshError
from bench.geometry.mesh import Material, Wrap
from bench.mesh_files.assets import AssetFolder
from bench.mesh_files.lines import text_lines
from bench.mesh_files.part import Surface
from bench.mesh_files.textures import Textures

# options of texture statements by how many values they take at most
_OPTIONS = {
    "-blendu": 1, "-blendv": 1, "-bm": 1, "-boost": 1, "-cc": 1, "-clamp": 1, "-imfchan": 1, "-mm": 2, "-o": 3, "-s": 3,
    "-t": 3, "-texres": 1, "-type": 1,
}  # fmt: skip


@dataclass(frozen=True)
class TexturedSurface(Surface):
    """A surface whose texture coordinates are scaled, then moved, before they are looked up."""

    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class MtlSurface:
    """A material as its file defines it; `surface` opens its pictures."""

    place: str
    said: dict[str, str] = field(default_factory=dict)  # statement in lower case -> the rest of its line

    def surface(self, assets: AssetFolder, textures: Textures) -> TexturedSurface:
        """The material, or why it cannot be painted."""
        try:
            return self._surface(assets, textures)
        except BenchError as error:
            return TexturedSurface(Material(), str(error))

    def _surface(self, assets: AssetFolder, textures: Textures) -> TexturedSurface:
        opacity = self._opacity()
        picture, options = self._picture("map_kd", assets, textures)
        mask, mask_options = self._picture("map_d", assets, textures)
        if mask is not None:
            if picture is not None and options != mask_options:
                raise MeshError("map_d and map_Kd have different options", where=self.place)
            options = mask_options
            picture = _masked(picture, mask)
        colour = (1.0, 1.0, 1.0) if picture is not None and "map_kd" in self.said else self._diffuse()
        transparent = opacity < 1 or (picture is not None and bool((picture[..., 3] < 255).any()))
        mode = "blend" if transparent else "opaque"
        wrap: Wrap = "clamp" if options.clamp else "repeat"
        material = Material(picture, (*colour, opacity), mode, wrap=(wrap, wrap))  # type: ignore[arg-type]
        return TexturedSurface(material, "", options.scale, options.offset)

    def _opacity(self) -> float:
        try:
            if "d" in self.said:
                return min(max(float(self.said["d"].split()[-1]), 0.0), 1.0)
            return 1.0 - min(max(float(self.said.get("tr", "0").split()[-1]), 0.0), 1.0)
        except (ValueError, IndexError) as error:
            raise MeshError("the opacity is not a number", where=self.place) from error

    def _diffuse(self) -> tuple[float, float, float]:
        fields = self.said.get("kd", "1 1 1").split()
        try:
            values = [float(one) for one in fields]
        except ValueError as error:
            raise MeshError(f"Kd is '{' '.join(fields)[:80]}'", where=self.place, expected="three numbers") from error
        values = values * 3 if len(values) == 1 else values
        if len(values) < 3 or not np.isfinite(values).all():
            raise MeshError(f"Kd is '{' '.join(fields)[:80]}'", where=self.place, expected="three numbers")
        r, g, b = (min(max(value, 0.0), 1.0) for value in values[:3])
        return r, g, b

    def _picture(
        self, statement: str, assets: AssetFolder, textures: Textures
    ) -> tuple[npt.NDArray[np.uint8] | None, _MapOptions]:
        if statement not in self.said:
            return None, _MapOptions()
        name, options = _map(self.said[statement], f"{self.place} {statement}")
        return textures.read(name, assets.get(name), f"{self.place} '{name[:200]}'"), options


@dataclass(frozen=True)
class _MapOptions:
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)
    clamp: bool = False


def read_mtl(content: bytes, place: str) -> dict[str, MtlSurface]:
    """The materials of a file by name; of two with one name the first counts. Nothing is opened yet."""
    found: dict[str, MtlSurface] = {}
    current: MtlSurface | None = None
    for line in text_lines(content):
        kind, *rest = line.split(None, 1)[:2] or [""]
        said = rest[0].strip() if rest else ""
        if kind.lower() == "newmtl":
            current = MtlSurface(f"{place}: material '{said[:100]}'")
            found.setdefault(said, current)
        elif current is not None and kind and not kind.startswith("#"):
            current.said.setdefault(kind.lower(), said)
    return found


def _map(said: str, place: str) -> tuple[str, _MapOptions]:
    """The file name and options of a texture statement. Raises `MeshError` for options that change its colours."""
    words = list(re.finditer(r"\S+", said))
    options = _MapOptions()
    index = 0
    while index < len(words) - 1 and words[index].group().lower() in _OPTIONS:
        option = words[index].group().lower()
        values: list[str] = []
        index += 1
        while index < len(words) - 1 and len(values) < _OPTIONS[option]:
            word = words[index].group()
            if option in ("-o", "-s", "-t", "-mm") and not _is_number(word):
                break
            values.append(word)
            index += 1
        options = _apply(options, option, values, place)
    if index >= len(words):
        raise MeshError("the texture has no name", where=place)
    name = said[words[index].start() :].strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1]
    return name, options


def _apply(options: _MapOptions, option: str, values: list[str], place: str) -> _MapOptions:
    numbers = [float(one) for one in values if _is_number(one)]
    if option == "-s":
        u, v, _ = (*numbers, 1.0, 1.0, 1.0)[:3]
        return replace(options, scale=(u, v))
    if option == "-o":
        u, v, _ = (*numbers, 0.0, 0.0, 0.0)[:3]
        return replace(options, offset=(u, v))
    if option == "-clamp":
        return replace(options, clamp=values[:1] == ["on"])
    changes = (option == "-mm" and numbers != [0.0, 1.0]) or (option == "-t" and any(numbers))
    if changes or (option == "-imfchan" and place.endswith("map_kd")):
        raise MeshError(
            f"the texture has the option {option} {' '.join(values)}, which is not read",
            where=place,
            hint="bake it into the picture",
        )
    return options  # sharpness, resolution, blending: how a texture is filtered, not what it shows


def _is_number(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False


def _masked(picture: npt.NDArray[np.uint8] | None, mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A texture under the opacity that a picture gives: by its alpha where it has one, else by its brightness."""
    alpha = mask[..., 3] if (mask[..., 3] < 255).any() else np.asarray(Image.fromarray(mask[..., :3]).convert("L"))
    if picture is None:
        picture = np.full((*alpha.shape, 4), 255, np.uint8)
    height, width = picture.shape[:2]
    if alpha.shape != (height, width):
        alpha = np.asarray(Image.fromarray(alpha).resize((width, height), Image.Resampling.BILINEAR))
    return np.dstack([picture[..., :3], alpha])
