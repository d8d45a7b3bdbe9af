"""What `compare` is given: two folders and perhaps names, and which generator of each is meant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.gate.baseline import is_baseline, read_baseline
from bench.gate.sides import Side, side_of_run
from bench.results.layout import RunLayout
from bench.results.read import RunResults, read_run
from groundwork.errors import InputError, UsageError, nearest


@dataclass(frozen=True)
class Input:
    """A baseline directory (`accepted` is set) or a run folder (`run` is set)."""

    path: Path
    accepted: Side | None = None
    run: RunResults | None = None

    def only(self) -> str | None:
        """Its generator where there is one alone, None where there is a choice. Raises `InputError` without any."""
        if not self.names:
            raise InputError(
                "the run is empty: it holds no result of any generator",
                where=str(self.path),
                hint="give the run command again and look at what it says is incomplete",
            )
        return self.names[0] if len(self.names) == 1 else None

    @property
    def names(self) -> list[str]:
        """Its generators; calibration generators only where there is nothing else."""
        if self.accepted is not None:
            return [self.accepted.generator]
        infos = self.run.generators if self.run is not None else ()
        models = [info.name for info in infos if not info.calibration]
        return models or [info.name for info in infos]

    def side(self, name: str) -> Side:
        """The results of one generator. Raises `UsageError` when it is not there."""
        if self.run is not None:
            return side_of_run(self.run, name)
        assert self.accepted is not None
        if name != self.accepted.generator:
            raise UsageError(
                f"the baseline is of the generator '{self.accepted.generator}', not of '{name}'",
                where=str(self.path),
                hint=f"say what the candidate calls it: --map {self.accepted.generator}={name}",
            )
        return self.accepted


def read_input(path: Path) -> Input:
    """A run folder or a baseline directory. Raises `InputError` for anything else, and says what lies below it."""
    if is_baseline(path):
        return Input(path, accepted=read_baseline(path))
    if RunLayout(path).summary.is_file():
        return Input(path, run=read_run(path))
    below = sorted(found.parent for found in path.glob("*/*/baseline.json")) + sorted(
        found.parent for found in path.glob("*/baseline.json")
    )
    raise InputError(
        "this is neither a run folder nor a baseline directory" if path.is_dir() else "there is no such folder",
        where=str(path),
        expected="a folder that `realiz3d-bench run` wrote (summary.json), or one that `baseline accept` wrote "
        "(baseline.json)",
        hint=f"did you mean {below[0]}?"
        if below
        else "accept a first state: realiz3d-bench baseline accept RUN --out baselines/ --reason 'first state'",
    )


def two_sides(
    baseline: Input, candidate: Input, generator: str | None = None, renamed: tuple[str, str] | None = None
) -> tuple[Side, Side]:
    """The generator that is compared, of both. `renamed`: its old and its new name.

    Without a name: the only generator of each, or the only one that both have. Raises `UsageError` when that leaves a
    choice.
    """
    if renamed is not None and generator is not None:
        raise UsageError("--generator and --map both say which generator is meant", hint="keep --map OLD=NEW")
    if renamed is None and generator is not None:
        renamed = (generator, generator)
    if renamed is None:
        renamed = _only(baseline, candidate)
    sides = baseline.side(renamed[0]), candidate.side(renamed[1])
    if baseline.path.resolve() == candidate.path.resolve() and renamed[0] == renamed[1]:
        raise UsageError(
            f"this compares '{renamed[0]}' of one run with itself",
            where=str(baseline.path),
            hint="name two generators of the run: --map OLD=NEW",
        )
    return sides


def _only(baseline: Input, candidate: Input) -> tuple[str, str]:
    old, new = baseline.only(), candidate.only()
    common = [name for name in baseline.names if name in candidate.names]
    if len(common) == 1 and baseline.path.resolve() != candidate.path.resolve():
        return common[0], common[0]
    if old is not None and new is not None:
        return old, new
    hint = f"--generator {common[0]}" if common else f"--map {baseline.names[0]}={candidate.names[0]}"
    if baseline.path.resolve() == candidate.path.resolve() and len(common) > 1:
        hint = f"--map {common[0]}={common[1]}"
    raise UsageError(
        "which generator is meant is not stated",
        where=f"{baseline.path}: {', '.join(baseline.names)}; {candidate.path}: {', '.join(candidate.names)}",
        expected="one generator, or an old and a new name",
        hint=f"for example {hint}",
    )


def name_pair(text: str | None) -> tuple[str, str] | None:
    """`OLD=NEW`. Raises `UsageError` for anything else."""
    if text is None:
        return None
    old, separator, new = text.partition("=")
    if not (old and separator and new):
        raise UsageError("--map needs two names", where=f"--map {text}", expected="OLD=NEW")
    return old, new


def read_deltas(texts: list[str], known: list[str]) -> dict[str, float]:
    """`RESULT=NUMBER` texts as gates. Raises `UsageError` for text that is not a result and a number of 0 or more."""
    found = {}
    for text in texts:
        name, separator, number = text.rpartition("=")
        try:
            delta = float(number) if separator and name else -1.0
        except ValueError:
            delta = -1.0
        if not 0 <= delta < float("inf"):
            raise UsageError(
                "this is not a gate", where=f"--delta {text}", expected="RESULT=NUMBER, 0 or more: cde=0.02"
            )
        if name not in known:
            raise UsageError(f"the candidate has no result '{name}'", where="--delta", hint=nearest(name, known))
        found[name] = delta
    return found
