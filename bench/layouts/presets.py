"""Layouts by program: which files it writes, in which order, seen by which cameras. A table, read in public sources.

Azimuths and elevations are ours (0 = front, 90 = seen from +x, counter-clockwise from above). What a program does not
fix, or what its sources do not say, is None and is not checked: `inspect` finds it in the pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from bench.errors import UsageError, nearest
from bench.layouts.layout import Layout
from bench.layouts.yaml_flow import flow

_SIX_NAMES = ("front", "front_right", "right", "back", "left", "front_left")
_SIX = (0.0, 45.0, 90.0, 180.0, 270.0, 315.0)
_ZERO123PLUS = (30.0, 90.0, 150.0, 210.0, 270.0, 330.0)


@dataclass(frozen=True)
class Preset:
    """One program's layout and cameras. `size` is the side of a view in pixels; None: not fixed or not known.

    Without `azimuths` it fixes no views: camera files beside the pictures tell them, and must be there.
    """

    program: str
    layout: Layout
    azimuths: tuple[float, ...]
    elevation: float | tuple[float, ...] | None
    size: int | None
    source: str
    projection: Literal["perspective", "orthographic"] | None = None
    fov: float | None = None
    distance: float | None = None
    frame: float | None = None
    background: str | None = None  # None: transparent, or as painted
    relative: bool = False  # azimuths count from the picture that was given, not from the object's front

    @property
    def directions(self) -> tuple[tuple[float, float | None], ...]:
        """(azimuth, elevation) of each view in the program's order; None where the elevation is not fixed."""
        one = self.elevation
        each = one if isinstance(one, tuple) else (one,) * len(self.azimuths)
        return tuple(zip(self.azimuths, each, strict=True))

    def fields(self) -> dict[str, Any]:
        """The fields of a suite's `views` in which all its views are scored."""
        found: dict[str, Any] = {"azimuths": list(self.azimuths)}
        if isinstance(self.elevation, tuple):
            found["elevation"] = list(self.elevation)
        elif self.elevation:
            found["elevation"] = self.elevation
        found |= {key: value for key in ("projection", "fov", "distance", "frame") if (value := getattr(self, key))}
        found |= {} if self.size is None else {"resolution": self.size}
        return found | {"background": "white"}

    def views(self) -> str:
        """The same as YAML to paste."""
        return f"views: {flow(self.fields())}"


def _named(pattern: str, *more: str) -> Layout:
    return Layout(files=(pattern, *more), names=_SIX_NAMES)


PRESETS: dict[str, Preset] = {
    "zero123plus-1.2": Preset(
        "Zero123++ 1.2", Layout(("{case}/grid", "{case}"), grid=(3, 2)), _ZERO123PLUS, (20.0, -10.0) * 3, 320,
        "zero123plus: README", "perspective", 30.0, background="#7f7f7f", relative=True,
    ),
    "zero123plus-1.1": Preset(
        "Zero123++ 1.1", Layout(("{case}/grid", "{case}"), grid=(3, 2)), _ZERO123PLUS, (30.0, -20.0) * 3, 320,
        "zero123plus: README", "perspective", background="#7f7f7f", relative=True,
    ),
    "instantmesh": Preset(
        "InstantMesh", Layout(("images/{case}", "**/images/{case}", "{case}"), grid=(3, 2)), _ZERO123PLUS,
        (20.0, -10.0) * 3, 320, "InstantMesh: run.py, src/utils/camera_util.py", "perspective", 30.0,
        background="white", relative=True,
    ),
    "mvdream": Preset(
        "MVDream", Layout(("{case}/sample", "{case}"), grid=(1, 4), rows="seeds"), (0.0, 90.0, 180.0, 270.0), 15.0, 256,
        "MVDream: scripts/t2i.py, mvdream/camera_utils.py",
    ),
    "imagedream": Preset(
        "ImageDream", Layout(("{case}_*_dream", "{case}/*_dream"), grid=(1, 5), rows="seeds"),
        (0.0, 90.0, 180.0, 270.0), 5.0, 256, "ImageDream: extern/ImageDream/scripts/demo.py", relative=True,
    ),
    "wonder3d": Preset(
        "Wonder3D", _named("**/{case}/masked_colors/rgb_000_{view}", "**/{case}/rgb_000_{view}"), _SIX, 0.0, 256,
        "Wonder3D: test_mvdiffusion_seq.py", "orthographic", background="white", relative=True,
    ),
    "era3d": Preset(
        "Era3D", _named("**/{case}/color_{view}_masked", "**/{case}/color_{view}"), _SIX, 0.0, 512,
        "Era3D: test_mvdiffusion_unclip.py", "orthographic", relative=True,
    ),
    "syncdreamer": Preset(
        "SyncDreamer", Layout(("{case}/{seed}",), grid=(1, 16)), tuple(22.5 * i for i in range(16)), 30.0, 256,
        "SyncDreamer: generate.py, blender_script.py", "perspective", 49.1, 1.5, background="white", relative=True,
    ),
    "sv3d": Preset(
        "SV3D", Layout(("{case}/*.mp4", "{case}.mp4")), tuple(round(360 * (i + 1) / 21 % 360, 2) for i in range(21)),
        None, 576, "generative-models: scripts/sampling/simple_video_sample.py", "perspective", 33.8,
        background="white", relative=True,
    ),
    "mv-adapter-tg2mv": Preset(
        "MV-Adapter tg2mv and ig2mv", Layout(("{case}/grid", "{case}"), grid=(1, 6), ignore=("*_pos.*", "*_nor.*")),
        (0.0, 90.0, 180.0, 270.0, 180.0, 180.0), (0.0, 0.0, 0.0, 0.0, 90.0, -90.0), 768,
        "MV-Adapter: scripts/inference_tg2mv_sdxl.py", "orthographic", frame=1.1, background="grey",
    ),
    "mv-adapter-t2mv": Preset(
        "MV-Adapter t2mv and i2mv", Layout(("{case}/grid", "{case}"), grid=(1, 6), ignore=("*_reference.*",)), _SIX,
        0.0, 768, "MV-Adapter: scripts/inference_t2mv_sdxl.py", "orthographic", frame=1.1, background="grey",
    ),
    "ortho10view": Preset(
        "Objaverse-Ortho10View", Layout(("**/{case}/color_{view}",)),
        (0.0, 90.0, 180.0, 270.0, 45.0, 315.0, 0.0, 0.0, 180.0, 180.0),
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 60.0, -60.0, 60.0, -60.0), None,
        "Objaverse-Ortho10View: its card", "orthographic", frame=1.1,
    ),
    "mvgbench": Preset(
        "MVGBench's renderings", Layout(("{case}/*/{view}", "{case}/{view}")), (), None, None,
        "MVGBench: docs/custom_MVG.md",
    ),
    # what it judges: every other view of a generator's, once as NAME_odd and once as NAME_even
    "mvgbench-odd": Preset(
        "MVGBench's odd views", Layout(("**/*_odd/{case}/{view}", "**/*_odd/{case}/*/{view}")), (), None, None,
        "MVGBench: README, docs/custom_MVG.md",
    ),
    "mvgbench-even": Preset(
        "MVGBench's even views", Layout(("**/*_even/{case}/{view}", "**/*_even/{case}/*/{view}")), (), None, None,
        "MVGBench: README, docs/custom_MVG.md",
    ),
}  # fmt: skip


def preset(name: str) -> Preset:
    """The preset called `name`. Raises `UsageError` with the nearest."""
    if name not in PRESETS:
        raise UsageError(f"there is no layout '{name}'", hint=nearest(name, PRESETS))
    return PRESETS[name]
