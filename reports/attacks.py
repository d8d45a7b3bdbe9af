"""The cheats beside the primaries that they were tried against, as a table and as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from bench.selftest.cheats import Standing, Trial, detectable
from bench.selftest.courts import CEILING
from groundwork.pictures import read_picture

COLUMNS = ("", "cheat", "what it is", "against the ceiling")
_OUTCOMES = {"loses": "ok", "may tie": "may tie", "not told apart": "not told apart", "wins": "WINS"}
_MARKS = {"worse": "worse", "better": "BETTER", "same": "same", "": "no number"}
_NOTHING = 5e-5  # what three digits of any of these numbers need not tell from 0
_CELL, _LABEL, _ACROSS = 96, 18, 4  # of the sheet


def rows(trials: Sequence[Trial]) -> list[tuple[str, ...]]:
    """One line a cheat for a terminal: whether it loses, and how it stands under each primary."""
    return [
        (
            _OUTCOMES[trial.outcome],
            trial.cheat.name,
            trial.cheat.what + (" (may tie)" if trial.may_tie else ""),
            "; ".join(f"{short(s.metric)} {_number(s.value)} {_MARKS[s.verdict]}" for s in _columns(trial)),
        )
        for trial in trials
    ]


def summary(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """For programs."""
    return [
        {
            "suite": trial.suite,
            "cheat": trial.cheat.name,
            "what": trial.cheat.what,
            "outcome": trial.outcome,
            "p_value": trial.p_value,
            "may_tie": trial.may_tie,
            "honest_beaten": list(trial.honest_beaten),
            "primaries": [_standing(s) for s in trial.standings],
            "beside": [_standing(s) for s in trial.beside],
        }
        for trial in trials
    ]


def markdown(
    trials: Sequence[Trial], objects: Mapping[str, int], alike: Mapping[str, Sequence[str]], without: Mapping[str, str]
) -> str:
    """A table a court: bold is worse than the ceiling by that test alone, an exclamation mark significantly better.

    The last column says whether the cheat loses, with the p-value corrected over its primaries and the court's cheats.
    By the court's name, `objects` counts those tried on and `alike` holds the suites that it speaks for; `without` says
    why others have no court.
    """
    parts = []
    for suite in dict.fromkeys(trial.suite for trial in trials):
        own = [trial for trial in trials if trial.suite == suite]
        metrics = [s.metric for s in own[0].standings]
        beside = [s.metric for s in own[0].beside]
        lines = [
            f"### {', '.join(alike.get(suite, (suite,)))}: {objects[suite]} objects",
            "",
            "| cheat | " + " | ".join([*map(short, metrics), *(f"*{name}*" for name in beside)]) + " | loses |",
            "|---|" + "---|" * (len(metrics) + len(beside) + 1),
            "| *ceiling* | " + " | ".join(_number(s.ceiling) for s in _columns(own[0])) + " | |",
            *_measured(own[0], objects[suite]),
        ]
        lines += [
            f"| {trial.cheat.name}: {trial.cheat.what} | "
            + " | ".join(map(_cell, _columns(trial)))
            + f" | {_last(trial)} |"
            for trial in own
        ]
        said = what_they_tell(own, objects[suite])
        parts.append("\n".join([*lines, "", said] if said else lines))
    parts += ["\n".join(["Not tried:", "", *(f"- {name}: {why}." for name, why in without.items())])] if without else []
    return "\n\n".join(parts) + "\n"


def what_they_tell(trials: Sequence[Trial], objects: int) -> str:
    """Of a court that leaves cheats not told apart: what so many objects could have told, and what more could."""
    left = sum(trial.outcome == "not told apart" for trial in trials)
    if not left:
        return ""
    more = [f"{count} objects find {detectable(trials, count):.2g}" for count in (20, 40) if count > objects]
    return (
        f"{objects} objects do not tell {left} of {len(trials)}. To be told (80 % power, corrected), one of them would "
        f"have to differ from the ceiling by {detectable(trials, objects):.2g} standard deviations of its differences "
        f"over objects{'; ' if more else ''}{', '.join(more)}."
    )


def telling_case(samples: Path, seed: int = 0) -> str:
    """The case whose first two views differ most under the ceiling: a round object's front looks like its side.

    The first case is left out: one of the cheats shows it for every prompt.
    """
    cases = sorted(folder.name for folder in (samples / CEILING).iterdir() if folder.is_dir())

    def apart(case: str) -> float:
        front, side = (read_picture(samples / CEILING / case / f"seed_{seed}" / f"view_{view}.png") for view in (0, 1))
        return float(np.abs(np.asarray(front, dtype=np.float64) - np.asarray(side)).mean())

    return max(cases[1:] or cases, key=apart)


def sheet(samples: Path, trials: Sequence[Trial], case: str, seed: int = 0) -> Image.Image:
    """The first two views of one object under the ceiling and each cheat, from a run's folder of samples."""
    names = [CEILING, *(trial.cheat.name for trial in trials)]
    found = [(name, samples / name / case / f"seed_{seed}") for name in names]
    found = [(name, folder) for name, folder in found if (folder / "view_0.png").is_file()]
    lines = -(-len(found) // _ACROSS)
    picture = Image.new("RGB", (_ACROSS * 2 * _CELL, lines * (_CELL + _LABEL)), "white")
    pen = ImageDraw.Draw(picture)
    for number, (name, folder) in enumerate(found):
        left, top = number % _ACROSS * 2 * _CELL, number // _ACROSS * (_CELL + _LABEL)
        pen.text((left + 4, top + 3), name, fill="black")
        for view in range(2):
            shown = Image.fromarray(np.asarray(read_picture(folder / f"view_{view}.png"))).resize((_CELL, _CELL))
            picture.paste(shown, (left + view * _CELL, top + _LABEL))
    return picture


def short(metric: str) -> str:
    """A metric's name without its extractor, for narrow columns."""
    return metric.replace("[efficientnet_lite0_interior]", "")


def _columns(trial: Trial) -> tuple[Standing, ...]:
    return (*trial.standings, *trial.beside)


def _standing(found: Standing) -> dict[str, Any]:
    names = ("metric", "value", "ceiling", "p_value", "verdict", "missing")
    return {name: getattr(found, name) for name in names}


def _last(trial: Trial) -> str:
    tested = "" if trial.p_value is None else f" (p {_chance(trial.p_value)})"
    owing = any(s.verdict == "worse" and s.missing for s in trial.standings)
    said = {"loses": "yes", "may tie": "may tie", "not told apart": "**not told apart**", "wins": "**no**"}
    return said[trial.outcome] + ("" if owing and trial.outcome == "loses" else tested)


def _measured(trial: Trial, objects: int) -> list[str]:
    """A line of how many objects could be measured, where not all could: fewer than four are never tested."""
    found = [objects if s.objects is None else s.objects for s in _columns(trial)]
    shown = " | ".join("" if count == objects else f"*{count} of {objects}*" for count in found)
    return [f"| *objects measured* | {shown} | |"] if set(found) - {objects} else []


def _chance(p_value: float) -> str:
    return "1" if p_value > 0.995 else f"{p_value:.2g}"


def _cell(standing: Standing) -> str:
    value = _number(standing.value)
    p_value = "" if standing.p_value is None else f" (p {_chance(standing.p_value)})"
    if standing.missing:
        p_value = f" ({standing.missing} missing)"
    return {"worse": f"**{value}**{p_value}", "better": f"! {value}{p_value}"}.get(standing.verdict, value)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return "0" if abs(value) < _NOTHING else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
