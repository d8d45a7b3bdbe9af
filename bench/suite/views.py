"""The `views` of a suite: one set of cameras for all cases, or files that tell the cameras of each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    ValidationInfo,
    model_serializer,
    model_validator,
)

NAMED_BACKGROUNDS = {"white": "#ffffff", "black": "#000000", "grey": "#808080", "gray": "#808080"}
_HEX_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def _not_empty(path: object) -> object:
    if path == "":
        raise ValueError("the path is empty")
    return path


SuitePath = Annotated[Path, BeforeValidator(_not_empty)]


class Section(BaseModel):
    """A section of a suite file: what it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def srgb(colour: str) -> tuple[float, float, float]:
    """`white`, `black`, `grey` or `#rrggbb` as sRGB in [0, 1]. Raises `ValueError` for other words."""
    red, green, blue = bytes.fromhex(NAMED_BACKGROUNDS.get(_colour(colour), colour).removeprefix("#"))
    return red / 255, green / 255, blue / 255


def _colour(text: str) -> str:
    if text not in NAMED_BACKGROUNDS and not _HEX_COLOUR.fullmatch(text):
        raise ValueError(
            f"expected {', '.join(NAMED_BACKGROUNDS)} or '#rrggbb' in quotes (YAML takes a bare # for a comment)"
        )
    return text


def _one_if_equal(values: tuple[float, ...]) -> float | tuple[float, ...]:
    """One value said often is one value: the same views are one suite, and one signature."""
    return values[0] if len(set(values)) == 1 else values


def _one_or_each(value: object) -> str:
    return "each" if isinstance(value, list | tuple) else "one"


_List = Field(min_length=1, max_length=64)
_Same = AfterValidator(_one_if_equal)
_Either = Discriminator(_one_or_each)
_Degrees = Annotated[float, Field(ge=-90, le=90)]
_Angle = Annotated[float, Field(ge=1, le=150)]
_Distance = Annotated[float, Field(ge=0.9, le=1000)]
_Frame = Annotated[float, Field(ge=0.5, le=1000)]
Elevation = Annotated[
    Annotated[_Degrees, Tag("one")] | Annotated[tuple[_Degrees, ...], _List, _Same, Tag("each")], _Either
]
Fov = Annotated[Annotated[_Angle, Tag("one")] | Annotated[tuple[_Angle, ...], _List, _Same, Tag("each")], _Either]
Distance = Annotated[
    Annotated[_Distance, Tag("one")] | Annotated[tuple[_Distance, ...], _List, _Same, Tag("each")], _Either
]
Frame = Annotated[Annotated[_Frame, Tag("one")] | Annotated[tuple[_Frame, ...], _List, _Same, Tag("each")], _Either]


