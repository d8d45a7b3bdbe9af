"""What a comparison with other tools found, and the tables that show it: all that stands between the page's marks."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs import photos_for

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
QUIET = 0.5  # load average at the start and below: nothing else runs

WHOLE_JOBS = {
    "ours": "realiz3d-bench",
    "torchmetrics": "torchmetrics, shared network",
    "torch_fidelity": "torch-fidelity",
    "clean_fid": "clean-fid, shared features",
    "pytorch_fid": "pytorch-fid (FID only)",
    "bare_forward": "our forward pass alone",
    "torch_forward": "eager torch's forward pass alone",
}
FORWARD_PASSES = ("bare_forward", "torch_forward")  # no tools
STATISTICS = {
    "frechet_ours": "Fréchet distance, ours",
    "frechet_eigenvalues": "Fréchet distance, eigenvalues of the product",
    "frechet_sqrtm": "Fréchet distance, `scipy.linalg.sqrtm`",
    "frechet_jackknife": "Fréchet distance without each picture in turn (all of them)",
}


@dataclass
class Runs:
    """Repeats of one job: wall and CPU time of the process, what it answered, and the most memory that it held.

    `stopped_at`: the CPU-seconds that a tool had used when it was stopped as clearly slower; 0 if it was not.
    """

    seconds: list[float] = field(default_factory=list)
    answers: list[dict[str, float]] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    failure: str = ""
    stopped_at: float = 0.0

    def inner(self, key: str) -> list[float]:
        """What the job itself measured under `key`."""
        return [answer[key] for answer in self.answers]

    def missing(self) -> str:
        """The reason why the job has no numbers, or an empty string when it has some."""
        if self.failure or self.answers:
            return self.failure
        return "not measured: the run ended before"


@dataclass
class Table:
    """One size: `kind` is 'images' (whole jobs) or 'features' (computations on `count` rows)."""

    kind: str
    count: int
    jobs: dict[str, Runs]


@dataclass
class Session:
    """One call of the command, and where it ran. `load` is the load average at the start and after the last job."""

    command: str
    day: str
    machine: str
    granted: str
    load: list[float]
    packages: str
    commit: str = ""
    tables: list[Table] = field(default_factory=list)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Session:
        """From what `dataclasses.asdict` made of one."""
        tables = [
            Table(one["kind"], one["count"], {job: Runs(**runs) for job, runs in one["jobs"].items()})
            for one in stored["tables"]
        ]
        return cls(**{**stored, "tables": tables})

    @property
    def busy(self) -> bool:
        """Whether other work ran beside it: then CPU-seconds are compared, and seconds say little."""
        return self.load[0] > QUIET


def page_of(sessions: Sequence[Session]) -> str:
    """Markdown of all that was measured: each session with its command, machine and tables, then the aims."""
    parts = []
    for session in sessions:
        parts += [f"`{session.command}`", where(session)]
        parts += [_TABLES[table.kind](table) for table in session.tables]
    return "\n\n".join([*parts, *aims(sessions)])


def where(session: Session) -> str:
    """Day, machine, load and versions of a session, and what its numbers can say."""
    load = " and ".join(f"{value:.1f}" for value in session.load)
    ends = "at the start and the end" if len(session.load) > 1 else "at the start"
    lines = [
        f"{session.day}{f', commit {session.commit}' if session.commit else ''}; {session.machine}; "
        f"load average {load} {ends}; every job had {session.granted}.",
        f"{session.packages}.",
    ]
    if session.busy and any(table.kind == "images" for table in session.tables):
        lines.append(
            "Other work shared the cores: the seconds say how long each job waited. **Compare the CPU-seconds**, which "
            "other work changes by some per cent."
        )
    return "\n".join(lines)


def whole_job_table(table: Table) -> str:
    """Markdown: seconds, how many times ours that is (where ours ran), peak memory and the values."""
    ours = table.jobs.get("ours", Runs())
    lines = [
        f"### FID + KID of {table.count} PNG (512 x 512) against {photos_for(table.count)} JPEG (500 x 375)",
        "",
        "| whole process | CPU-seconds, median (repeats) | times ours | seconds, median (repeats) | times ours "
        "| peak MiB | FID | KID |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for job, runs in table.jobs.items():
        if runs.missing():
            at_least = f" over {_times([runs.stopped_at], ours.cpu_seconds)}" if runs.stopped_at else ""
            lines.append(f"| {WHOLE_JOBS[job]} | {runs.missing()} |{at_least} | | | | | |")
            continue
        values = [f"{runs.answers[0][key]:.6g}" if key in runs.answers[0] else "" for key in ("fid", "kid")]
        lines.append(
            f"| {WHOLE_JOBS[job]} | {_spread(runs.cpu_seconds)} | {_times(runs.cpu_seconds, ours.cpu_seconds)} "
            f"| {_spread(runs.seconds)} | {_times(runs.seconds, ours.seconds)} "
            f"| {statistics.median(runs.peak_mib):.0f} | {' | '.join(values)} |"
        )
    beside = _beside_the_network(table)
    return "\n".join([*lines, "", beside] if beside else lines)


def _times(values: Sequence[float], ours: Sequence[float]) -> str:
    """A median in medians of ours, or nothing where ours did not run."""
    return f"{statistics.median(values) / statistics.median(ours):.2f}" if ours else ""


def _beside_the_network(table: Table) -> str:
    """What decoding, resizing and distances add to the network, as far as the jobs that tell it ran."""
    pictures = table.count + photos_for(table.count)
    ours, bare, eager = (table.jobs.get(job, Runs()) for job in ("ours", *FORWARD_PASSES))
    said = []
    if ours.seconds and bare.seconds:
        said.append(
            f"Our whole process takes {_times(ours.cpu_seconds, bare.cpu_seconds)} times the CPU-seconds of one that "
            f"only loads the network and runs it on {pictures} prepared pictures, and "
            f"{_times(ours.seconds, bare.seconds)} times as long."
        )
    rates = {
        name: f"{pictures / statistics.median(runs.inner('forward')):.1f} pictures a second"
        for name, runs in (("in our engine", bare), ("in eager torch", eager))
        if runs.answers
    }
    if rates:
        said.append(f"The network alone ran at {' and at '.join(f'{rate} {name}' for name, rate in rates.items())}.")
    return " ".join(said)


def statistics_table(table: Table) -> str:
    """Markdown: the seconds of computations on features, without imports."""
    ours = table.jobs["frechet_ours"].answers and statistics.median(table.jobs["frechet_ours"].inner("seconds"))
    lines = [
        f"### On features: {table.count} against {table.count}, 2048 dimensions",
        "",
        "| computation | seconds, median (repeats) | times our distance |",
        "|---|---|---|",
    ]
    for job, runs in table.jobs.items():
        if runs.missing():
            lines.append(f"| {STATISTICS[job]} | {runs.missing()} | |")
            continue
        seconds = runs.inner("seconds")
        times = f"{statistics.median(seconds) / ours:.3g}" if ours else ""
        lines.append(f"| {STATISTICS[job]} | {_spread(seconds)} | {times} |")
    return "\n".join(lines)


_TABLES = {"images": whole_job_table, "features": statistics_table}


def aims(sessions: Sequence[Session]) -> list[str]:
    """Markdown of what the aims are held to: one row a size and session in which ours and the bare pass ran."""
    rows = []
    for session in sessions:
        for table in session.tables:
            if table.kind == "images" and "ours" in table.jobs and table.jobs["ours"].answers:
                rows.append(_aim(session, table))
    if not rows:
        return []
    return [
        "### Held to the aims: at most 1.1 times the bare forward pass, and faster than every other tool",
        "| pictures | measured | by | times our forward pass, of medians (each round) | other tools, times ours |\n"
        "|---|---|---|---|---|\n" + "\n".join(rows),
    ]


def _aim(session: Session, table: Table) -> str:
    """A row: in CPU-seconds where other work ran beside, else in seconds."""
    measured = "cpu_seconds" if session.busy else "seconds"
    ours, bare = (getattr(table.jobs.get(job, Runs()), measured) for job in ("ours", "bare_forward"))
    beside = "not measured"
    if bare:
        rounds = ", ".join(f"{a / b:.3f}" for a, b in zip(ours, bare, strict=False))
        beside = f"{statistics.median(ours) / statistics.median(bare):.3f} ({rounds})"
    tools = []
    for job, runs in table.jobs.items():
        if runs.stopped_at:
            in_cpu = "" if session.busy else " in CPU-seconds"
            tools.append(f"{WHOLE_JOBS[job]} over {_times([runs.stopped_at], table.jobs['ours'].cpu_seconds)}{in_cpu}")
        elif runs.answers and job not in ("ours", *FORWARD_PASSES):
            tools.append(f"{WHOLE_JOBS[job]} {_times(getattr(runs, measured), ours)}")
    by = "CPU-seconds" if session.busy else "seconds"
    return f"| {table.count} | {session.day} | {by} | {beside} | {'; '.join(tools) or 'none ran'} |"


def replaced(page: str, measured: str) -> str:
    """The page with what stands between the marks exchanged. Raises `ValueError` without marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no place for the tables: put {BEGIN} and {END} into it")
    return f"{before}{begin}\n\n{measured}\n\n{end}{after}"


def _spread(values: Sequence[float]) -> str:
    """'72.5' alone, or a median with what it is of: '72.5 (71, 72.5, 80)'."""
    middle = f"{statistics.median(values):.3g}"
    return middle if len(values) == 1 else f"{middle} ({', '.join(f'{value:.3g}' for value in values)})"
