"""What the page opens with: a few objects, large: what was asked, what the contestants made of it, what is in reach.

Nobody picks the objects: they are those of the gallery that span its ranking, the easiest first.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from bench.results.summary import CaseInfo
from reports.deciders import duels
from reports.gallery import OPENED, Exhibit, Gallery, Shot, data_uri
from reports.silhouettes import asked_masks, filled
from reports.table import Source, Table

MOST = 5  # contestants: more are no longer large on a screen
BESIDE = 3  # views below the first
_SIDE = 192  # px of an asked outline


@dataclass(frozen=True)
class Answer:
    """What one generator, number `place` of the table, made of an object; `views`: which of its views are shown."""

    source: Source
    place: int
    shots: tuple[Shot, ...]
    views: tuple[int, ...]


@dataclass(frozen=True)
class Task:
    """One object, number `place` of the gallery. `asked`: its outline in the views shown (data URIs), where known."""

    case: CaseInfo
    place: int
    views: tuple[str, ...]
    asked: tuple[str, ...]
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
    tasks = [_task(table, gallery, exhibit, place, sources) for place, exhibit in exhibits]
    if gallery.ranked_by is not None:
        tasks.reverse()  # a gallery shows the hardest first
    return Opening(tuple(task for task in tasks if any(answer.shots for answer in task.answers)), left_out)


def shown_first(table: Table) -> tuple[Source, ...]:
    """Contestants, then yardsticks: those that the suite names in `shown_first`, else five contestants and the ceiling.

    Of more contestants these are the suite's first, the best of each primary metric, then the next of the suite. So it
    is too for runs side by side: no suite knows all that stand there.
    """
    named = table.runs[0].summary.suite.shown_first if len(table.runs) == 1 else ()
    chosen = [source for name in named for source in table.sources if source.generator.name == name]
    rivals = [source for source in chosen if not source.calibrates] or _leading(table)
    yardsticks = [source for source in chosen if source.calibrates] or [
        source for source in table.sources if source.calibrates and source.generator.role == "ceiling"
    ]
    return (*rivals, *yardsticks)


def _leading(table: Table) -> list[Source]:
    rivals = [source for source in table.sources if not source.calibrates]
    best = [duel.a for duel in duels(table)]
    kept = [*dict.fromkeys(source.label for source in (*rivals[:1], *best, *rivals))][:MOST]
    return [source for source in rivals if source.label in kept]


def _task(table: Table, gallery: Gallery, exhibit: Exhibit, place: int, sources: Sequence[Source]) -> Task:
    answers = []
    for number, strip in enumerate(exhibit.strips):
        if strip.source in sources:
            views = spaced(len(strip.shots))
            answers.append(Answer(strip.source, number, tuple(strip.shots[view] for view in views), views))
    answers.sort(key=lambda answer: sources.index(answer.source))
    return Task(
        exhibit.case, place, exhibit.views or gallery.views, _asked(table, gallery.seed, exhibit), tuple(answers)
    )


def spaced(n: int) -> tuple[int, ...]:
    """The first of n views and up to three more, evenly spaced.

    >>> spaced(4), spaced(8), spaced(2)
    ((0, 1, 2, 3), (0, 2, 4, 6), (0, 1))
    """
    shown = min(n, 1 + BESIDE)
    return tuple(i * n // shown for i in range(shown))


def _asked(table: Table, seed: int | None, exhibit: Exhibit) -> tuple[str, ...]:
    """The mesh's outline, from the error maps of whichever run has some; '' for a text-to-multiview task."""
    if seed is None or table.runs[0].summary.suite.task != "texturing":
        return ()
    counts = dict.fromkeys(len(strip.shots) for strip in exhibit.strips if strip.shots)
    for run, count in itertools.product(table.runs, counts):
        if masks := asked_masks(run, exhibit.case.id, seed, count):
            return tuple(data_uri(Image.fromarray(filled(masks[view], _SIDE))) for view in spaced(count))
    return ()
