import io

from rich.console import Console

from groundwork.progress import Reporter


def test_plain_lines_where_there_is_no_terminal():
    out = io.StringIO()
    reporter = Reporter(Console(file=out, force_terminal=False, width=120))
    with reporter.stage("make tea", 2) as stage:
        stage.advance()
        stage.advance()
    lines = out.getvalue().splitlines()
    assert lines[0] == "make tea: 2 to do"
    assert lines[-1].startswith("make tea: 2/2")
    assert "\x1b" not in out.getvalue()
    assert reporter.seconds["make tea"] >= 0


def test_an_empty_stage_is_silent():
    out = io.StringIO()
    with Reporter(Console(file=out)).stage("nothing", 0) as stage:
        stage.advance()
    assert out.getvalue() == ""
