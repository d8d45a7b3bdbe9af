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
        "flat_colour": "bench.generators.cheats.solid:FlatColour",
        "solid_noise": "bench.generators.cheats.solid:SolidNoise",
        "matched_noise": "bench.generators.cheats.solid:MatchedNoise",
        "painted_normals": "bench.generators.cheats.solid:PaintedNormals",
        "photograph_projected": "bench.generators.cheats.solid:PhotographProjected",
        "photograph_each_view": "bench.generators.cheats.solid:PhotographEachView",
        "eroded": "bench.generators.cheats.outlines:Eroded",
        "scaled": "bench.generators.cheats.outlines:Scaled",
        "boosted": "bench.generators.cheats.filtered:Boosted",
        "sharpened": "bench.generators.cheats.filtered:Sharpened",
        "compressed": "bench.generators.cheats.filtered:Compressed",
        "front_view": "bench.generators.cheats.front_view:FrontView",
        "overlap_only": "bench.generators.cheats.judged:OverlapOnly",
        "right_where_judged": "bench.generators.cheats.judged:RightWhereJudged",
        "specks": "bench.generators.cheats.judged:Specks",
        "best_of": "bench.generators.cheats.choosing:BestOf",
        "average_of": "bench.generators.cheats.choosing:AverageOf",
        "fails_on_hard": "bench.generators.cheats.choosing:FailsOnHard",
        "one_shape": "bench.generators.cheats.one_answer:OneShape",
        "one_answer": "bench.generators.cheats.one_answer:OneAnswer",
        "reference_copies": "bench.generators.cheats.one_answer:ReferenceCopies",
    },
)
