"""Does an entry answer its suite's question? Same cases, same seeds, same signatures, and rows that follow."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bench.leaderboard.entry import Entry, EntryRow
from bench.leaderboard.findings import Level
from bench.leaderboard.pin import PIN, Pin, PinnedResult, judged_suffix
from bench.leaderboard.recomputing import disagreements
from bench.leaderboard.repository import StoredEntry
from bench.leaderboard.standing import contradictions
from bench.results.signatures import describe_difference
from groundwork.errors import nearest
from groundwork.yaml_tree import Step

_AGAIN = "score the pictures by the suite as it is pinned, and make the entry again"


@dataclass(frozen=True)
class Wrong:
    """Something that does not hold or is worth a look: its kind, its place in the entry, in words, what to do."""

    code: str
    place: tuple[Step, ...]
    message: str
    hint: str = ""
    level: Level = "error"


def wrongs(stored: StoredEntry, pin: Pin | None) -> Iterator[Wrong]:
    """Everything in an entry that does not hold against the pin of its suite (None: the board has none)."""
    entry = stored.entry
    for message in contradictions(entry):
        yield Wrong("history", ("history",), message, "events are added, never changed or removed")
    if pin is None:
        yield Wrong("suite", ("suite",), f"the board has no suite {entry.board}", f"its owner adds {entry.board}/{PIN}")
        return
    if entry.suite.hash != pin.hash:
        message = f"the entry answers another question than {pin.board}: the hashes of the suites differ"
        hint = "run the suite that the board names; a changed suite is another one, with a folder of its own"
        yield Wrong("suite", ("suite", "hash"), message, hint)
        return
    if entry.seeds != pin.seeds:
        found, wanted = (few(map(str, seeds)) for seeds in (entry.seeds, pin.seeds))
        yield Wrong("gap", ("seeds",), f"seeds {found} in place of {wanted}", _AGAIN)
    yield from _samples(entry, pin)
    yield from _rows(stored, pin)


def _samples(entry: Entry, pin: Pin) -> Iterator[Wrong]:
    asked = [f"{case}/{seed}" for case in pin.case_ids for seed in pin.seeds]
    lacking = [sample for sample in asked if sample not in entry.samples]
    strange = sorted(set(entry.samples) - set(asked))
    if lacking:
        message = f"{len(lacking)} of the suite's {len(asked)} samples are not there: {few(lacking)}"
        yield Wrong("gap", ("samples",), message, "every sample is named; one that failed is null")
    if strange:
        yield Wrong("gap", ("samples",), f"samples that the suite does not have: {few(strange)}")
    for index, row in enumerate(entry.rows):
        result = pin.result(row.metric)
        if result is None or row.by_object != "values":
            continue
        judged = set(pin.judged(result))
        owed = sum(digest is None and one.rpartition("/")[0] in judged for one, digest in entry.samples.items())
        if row.n_missing < owed:
            message = f"{row.metric} counts {row.n_missing} missing samples, and {owed} have no pictures"
            yield Wrong("gap", ("rows", index, "n_missing"), message)


def _rows(stored: StoredEntry, pin: Pin) -> Iterator[Wrong]:
    names = [row.metric for row in stored.entry.rows]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Wrong("rows", ("rows",), f"{name} has {names.count(name)} rows", "one row for each result")
    for result in pin.results:
        if result.name not in names and result.axis != "speed":
            what = "primary result" if result.name in pin.primary else "result"
            hint = "what could not be measured is a row that says so"
            yield Wrong("gap", ("rows",), f"the {what} {result.name} has no row", hint)
    for metric in stored.objects:
        if metric not in names:
            yield Wrong("table", ("rows",), f"the table has values of {metric}, which has no row")
    for index, row in enumerate(stored.entry.rows):
        for wrong in _row(stored, pin, row):
            yield replace(wrong, place=("rows", index, *wrong.place), message=f"{row.metric}: {wrong.message}")


def _row(stored: StoredEntry, pin: Pin, row: EntryRow) -> Iterator[Wrong]:
    result = pin.result(row.metric)
    if result is None:
        hint = nearest(row.metric, [one.name for one in pin.results])
        yield Wrong("rows", ("metric",), "the suite has no such result", hint)
        return
    for field in ("axis", "direction", "unit"):
        found, wanted = getattr(row, field), getattr(result, field)
        if found != wanted:
            yield Wrong("rows", (field,), f"the {field} is {found or 'none'}, and the suite's {wanted or 'none'}")
    values = stored.objects.get(row.metric, {})
    if row.status != "ok" or row.axis == "speed":
        if values or row.by_object != "none" or (row.status != "ok" and row.value is not None):
            what = "a timing" if row.axis == "speed" else f"a row that is '{row.status}'"
            yield Wrong("rows", ("status",), f"{what} has values that it cannot have")
        return
    if row.signature != result.signature and row.signature not in result.former:
        yield Wrong("signature", ("signature",), _signature(row, result), _AGAIN)
    if row.by_object == "none" or not values:
        message = "there are no values by object that it could follow from"
        yield Wrong("table", ("by_object",), message, "make the entry with `leaderboard entry`")
        return
    if row.signature == result.signature:
        yield from _gaps(values, pin.judged(result))
    for message in disagreements(row, values, len(pin.seeds)):
        yield Wrong("rows", (message.partition(" ")[0],), message, "a row is what its values by object give")
    if row.by_object == "values" and not row.signature.endswith(judged_suffix(tuple(values))):
        yield Wrong("gap", ("signature",), "the signature names other objects than the table holds")


def _gaps(values: Collection[str], judged: Sequence[str]) -> Iterator[Wrong]:
    lacking = [case for case in judged if case not in values]
    strange = [case for case in values if case not in judged]
    if lacking:
        message = f"{len(lacking)} of {len(judged)} objects have no value: {few(lacking)}"
        yield Wrong("gap", ("n_objects",), message, "an object that failed has the value of the floor, and counts")
    if strange:
        yield Wrong("gap", ("n_objects",), f"values of objects that the suite does not judge: {few(strange)}")


def _signature(row: EntryRow, result: PinnedResult) -> str:
    if not result.signature:
        return "the board pins no signature of it: its owner has not measured it"
    told = describe_difference([result.signature, row.signature]) or "the order of its parts"
    return f"the signature is not the suite's ({told})"


def few(names: Iterable[str]) -> str:
    """The first names of a list, for people."""
    listed = list(names)
    return ", ".join(name[:60] for name in listed[:3]) + (", …" if len(listed) > 3 else "")
