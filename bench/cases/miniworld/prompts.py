"""Sentences for the mini-world's objects: shape and main colours, as a person would say it, and never the domain."""

from __future__ import annotations

from bench.cases.miniworld.families import Family
from bench.cases.miniworld.looks import Look

_PATTERN_WORDS = {"band": "a {} band", "top": "a {} top", "stripes": "{} stripes", "patches": "{} patches"}


def prompt(family: Family, proportion: float, look: Look) -> str:
    """Such as "a tall red mug with a white handle" or "a black four-legged animal with white patches"."""
    size = family.low if proportion < 1 / 3 else family.high if proportion > 2 / 3 else ""
    words = " ".join(word for word in (size, look.main, family.noun) if word)
    article = "an" if words[0] in "aeiou" else "a"
    if look.pattern == "plain":
        return f"{article} {words}"
    if look.pattern == "parts":
        second = f"{look.accent} {family.accent}"
        if not family.accent.endswith("s"):
            second = f"{'an' if second[0] in 'aeiou' else 'a'} {second}"
    else:
        second = _PATTERN_WORDS[look.pattern].format(look.accent)
        second = second.replace("a orange", "an orange")
    return f"{article} {words} with {second}"
