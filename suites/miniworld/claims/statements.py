"""What the paper claims, as data: which measured metric stands for which of its columns, and who should beat whom.

Nothing here is a result. Values and directions come from the published tables (`bench.suite.paper_tables`); a statement
names the rows, the topic, and what kind of claim it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.suite.paper_tables import published

ALPHA = 0.01
RETAINED = 0.1
"""'At least as good' allows a loss of this share of the way from the base model to the better-off method."""

BASE = "base"  # a generator's name, which has no row in any table

Topic = Literal["realism", "consistency", "control"]
Relation = Literal["better", "at least", "as published"]

UPWARDS = {"psnr": True, "ssim": True, "lpips": False, "fid_b": False, "kid_b": False, "fid_i": False, "kid_i": False}
NO_COUNTERPART = {
    "clip": "CLIP score: text alignment needs CLIP's weights, not available offline; nothing here stands for it",
}
_OF_MESHES = {
    "psnr": ("reprojection_psnr_white",),
    "ssim": ("reprojection_ssim_white",),
    "lpips": ("reprojection_lpips_white", "reprojection_efficientnet_lite0_white"),
}
_OF_HULLS = {"psnr": ("lift_psnr", "hull_lift_psnr"), "ssim": ("lift_ssim",), "lpips": ("lift_lpips",)}
_OF_BASE = ("fid_b", "kid_b")
_OF_REAL = ("fid_i", "kid_i")

_ON_MESHES = (*(name for names in _OF_MESHES.values() for name in names), "cce", "loo_psnr", "cde")
_ON_HULLS = ("hull_lift_psnr", "hull_lift_cde", "hull_iou", "lift_psnr", "lift_ssim")
_OF_CONTROL = ("silhouette_iou", "boundary_f", "edge_recall", "normal_error")
DECIDED_BY: dict[Topic, str] = {"realism": "kid_i", "consistency": "psnr"}
"""The paper's column that says which way a component moves a topic."""

ABLATION = {
    "1": "1 joint",
    "2": "2 no real data",
    "3": "3 two stages",
    "4": "4 = 3 + shifting",
    "5": "5 = 3 + reassignment",
    "6": "6 = 5 + shifting",
    "7": "7 = 5 + layer-aware",
    "8": "8 = 7 + shifting",
}


@dataclass(frozen=True)
class Claim:
    """Row `a` against row `b` of a table (or `BASE`): `a` is better, at least as good, or as the printed values say."""

    topic: Topic
    table: int
    a: str
    b: str
    relation: Relation
    component: str = ""

    def upwards(self) -> bool:
        """Whether `a` should be the better one."""
        if self.relation != "as published":
            return True
        return printed_gain(self.table, DECIDED_BY[self.topic], self.a, self.b) > 0

    @property
    def text(self) -> str:
        """For people: 'Realiz3D > Syn + Real', 'reassignment: 5 > 3'."""
        sign = "≥" if self.relation == "at least" else ">" if self.upwards() else "<"
        said = f"{self.a} {sign} {self.b}"
        return f"{self.component}: {said}" if self.component else said


_MOVES = (
    ("two stages instead of joint", "3", "1"),
    ("real data at stage 2", "3", "2"),
    ("reassignment", "5", "3"),
    ("layer-aware training", "7", "5"),
    ("shifting", "4", "3"),
    ("shifting", "6", "5"),
    ("shifting", "8", "7"),
)

CLAIMS: tuple[Claim, ...] = (
    *(
        claim
        for table in (1, 3)
        for claim in (
            Claim("realism", table, "Realiz3D", "Syn + Real", "better"),
            Claim("realism", table, "Syn + Real", "Syn only", "better"),
            Claim("consistency", table, "Syn only", "Realiz3D", "at least"),
            Claim("consistency", table, "Realiz3D", BASE, "better"),
        )
    ),
    Claim("control", 1, "Syn only", "Realiz3D", "at least"),
    Claim("control", 1, "Realiz3D", BASE, "better"),
    *(Claim("consistency", 2, a, b, "as published", name) for name, a, b in _MOVES),
    *(Claim("realism", 2, a, b, "as published", name) for name, a, b in _MOVES),
)


def printed(table: int, column: str, row: str) -> float | None:
    """The paper's value; None where it prints none."""
    text = published(table).get(row, {}).get(column, "")
    return float(text) if text else None


def printed_gain(table: int, column: str, a: str, b: str) -> float:
    """By how much row `a` is better than row `b` in print, in the column's unit; 0 where either is not printed."""
    first, second = printed(table, column, a), printed(table, column, b)
    if first is None or second is None:
        return 0.0
    return first - second if UPWARDS[column] else second - first


def pairs(table: int, real: tuple[str, ...], base: tuple[str, ...]) -> list[tuple[str, str]]:
    """(the paper's column, a measured result that is of its kind); distances to `real` and `base` by their names."""
    of_views = _OF_HULLS if table == 3 else _OF_MESHES
    found = [(column, result) for column, results in of_views.items() for result in results]
    found += [(column, result) for column in _OF_BASE for result in base]
    return found + [(column, result) for column in _OF_REAL for result in real]


def column_of(topic: Topic, table: int, result: str) -> str | None:
    """The paper's column that a result of a topic is of the kind of; else the one that speaks for the topic."""
    kinds = {name: column for column, names in (_OF_HULLS if table == 3 else _OF_MESHES).items() for name in names}
    return kinds.get(result, DECIDED_BY.get(topic))


def results_of(topic: Topic, table: int, real: tuple[str, ...]) -> tuple[str, ...]:
    """The measured results that speak to a topic, the paper's own kind first."""
    if topic == "realism":
        return real
    if topic == "control":
        return _OF_CONTROL
    return _ON_HULLS if table == 3 else _ON_MESHES