def _fitting_directions(azimuths: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
    for key, value in info.data.items():
        if isinstance(value, tuple) and len(value) != len(azimuths):
            what = {"elevation": "elevations", "fov": "fields of view", "distance": "distances", "frame": "frames"}[key]
            raise ValueError(f"expected as many azimuths as {what}, {len(value)}, or one {key} for all views")
    elevation = info.data.get("elevation", 0.0)
    elevations = elevation if isinstance(elevation, tuple) else (elevation,) * len(azimuths)
    # from straight above or below, another azimuth turns the picture and shows nothing else
    directions = {(None if abs(e) == 90 else a % 360, e) for a, e in zip(azimuths, elevations, strict=True)}
    if len(directions) < len(azimuths):
        raise ValueError(
            "expected different azimuths: two views are the same, and a view that agrees with itself proves nothing"
        )
    return azimuths


class CameraFiles(Section):
    """Files that tell the cameras of each case: what programs write beside pictures."""

    path: SuitePath = Field(
        description="Folder of <case>/transforms.json, meta.json, cameras.json, 000.npy ..., or a path with {case} in "
        "it; relative to the suite file."
    )
    convention: Literal["blender", "opengl", "opencv", "zero123"] | None = Field(
        default=None,
        description="Axes of the files' cameras; left out: blender (opengl) in JSON, zero123 (opencv, world to camera) "
        "in .npy.",
    )
    up: Literal["z", "y"] = Field(
        default="z", description="The files' world: z up with the front at -y, or y up with the front at +z as in glTF."
    )
    size: float | None = Field(
        default=None,
        gt=0,
        le=1e6,
        description="The object's longest side in the files' unit; left out: what the file says (aabb), else 1.",
    )
    fov: float | None = Field(
        default=None, ge=1, le=150, description="Full vertical angle in degrees, where the files tell no lens."
    )
    take: tuple[Annotated[int, Field(ge=0, lt=4096)], ...] | None = Field(
        default=None, min_length=1, max_length=64, description="Which of a case's cameras are its views, in order."
    )

    @model_validator(mode="after")
    def _different(self) -> CameraFiles:
        if self.take is not None and len(set(self.take)) < len(self.take):
            raise ValueError("expected different cameras in take: a view that agrees with itself proves nothing")
        return self

    @model_serializer(mode="wrap")
    def _only_what_was_said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        plain: dict[str, Any] = dump(self)
        plain["convention"] = "blender" if plain["convention"] == "opengl" else plain["convention"]
        return {key: value for key, value in plain.items() if value is not None}


# what one set of cameras is told by, and cameras from files are not
SHARED = ("azimuths", "elevation", "projection", "fov", "distance", "frame")


class Views(Section):
    """The cameras: one set for every object, or of each object its own. Degrees and pixels."""

    elevation: Elevation = Field(
        default=0.0, description="Elevation of all views in degrees, or a list with one for each view."
    )
    fov: Fov = Field(
        default=40.0,
        description="Full vertical angle in degrees (perspective only), or a list with one for each view.",
    )
    distance: Distance | None = Field(
        default=None,
        description="From the cameras to the object's centre, in its longest side (perspective only), or a list with "
        "one for each view; left out: the nearest at which the unit cube fits into every view with a margin of 10 %.",
    )
    frame: Frame | None = Field(
        default=None,
        description="Side of the frame in the object's longest side (orthographic only), or a list with one for each "
        "view; left out: what holds the unit cube in every view, and 10 % more.",
    )
    azimuths: Annotated[
        tuple[Annotated[float, Field(ge=-360, le=360)], ...], _List, AfterValidator(_fitting_directions)
    ] = Field(
        default=(0.0, 90.0, 180.0, 270.0),
        validate_default=True,  # against what is told for each view
        description="Azimuth of each view in degrees, in view order; 0 is the front.",
    )
    projection: Literal["perspective", "orthographic"] = Field(default="perspective", description="Kind of camera.")
    cameras: CameraFiles | None = Field(
        default=None, description="Cameras of each object's own, from files, in place of all that is said above."
    )
    resolution: int = Field(default=512, ge=16, le=4096, description="Side of the square pictures in pixels.")
    background: Annotated[str, AfterValidator(_colour)] = Field(
        default="white", description="Colour behind the object: white, black, grey or '#rrggbb'."
    )

    @property
    def rgb(self) -> tuple[float, float, float]:
        """The background as sRGB in [0, 1]."""
        return srgb(self.background)

    @property
    def directions(self) -> tuple[tuple[float, float], ...]:
        """(azimuth, elevation) of each view in degrees, in view order, where all objects have the same."""
        each = self.elevation if isinstance(self.elevation, tuple) else (self.elevation,) * len(self.azimuths)
        return tuple(zip(self.azimuths, each, strict=True))

    @model_validator(mode="after")
    def _one_measure_of_size(self) -> Views:
        if self.cameras is not None:
            if beside := [key for key in SHARED if key in self.model_fields_set]:
                raise ValueError(
                    f"expected either cameras of each object's own or {beside[0]}: the files tell angles and lens"
                )
            return self
        if self.distance is not None and self.projection == "orthographic":
            raise ValueError("expected frame in place of distance: orthographic views do not shrink with distance")
        if self.frame is not None and self.projection == "perspective":
            raise ValueError("expected distance and fov in place of frame: perspective views have no one frame")
        return self

    @model_serializer(mode="wrap")
    def _only_what_was_said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Suites that say nothing of `distance`, `frame` and `cameras` keep the hash that they had before these."""
        plain: dict[str, Any] = dump(self)
        without = SHARED if self.cameras is not None else ()
        return {key: value for key, value in plain.items() if value is not None and key not in without}
