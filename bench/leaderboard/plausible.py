"""What cannot be true of an entry although its arithmetic holds: dates, ranges, counts, pictures that stand twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from bench.leaderboard.answering import Wrong, few
from bench.leaderboard.lookalikes import skeleton
from bench.leaderboard.pin import Pin, PinnedResult
from bench.leaderboard.repository import StoredEntry

_ZONES = timedelta(days=1)  # somewhere it is tomorrow already


def implausible(stored: StoredEntry, pin: Pin | None, today: date) -> Iterator[Wrong]:
    """Everything of the kind in an entry that answers `pin`."""
    yield from _dates(stored, today)
    yield from _people(stored)
    if pin is None or stored.entry.suite.hash != pin.hash:
        return  # told already
    yield from _pictures(stored, pin)
    yield from _rows(stored, pin)


def _dates(stored: StoredEntry, today: date) -> Iterator[Wrong]:
    entry = stored.entry
    latest = (today + _ZONES).isoformat()
    told = [("date",), *(("history", number, "date") for number in range(len(entry.history)))]
    for place, day in zip(told, [entry.date, *(event.date for event in entry.history)], strict=True):
        if day > latest:
            hint = "the day of the run, and of what happened; or the clock of this machine is wrong"
            yield Wrong("date", place, f"{day} lies in the future", hint, "warning")
    if entry.date > entry.history[0].date and entry.date <= latest:
        message = f"the run is of {entry.date}, and was submitted on {entry.history[0].date}, before it was made"
        yield Wrong("date", ("date",), message)


def _people(stored: StoredEntry) -> Iterator[Wrong]:
    entry = stored.entry
    same = skeleton(entry.evaluated_by) == skeleton(entry.generator.developer)
    if same and entry.relationship == "third_party":
        message = f"{entry.evaluated_by} developed the model and measured it: that is first_party"
        yield Wrong("people", ("relationship",), message)


def _pictures(stored: StoredEntry, pin: Pin) -> Iterator[Wrong]:
    entry = stored.entry
    shown: dict[str, list[str]] = {}
    for sample, digest in entry.samples.items():
        if digest is not None:
            shown.setdefault(digest, []).append(sample)
    twice = [samples for samples in shown.values() if len({one.rpartition("/")[0] for one in samples}) > 1]
    if twice:
        message = f"the very same pictures stand for different objects: {few(twice[0])}"
        yield Wrong("pictures", ("samples",), message, "one object's pictures are not another's", "warning")
    if entry.preview is not None:
        strange = [case for case in entry.preview.cases if case not in pin.case_ids]
        if strange or len(set(entry.preview.cases)) < len(entry.preview.cases):
            what = f"objects that the suite does not have: {few(strange)}" if strange else "an object twice"
            yield Wrong("sheet", ("preview", "cases"), f"the contact sheet shows {what}")


def _rows(stored: StoredEntry, pin: Pin) -> Iterator[Wrong]:
    entry = stored.entry
    made = sum(digest is not None for digest in entry.samples.values()) * len(pin.views.azimuths)
    for number, row in enumerate(entry.rows):
        result = pin.result(row.metric)
        if result is None:
            continue
        if row.n_images > made:
            message = f"{row.metric} counts {row.n_images} pictures, and {made} were made"
            yield Wrong("rows", ("rows", number, "n_images"), message)
        if row.coverage is not None and not 0 <= row.coverage <= 1:
            message = f"{row.metric} covers {row.coverage:g} of the object"
            yield Wrong("rows", ("rows", number, "coverage"), message, "a share from 0 to 1")
        outside = [one for one in _numbers(stored, row.metric, row.value) if not _within(one, result)]
        if outside:
            low, high = ("none" if end is None else f"{end:g}" for end in result.limits)
            message = f"{row.metric} cannot be {outside[0]:g}: it lies between {low} and {high}"
            yield Wrong("rows", ("rows", number, "value"), message, "score the pictures again")
        if row.status != "ok" and row.metric in pin.primary and result.signature:
            message = f"the primary result {row.metric} is '{row.status}': what it was, `rescore` tells"
            yield Wrong("hidden", ("rows", number, "status"), message, level="warning")


def _numbers(stored: StoredEntry, metric: str, value: float | None) -> list[float]:
    by_object = [one.value for one in stored.objects.get(metric, {}).values()]
    return [*([] if value is None else [value]), *by_object]


def _within(number: float, result: PinnedResult) -> bool:
    low, high = result.limits
    slack = 1e-9 * max(1.0, abs(number))  # sums in another order
    return (low is None or number >= low - slack) and (high is None or number <= high + slack)
