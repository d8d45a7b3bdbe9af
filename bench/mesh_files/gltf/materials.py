"""Base colours of glTF materials: factor, texture, its coordinates, transform and sampler, alpha."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError, MeshError
from bench.geometry.mesh import FloatArray, Material, Wrap
from bench.mesh_files.colour import encode, in_linear_light
from bench.mesh_files.gltf.document import Document
from bench.mesh_files.gltf.extensions import other_colours
from bench.mesh_files.gltf.fields import Entry
from bench.mesh_files.part import Surface
from bench.mesh_files.textures import Textures
from groundwork.pictures import texture_size

_WRAPS: dict[int, Wrap] = {10497: "repeat", 33648: "mirror", 33071: "clamp"}
_NEAREST = 9728
_SPECULAR_GLOSSINESS = "KHR_materials_pbrSpecularGlossiness"
_MODES = {"OPAQUE": "opaque", "MASK": "mask", "BLEND": "blend"}
# pictures in formats that an extension brings, best first; those that are not read need a fallback beside them
_SOURCES = ("EXT_texture_webp",)
_UNREAD = ("KHR_texture_basisu", "EXT_texture_avif", "MSFT_texture_dds")


@dataclass(frozen=True)
class GltfMaterial:
    """A material ready for parts: which texture coordinates it looks at, and the (2, 3) transform on them."""

    surface: Surface
    coordinates: int = 0
    transform: FloatArray | None = None

    def uv(self, stored: FloatArray) -> FloatArray:
        """Texture coordinates (N, 2) as our meshes have them: transformed, v = 0 at the bottom."""
        if self.transform is not None:
            stored = stored @ self.transform[:, :2].T + self.transform[:, 2]
        return np.stack([stored[:, 0], 1.0 - stored[:, 1]], axis=1)


class Materials:
    """The materials of a document by index; each is read once."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.textures = Textures()
        self._read: dict[int | None, GltfMaterial] = {}
        self._promised: int | None = None  # pixels of all textures together

    def get(self, index: int | None) -> GltfMaterial:
        """A material; None is the format's default. Colours that are not available are noted in its surface."""
        if index not in self._read:
            self._read[index] = self._material(index)
        return self._read[index]

    def lacking(self, material: GltfMaterial, why: str) -> GltfMaterial:
        """A material that cannot be painted on some primitives, which lack what it needs."""
        return replace(material, surface=Surface(material.surface.material, why))

    def _material(self, index: int | None) -> GltfMaterial:
        if index is None:
            return GltfMaterial(Surface(Material()))
        entry = self.document.entry("materials", index)
        named = f"{entry.place} '{entry.value['name']}'" if isinstance(entry.value.get("name"), str) else entry.place
        return self._coloured(Entry(entry.value, named))

    def _coloured(self, entry: Entry) -> GltfMaterial:
        if "emissiveTexture" in entry or entry.value.get("emissiveFactor", [0, 0, 0]) != [0, 0, 0]:
            self.document.note("light that materials emit is left out: the base colour alone is shown")
        factor_key, texture_key, colours = self._colours(entry)
        factor = self._factor(colours, factor_key)
        mode = _MODES.get(entry.text("alphaMode", "OPAQUE"))
        if mode is None:
            raise entry.wrong("alphaMode", "OPAQUE, MASK or BLEND")
        cutoff = entry.number("alphaCutoff", 0.5)
        info = colours.child(texture_key) if colours is not None else None
        strange = other_colours(entry) if colours is None else None
        if strange is not None:
            told = MeshError(f"the material's colours are given by {strange}, which is not read", where=entry.place)
            return GltfMaterial(Surface(Material(), str(told)))
        texture, wrap, nearest, unpainted = None, ("repeat", "repeat"), False, ""
        if info is not None:
            try:
                texture, wrap, nearest = self._texture(info)
            except BenchError as error:
                unpainted = str(error)
        if texture is not None:
            texture, factor = in_linear_light(texture, factor), (1.0, 1.0, 1.0, factor[3])
        r, g, b = (round(float(value), 12) for value in encode(np.array(factor[:3])))  # white stays exactly 1
        material = Material(texture, (r, g, b, factor[3]), mode, cutoff, wrap, nearest)  # type: ignore[arg-type]
        surface = Surface(material, unpainted)
        return GltfMaterial(surface, *(_coordinates(info) if info is not None else (0, None)))

    def _colours(self, entry: Entry) -> tuple[str, str, Entry | None]:
        """The object that holds the base colour, and its two keys."""
        found = entry.extension(_SPECULAR_GLOSSINESS)
        if found is not None:
            return "diffuseFactor", "diffuseTexture", found
        return "baseColorFactor", "baseColorTexture", entry.child("pbrMetallicRoughness")

    def _factor(self, colours: Entry | None, key: str) -> tuple[float, ...]:
        if colours is None or key not in colours:
            return (1.0, 1.0, 1.0, 1.0)
        factor = colours.numbers(key, 4)
        if min(factor) < 0 or max(factor) > 1:
            self.document.note(f"{colours.place}: '{key}' leaves 0 ... 1 and is cut off there")
        return tuple(min(max(value, 0.0), 1.0) for value in factor)

    def _texture(self, info: Entry) -> tuple[npt.NDArray[np.uint8], tuple[Wrap, Wrap], bool]:
        texture = self.document.entry("textures", info.integer("index"))
        sampler = Entry({}, texture.place)
        if "sampler" in texture:
            sampler = self.document.entry("samplers", texture.integer("sampler"))
        wraps = []
        for key in ("wrapS", "wrapT"):
            wrap = _WRAPS.get(sampler.integer(key, 10497))
            if wrap is None:
                raise sampler.wrong(key, "10497 (repeat), 33648 (mirrored repeat) or 33071 (clamp to edge)")
            wraps.append(wrap)
        if sampler.integer("magFilter", 9729) not in (9728, 9729):
            raise sampler.wrong("magFilter", "9728 (nearest) or 9729 (linear)")
        pixels = self._image(self._source(texture))
        return pixels, (wraps[0], wraps[1]), sampler.integer("magFilter", 9729) == _NEAREST

    def _source(self, texture: Entry) -> int:
        for name in _SOURCES:
            found = texture.extension(name)
            if found is not None and "source" in found:
                return found.integer("source")
        unread = [name for name in _UNREAD if texture.extension(name) is not None]
        if "source" in texture:
            if unread:
                self.document.note(f"textures of {unread[0]} are read from the pictures beside them")
            return texture.integer("source")
        raise MeshError(
            f"the texture is stored by {unread[0]} only, which is not read" if unread else "the texture has no picture",
            where=texture.place,
            expected="a PNG, JPEG or WebP picture",
            hint="export with PNG or JPEG textures",
        )

    def _image(self, index: int) -> npt.NDArray[np.uint8]:
        if self._promised is None:
            self._promised = sum(self._size(source) for source in self._painted())
        self.textures.check(self._promised, str(self.document.path))
        content, where = self._content(index)
        return self.textures.read(index, content, where)

    def _painted(self) -> set[int]:
        """The pictures that base colours of the file's parts ask for: their sizes are summed before one is decoded."""
        found: set[int] = set()
        for primitive in (one for mesh in self.document.table("meshes") for one in mesh.items("primitives")):
            with suppress(BenchError):
                entry = self.document.entry("materials", primitive.integer("material"))
                _, texture_key, colours = self._colours(entry)
                info = None if colours is None else colours.child(texture_key)
                if info is not None:
                    found.add(self._source(self.document.entry("textures", info.integer("index"))))
        return found

    def _size(self, index: int) -> int:
        """In pixels, as the picture's header promises; 0 where it is broken, which is told where it is read."""
        try:
            width, height = texture_size(*self._content(index))
        except BenchError:
            return 0
        return width * height

    def _content(self, index: int) -> tuple[bytes, str]:
        """A picture's bytes, and where they are from."""
        entry = self.document.entry("images", index)
        if "uri" in entry:
            content = self.document.resource(entry)
            uri = entry.text("uri")
            where = entry.place if uri[:5].lower() == "data:" else f"{self.document.path}: '{uri[:200]}'"
        else:
            content, where = bytes(self.document.view(entry.integer("bufferView"))[0]), entry.place
        return content, where


def _coordinates(info: Entry) -> tuple[int, FloatArray | None]:
    """The set of texture coordinates and KHR_texture_transform as (2, 3), None where there is none."""
    which = info.integer("texCoord", 0)
    moved = info.extension("KHR_texture_transform")
    if moved is None:
        return which, None
    (x, y), (width, height) = moved.numbers("offset", 2, (0, 0)), moved.numbers("scale", 2, (1, 1))
    angle = moved.number("rotation", 0.0)
    cosine, sine = math.cos(angle), math.sin(angle)
    # counter-clockwise as seen, where v points down
    matrix = np.array([[cosine * width, sine * height, x], [-sine * width, cosine * height, y]])
    return moved.integer("texCoord", which), matrix
