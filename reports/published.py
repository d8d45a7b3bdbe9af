"""What the Realiz3D paper printed, above what was measured here of the same kind.

Published numbers stand in a table of their own. They come from other objects, references, networks and cameras, so that
no number of the paper may be ranked with a measured one: the table shows which way differences went there and here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.results.numbers import format_value
from bench.suite.paper_tables import published
from reports.table import Source, Table

WARNING = (
    "Not comparable: the published numbers (Realiz3D, arXiv 2605.13852) were measured on other objects, with other "
    "references, cameras and settings than those of this run. Compare which way differences go, never a value above "
    "with one below."
)
HEADS = {
    "psnr": "PSNR ↑",
    "ssim": "SSIM ↑",
    "lpips": "LPIPS ↓",
    "fid_b": "FID B ↓",
    "kid_b": "KID B ↓",
    "fid_i": "FID I ↓",
    "kid_i": "KID I ↓",
    "clip": "CLIP ↑",
}
_OF_SETS = {
    "fid_b": "fid@base",
    "kid_b": "kid@base",
    "fid_i": "fid@photos",
    "kid_i": "kid@photos",
    "clip": "clip_score",
}
_OF_MESHES = {name: f"reprojection_{name}_white" for name in ("psnr", "ssim", "lpips")}
_OF_LIFTS = {name: f"lift_{name}" for name in ("psnr", "ssim", "lpips")}
_SCALE = {"clip_score": 0.01}  # torchmetrics' scale is a hundred times the paper's
NOTHING = "–"


@dataclass(frozen=True)
class PublishedRow:
    """A generator and the paper's row that it stands for. Texts by the names of `HEADS`; `NOTHING` where none is."""

    generator: str
    place: str
    published: Mapping[str, str]
    measured: Mapping[str, str]


def published_rows(table: Table) -> list[PublishedRow]:
    """Of the generators that say which row they stand for; rows that the paper does not have are left out."""
    found = []
    for source in table.sources:
        paper = source.generator.paper
        values = published(paper.table).get(paper.row) if paper is not None else None
        if paper is None or values is None:
            continue
        found.append(
            PublishedRow(
                source.label,
                f"Table {paper.table}, {paper.row}" if paper.table != 2 else f"Table 2, row {paper.row}",
                {name: values[name] or NOTHING for name in HEADS},
                {name: _measured(table, source, result) for name, result in counterparts(paper.table).items()},
            )
        )
    return found


def counterparts(table: int) -> dict[str, str]:
    """The results that are of the same kind as the columns of a table of the paper, as the shipped suites name them."""
    kinds = (_OF_LIFTS if table == 3 else _OF_MESHES) | _OF_SETS
    return {name: kinds[name] for name in HEADS}


def legend(table: Table) -> list[tuple[str, list[str]]]:
    """Which results stand under the published numbers: ('PSNR', ['reprojection_psnr_white']), ..."""
    tables = {source.generator.paper.table for source in table.sources if source.generator.paper is not None}
    said: dict[str, dict[str, None]] = {}
    for number in sorted(tables):
        for name, result in counterparts(number).items():
            said.setdefault(HEADS[name][:-2], {})[f"{result} / 100" if result in _SCALE else result] = None
    return [(head, [*results]) for head, results in said.items()]


def _measured(table: Table, source: Source, result: str) -> str:
    """A generator's result as printed, why there is none, or `NOTHING` where the suite does not ask for it."""
    for column in table.columns:
        if column.metric.name == result and table.belongs(source, column):
            cell = table.cell(source, column)
            if cell.row is None or cell.value is None:
                return cell.reason
            scale = _SCALE.get(result, 1.0)
            low, high = (None if end is None else scale * end for end in (cell.row.ci_low, cell.row.ci_high))
            return format_value(scale * cell.value, cell.row.unit, low, high)
    return NOTHING
