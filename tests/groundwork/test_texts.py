"""What strangers write stays what it is, as long as it only shows itself."""

from __future__ import annotations

import pytest

from groundwork.texts import visible


@pytest.mark.parametrize(
    "text",
    ["a cow", "two\nlines\tand tabs", "بقرة واقعية", "פרה", "می‌خواهم", "👩‍🚀 µ é ±", "全角", ""],
)
def test_letters_of_every_script_stay(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("a\x00b", r"a\x00b"),
        ("safe\u202egpj.exe", r"safe\u202egpj.exe"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("half \ud800", r"half \ud800"),
        ("line\u2028para\u2029\x85", r"line\u2028para\u2029\x85"),
        ("\ufeff\U000e0041", r"\ufeff\U000e0041"),
    ],
)
def test_what_acts_is_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown
    visible(text).encode("utf-8")
