"""`leaderboard`: a git repository of entries, checked by CI, and a static site made from it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import flags
from bench.commands.terminal import answer, answer_json, note

if TYPE_CHECKING:
    from bench.leaderboard.making import Made
    from bench.leaderboard.pin import Pin
    from bench.results.read import RunResults

leaderboard = typer.Typer(name="leaderboard", help="A board of entries that anybody can reproduce, submit and correct.")

Entry = Annotated[Path, typer.Argument(metavar="ENTRY", help="An entry's .json, or the folder that holds it alone.")]
Entries = Annotated[Path, typer.Argument(metavar="ENTRIES", help="The folder of all entries.")]
Author = Annotated[
    str | None, flags.flag("--author", "Who does this (default: git's user.name).", metavar="NAME")
]  # fmt: skip


@leaderboard.command("entry")
def entry(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.")],
    meta: Annotated[Path, flags.flag("--meta", "What a run cannot know of the model.", metavar="FILE")],
    out: Annotated[Path, flags.flag("--out", "The folder of all entries.", metavar="DIR")] = Path("entries"),
    generator: Annotated[str | None, flags.flag("--generator", "The generator it is of.", metavar="NAME")] = None,
    preview: Annotated[
        int, flags.flag("--preview", "Objects on the contact sheet; 0: none.", min=0, max=64, metavar="N")
    ] = 12,
    renew: Annotated[
        bool, flags.flag("--renew-signatures", "For owners: rank by this run's signatures from now on.")
    ] = False,
    as_json: flags.Json = False,
) -> None:
    """Make an entry of one generator of a run. The first entry of a suite also pins the suite's question."""
    from bench.gate.inputs import read_input
    from bench.leaderboard.making import make_entry
    from bench.leaderboard.meta import read_meta
    from bench.leaderboard.pin import PIN, make_pin
    from bench.leaderboard.sheet import make_sheet
    from groundwork.errors import UsageError

    source = read_input(run)
    if source.run is None:
        raise UsageError("an entry is made from a run folder", where=str(run), expected="a run, not a baseline")
    name = generator or source.only()
    if name is None:
        raise UsageError(
            "which generator the entry is of is not stated", where=str(run),
            expected=f"--generator and one of {', '.join(info.name for info in source.run.generators)}",
        )  # fmt: skip
    said = read_meta(meta)
    pin = _pin(source.run, out, make_pin(source.run), renew)
    cases = [case.id for case in source.run.summary.cases]
    sheet = make_sheet(run, name, cases, pin.seeds[0], preview)
    made = make_entry(source.run, name, said, pin, _today(), sheet)
    path = _write(made, out, pin)
    if not made.entry.pictures:
        note("the entry says not where its pictures lie: nobody can score them again", style="yellow")
    if as_json:
        answer_json({"entry": str(path), "id": made.entry.id, "suite": str(out / pin.board / PIN)})
    else:
        answer(str(path))


@leaderboard.command("check")
def check(
    entries: Entries,
    format: Annotated[str, flags.flag("--format", "text, json, or github (annotations).", metavar="FORMAT")] = "text",
    changed: Annotated[
        list[Path] | None,
        flags.flag("--changed", "Tell only what concerns this file. May be repeated.", metavar="FILE"),
    ] = None,
    more: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE...]", help="More changed files, after --changed.")
    ] = None,
) -> None:
    """Check every entry: 0 all is well, 1 something is wrong, 2 there is nothing to check."""
    from bench.errors import EXIT_REGRESSION
    from bench.leaderboard.checking import check_board
    from bench.leaderboard.findings import FORMATS, write_findings

    flags.one_of(format, FORMATS, "format")
    of_change = [*(changed or []), *(more or [])]
    found, looked_at = check_board(entries, of_change if changed is not None or more else None)
    answer(write_findings(found, looked_at, format))
    if any(one.level == "error" for one in found):
        raise typer.Exit(EXIT_REGRESSION)


@leaderboard.command("rescore")
def rescore(
    context: typer.Context,
    entry: Entry,
    samples: Annotated[
        Path, flags.flag("--samples", "The published pictures: a folder, .zip or .tar.", metavar="PATH")
    ],
    made: Annotated[
        bool, flags.flag("--made", "The pictures are ours: we ran the model. Raises the tier to re-made.")
    ] = False,
    suite: Annotated[
        str | None, flags.flag("--suite", "The suite to measure by (default: the shipped one).", metavar="SUITE")
    ] = None,
    overrides: flags.Set = None,
    device: flags.Device = "cpu",
    out: flags.Out = None,
    author: Author = None,
    as_json: flags.Json = False,
) -> None:
    """Measure an entry's pictures again, and raise its tier where the numbers are the same. 0 the same, 1 not."""
    import tempfile

    from bench.commands.terminal import invocation, only_answers_on_stdout
    from bench.errors import EXIT_REGRESSION
    from bench.leaderboard.pin import PIN, read_pin
    from bench.leaderboard.repository import find_entry
    from bench.leaderboard.rescoring.measuring import Asked, measured_again
    from bench.leaderboard.rescoring.verdict import lines, note_it, verdict

    stored = find_entry(entry)
    pin = read_pin(stored.path.parents[1] / PIN)
    with tempfile.TemporaryDirectory() as made_here, only_answers_on_stdout():
        asked = Asked(
            suite, tuple(overrides or ()), device, invocation(context).offline, out or Path(made_here)
        )  # fmt: skip
        found = measured_again(stored, pin, samples, asked, made)
    outcome = verdict(found, pin.primary, made)
    if outcome.same:
        note_it(stored, outcome, _author(author), _today(), samples)
    if as_json:
        answer_json(outcome.to_json())
    else:
        for line in lines(found, made):
            answer(line)
        note(outcome.words, style="bold green" if outcome.same else "bold red")
    if not outcome.same:
        raise typer.Exit(EXIT_REGRESSION)


