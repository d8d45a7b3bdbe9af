"""The shipped suites' primaries held against cheats: what nobody would want must lose to the ceiling, and win nowhere.

Every court (`bench.selftest.courts`) is a shipped suite on its own first objects, with its own primaries, by the same
code as `run`, and with the report's rule of who ties: a generator that owes samples ties with nobody.

Errors are counted against the suite. That a cheat is better is said without correction, so that many looks find more;
that it loses is said by its best test, corrected over its primaries (Bonferroni) and the court's cheats (Holm).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from bench.results.summary import Comparison, Row
from bench.run.options import RunOptions
from bench.run.session import run
from bench.selftest.courts import BESIDE, CEILING, Court
from bench.stats.difference import detectable_effect
from bench.stats.paired import holm
from bench.stats.ties import ALPHA, Entry, shares_place
from bench.suite.schema import GeneratorEntry, Suite
from groundwork.progress import Reporter


@dataclass(frozen=True)
class Cheat:
    """Pictures that nobody would want. `use` and `options` as in a suite; `what` is for people.

    `small`: also tried at the size of the mini-world's models, where only paint is left to cheat with. `seen_by`: the
    only primaries that see it; in a suite that has none of them it may tie with the ceiling, must not beat it and need
    not lose. None (the rule): it must lose in every suite. Empty: nowhere, for nobody minds such a change.
    """

    name: str
    what: str
    use: str
    options: Mapping[str, Any] = field(default_factory=dict)
    small: bool = False
    seen_by: tuple[str, ...] | None = None

    def may_tie(self, primary: Sequence[str]) -> bool:
        """Whether it need not lose where these results decide."""
        return self.seen_by is not None and not set(self.seen_by) & set(primary)


# the best of 45 random draws by the interior's energy distance on six objects: .38 there, where the ceiling has -.04
TUNED = {
    "frequencies": [3.0, 8.0, 12.0, 32.0, 64.0],
    "contrast": 0.184,
    "slope": 0.61,
    "chroma": 0.29,
    "colour": "own",
}

OUTLINES = ("silhouette_iou",)  # without a mesh, a size, an outline and which way round are nobody's
SIDES = ("cde", "cce", "repeated_views")

CHEATS = (
    Cheat("flat-grey", "one grey everywhere", "flat_colour", small=True),
    Cheat("flat-own", "the object's mean colour everywhere", "flat_colour", {"colour": "own"}, small=True),
    Cheat("noise-3d", "solid noise in a photograph's mean colour", "solid_noise", small=True),
    Cheat("noise-3d-tuned", "solid noise in the object's own colour, tuned", "solid_noise", TUNED, small=True),
    Cheat("noise-matched", "solid noise with the object's own colours and spectrum", "matched_noise", small=True),
    Cheat("photo-projected", "a stranger's photograph through the mesh", "photograph_projected", small=True),
    Cheat("photo-tinted", "the same in the object's own colour", "photograph_projected", {"colour": "own"}, small=True),
    Cheat("photo-each-view", "the same photograph behind every outline", "photograph_each_view", small=True),
    Cheat("normals", "the normal map as a picture", "painted_normals", small=True),
    Cheat("eroded", "the ceiling, its outline eroded by 1 px", "eroded", seen_by=OUTLINES),
    Cheat("scaled", "the ceiling at .9 of its size", "scaled", seen_by=OUTLINES),
    Cheat("specks", "independent views under the same specks", "specks"),
    Cheat("overlap-only", "independent views, consistent where they overlap", "overlap_only", small=True),
    Cheat("right-where-judged", "right where two views see, else a photograph", "right_where_judged", small=True),
    Cheat("front-everywhere", "the front's paint behind every outline", "front_view", small=True,
          seen_by=SIDES),
    Cheat("front-copied", "the front view itself for every view", "front_view", {"outline": "front"}, small=True,
          seen_by=SIDES),
    Cheat("janus", "the front mirrored as the back", "front_view", {"where": "back"}, small=True,
          seen_by=SIDES),
    Cheat("kaleidoscope", "the front's paint all round, fixed to the surface", "kaleidoscope", small=True,
          seen_by=("repeated_views",)),
    Cheat("colours-exchanged", "the ceiling, its two main colours exchanged", "colours_exchanged", small=True),
    Cheat("blur", "the ceiling blurred by 2 px", "blur", {"sigma": 2.0}),
    Cheat("grain", "the ceiling under grain of 4 of 255", "noise", {"sigma": 4 / 255}, seen_by=()),
    Cheat("boosted", "the ceiling with 1.6 times its contrast and saturation", "boosted"),
    Cheat("sharpened", "the ceiling under a strong unsharp mask", "sharpened", {"amount": 3.0}),
    Cheat("crisper", "the ceiling under an unsharp mask as cameras use it", "sharpened", seen_by=()),
    Cheat("posterised", "the ceiling in 8 levels of each channel", "posterised"),
    Cheat("chequered", "the ceiling under a fine chequer fixed to the surface", "chequered"),
    Cheat("blended", "the ceiling, two fifths of it replaced by solid noise", "blended"),
    Cheat("other-detail", "the ceiling's colours under a photograph's detail", "others_detail"),
    Cheat("mirrored", "each view of the ceiling mirrored", "mirrored", seen_by=OUTLINES),
    Cheat("jpeg", "the ceiling as a JPEG of quality 20", "compressed"),
    Cheat("fails-on-hard", "the blur, which answers no object that it does badly on", "fails_on_hard"),
    Cheat("best-of-8", "views that slip by up to 4 px, the best of 8 by cde", "best_of"),
    Cheat("average-of-8", "the mean of 8 draws whose views slip by up to 4 px", "average_of"),
    Cheat("one-ball", "the same ball of noise for every prompt", "one_shape", small=True),
    Cheat("one-photo-ball", "a ball with a photograph on it for every prompt", "one_shape", {"paint": "photograph"}),
    Cheat("prompt-ball", "a ball in the prompt's colours, shaded by a photograph", "one_shape", {"paint": "prompt"},
          small=True),
    Cheat("one-answer", "the first object's ceiling for every prompt", "one_answer", small=True),
    Cheat("swapped-objects", "the next object's ceiling", "swapped_objects", small=True),
    Cheat("reference-copies", "the reference's own pictures", "reference_copies", small=True),
)  # fmt: skip


_FLOOR = {"name": "floor", "use": "floor"}  # what missing samples count as


@dataclass(frozen=True)
class Standing:
    """One cheat under one primary: its value, the ceiling's, and what the test of their difference says.

    `verdict` is 'worse', 'better' or 'same' as the ceiling by this test alone at the level of .05, or '' where nothing
    was measured; `lower` says that the value is the worse one, tested or not. Of the samples asked for, `missing` count
    as the floor: with any, a lower value is worse, as in a report. `objects` counts those that were compared.
    """

    metric: str
    value: float | None
    ceiling: float | None
    p_value: float | None
    verdict: str
    note: str
    missing: int = 0
    lower: bool = False
    objects: int | None = None


Outcome = Literal["loses", "may tie", "not told apart", "wins"]


@dataclass(frozen=True)
class Trial:
    """A cheat in a court, which need not lose where it `may_tie`. `honest_beaten`: methods that it beats everywhere.

    `beside` are its standings under what is shown and decides nothing. `p_value` is that of losing to the ceiling on
    some primary, corrected over the primaries and, once the court has closed, over its cheats; None without a test.
    `surpassable` is the court's.
    """

    suite: str
    cheat: Cheat
    standings: tuple[Standing, ...]
    honest_beaten: tuple[str, ...]
    may_tie: bool = False
    beside: tuple[Standing, ...] = ()
    p_value: float | None = None
    surpassable: frozenset[str] = frozenset()

    @property
    def outcome(self) -> Outcome:
        """It loses when it is worse than the ceiling somewhere, better nowhere, and beats no honest method everywhere.

        One that may tie with the ceiling beats what is worse than the ceiling, so that is not held against it.

        Worse is what owes samples and has the lower value, or what is told apart by the corrected test. What is not is
        'not told apart': more objects may tell it.
        """
        better = any(s.verdict == "better" and s.metric not in self.surpassable for s in self.standings)
        if better or (self.honest_beaten and not self.may_tie):
            return "wins"
        owing = any(standing.verdict == "worse" and standing.missing for standing in self.standings)
        if owing or (self.p_value is not None and self.p_value < ALPHA):
            return "loses"
        return "may tie" if self.may_tie else "not told apart"


def detectable(trials: Sequence[Trial], objects: int) -> float:
    """By how much one that is not told apart would have to differ to be told (80 % power), in standard deviations.

    Of its differences from the ceiling over `objects`, at the level that the correction leaves one of these trials.
    """
    undecided = sum(trial.outcome == "not told apart" for trial in trials)
    return detectable_effect(objects, ALPHA / (max(1, undecided) * len(trials[0].standings)))


def tried_in(court: Court) -> tuple[Cheat, ...]:
    """The cheats that mean something in this court. References that ship without pictures cannot be copied."""
    able = (cheat for cheat in CHEATS if court.size is None or cheat.small)
    return tuple(cheat for cheat in able if cheat.use != "reference_copies" or not court.overrides)


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

    Of several seeds the first one is run. Raises what `run` raises.
    """
    tried = tried_in(court) if cheats is None else tuple(cheats)
    suite = _suite_of(court, tried, honest)
    options = RunOptions(out=out, limit=objects, seeds=suite.seeds[:1], device=device, workers=workers, offline=True)
    summary = run(suite, options, reporter).summary
    rows = {(row.metric, row.generator): row for row in summary.rows}
    compared = {(c.metric, frozenset((c.a, c.b))): c for c in summary.comparisons}
    methods = [entry["name"] for entry in court.honest] if honest else []
    shown = tuple(dict.fromkeys(m for m, _ in rows if m in BESIDE and m not in suite.primary))

    def standing(cheat: Cheat, metric: str) -> Standing:
        found = compared.get((metric, frozenset((cheat.name, CEILING))))
        return _standing(rows[metric, cheat.name], rows[metric, CEILING], found, court.negligible.get(metric, 0.0))

    trials = []
    for cheat in tried:
        found = tuple(standing(cheat, metric) for metric in suite.primary)
        beaten = tuple(name for name in methods if _beats(rows, suite.primary, cheat.name, name))
        beside = tuple(standing(cheat, metric) for metric in shown)
        may_tie = cheat.may_tie(suite.primary)
        trials.append(Trial(court.name, cheat, found, beaten, may_tie, beside, losing(found), court.surpassable))
    return corrected(trials)


