"""What the pytest fixture `realiz3d_gate` can do: run a suite once, compare, assert, accept, time two generators."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.gate.baseline import is_baseline, write_baseline
from bench.gate.document import GatePage
from bench.gate.inputs import Input, read_input, two_sides
from bench.gate.page import gate_page
from bench.gate.verdicts import GateFailed
from bench.gate.words import headline
from bench.results.read import read_run
from groundwork.errors import UsageError
from groundwork.hashing import hash_json

if TYPE_CHECKING:
    from bench.gate.measuring.speed import Race


@dataclass
class GateSession:
    """One a session. `root`: what relative suites are relative to; `runs`: where runs are kept while it lasts."""

    root: Path
    runs: Path
    baselines: Path
    report: Path | None = None
    accept: bool = False
    _done: dict[str, Input] = field(default_factory=dict)
    _lines: list[str] = field(default_factory=list)
    _test: str = ""

    def begin(self, test: str) -> None:
        """A test starts that uses the gate."""
        self._test, self._lines = test, []

    def end(self) -> list[str]:
        """What its gates said."""
        return [f"{self._test}: {line}" for line in self._lines]

    def run(
        self,
        suite: str | Path,
        generators: Sequence[str] | None = None,
        *,
        settings: Sequence[str] = (),
        device: str = "cpu",
        limit: int | None = None,
        seeds: Sequence[int] | None = None,
        out: str | Path | None = None,
    ) -> GatedRun:
        """Run a suite, once a session for the same arguments. `settings` are texts as after `--set`.

        `out` keeps the run folder where you say, so that the next session resumes it.
        """
        key = hash_json([str(suite), generators, list(settings), device, limit, list(seeds or ()), str(out)])[:16]
        if key not in self._done:
            self._done[key] = self._run(suite, generators, settings, device, limit, seeds, out, key)
        return GatedRun(self, self._done[key], tuple(generators or ()))

    def folder(self, path: str | Path) -> GatedRun:
        """A run that is there already, by its folder."""
        return GatedRun(self, read_input(self.root / path), ())

    def race(self, suite: str | Path, old: str, new: str, *, rounds: int = 10, **more: Any) -> Race:
        """Time two generators of a suite against each other, interleaved: see `bench.gate.measuring.speed.race`."""
        from bench.gate.measuring.speed import race

        found = race(self._suite(suite), old, new, rounds=rounds, **more)
        self._lines.append(found.words())
        return found

    def trade(
        self,
        suite: str | Path,
        old: str,
        new: str,
        *,
        deltas: Mapping[str, float] | None = None,
        settings: Sequence[str] = (),
        device: str = "cpu",
        **more: Any,
    ) -> tuple[Race, GatePage]:
        """What a faster setting costs: `new` timed against `old`, and the verdict of its pictures against the old ones.

        Both run once on the suite, for the pictures; `more` goes to `bench.gate.measuring.speed.race`.
        """
        from bench.gate.measuring.speed import race

        run = self.run(suite, [old, new], settings=settings, device=device)
        page = gate_page(*two_sides(run.found, run.found, renamed=(old, new)), deltas)
        found = race(self._suite(suite), old, new, settings=settings, device=device, **more)
        self._lines.append(f"{found.words()}; its pictures: {headline(page)}")
        return found, page

    def note(self, line: str) -> None:
        """Keep a line for the end of the session."""
        self._lines.append(line)

    def baseline(self, path: str | Path | None, suite: str, generator: str) -> Path:
        """Where a baseline lies: a path relative to the folder of baselines, or its usual place there."""
        return self.baselines / (path if path is not None else Path("baselines") / suite / generator)

    def page_folder(self, generator: str) -> Path | None:
        """Where this test's page goes."""
        if self.report is None:
            return None
        return self.report / re.sub(r"[^A-Za-z0-9._-]+", "-", f"{self._test}-{generator}").strip("-")[-120:]

    def _suite(self, suite: str | Path) -> str | Path:
        there = self.root / suite
        return there if there.is_file() else suite

    def _run(
        self, suite: str | Path, generators: Sequence[str] | None, settings: Sequence[str], device: str,
        limit: int | None, seeds: Sequence[int] | None, out: str | Path | None, key: str,
    ) -> Input:  # fmt: skip
        from filelock import FileLock

        from bench.run.options import RunOptions
        from bench.run.session import run
        from bench.suite.load import load_suite

        folder = self.runs / key if out is None else self.root / out
        options = RunOptions(
            out=folder,
            generators=tuple(generators) if generators is not None else None,
            limit=limit,
            device=device,
            seeds=tuple(seeds) if seeds is not None else None,
        )
        self.runs.mkdir(parents=True, exist_ok=True)
        with FileLock(self.runs / f"{key}.lock"):  # the second worker finds all of it done
            run(load_suite(self._suite(suite), settings), options)
        return Input(folder, run=read_run(folder))


