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


def test_a_stage_that_goes_on_counts_from_where_it_stopped():
    for terminal in (False, True):
        out = io.StringIO()
        with Reporter(Console(file=out, force_terminal=terminal, width=120)).stage("train", 5, done=3) as stage:
            stage.advance(note="loss 0.5")
            stage.advance(note="loss 0.25")
        shown = out.getvalue()
        assert "5/5" in shown and "loss 0.25" in shown and (terminal or "train: 2 to do" in shown)