def losing(standings: Sequence[Standing]) -> float | None:
    """The p-value of losing on some primary: the least one of those with the worse value, times the number of tests."""
    tested = [s for s in standings if s.p_value is not None]
    worse = [s.p_value for s in tested if s.p_value is not None and s.lower]
    return min(1.0, min(worse) * len(tested)) if worse else None


def corrected(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """The same trials with p-values corrected over all of them by Holm's procedure."""
    tested = [number for number, trial in enumerate(trials) if trial.p_value is not None]
    values = dict(zip(tested, holm([trials[number].p_value or 0.0 for number in tested]), strict=True))
    return tuple(replace(trial, p_value=values.get(number)) for number, trial in enumerate(trials))


def _standing(mine: Row, best: Row, found: Comparison | None, negligible: float) -> Standing:
    p_value = found.p_value if found is not None else None
    verdict, lower = "", False
    if mine.value is not None and best.value is not None:
        tested = 1.0 if p_value is None else p_value
        lower = mine.value != best.value and (mine.value < best.value) == (mine.direction == "up")
        if lower or mine.value == best.value:
            ours, theirs = (Entry(row.generator, row.value or 0.0, row.n_missing > 0) for row in (mine, best))
            verdict = "same" if shares_place(ours, theirs, tested) else "worse"
        else:
            gained = tested < ALPHA and abs(mine.value - best.value) >= negligible
            verdict = "better" if gained else "same"
    objects = best.n_objects if found is None else found.n_objects
    return Standing(mine.metric, mine.value, best.value, p_value, verdict, mine.note, mine.n_missing, lower, objects)


def _beats(rows: Mapping[tuple[str, str], Row], primary: Sequence[str], cheat: str, honest: str) -> bool:
    """Whether the cheat's value is the better one under every primary."""
    for metric in primary:
        mine, theirs = rows[metric, cheat], rows[metric, honest]
        if mine.value is None:
            return False
        if theirs.value is not None and (mine.value > theirs.value) != (mine.direction == "up"):
            return False
    return True


def _suite_of(court: Court, cheats: Sequence[Cheat], honest: bool) -> Suite:
    entries = [court.ceiling, _FLOOR, *(court.honest if honest else ()), *(_entry(court, cheat) for cheat in cheats)]
    generators = tuple(GeneratorEntry.model_validate(dict(entry)) for entry in entries)
    return court.suite().model_copy(update={"generators": generators})


def _entry(court: Court, cheat: Cheat) -> dict[str, Any]:
    options = dict(cheat.options)
    if court.size is not None:
        options["size"] = court.size
    if cheat.use == "reference_copies":
        options["look"] = court.look
    if cheat.options.get("paint") == "prompt" and court.look == "muted":
        options["palette"] = "muted"
    return {"name": cheat.name, "use": cheat.use, **options}
