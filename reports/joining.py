"""What a report of several runs may be read as: which runs share a table, which do not and why, what was not tested."""

from __future__ import annotations

from collections.abc import Sequence

from bench.results.read import RunResults
from reports.table import Table


def why_apart(tables: Sequence[Table]) -> str:
    """Why runs have tables of their own, naming each; '' where all share one."""
    if len(tables) < 2:
        return ""
    runs = [run for table in tables for run in table.runs]
    named = "; ".join(f"{', '.join(run.label for run in table.runs)}: {_question(table.runs[0])}" for table in tables)
    suites = {run.summary.suite.hash for run in runs}
    same = len(suites) == 1 and "" not in suites
    why = "limited runs may have seen different objects" if same else "they did not ask the same question"
    return f"These runs are not set side by side, because {why}. {named}."


def of_join(table: Table) -> tuple[str, ...]:
    """What to know before reading runs that share a table; none for a single run."""
    if len(table.runs) < 2:
        return ()
    said = [
        "Generators of different runs are not tested against each other: bold marks the best value and those whose "
        "interval reaches it. To test two of them, give their runs to `realiz3d-bench compare`."
    ]
    seeds = {run.label: ", ".join(map(str, run.summary.seeds)) for run in table.runs}
    if len(set(seeds.values())) > 1:
        listed = "; ".join(f"{label}: {text or 'not known'}" for label, text in seeds.items())
        said.append(f"The runs sampled different seeds ({listed}), so that part of a difference is the draw.")
    return tuple(said)


def _question(run: RunResults) -> str:
    suite, summary = run.summary.suite, run.summary
    limited = "" if summary.comparable else f", limited to {summary.n_cases} of {summary.n_cases_of_suite} objects"
    return f"{suite.name} v{suite.version}, suite hash {suite.hash[:8] or 'not known'}{limited}"
