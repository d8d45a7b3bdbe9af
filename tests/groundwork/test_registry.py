"""Names to code: whatever importing it raises is told as an error that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import BenchError, UsageError
from groundwork.registry import Registry


def load(name: str, room: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> BenchError:
    (room / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(room)
    registry = Registry("metric", "no.such.group", {"mine": f"{name}:Metric"})
    with pytest.raises(BenchError) as caught:
        registry.load("mine")
    return caught.value


def test_a_torchvision_for_another_torch_is_told_not_thrown(tmp_path, monkeypatch) -> None:
    """It raises RuntimeError while it is imported."""
    source = "raise RuntimeError('operator torchvision::nms does not exist')\n"
    error = load("needs_broken_torchvision", tmp_path, monkeypatch, source)
    assert isinstance(error, UsageError)
    assert "could not be imported: RuntimeError: operator torchvision::nms does not exist" in error.message
    assert "import needs_broken_torchvision" in error.hint and "torchvision" in error.hint


@pytest.mark.parametrize(
    ("name", "source", "words"),
    [
        ("lacks_a_package", "import no_such_package_anywhere\n", "No module named"),
        ("lacks_the_class", "", "has no attribute 'Metric'"),
        ("is_no_python", "class Metric\n", "SyntaxError"),
        ("divides", "1 / 0\n", "ZeroDivisionError"),
    ],
)
def test_other_failures_too(name, source, words, tmp_path, monkeypatch) -> None:
    error = load(name, tmp_path, monkeypatch, source)
    assert words in error.message and error.where == f"{name}:Metric" and error.hint


def test_an_error_that_already_says_what_to_do_is_passed_on(tmp_path, monkeypatch) -> None:
    source = "from bench.errors import WeightsMissing\n\nraise WeightsMissing('no weights', hint='fetch them')\n"
    error = load("says_it_itself", tmp_path, monkeypatch, source)
    assert type(error).__name__ == "WeightsMissing" and error.hint == "fetch them"
