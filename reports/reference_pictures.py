"""What stands beside the evidence of realism: the reference's own picture of the object, or why there is none.

A reference that is one of the run's generators has its pictures in the run folder, and one of each object. Of all
others a run keeps numbers, and which pictures are nearest (`reports.nearest_pictures`): photographs may be anybody's
and lie anywhere, so none is looked for. The ground-truth render of the object stands beside, and is called that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.nearest_pictures import Neighbourhood
from reports.table import Column, Source, Table


@dataclass(frozen=True)
class Beside:
    """Whose picture to show beside the two generators (None: nobody's), under which caption, and what to say of it."""

    source: Source | None
    caption: str
    remark: str


def beside(table: Table, column: Column, nearby: Neighbourhood | None = None) -> Beside | None:
    """For a distance to a reference; None for other metrics."""
    _, at, name = column.metric.name.rpartition("@")
    if column.metric.axis != "realism" or not at:
        return None
    run = table.runs[0]
    sources = {source.generator.name: source for source in table.sources}
    own = sources.get(_generator_of(run.manifest, name))
    if own is not None:
        return Beside(
            own, f"reference {name}: {own.label}", "The reference's own pictures of each object stand beside."
        )
    known = next((reference for reference in run.summary.references if reference.name == name), None)
    what = f"its {known.n} pictures ({known.source or 'of unknown source'})" if known is not None else "its pictures"
    remark = f"The nearest pictures of the reference {name} cannot be shown: of {what} this run keeps only numbers."
    if nearby is not None:
        remark = nearby.about
    ceiling = next((source for source in table.sources if source.generator.role == "ceiling"), None)
    if ceiling is None:
        return Beside(None, "", remark)
    return Beside(
        ceiling,
        f"{ceiling.label}, not of the reference",
        f"{remark} On the right, for comparison, is the ground-truth render of the same object.",
    )


def _generator_of(manifest: Mapping[str, object], reference: str) -> str:
    """The generator that a reference is, as the stored suite says; '' where it is none or nothing is said."""
    suite = manifest.get("suite")
    references = suite.get("references") if isinstance(suite, Mapping) else None
    entry = references.get(reference) if isinstance(references, Mapping) else None
    name = entry.get("generator") if isinstance(entry, Mapping) else None
    return name if isinstance(name, str) else ""
