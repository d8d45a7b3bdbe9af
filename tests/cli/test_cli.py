"""The command line as people meet it: help, mistakes, exit codes, environment, machine-readable output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from rich.text import Text

import reports
from bench import __version__
from bench.cli import app, main
from bench.errors import GeneratorError
from bench.run import session
from bench.run.options import RunOptions

GOOD = """\
name: small
version: 1
task: texturing
cases: {source: miniworld, count: 2}
views: {resolution: 32}
generators:
  - {name: ceiling, use: ceiling}
metrics: [loo_psnr, silhouette_iou]
primary: [silhouette_iou]
"""

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("REALIZ3D_BENCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(GOOD)
    return file


class Runs(list[tuple[Any, RunOptions]]):
    """What `run` was called with, in place of a run, and the folders that were reported."""

    incomplete: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.reported: list[Path] = []

    def __call__(self, suite: Any, options: RunOptions) -> Any:
        self.append((suite, options))
        folder = Path("runs/small")
        return SimpleNamespace(
            folder=folder,
            report=folder / "report/index.html",
            incomplete=self.incomplete,
            summary=SimpleNamespace(to_json=lambda: {"suite": suite.name, "rows": []}),
        )


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    calls = Runs()
    monkeypatch.setattr(session, "run", calls)
    monkeypatch.setattr(reports, "write_reports", calls.reported.extend)
    monkeypatch.setattr(reports, "verdict_lines", lambda runs: [])
    return calls


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from _commands(below, (*path, name))


COMMANDS = dict(_commands(typer.main.get_command(app)))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_of_every_command(command: tuple[str, ...], capsys: Output) -> None:
    assert main([*command, "--help"]) == 0
    shown = capsys.readouterr().out
    for name in getattr(COMMANDS[command], "commands", {}):
        assert name in shown


def test_no_part_of_a_help_text_is_taken_for_markup() -> None:
    for found in COMMANDS.values():
        texts = [text for parameter in found.params if (text := getattr(parameter, "help", None))]
        for text in (*texts, found.help or ""):
            assert Text.from_markup(text).plain == text


def test_every_option_is_an_environment_variable_too() -> None:
    options = {
        (command, option): parameter.envvar
        for command, found in COMMANDS.items()
        for parameter in found.params
        if parameter.param_type_name == "option"
        for option in parameter.opts
        if option not in ("--help", "-h", "--version")
    }
    assert len(options) > 30
    for (_, option), variable in options.items():
        assert variable == "REALIZ3D_BENCH_" + option.removeprefix("--").replace("-", "_").upper()


def test_documented_commands_and_options_exist() -> None:
    def options(*command: str) -> set[str]:
        return {option for parameter in COMMANDS[command].params for option in parameter.opts}

    assert {"run", "score", "report", "reference", "list", "validate", "doctor", "selftest"} <= set(
        COMMANDS[()].commands
    )
    run = {
        "--out",
        "--generators",
        "--limit",
        "--device",
        "--batch-size",
        "--seeds",
        "--executor",
        "--set",
        "--dry-run",
    }
    assert run | {"--workers", "--json"} <= options("run")
    assert {"--suite", "--name", "--out", "--set", "--limit", "--device"} <= options("score")
    assert {"--out", "--format"} <= options("report")
    assert {"--debug", "--offline", "--version"} <= options()


def test_version(capsys: Output) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"realiz3d-bench {__version__}\n"


def test_module_and_help_start_without_heavy_imports() -> None:
    code = (
        "import sys; from bench.cli import main; assert main(['run', '--help']) == 0;"
        "heavy = {'torch', 'numpy', 'pandas', 'yaml', 'warp', 'plotly', 'scipy'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([sys.executable, "-m", "bench", "rnu"], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert "'run'" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["rnu"], "'run'"),
        (["run", "x", "--limt", "3"], "--limit"),
        (["run"], "Missing argument 'SUITE'"),
        (["run", "x", "--limit", "0"], "'--limit'"),
        (["run", "x", "--limit", "many"], "valid integer"),
        (["run", "x", "--executor", "rey"], "did you mean 'ray'"),
        (["run", "x", "--seeds", "2-1"], "such as 0-2 or 0,3"),
        (["run", "x", "--seeds", "0-99999999999999999"], "such as 0-2 or 0,3"),
        (["run", "x", "--generators", ","], "names nothing"),
        (["run", "minworld"], "did you mean 'miniworld'"),
        (["score", "/nowhere", "--suite", "miniworld"], "no such folder"),
        (["list", "metric"], "did you mean 'metrics'"),
        (["report", "x", "--format", "docx"], "unknown format 'docx'"),
        (["validate"], "validate needs a suite"),
        (["reference", "build", "a", "/nowhere", "--background", "blue"], "unknown colour"),
        (["score", "a"], "see realiz3d-bench score --help"),
        (["leaderboard", "check", "--nix"], "see realiz3d-bench leaderboard check --help"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_explained(words: list[str], says: str, capsys: Output) -> None:
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert says in shown.err
    assert "Traceback" not in shown.err


def test_no_command_shows_the_help(capsys: Output) -> None:
    assert main([]) == 2
    assert "validate" in "".join(capsys.readouterr())


def test_validate(suite: Path, capsys: Output) -> None:
    assert main(["validate", str(suite)]) == 0
    assert capsys.readouterr().out.startswith("small v1 is valid: texturing, 1 generators")
    assert main(["validate", str(suite), "--json", "--set", "views.fov=30"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["valid"] is True
    assert shown["suite"]["views"]["fov"] == 30
    assert len(shown["hash"]) == 64


def test_validate_names_line_and_remedy(suite: Path, capsys: Output) -> None:
    suite.write_text(GOOD.replace("ceiling}", "celing}").replace("primary: [silhouette_iou]", "primary: [loo_psn]"))
    assert main(["validate", str(suite)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    for part in (
        f"{suite}:7: generators.ceiling.use",
        "did you mean 'ceiling'?",
        f"{suite}:9: primary.0",
        "'loo_psnr'?",
    ):
        assert part in shown.err
    assert main(["validate", str(suite), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["valid"] is False
    assert [problem["where"] for problem in found["problems"]] == [
        f"{suite}:7: generators.ceiling.use",
        f"{suite}:9: primary.0",
    ]


def test_validate_refuses_a_primary_that_flat_colour_wins(suite: Path, capsys: Output) -> None:
    suite.write_text(GOOD.replace("primary: [silhouette_iou]", "primary: [silhouette_iou, loo_psnr]"))
    assert main(["validate", str(suite)]) == 2
    said = capsys.readouterr().err
    for part in (f"{suite}:9: primary.1", "cannot be primary: one colour all over the object wins it", "cce"):
        assert part in said


def test_validate_prints_the_schema(capsys: Output) -> None:
    assert main(["validate", "--schema"]) == 0
    exported = Path(__file__).parents[2] / "docs" / "suite.schema.json"
    assert capsys.readouterr().out == exported.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["miniworld", "published-meshes"])
def test_shipped_suites_are_valid(name: str, capsys: Output) -> None:
    assert main(["validate", name]) == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("suites", "miniworld"),
        ("generators", "folder"),
        ("metrics", "kd_cluster"),
        ("extractors", "efficientnet_lite0"),
    ],
)
def test_list(kind: str, name: str, capsys: Output) -> None:
    assert main(["list", kind, "--json"]) == 0
    entries = {entry["name"]: entry["description"] for entry in json.loads(capsys.readouterr().out)}
    assert entries[name]
    assert all("\n" not in line for line in entries.values())
    assert main(["list", kind]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in lines] == [*entries]


def test_run_passes_its_options_on(suite: Path, runs: Runs, capsys: Output, tmp_path: Path) -> None:
    words = [
        "run",
        str(suite),
        "--out",
        str(tmp_path),
        "--generators",
        "ceiling,",
        "--limit",
        "1",
        "--device",
        "cuda:1",
    ]
    words += ["--batch-size", "2", "--seeds", "0-2,7,1", "--executor", "ray", "--workers", "3", "--set", "seed=4"]
    assert main([*words, "--timeout", "90", "--set", "views.fov=20"]) == 0
    ((loaded, options),) = runs
    assert (loaded.seed, loaded.views.fov) == (4, 20)
    assert options == RunOptions(
        out=tmp_path,
        generators=("ceiling",),
        limit=1,
        device="cuda:1",
        batch_size=2,
        seeds=(0, 1, 2, 7),
        executor="ray",
        workers=3,
        isolate="foreign",
        timeout=90.0,
        argv=("realiz3d-bench", *words, "--timeout", "90", "--set", "views.fov=20"),
    )
    assert capsys.readouterr().out.splitlines()[-1] == str(Path("runs/small/report/index.html"))
    assert runs.reported == [Path("runs/small")]


def test_run_without_options_has_the_documented_defaults(suite: Path, runs: Runs) -> None:
    assert main(["run", str(suite)]) == 0
    measurers = min(2, os.cpu_count() or 1)
    assert runs[0][1] == RunOptions(measurers=measurers, argv=("realiz3d-bench", "run", str(suite)))
    assert main(["run", str(suite), "--workers", "3"]) == 0
    assert (runs[1][1].workers, runs[1][1].measurers) == (3, None)
    assert main(["run", str(suite), "--device", "cuda"]) == 0
    assert (runs[2][1].workers, runs[2][1].measurers) == (1, 1)


def test_run_reads_the_environment(suite: Path, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"LIMIT": "3", "SEEDS": "5", "SET": "seed=4 version=9", "OFFLINE": "1", "JSON": "true"}.items():
        monkeypatch.setenv(f"REALIZ3D_BENCH_{name}", value)
    monkeypatch.setenv("HF_HUB_OFFLINE", "")  # restored after the test, which sets it
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "")
    assert main(["run", str(suite), "--limit", "2"]) == 0
    ((loaded, options),) = runs
    assert (loaded.seed, loaded.version) == (4, 9)
    assert (options.limit, options.seeds, options.offline, options.json) == (2, (5,), True, True)
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_program_flags_may_stand_behind_the_command(suite: Path, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REALIZ3D_BENCH_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(name, "")
    assert main(["run", "--offline", str(suite), "--debug"]) == 0
    assert runs[0][1].offline


def test_incomplete_runs_exit_with_three(suite: Path, runs: Runs, capsys: Output) -> None:
    runs.incomplete = ("ceiling / a / seed 0: no picture",)
    assert main(["run", str(suite), "--json"]) == 3
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"suite": "small", "rows": []}
    assert "incomplete: ceiling / a / seed 0: no picture" in shown.err


def test_dry_run_only_describes(suite: Path, runs: Runs, capsys: Output, tmp_path: Path) -> None:
    assert main(["run", str(suite), "--dry-run", "--out", str(tmp_path / "out")]) == 0
    assert "ceiling" in capsys.readouterr().out
    assert main(["run", str(suite), "--dry-run", "--json", "--out", str(tmp_path / "out")]) == 0
    assert any("ceiling" in line for line in json.loads(capsys.readouterr().out)["plan"])
    assert not runs
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (
            GeneratorError("it broke", where="here", hint="mend it"),
            2,
            "error: it broke\n  where:    here\n  do:       mend it",
        ),
        (ValueError("odd"), 2, "unexpected ValueError: odd"),
        (RecursionError("deep"), 2, "run the same command with --debug"),
        (OSError(28, "No space left on device", "/full"), 2, "No space left on device\n  where:    /full"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_become_messages_and_exit_codes(
    suite: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output, error: BaseException, code: int, says: str
) -> None:
    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(session, "run", fail)
    assert main(["run", str(suite)]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert says in shown.err
    assert "Traceback" not in shown.err
    if isinstance(error, Exception):
        assert main(["run", str(suite), "--debug"]) == code
        assert "Traceback" in capsys.readouterr().err


def test_no_colour_and_no_escapes_from_strangers(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["validate", "nowhere"]) == 2
    assert "\x1b[1;31m" in capsys.readouterr().err
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["validate", "nowhere"]) == 2
    assert "31m" not in capsys.readouterr().err
    file = tmp_path / "\x1b[35mpink.yaml"
    file.write_text("name: 3\n")
    assert main(["validate", str(file)]) == 2
    shown = capsys.readouterr().err
    assert "\\x1b[35mpink.yaml:1: name" in shown
    assert "\x1b[35m" not in shown


def test_score_replaces_the_generators(suite: Path, runs: Runs, tmp_path: Path, capsys: Output) -> None:
    images = tmp_path / "my images (2)"
    images.mkdir()
    assert main(["score", str(images), "--suite", str(suite)]) == 0
    loaded, options = runs[0]
    assert [(g.name, g.use, g.options) for g in loaded.generators] == [("my-images-2", "folder", {"path": str(images)})]
    assert options.generators == ("my-images-2",)
    assert loaded.folder == tmp_path
    assert main(["score", str(images), "--suite", str(suite), "--name", "../up"]) == 2
    assert "cannot be a generator's name" in capsys.readouterr().err


def test_score_keeps_generators_that_a_reference_needs(suite: Path, runs: Runs, tmp_path: Path, capsys: Output) -> None:
    suite.write_text(GOOD + "references: {base: {generator: ceiling}}\n")
    assert main(["score", str(tmp_path), "--suite", str(suite), "--name", "mine"]) == 0
    assert [g.name for g in runs[0][0].generators] == ["mine", "ceiling"]
    assert runs[0][1].generators == ("mine", "ceiling")
    assert main(["score", str(tmp_path), "--suite", str(suite), "--name", "ceiling"]) == 2
    assert "pass another --name" in capsys.readouterr().err


def test_report_passes_runs_and_formats_on(monkeypatch: pytest.MonkeyPatch, capsys: Output, tmp_path: Path) -> None:
    calls: list[Any] = []

    def write(runs: Any, out: Any, formats: Any) -> list[Path]:
        calls.append((runs, out, formats))
        return [Path("a/index.html"), Path("a/report.md")]

    monkeypatch.setattr(reports, "write_reports", write)
    monkeypatch.setattr(reports, "verdict_lines", lambda runs: ["control: mine is the only one measured. (iou)"])
    assert main(["report", "a", "b", "--out", str(tmp_path), "--format", "html,md"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [str(Path("a/index.html")), str(Path("a/report.md"))]
    assert said.err.splitlines() == ["control: mine is the only one measured. (iou)"]
    assert main(["report", "a"]) == 0
    assert calls[0] == ([Path("a"), Path("b")], tmp_path, ("html", "md"))
    assert set(calls[1][2]) == set(reports.FORMATS)


def test_report_of_no_run_is_an_error(tmp_path: Path, capsys: Output) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("words", [["run", "x.yaml", "--out", "b\udcffd"], ["inspect", "b\udcffd"]])
def test_names_that_are_no_utf8_are_refused_before_anything_happens(words, capsys) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "not valid UTF-8" in said and "b\\udcffd" in said
