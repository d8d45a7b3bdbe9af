"""`suite.json`: the question that all entries of a folder answer, pinned by the board's owner.

It holds what decides numbers: the suite's protocol (whose hash is the suite's), the cases, and for every result the
signature that entries must have. An entry is checked against it, not against what is installed: a metric that gets a
new version does not invalidate a board overnight. The owner takes the new signatures in when they want them; entries
with a former one stay valid, and are shown apart, unranked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.leaderboard.entry import ResultName, SafeCase, SafeName, SuiteName
from bench.leaderboard.files import read_document, write_document
from bench.leaderboard.texts import Line, Prompt, Prose, Sha256, Signature
from bench.results.read import RunResults
from bench.results.summary import Number, Row, ViewsInfo
from bench.results.terms import Axis, Direction
from bench.suite.schema import Suite, suite_hash, suite_protocol
from groundwork.errors import InputError, UsageError, first_finding
from groundwork.hashing import hash_json, hash_strings

PIN_FORMAT: Final = 1
PIN = "suite.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class PinnedCase(_Part):
    """A case and its prompt."""

    id: SafeCase
    prompt: Prompt = ""


class PinnedReference(_Part):
    """A reference set by its digest."""

    name: Line
    digest: Line
    n: int
    source: Prose = ""


class PinnedResult(_Part):
    """A result and the signature that ranks; `former` ones are accepted and shown apart.

    `cases` are the objects that it judges, None for all of the suite; values cannot leave `limits` (None: no end).
    """

    name: ResultName
    title: Prose = ""
    direction: Direction
    axis: Axis
    unit: Line = ""
    worst: Number = None
    limits: tuple[Number, Number] = (None, None)
    signature: Signature = ""
    former: tuple[Signature, ...] = ()
    cases: tuple[SafeCase, ...] | None = None


class Pin(_Part):
    """The content of suite.json."""

    format: Literal[1]  # PIN_FORMAT
    name: SafeName
    version: int = Field(ge=1)
    hash: Sha256
    task: Literal["texturing", "text_to_multiview"]
    description: Prose = ""
    protocol: dict[str, Any] = Field(description="What the suite's hash is the hash of.")
    cases: tuple[PinnedCase, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field(min_length=1)
    views: ViewsInfo
    primary: tuple[ResultName, ...] = ()
    results: tuple[PinnedResult, ...] = Field(min_length=1)
    references: tuple[PinnedReference, ...] = ()
    harness: Line = ""

    @property
    def board(self) -> str:
        """Its folder: `miniworld-v3`."""
        return f"{self.name}-v{self.version}"

    @property
    def suite(self) -> SuiteName:
        """The question's name."""
        return SuiteName(name=self.name, version=self.version, hash=self.hash)

    @property
    def case_ids(self) -> tuple[str, ...]:
        """Ids in suite order."""
        return tuple(case.id for case in self.cases)

    def result(self, name: str) -> PinnedResult | None:
        """A result by name, None where the suite has none of it."""
        return next((result for result in self.results if result.name == name), None)

    def judged(self, result: PinnedResult) -> tuple[str, ...]:
        """The objects that a result judges, in suite order."""
        return self.case_ids if result.cases is None else result.cases


def make_pin(run: RunResults) -> Pin:
    """The pin of the suite that a run answers. Raises `UsageError` for a run that does not say all of it."""
    summary, manifest = run.summary, run.manifest
    try:
        suite = Suite.model_validate(manifest.get("suite"), strict=False)
    except ValidationError as error:
        raise UsageError(
            "the run does not say which suite it was of",
            where=str(run.layout.manifest),
            hint="give the run command again: it writes the manifest again",
        ) from error
    if suite_hash(suite) != summary.suite.hash:
        raise UsageError("manifest and summary of the run tell of different suites", where=str(run.path))
    if not summary.comparable or not summary.cases:
        raise UsageError(
            "the run was cut by --limit, and a board ranks whole suites only",
            where=str(run.path),
            hint="give the run command again without --limit",
        )
    if summary.views.of_each_case:
        raise UsageError(
            "each case of the run's suite has cameras of its own, and a board measures entries again from one set",
            where=str(run.path),
            expected="a suite whose `views` list azimuths",
        )
    rows: dict[str, list[Row]] = {}
    for row in summary.rows:
        rows.setdefault(row.metric, []).append(row)
    return Pin(
        format=PIN_FORMAT,
        name=summary.suite.name,
        version=summary.suite.version,
        hash=summary.suite.hash,
        task=summary.suite.task,
        description=summary.suite.description,
        protocol=suite_protocol(suite),
        cases=tuple(PinnedCase(id=case.id, prompt=case.prompt) for case in summary.cases),
        seeds=summary.seeds,
        views=summary.views,
        primary=summary.primary,
        results=tuple(
            PinnedResult(
                name=metric.name, title=metric.title, direction=metric.direction, axis=metric.axis, unit=metric.unit,
                worst=metric.worst, limits=metric.limits, **_signature(run, metric.name, rows.get(metric.name, [])),
            )
            for metric in run.metrics
        ),
        references=tuple(
            PinnedReference(name=one.name, digest=one.digest, n=one.n, source=one.source)
            for one in summary.references
        ),
        harness=str((manifest.get("versions") or {}).get("realiz3d-bench") or ""),
    )  # fmt: skip


