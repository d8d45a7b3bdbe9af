"""The shipped suites' primaries held against cheats: what nobody would want must lose to the ceiling, and win nowhere.

Every court is a shipped suite on its own first objects, with its own primaries, by the same code as `run`. Suites that
need meshes or models from outside have the primaries of `miniworld-calibration` or `text-to-multiview-calibration`,
against photographs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import ObjectMetric, SetMetric
from bench.run.options import RunOptions
from bench.run.session import run
from bench.suite.check import make_metric
from bench.suite.load import load_suite
from bench.suite.schema import GeneratorEntry, MetricEntry, Suite
from groundwork.progress import Reporter

LEVEL = 0.05
NEGLIGIBLE = {"silhouette_iou": 0.005, "hull_iou": 0.005}
"""What is no gain even where it is significant: from its colours, the truth's own outline is read to within this."""
NEGLIGIBLE_SMALL = {"silhouette_iou": 0.025}
"""The same for pictures of 16 px: one outline reads .68 to .70 there, as its paint is darker or lighter."""
CEILING = "ceiling"


@dataclass(frozen=True)
class Cheat:
    """Pictures that nobody would want. `use` and `options` as in a suite; `what` is for people.

    `small`: also tried at the size of the mini-world's models, where only paint is left to cheat with.
    """

    name: str
    what: str
    use: str
    options: Mapping[str, Any] = field(default_factory=dict)
    small: bool = False


# the best of 45 random draws by the interior's energy distance on six objects: .38 there, where the ceiling has -.04
TUNED = {
    "frequencies": [3.0, 8.0, 12.0, 32.0, 64.0],
    "contrast": 0.184,
    "slope": 0.61,
    "chroma": 0.29,
    "colour": "own",
}

CHEATS = (
    Cheat("flat-grey", "one grey everywhere", "flat_colour", small=True),
    Cheat("flat-own", "the object's mean colour everywhere", "flat_colour", {"colour": "own"}, small=True),
    Cheat("noise-3d", "solid noise in a photograph's mean colour", "solid_noise", small=True),
    Cheat("noise-3d-tuned", "solid noise in the object's own colour, tuned", "solid_noise", TUNED, small=True),
    Cheat("photo-projected", "a stranger's photograph through the mesh", "photograph_projected", small=True),
    Cheat("photo-each-view", "the same photograph behind every outline", "photograph_each_view", small=True),
    Cheat("normals", "the normal map as a picture", "painted_normals", small=True),
    Cheat("eroded", "the ceiling, its outline eroded by 1 px", "eroded"),
    Cheat("scaled", "the ceiling at .9 of its size", "scaled"),
    Cheat("specks", "independent views under the same specks", "specks"),
    Cheat("overlap-only", "independent views, consistent where they overlap", "overlap_only", small=True),
    Cheat("right-where-judged", "right where two views see, else a photograph", "right_where_judged"),
    Cheat("blur", "the ceiling blurred by 2 px", "blur", {"sigma": 2.0}),
    Cheat("grain", "the ceiling under grain of 4 of 255", "noise", {"sigma": 4 / 255}),
    Cheat("fails-on-hard", "the blur, which answers no object that it does badly on", "fails_on_hard"),
    Cheat("best-of-8", "views that slip by up to 4 px, the best of 8 by cde", "best_of"),
    Cheat("one-ball", "the same ball of noise for every prompt", "one_shape", small=True),
    Cheat("one-photo-ball", "a ball with a photograph on it for every prompt", "one_shape", {"paint": "photograph"}),
    Cheat("one-answer", "the first object's ceiling for every prompt", "one_answer", small=True),
    Cheat("reference-copies", "the reference's own pictures", "reference_copies", small=True),
)

# as the suites themselves see the outline of these, they are a fair answer and no cheat: nothing there asks for a size
_FAIR = {"text-to-multiview-calibration": ("eroded", "scaled", "grain"), "miniworld-calibration": ("grain",)}


@dataclass(frozen=True)
class Court:
    """A shipped suite to try cheats in: its ceiling, honest methods beside it, and the size that cheats paint at."""

    suite: str
    ceiling: Mapping[str, Any]
    honest: tuple[Mapping[str, Any], ...]
    size: int | None = None
    look: str = "rich"
    negligible: Mapping[str, float] = field(default_factory=lambda: NEGLIGIBLE)


_FLOOR = {"name": "floor", "use": "floor"}  # what missing samples count as
_SLIP = {"name": "shift-2px", "use": "shift", "pixels": 2}
_SMALL_CEILING = {"name": CEILING, "use": "miniworld_look", "look": "muted", "size": 16}
COURTS = (
    Court("miniworld-calibration", {"name": CEILING, "use": "ceiling"}, (_SLIP,)),
    Court("text-to-multiview-calibration", {"name": CEILING, "use": "ceiling"}, (_SLIP,)),
    Court(
        "miniworld",
        _SMALL_CEILING,
        ({"name": "realiz3d", "use": "miniworld_model", "method": "realiz3d"},),
        16,
        "muted",
        NEGLIGIBLE_SMALL,
    ),
)


