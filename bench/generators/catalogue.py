"""The generators that a suite may name in `use:`."""

from __future__ import annotations

from groundwork.registry import Registry

GENERATORS = Registry(
    kind="generator",
    group="realiz3d_bench.generators",
    built_in={
        "folder": "bench.generators.folder:FolderGenerator",
        "textured_mesh": "bench.generators.textured_mesh:TexturedMeshGenerator",
        "realiz3d": "bench.generators.realiz3d_pipeline:Realiz3DGenerator",
        "sdedit": "bench.generators.sdedit:SDEditGenerator",
        "diffusers": "bench.generators.diffusers_pipeline:DiffusersGenerator",
        "ceiling": "bench.generators.ceiling:Ceiling",
        "floor": "bench.generators.floor:Floor",
        "miniworld_model": "suites.miniworld.generator:MiniworldModel",
        "miniworld_look": "bench.generators.miniworld_look:MiniworldLook",
        "shift": "bench.generators.corruptions:Shift",
        "swapped_views": "bench.generators.corruptions:SwappedViews",
        "colour_cast": "bench.generators.corruptions:ColourCast",
        "blur": "bench.generators.corruptions:Blur",
        "noise": "bench.generators.corruptions:Noise",
    },
)