def _signature(run: RunResults, metric: str, rows: list[Row]) -> dict[str, Any]:
    """The signature of a result and the cases that it judges. Timings have one for every machine: none is pinned."""
    if not rows or rows[0].axis == "speed":
        return {}
    found = list(dict.fromkeys(row.signature for row in rows if row.status == "ok" and row.signature))
    if len(found) > 1:
        raise UsageError(f"the run measured '{metric}' in more than one way", where=str(run.path))
    if not found:
        return {}
    judged = {score.case for score in run.score_rows if score.metric == metric and score.case is not None}
    every = tuple(case.id for case in run.summary.cases)
    if not judged or found[0].endswith(judged_suffix(every)):
        return {"signature": found[0]}
    left = {score.case for score in run.score_rows if score.metric == metric and score.status == "ok"}
    cases = tuple(case for case in every if case in left)
    if not found[0].endswith(judged_suffix(cases)):
        raise UsageError(f"the run does not say which objects '{metric}' judged", where=str(run.path))
    return {"signature": found[0], "cases": cases}


def judged_suffix(cases: tuple[str, ...]) -> str:
    """How the signature of a result by object ends: how many objects it judged, and which."""
    return f" n={len(cases)} cases=sha256:{hash_strings(cases)[:12]}"


def differences(ours: Pin, theirs: Pin) -> list[str]:
    """Parts in which two pins of one suite differ, in words; none where the same entries fit both."""
    found = [
        name for name in ("hash", "task", "cases", "seeds", "views") if getattr(ours, name) != getattr(theirs, name)
    ]
    for result in theirs.results:
        pinned = ours.result(result.name)
        if pinned is None:
            found.append(f"the result {result.name}")
        elif result.signature and result.signature not in (pinned.signature, *pinned.former):
            found.append(f"the signature of {result.name}")
    return found


def renewed(ours: Pin, theirs: Pin) -> Pin:
    """`theirs`, with what `ours` pinned kept as former signatures. Raises `UsageError` for another question."""
    if ours.suite != theirs.suite or ours.cases != theirs.cases or ours.seeds != theirs.seeds:
        raise UsageError(
            f"the run answers another question than {ours.board} of this board",
            expected=f"suite hash {ours.hash[:12]}, not {theirs.hash[:12]}; the same cases and seeds",
            hint="raise the suite's version: another question has a folder of its own",
        )
    results = []
    for result in theirs.results:
        before = ours.result(result.name)
        known = [before.signature, *before.former] if before is not None else []
        former = tuple(one for one in dict.fromkeys(known) if one and one != result.signature)
        kept = result.signature or (before.signature if before is not None else "")
        results.append(result.model_copy(update={"former": tuple(f for f in former if f != kept), "signature": kept}))
    return theirs.model_copy(update={"results": tuple(results)})


def read_pin(path: Path) -> Pin:
    """A suite.json. Raises `InputError` for what is no pin, or was edited: the protocol's hash must be the suite's."""
    text, _ = read_document(path)
    try:
        pin = Pin.model_validate_json(text)
    except ValidationError as error:
        place, found = first_finding(error)
        raise InputError(f"the suite's pin cannot be read: {found}", where=f"{path}: {place}") from error
    if hash_json(pin.protocol) != pin.hash:
        raise InputError(
            "the suite's pin was edited: its protocol does not have the hash that it names",
            where=str(path),
            hint="restore the file, or pin the suite again from a run: leaderboard entry RUN --renew-signatures",
        )
    return pin


def write_pin(path: Path, pin: Pin) -> None:
    """Write a suite.json."""
    write_document(path, pin.model_dump(mode="json"))