@dataclass(frozen=True)
class Standing:
    """One cheat under one primary: its value, the ceiling's, and what the test of their difference says.

    `verdict` is 'worse', 'better' or 'same' as the ceiling at the level of .05, or '' where there is no number.
    """

    metric: str
    value: float | None
    ceiling: float | None
    p_value: float | None
    verdict: str
    note: str


@dataclass(frozen=True)
class Trial:
    """A cheat in a court. `honest_beaten` names honest methods that it beats on every primary."""

    suite: str
    cheat: Cheat
    standings: tuple[Standing, ...]
    honest_beaten: tuple[str, ...]

    @property
    def loses(self) -> bool:
        """Worse than the ceiling somewhere, better nowhere, and better than no honest method everywhere."""
        verdicts = {standing.verdict for standing in self.standings}
        return "worse" in verdicts and "better" not in verdicts and not self.honest_beaten


def tried_in(court: Court) -> tuple[Cheat, ...]:
    """The cheats that mean something in this suite."""
    fair = _FAIR.get(court.suite, ())
    return tuple(cheat for cheat in CHEATS if cheat.name not in fair and (court.size is None or cheat.small))


def hold_court(
    court: Court,
    objects: int,
    out: Path,
    cheats: Sequence[Cheat] | None = None,
    device: str = "cpu",
    workers: int = 1,
    reporter: Reporter | None = None,
    honest: bool = True,
) -> tuple[Trial, ...]:
    """Try `cheats` (all that mean something there) on the suite's first `objects` cases; the run goes to `out`.

    Raises what `run` raises.
    """
    tried = tried_in(court) if cheats is None else tuple(cheats)
    suite = _suite_of(court, tried, honest)
    summary = run(
        suite, RunOptions(out=out, limit=objects, device=device, workers=workers, offline=True), reporter
    ).summary
    rows = {(row.metric, row.generator): row for row in summary.rows}
    compared = {(c.metric, frozenset((c.a, c.b))): c for c in summary.comparisons}
    methods = [entry["name"] for entry in court.honest] if honest else []
    trials = []
    for cheat in tried:
        standings = []
        for metric in suite.primary:
            mine, best = rows[metric, cheat.name], rows[metric, CEILING]
            found = compared.get((metric, frozenset((cheat.name, CEILING))))
            p_value = found.p_value if found is not None else None
            verdict = ""
            if mine.value is not None and best.value is not None:
                lower = mine.value < best.value
                apart = p_value is not None and p_value < LEVEL
                verdict = "same" if not apart else "worse" if lower == (mine.direction == "up") else "better"
                if verdict == "better" and abs(mine.value - best.value) < court.negligible.get(metric, 0.0):
                    verdict = "same"
            standings.append(Standing(metric, mine.value, best.value, p_value, verdict, mine.note))
        beaten = tuple(name for name in methods if _beats(rows, suite.primary, cheat.name, name))
        trials.append(Trial(court.suite, cheat, tuple(standings), beaten))
    return tuple(trials)


def _beats(rows: Mapping[tuple[str, str], Any], primary: Sequence[str], cheat: str, honest: str) -> bool:
    """Whether the cheat's value is the better one under every primary."""
    for metric in primary:
        mine, theirs = rows[metric, cheat], rows[metric, honest]
        if mine.value is None:
            return False
        if theirs.value is not None and (mine.value > theirs.value) != (mine.direction == "up"):
            return False
    return True


def _suite_of(court: Court, cheats: Sequence[Cheat], honest: bool) -> Suite:
    suite = load_suite(court.suite)
    entries = [court.ceiling, _FLOOR, *(court.honest if honest else ()), *(_entry(court, cheat) for cheat in cheats)]
    generators = tuple(GeneratorEntry.model_validate(dict(entry)) for entry in entries)
    wanted = set(suite.primary)
    metrics = tuple(entry for entry in suite.metrics if wanted & _names(entry))
    references = {
        name: reference
        for name, reference in suite.references.items()
        if any(entry.options.get("reference") == name for entry in metrics)
    }
    update = {"generators": generators, "metrics": metrics, "references": references, "gates": {}}
    return suite.model_copy(update=update)


def _entry(court: Court, cheat: Cheat) -> dict[str, Any]:
    options = dict(cheat.options)
    if court.size is not None:
        options["size"] = court.size
    if cheat.use == "reference_copies":
        options["look"] = court.look
    return {"name": cheat.name, "use": cheat.use, **options}


def _names(entry: MetricEntry) -> set[str]:
    metric = make_metric(entry, METRICS)
    if isinstance(metric, SetMetric):
        return {metric.result().name}
    return {result.name for result in metric.results()} if isinstance(metric, ObjectMetric) else set()