@dataclass(frozen=True)
class GatedRun:
    """A finished run, to be held to a baseline."""

    session: GateSession
    found: Input
    generators: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.found.path

    def compare(
        self,
        baseline: str | Path | None = None,
        generator: str | None = None,
        *,
        deltas: Mapping[str, float] | None = None,
        strict: bool = False,
    ) -> GatePage:
        """The page of verdicts; writes its files where `--gate-report` says. Raises `UserError` as `compare` does."""
        from reports.gate import write_gate
        from reports.gate.evidence import Pictures

        name = self._name(generator)
        before, after = two_sides(read_input(self._place(baseline, name)), self.found, name)
        page = gate_page(before, after, deltas, strict)
        folder = self.session.page_folder(name)
        if folder is not None:
            old, new = (
                Pictures(side.root, side.generator, side.seeds[0]) if side.root is not None and side.seeds else None
                for side in (before, after)
            )
            write_gate(page, folder, before=old, after=new)
        self.session.note(f"{name}: {headline(page)}")
        return page

    def assert_not_worse_than(
        self,
        baseline: str | Path | None = None,
        generator: str | None = None,
        *,
        deltas: Mapping[str, float] | None = None,
        strict: bool = False,
    ) -> None:
        """Fail unless the gate passes; with `--gate-accept`, accept the run as the baseline instead.

        Without `baseline`: the one at `baselines/<suite>/<generator>`. What cannot be decided passes unless `strict`.
        """
        name = self._name(generator)
        if self.session.accept:
            self._accept(baseline, name)
            return
        page = self.compare(baseline, name, deltas=deltas, strict=strict)
        if page.exit_code:
            lines = [headline(page), *(f"{one.verdict:<12} {one.metric}: {one.reason}" for one in page.results)]
            folder = self.session.page_folder(name)
            lines += [f"page: {folder / 'index.html'}"] if folder is not None else []
            raise GateFailed("\n".join([*lines, *page.notes]))

    def _accept(self, baseline: str | Path | None, name: str) -> None:
        side = self.found.side(name)
        folder = self._place(baseline, name)
        if folder.exists() and any(folder.iterdir()) and not is_baseline(folder):
            raise UsageError("this folder is not empty and holds no baseline", where=str(folder))
        date = time.strftime("%Y-%m-%d", time.gmtime())
        write_baseline(side, folder, "pytest --gate-accept", "accepted by pytest --gate-accept", date, "")
        self.session.note(f"{name}: accepted as {folder}")

    def _place(self, baseline: str | Path | None, name: str) -> Path:
        assert self.found.run is not None
        return self.session.baseline(baseline, self.found.run.summary.suite.name, name)

    def _name(self, generator: str | None) -> str:
        names = [generator] if generator is not None else list(self.generators) or self.found.names
        if len(names) != 1:
            raise UsageError(
                f"the run has {len(names)} generators, and which one is meant is not stated",
                where=str(self.path),
                expected=f"generator=, one of {', '.join(names)}",
            )
        return names[0]
