"""What the page opens with: a few objects, large: what was asked, what the contestants made of it, what is in reach.

They are those of the gallery that span its ranking, the easiest first, so that nobody picks the lucky ones; a suite
without a primary metric of single objects has its first ones here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from bench.results.summary import CaseInfo
from reports.deciders import contestants
from reports.gallery import OPENED, Exhibit, Gallery, Shot, data_uri
from reports.silhouettes import asked_masks, filled
from reports.table import Source, Table

MOST = 5  # contestants: more are no longer large on a screen
BESIDE = 3  # views below the first
_SIDE = 192  # px of an asked outline


@dataclass(frozen=True)
class Answer:
    """What one generator, number `place` of the table, made of an object: some of its views, with their numbers."""

    source: Source
    place: int
    shots: tuple[tuple[int, Shot], ...]


@dataclass(frozen=True)
class Task:
    """One object, number `place` of the gallery; `views`: what its views are called.

    `asked`: its outline as data URIs, with the numbers of the views; empty where it is not known.
    """

    case: CaseInfo
    place: int
    views: tuple[str, ...]
    asked: tuple[tuple[int, str], ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Opening:
    """The objects, and the labels of contestants that are not shown here."""

    tasks: tuple[Task, ...]
    left_out: tuple[str, ...]

    @property
    def asked(self) -> bool:
        """Whether outlines are shown."""
        return any(task.asked for task in self.tasks)


def opening(table: Table, gallery: Gallery) -> Opening:
    """The first pictures of the page; without tasks where the gallery has no picture."""
    sources = shown_first(table)
    left_out = tuple(one.label for one in table.sources if not one.calibrates and one not in sources)
    exhibits = [*enumerate(gallery.exhibits[:OPENED])]
    scored = [item for item in exhibits if item[1].score is not None]
    ordered = (*reversed(scored), *(item for item in exhibits if item[1].score is None))  # a gallery: hardest first
    tasks = [_task(table, gallery, exhibit, place, sources) for place, exhibit in ordered]
    return Opening(tuple(task for task in tasks if any(answer.shots for answer in task.answers)), left_out)


def shown_first(table: Table) -> tuple[Source, ...]:
    """Those that the suite names in `shown_first`, in its order; else contestants, five at most, and the ceiling.

    Of more contestants these are the suite's first, the best of each primary metric, then the next of the suite. So it
    is too where hardly any of the named ones was run (beside the yardsticks that are named), and for runs side by
    side, of which no suite knows them all.
    """
    named = table.runs[0].summary.suite.shown_first if len(table.runs) == 1 else ()
    chosen = [source for name in named for source in table.sources if source.generator.name == name]
    rivals = [source for source in chosen if not source.calibrates]
    if len(rivals) > 1 or (rivals and len(chosen) == len(named)):
        return tuple(chosen)
    ceilings = [source for source in table.sources if source.calibrates and source.generator.role == "ceiling"]
    yardsticks = [source for source in chosen if source.calibrates]
    return (*_leading(table), *(yardsticks or ceilings))


def _leading(table: Table) -> list[Source]:
    rivals = [source for source in table.sources if not source.calibrates]
    best: list[Source] = []
    if len(table.runs) == 1:
        best = [one for column in table.columns if column.primary for one in contestants(table, column)[:1]]
    kept = [*dict.fromkeys(source.label for source in (*rivals[:1], *best, *rivals))][:MOST]
    return [source for source in rivals if source.label in kept]


def _task(table: Table, gallery: Gallery, exhibit: Exhibit, place: int, sources: Sequence[Source]) -> Task:
    answers = [
        Answer(strip.source, number, tuple((view, strip.shots[view]) for view in spaced(len(strip.shots))))
        for number, strip in enumerate(exhibit.strips)
        if strip.source in sources
    ]
    answers.sort(key=lambda answer: sources.index(answer.source))
    counts = [len(exhibit.strips[answer.place].shots) for answer in answers]
    asked = _asked(table, gallery.seed, exhibit.case.id, [count for count in counts if count])
    return Task(exhibit.case, place, exhibit.views or gallery.views, asked, tuple(answers))


def spaced(n: int) -> tuple[int, ...]:
    """The first of n views and up to three more, evenly spaced.

    >>> spaced(4), spaced(8), spaced(2)
    ((0, 1, 2, 3), (0, 2, 4, 6), (0, 1))
    """
    shown = min(n, 1 + BESIDE)
    return tuple(i * n // shown for i in range(shown))


def _asked(table: Table, seed: int | None, case: str, counts: Sequence[int]) -> tuple[tuple[int, str], ...]:
    """The mesh's outline, from the error maps of whichever run has some of all views that most answers have."""
    if seed is None or not counts or table.runs[0].summary.suite.task != "texturing":
        return ()
    usual = max(counts, key=counts.count)
    masks = next(filter(None, (asked_masks(run, case, seed, usual) for run in table.runs)), ())
    views = spaced(len(masks))
    return tuple((view, data_uri(Image.fromarray(filled(masks[view], _SIDE)))) for view in views)