@leaderboard.command("withdraw")
def withdraw(
    entry: Entry,
    why: Annotated[str, flags.flag("--why", "The reason; it is published.", metavar="TEXT")],
    author: Author = None,
) -> None:
    """Take an entry out of the ranking, for good. It stays, struck through, with its reason."""
    from bench.leaderboard import standing
    from bench.leaderboard.repository import find_entry

    stored = find_entry(entry)
    standing.withdraw(stored, why.strip(), _author(author), _today())
    answer(str(stored.path))


@leaderboard.command("supersede")
def supersede(
    entry: Entry,
    later: Annotated[Path, flags.flag("--by", "The entry that takes its place.", metavar="ENTRY")],
    why: Annotated[str, flags.flag("--why", "The reason; it is published.", metavar="TEXT")] = "",
    author: Author = None,
) -> None:
    """Let a later entry of the same suite take an entry's place. The older one stays, and says so."""
    from bench.leaderboard import standing
    from bench.leaderboard.repository import find_entry

    stored = find_entry(entry)
    standing.supersede(stored, find_entry(later), _author(author), _today(), why.strip())
    answer(str(stored.path))


@leaderboard.command("build")
def build(
    entries: Entries,
    out: Annotated[Path, flags.flag("--out", "The folder of the site, new or of an earlier build.", metavar="DIR")],
    title: Annotated[str, flags.flag("--title", "What the site is called.", metavar="TEXT")] = "Leaderboard",
    base_url: Annotated[
        str, flags.flag("--base-url", "Where it will lie; feeds need it for whole addresses.", metavar="URL")
    ] = "",
) -> None:
    """Build the static site: it opens from a disk, and lies under any path of any server."""
    from reports.leaderboard import build_site

    pages = build_site(entries, out, title, base_url)
    note(f"{len(pages)} pages")
    answer(str(out / "index.html"))


@leaderboard.command("export")
def export(
    entry: Entry,
    format: Annotated[
        str,
        flags.flag("--format", "every-eval-ever, hf-eval-results, model-index or croissant.", metavar="FORMAT"),
    ],
    out: Annotated[Path | None, flags.flag("--out", "The file to write (default: print it).", metavar="FILE")] = None,
    base_url: Annotated[str, flags.flag("--base-url", "Where the board's site lies.", metavar="URL")] = "",
    dataset: Annotated[
        str, flags.flag("--dataset", "The suite's dataset on the Hugging Face Hub.", metavar="OWNER/NAME")
    ] = "",
) -> None:
    """Write an entry in a format of others; `croissant` describes the cases of its suite."""
    from bench.leaderboard.exports.catalogue import EXPORTS, export_entry
    from bench.leaderboard.exports.places import Places
    from bench.leaderboard.pin import PIN, read_pin
    from bench.leaderboard.repository import find_entry
    from groundwork.files import write_atomically

    flags.one_of(format, tuple(EXPORTS), "format")
    places = Places(base_url, dataset)
    stored = find_entry(entry)
    text = export_entry(stored.entry, read_pin(stored.path.parents[1] / PIN), format, places)
    if out is None:
        answer(text.rstrip("\n"))
    else:
        write_atomically(out, text.encode())
        answer(str(out))


def _pin(run: RunResults, out: Path, found: Pin, renew: bool) -> Pin:
    """The board's pin of the suite: the one that is there, or this run's where there is none or it is renewed."""
    from bench.leaderboard.pin import PIN, differences, read_pin, renewed
    from groundwork.errors import UsageError

    path = out / found.board / PIN
    if not path.exists():
        note(f"the first entry of {found.board}: it pins the question that all later ones answer")
        return found
    before = read_pin(path)
    if renew:
        return renewed(before, found)
    differing = differences(before, found)
    if differing:
        raise UsageError(
            f"the run does not answer the question that the board pinned: {', '.join(differing[:3])} differs",
            where=str(run.path),
            expected=f"a run of {before.board} as {path} pins it, measured with its calibration generators",
            hint="install the version that the board uses, "
            f"realiz3d-bench {before.harness}; the board's owner may renew the signatures: --renew-signatures",
        )
    return before


def _write(made: Made, out: Path, pin: Pin) -> Path:
    from bench.leaderboard.files import write_document
    from bench.leaderboard.making import where_it_lies
    from bench.leaderboard.pin import PIN, write_pin
    from groundwork.files import write_atomically

    path = where_it_lies(out, made.entry)
    write_pin(out / pin.board / PIN, pin)
    write_atomically(path.with_suffix(".parquet"), made.objects)
    if made.sheet is not None:
        write_atomically(path.with_suffix(".webp"), made.sheet)
    write_document(path, made.document)
    return path


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())


def _author(name: str | None) -> str:
    from bench.commands.baseline import git_says

    return name or git_says("config", "user.name") or "unknown"
