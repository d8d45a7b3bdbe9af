"""The gate in pytest: the fixture `realiz3d_gate`.

    def test_checkpoint(realiz3d_gate):
        realiz3d_gate.run("suite.yaml", generators=["mine"]).assert_not_worse_than("baselines/multiview/mine")

Every suite on a machine that has this project installed loads this module, so it imports pytest and nothing else until
the fixture is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from bench.gate.testing.session import GateSession

_LINES = pytest.StashKey[list[str]]()
_OPTIONS: tuple[tuple[str, Literal["bool", "string"], bool | str, str], ...] = (
    ("gate_accept", "bool", False, "accept every run as the new baseline in place of comparing it"),
    ("gate_baseline_dir", "string", "", "folder that relative baselines lie in [default: the root folder]"),
    ("gate_report", "string", "", "folder for the pages of all gates, a folder each [default: none is written]"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--gate-accept`, `--gate-baseline-dir`, `--gate-report`, and ini keys of the same names."""
    group = parser.getgroup("realiz3d-bench", "regression gate of image generators (realiz3d-bench)")
    for name, kind, default, text in _OPTIONS:
        flag = f"--{name.replace('_', '-')}"
        parser.addini(name, text, type=kind, default=default)
        if kind == "bool":
            group.addoption(flag, action="store_true", default=None, dest=name, help=text)
        else:
            group.addoption(flag, metavar="DIR", default=None, dest=name, help=text)


def pytest_configure(config: pytest.Config) -> None:
    """What gates said is kept for the end of the session."""
    config.stash[_LINES] = []


@pytest.fixture(scope="session")
def _realiz3d_gate_session(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> GateSession:
    from bench.gate.testing.session import GateSession

    base = tmp_path_factory.getbasetemp()
    if hasattr(pytestconfig, "workerinput"):  # workers of pytest-xdist share one run
        base = base.parent
    return GateSession(
        root=pytestconfig.rootpath,
        runs=base / "realiz3d-gate",
        baselines=pytestconfig.rootpath / str(_value(pytestconfig, "gate_baseline_dir")),
        report=pytestconfig.rootpath / str(report) if (report := _value(pytestconfig, "gate_report")) else None,
        accept=bool(_value(pytestconfig, "gate_accept")),
    )


@pytest.fixture
def realiz3d_gate(
    _realiz3d_gate_session: GateSession, request: pytest.FixtureRequest, pytestconfig: pytest.Config
) -> Iterator[GateSession]:
    """Runs suites, each once a session, and holds their generators to a baseline: see docs/regression-testing.md."""
    _realiz3d_gate_session.begin(request.node.nodeid)
    yield _realiz3d_gate_session
    pytestconfig.stash[_LINES].extend(_realiz3d_gate_session.end())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The verdict of each gate, passed ones too: a pass says how much harm it excludes."""
    lines = config.stash.get(_LINES, [])
    if lines:
        terminalreporter.section("regression gates")
        for line in lines:
            terminalreporter.line(line)


def _value(config: pytest.Config, name: str) -> object:
    given = config.getoption(name)
    return config.getini(name) if given is None else given
