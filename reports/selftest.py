"""The self-test for readers: verdicts as a table, as JSON and as Markdown, and a figure of what each metric sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import __version__
from bench.results.numbers import MISSING
from bench.selftest.pictures import CEILING
from bench.selftest.run import SelfTest, Verdict
from bench.selftest.scenes import SCENES
from groundwork.files import write_atomically
from reports.html import environment
from reports.markdown import escape
from reports.selftest_figure import caption, change, heat_map, number

COLUMNS = ("pictures", "metric", "expected", "observed", "verdict")


def rows(outcome: SelfTest) -> list[tuple[str, str, str, str, str]]:
    """A line of `COLUMNS` for each property."""
    return [(v.asked.pictures, v.asked.metric, _expected(v), _observed(v), _verdict(v)) for v in outcome.verdicts]


def summary(outcome: SelfTest) -> dict[str, Any]:
    """Everything that was measured, for machines. Values are means over objects, NaN where one is not measurable."""
    return {
        "version": __version__,
        "holds": outcome.holds,
        "objects": list(outcome.objects),
        "resolution": outcome.resolution,
        "device": outcome.device,
        "properties": [
            {
                "pictures": v.asked.pictures,
                "metric": v.asked.metric,
                "expected": v.asked.expectation.words,
                "baseline": v.asked.baseline,
                "baseline_value": v.baseline,
                "value": v.value,
                "values": list(v.values),
                "every_object": v.asked.each,
                "holds": v.holds,
                "known_weakness": v.asked.weakness,
            }
            for v in outcome.verdicts
        ],
        "means": {pictures: dict(values) for pictures, values in outcome.means.items()},
    }


def write(outcome: SelfTest, folder: Path) -> tuple[Path, Path]:
    """Write `selftest.md` and the figure that it shows, `selftest.svg`, into `folder`; returns both paths."""
    texts = {"selftest.md": write_markdown(outcome), "selftest.svg": write_svg(outcome)}
    for name, text in texts.items():
        write_atomically(folder / name, text.encode("utf-8"))
    return folder / "selftest.md", folder / "selftest.svg"


def write_markdown(outcome: SelfTest) -> str:
    """The verdicts as a GitHub-flavoured table, with the figure above."""
    failed = sum(not verdict.holds for verdict in outcome.verdicts)
    count = len(outcome.verdicts)
    result = f"{failed} of {count} properties fail" if failed else f"All {count} properties hold"
    lines = [
        "# Self-test of the metrics",
        "",
        f"**{result}.** {caption(outcome)}",
        "",
        "![What each metric sees of each corruption](selftest.svg)",
        "",
        "Known corruptions of perfect views, what each metric must answer, and what it did. A *known weakness* holds "
        "when the metric is as blind as its description says.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
        *(f"| {' | '.join(map(escape, row))} |" for row in rows(outcome)),
        "",
        f"Objects: {', '.join(map(escape, outcome.objects))}.",
    ]
    return "\n".join(lines) + "\n"


def write_svg(outcome: SelfTest) -> str:
    """The figure."""
    svg: str = environment().get_template("selftest.svg.j2").render(map=heat_map(outcome))
    return svg


def _expected(verdict: Verdict) -> str:
    asked = verdict.asked
    against = "" if asked.baseline == CEILING else f", against {asked.baseline}"
    return f"{asked.expectation.words}{' on every object' if asked.each else ''}{against}"


def _observed(verdict: Verdict) -> str:
    asked, unit = verdict.asked, verdict.result.unit
    value = f"{number(verdict.value, unit)} {unit}".rstrip()
    if asked.pictures in (asked.baseline, *(scene.name for scene in SCENES)):
        return value
    moved = change(verdict.value - verdict.baseline, unit)
    return f"{number(verdict.baseline, unit)} -> {value}{'' if moved == MISSING else f' ({moved})'}"


def _verdict(verdict: Verdict) -> str:
    if not verdict.holds:
        return "FAILS"
    return "holds (known weakness)" if verdict.asked.weakness else "holds"
